//! `make-link`, and what becomes of links elsewhere.

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{NodeKind, PutOptions};

use super::{holds, make_directory, nodes, stat, write};
use crate::case::{Case, Want};
use crate::content::counting;
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

const LINKS: Want = Want::Capability("links", "true");

pub fn all() -> Vec<Case> {
    use Want::{Files, Without};
    group! { "files";
        "link", clause::OPTIONAL, [Files, LINKS], "a link is a link, and tells where it points", link;
        "link-odd-targets", clause::TEXT, [Files, LINKS], "a link points where it was told to, whether that is there or not", odd;
        "link-again", clause::ATTEMPT, [Files, LINKS], "the same link ten times is one link, another is already-exists", again;
        "link-in-a-directory", clause::READ_DIRECTORY, [Files, LINKS], "a directory shows a link as a link", in_directory;
        "link-removed", clause::REMOVE, [Files, LINKS], "removing a link leaves what it points to", removed;
        "link-renamed", clause::RENAME, [Files, LINKS], "a renamed link points where it pointed", renamed;
        "link-replaced-by-a-write", clause::PATHS, [Files, LINKS], "a write over a link replaces the link, not what it points to", replaced;
        "link-leads-out", clause::PATHS, [Files, LINKS], "no link leads out of the location", leads_out;
        "link-unclaimed", clause::OPTIONAL, [Files, Without("links")], "a link that is not claimed is unsupported", unclaimed;
    }
}

async fn make(stand: &Stand<'_>, name: &str, target: &str) -> capstan_domain::Outcome<capstan_domain::ports::Node> {
    let port = stand.files().map_err(|gone| capstan_domain::Failure::host("no files", gone))?;
    port.make_link(stand.location, &stand.key(name), target, &format!("link {name} {target}")).await
}

async fn link(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    let made = make(stand, "link", "file").await.map_err(told)?;
    for node in [made, stat(stand, "link").await?] {
        ensure!(node.kind == NodeKind::Symlink && node.link.as_deref() == Some("file") && node.name == "link", "{node:?}");
    }
    Ok(())
}

async fn odd(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    for (index, target) in ["nowhere", "a b/ü", "../up/there", "./here", "deep/er/🗄"].into_iter().enumerate() {
        let name = format!("link {index}");
        make(stand, &name, target).await.map_err(told)?;
        let seen = stat(stand, &name).await?.link;
        ensure!(seen.as_deref() == Some(target), "it points to {seen:?} instead of {target:?}");
    }
    Ok(())
}

async fn again(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    for _ in 0..10 {
        make(stand, "link", "there").await.map_err(told)?;
    }
    fails(make(stand, "link", "elsewhere").await, Kind::AlreadyExists, "another link of the same name")?;
    fails(make(stand, "file", "there").await, Kind::AlreadyExists, "a link where a file is")?;
    holds(stand, "file", 3).await
}

async fn in_directory(stand: &Stand<'_>) -> Check {
    make_directory(stand, "d").await?;
    make(stand, "d/link", "there").await.map_err(told)?;
    let found = nodes(stand, "d", 10).await?;
    let [node] = found.as_slice() else { anyhow::bail!("{found:?}") };
    ensure!(node.kind == NodeKind::Symlink && node.link.as_deref() == Some("there"), "{node:?}");
    Ok(())
}

async fn removed(stand: &Stand<'_>) -> Check {
    write(stand, "folder/file", 3).await?;
    for (name, target) in [("to file", "folder/file"), ("to folder", "folder")] {
        make(stand, name, target).await.map_err(told)?;
        stand.files()?.remove(stand.location, &stand.key(name), "remove").await.map_err(told)?;
        fails(stand.files()?.stat(stand.location, &stand.key(name)).await, Kind::NotFound, name)?;
    }
    holds(stand, "folder/file", 3).await
}

async fn renamed(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    make(stand, "link", "file").await.map_err(told)?;
    stand.files()?.rename(stand.location, &stand.key("link"), &stand.key("moved"), false, "rename").await.map_err(told)?;
    let node = stat(stand, "moved").await?;
    ensure!(node.kind == NodeKind::Symlink && node.link.as_deref() == Some("file"), "{node:?}");
    holds(stand, "file", 3).await
}

async fn replaced(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    make(stand, "link", "file").await.map_err(told)?;
    write(stand, "link", 10).await?;
    ensure!(stat(stand, "link").await?.kind == NodeKind::File, "it is still a link");
    holds(stand, "link", 10).await?;
    holds(stand, "file", 3).await
}

async fn leads_out(stand: &Stand<'_>) -> Check {
    let up = "../".repeat(stand.prefix.matches('/').count() + 1);
    for (index, target) in ["/etc".to_owned(), format!("{up}{up}etc")].into_iter().enumerate() {
        let name = format!("way out {index}");
        if make(stand, &name, &target).await.is_err() {
            continue;
        }
        let port = stand.files()?;
        let below = |what: &str| format!("{}/{what}", stand.key(&name));
        ensure!(port.read(stand.location, &below("passwd"), None).await.is_err(), "a link to {target} led out to a file");
        ensure!(port.read_directory(stand.location, &stand.key(&name), None, 10).await.is_err(), "a link to {target} was listed");
        let written = port.write(stand.location, &below("capstan-kit"), counting(1), "out", PutOptions::default()).await;
        ensure!(written.is_err(), "a write went through a link to {target}");
    }
    Ok(())
}

async fn unclaimed(stand: &Stand<'_>) -> Check {
    fails(make(stand, "link", "there").await, Kind::Unsupported, "a link that is not claimed")
}
