//! Targets with files.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Attributes, ByteRange, Files, NodeKind, PutOptions};

use crate::content::{breaking, counting, same};
use crate::{Check, fails, told};

type Port<'a> = &'a dyn Files;

/// What a tree keeps beside names and bytes. What it does not keep it must refuse as unsupported.
#[derive(Clone, Copy, Debug)]
pub struct Able {
    /// Permission bits.
    pub modes: bool,
    pub links: bool,
    pub xattrs: bool,
    /// Nanoseconds between two moments it can tell apart.
    pub time_step: i64,
    /// Names of a directory come bytewise; else in whatever order, each once.
    pub ordered: bool,
}

impl Default for Able {
    /// As a directory of a POSIX host.
    fn default() -> Self {
        Self { modes: true, links: true, xattrs: true, time_step: 1, ordered: true }
    }
}

async fn write(port: Port<'_>, location: &str, path: &str, size: u64) -> Check {
    let node = port.write(location, path, counting(size), &format!("write {path} {size}"), PutOptions::default()).await;
    let node = node.map_err(told).with_context(|| format!("write {path:?}"))?;
    ensure!(node.size == size && node.kind == NodeKind::File, "{node:?}");
    Ok(())
}

async fn names(port: Port<'_>, location: &str, path: &str, limit: u32) -> anyhow::Result<Vec<String>> {
    let (mut names, mut after) = (Vec::new(), None);
    for _ in 0..1_000 {
        let page = port.read_directory(location, path, after.as_deref(), limit).await.map_err(told)?;
        ensure!(page.nodes.len() <= limit as usize, "a page holds more than was asked for");
        names.extend(page.nodes.into_iter().map(|node| node.name));
        after = page.next;
        if after.is_none() {
            return Ok(names);
        }
    }
    anyhow::bail!("the directory does not end")
}

pub async fn what_was_written_is_read_back(port: Port<'_>, location: &str) -> Check {
    for size in [0, 1, 300_000, 3 << 20] {
        let path = format!("made/on the way/{size}");
        write(port, location, &path, size).await?;
        let (node, body) = port.read(location, &path, None).await.map_err(told)?;
        ensure!(node.size == size, "{node:?}");
        same(body, 0, size).await.with_context(|| path.clone())?;
    }
    write(port, location, "made/on the way/300000", 5).await.context("over a longer one")?;
    let (_, body) = port.read(location, "made/on the way/300000", None).await.map_err(told)?;
    same(body, 0, 5).await?;
    let range = Some(ByteRange { offset: 1 << 20, length: Some(100) });
    let (_, body) = port.read(location, "made/on the way/3145728", range).await.map_err(told)?;
    same(body, 1 << 20, 100).await
}

pub async fn a_directory_is_paged_in_order(port: Port<'_>, location: &str, able: Able) -> Check {
    for name in ["b", "a", "ü", "c d", "Z", "e\nf"] {
        write(port, location, &format!("paged/{name}"), 1).await?;
    }
    for limit in [1, 2, 4, 100] {
        let mut seen = names(port, location, "paged", limit).await?;
        if !able.ordered {
            seen.sort();
        }
        ensure!(seen == ["Z", "a", "b", "c d", "e\nf", "ü"], "pages of {limit}: {seen:?}");
    }
    fails(port.read_directory(location, "no such", None, 1).await, Kind::NotFound, "an absent directory")
}

pub async fn a_write_is_whole_or_not_at_all(port: Port<'_>, location: &str) -> Check {
    write(port, location, "whole/kept", 7).await?;
    let result = port.write(location, "whole/kept", breaking(2 << 20, 1 << 20), "broken", PutOptions::default()).await;
    fails(result, Kind::Conflict, "the source's own failure is the one that is told")?;
    let (_, body) = port.read(location, "whole/kept", None).await.map_err(told)?;
    same(body, 0, 7).await.context("the file from before")?;
    ensure!(names(port, location, "whole", 10).await? == ["kept"], "nothing else is left");
    let first = PutOptions { if_absent: true, ..PutOptions::default() };
    port.write(location, "whole/once", counting(3), "attempt 1", first.clone()).await.map_err(told)?;
    fails(
        port.write(location, "whole/once", counting(4), "attempt 2", first).await,
        Kind::AlreadyExists,
        "a write where something is",
    )
}

pub async fn names_change_as_told(port: Port<'_>, location: &str) -> Check {
    port.make_directory(location, "names/deep/er", "dir").await.map_err(told)?;
    port.make_directory(location, "names/deep/er", "dir").await.map_err(told).context("again")?;
    write(port, location, "names/a", 1).await?;
    write(port, location, "names/b", 2).await?;
    fails(port.rename(location, "names/a", "names/b", false, "rename").await, Kind::AlreadyExists, "a rename onto something")?;
    port.rename(location, "names/a", "names/b", true, "rename 2").await.map_err(told)?;
    ensure!(port.stat(location, "names/b").await.map_err(told)?.size == 1, "the renamed file is the one that was renamed");
    fails(port.stat(location, "names/a").await, Kind::NotFound, "the old name")?;
    ensure!(port.remove(location, "names", "remove").await.is_err(), "a full directory is not removed");
    for path in ["names/b", "names/deep/er", "names/deep", "names", "names"] {
        port.remove(location, path, "remove").await.map_err(told).with_context(|| path.to_owned())?;
    }
    Ok(())
}

pub async fn attributes_links_and_extended_attributes_are_kept(port: Port<'_>, location: &str, able: Able) -> Check {
    write(port, location, "kept/file", 1).await?;
    let wanted = 1_000_000_000_123_456_789_i64;
    let attributes = Attributes { modified: Some(wanted), mode: Some(0o640), ..Attributes::default() };
    let node = port.set_attributes(location, "kept/file", attributes, "attributes").await.map_err(told)?;
    ensure!(node.modified == wanted - wanted % able.time_step, "{node:?}");
    ensure!(node.mode == able.modes.then_some(0o640), "{node:?}");
    let again = port.stat(location, "kept/file").await.map_err(told)?;
    ensure!(again.modified == node.modified && again.id == node.id, "{again:?} is not {node:?}");
    if able.links {
        links_are_kept(port, location).await?;
    } else {
        fails(port.make_link(location, "kept/link", "file", "link").await, Kind::Unsupported, "a link")?;
    }
    let colour = || ("user.colour".to_owned(), b"blue".to_vec());
    let (name, value) = colour();
    let set = port.set_xattr(location, "kept/file", &name, Some(value), "xattr").await;
    if !able.xattrs {
        fails(set, Kind::Unsupported, "an extended attribute")?;
        return port.sync(location, "kept").await.map_err(told);
    }
    set.map_err(told)?;
    let xattrs = port.get_xattrs(location, "kept/file").await.map_err(told)?;
    ensure!(xattrs.contains(&colour()), "{xattrs:?}");
    port.set_xattr(location, "kept/file", &name, None, "xattr 2").await.map_err(told)?;
    ensure!(!port.get_xattrs(location, "kept/file").await.map_err(told)?.iter().any(|(known, _)| *known == name), "removed");
    port.sync(location, "kept").await.map_err(told)
}

async fn links_are_kept(port: Port<'_>, location: &str) -> Check {
    let link = port.make_link(location, "kept/link", "file", "link").await.map_err(told)?;
    ensure!(link.kind == NodeKind::Symlink && link.link.as_deref() == Some("file"), "{link:?}");
    port.make_link(location, "kept/link", "file", "link").await.map_err(told).context("again")?;
    fails(port.make_link(location, "kept/link", "other", "link 2").await, Kind::AlreadyExists, "another link")
}

pub async fn no_path_leads_out(port: Port<'_>, location: &str, able: Able) -> Check {
    for path in ["../etc/passwd", "/etc/passwd", "a/../../etc/passwd", ".."] {
        fails(port.stat(location, path).await, Kind::Invalid, path)?;
    }
    if !able.links {
        return Ok(());
    }
    port.make_link(location, "way-out", "/etc", "link out").await.map_err(told)?;
    ensure!(port.read(location, "way-out/passwd", None).await.is_err(), "a link led out");
    ensure!(port.write(location, "way-out/capstan", counting(1), "out", PutOptions::default()).await.is_err(), "a link led out");
    port.remove(location, "way-out", "link out").await.map_err(told)
}

pub async fn all(port: Port<'_>, location: &str, able: Able) -> Check {
    what_was_written_is_read_back(port, location).await.context("what_was_written_is_read_back")?;
    a_directory_is_paged_in_order(port, location, able).await.context("a_directory_is_paged_in_order")?;
    a_write_is_whole_or_not_at_all(port, location).await.context("a_write_is_whole_or_not_at_all")?;
    names_change_as_told(port, location).await.context("names_change_as_told")?;
    attributes_links_and_extended_attributes_are_kept(port, location, able)
        .await
        .context("attributes_links_and_extended_attributes_are_kept")?;
    no_path_leads_out(port, location, able).await.context("no_path_leads_out")
}
