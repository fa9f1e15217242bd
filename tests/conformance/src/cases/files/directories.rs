//! `make-directory` and `read-directory`.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{NodeKind, PutOptions};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt};

use super::{make_directory, names_in, nodes, stat, write};
use crate::case::{Case, Want};
use crate::content::counting;
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

const ORDERED: Want = Want::Capability("list-order", "bytewise");
const TIMES: Want = Want::Capability("directory-times", "names");
/// Before each change of a name, so that the clock of a filesystem that counts in hundredths has gone on.
const TICK: Duration = Duration::from_millis(40);

pub fn all() -> Vec<Case> {
    use Want::{Durable, Files, Shared};
    group! { "files";
        "make-directory", clause::MAKE_DIRECTORY, [Files], "a directory is made with its parents", make;
        "make-directory-again", clause::MAKE_DIRECTORY, [Files], "a directory that is there is a success, ten times", make_again;
        "make-directory-at-once", clause::MAKE_DIRECTORY, [Files], "many that make one tree at once all succeed", make_at_once;
        "make-directory-over-a-file", clause::MAKE_DIRECTORY, [Files], "a directory where a file is, or below one, fails, and the file stays", make_over;
        "read-directory", clause::READ_DIRECTORY, [Files], "a directory shows what is directly in it, with kind and size", read;
        "read-directory-empty", clause::READ_DIRECTORY, [Files], "an empty directory shows nothing", empty;
        "read-directory-order", clause::READ_DIRECTORY, [Files, ORDERED], "names come ordered by their bytes", ordered;
        "read-directory-pages", clause::PAGES, [Files], "pages of every length show every name once", pages;
        "read-directory-absent", clause::READ_DIRECTORY, [Files], "an absent directory is not-found", absent;
        "read-directory-of-a-file", clause::READ_DIRECTORY, [Files], "a file is no directory", of_file;
        "read-directory-deleted-meanwhile", clause::PAGES, [Files], "what is removed between two pages hides nothing else", deleted_meanwhile;
        "read-directory-marker-elsewhere", clause::PAGES, [Files, Durable, Shared], "a marker is good on another instance", marker_elsewhere;
        "read-directory-huge-limit", clause::PAGES, [Files], "a limit beyond what the target gives is a shorter page, no failure", huge_limit;
        "directory-times", clause::CAPABILITIES, [Files, TIMES], "a directory tells of each name in it that is made, removed or renamed", times;
        "read-directory-many", clause::READ_DIRECTORY, [Files], "a large directory shows every name once", many, scaled;
    }
}

async fn make(stand: &Stand<'_>) -> Check {
    make_directory(stand, "a/b/c").await?;
    for name in ["a", "a/b", "a/b/c"] {
        ensure!(stat(stand, name).await?.kind == NodeKind::Directory, "{name} is no directory");
    }
    Ok(())
}

async fn make_again(stand: &Stand<'_>) -> Check {
    write(stand, "kept/inside", 3).await?;
    for _ in 0..10 {
        make_directory(stand, "kept").await?;
    }
    ensure!(names_in(stand, "kept", 10).await? == ["inside"], "what was in it is gone");
    Ok(())
}

async fn make_at_once(stand: &Stand<'_>) -> Check {
    let names: Vec<String> = (0..12).map(|index| format!("x/y/z/{}", index % 3)).collect();
    try_join_all(names.iter().map(|name| make_directory(stand, name))).await?;
    ensure!(names_in(stand, "x/y/z", 10).await?.len() == 3, "not all are there");
    Ok(())
}

async fn make_over(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    for name in ["file", "file/below"] {
        let made = stand.files()?.make_directory(stand.location, &stand.key(name), "over").await;
        fails_as(made, &[Kind::AlreadyExists, Kind::Invalid, Kind::Conflict], &format!("a directory {name:?}"))?;
    }
    super::holds(stand, "file", 3).await
}

async fn read(stand: &Stand<'_>) -> Check {
    write(stand, "d/file", 33).await?;
    write(stand, "d/sub/deeper", 1).await?;
    let mut found: Vec<(String, NodeKind, u64)> = nodes(stand, "d", 10)
        .await?
        .into_iter()
        .map(|node| (node.name, node.kind, if node.kind == NodeKind::File { node.size } else { 0 }))
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let wanted = [("file".to_owned(), NodeKind::File, 33), ("sub".to_owned(), NodeKind::Directory, 0)];
    ensure!(found == wanted, "{found:?}");
    Ok(())
}

async fn empty(stand: &Stand<'_>) -> Check {
    make_directory(stand, "empty").await?;
    let found = names_in(stand, "empty", 10).await?;
    ensure!(found.is_empty(), "{found:?}");
    Ok(())
}

async fn fill(stand: &Stand<'_>, names: &[String]) -> Check {
    let port = stand.files()?;
    let writes = names.iter().cloned().map(|name| {
        let path = stand.key(&name);
        async move {
            let put = port.write(stand.location, &path, counting(1), &name, PutOptions::default()).await;
            put.map(drop).map_err(told).with_context(|| path.clone())
        }
    });
    futures::stream::iter(writes).buffer_unordered(16).try_collect().await
}

async fn ordered(stand: &Stand<'_>) -> Check {
    // No two are one where case means nothing.
    let mut names = ["a", "a b", "a-b", "a.b", "aC", "ab", "Y", "z", "é", "日", "🗄", "~"].map(str::to_owned);
    fill(stand, &names.clone().map(|name| format!("o/{name}"))).await?;
    names.sort_unstable();
    for limit in [1, 3, 5, 1000] {
        let found = names_in(stand, "o", limit).await?;
        ensure!(found == names, "pages of {limit}: {found:?}");
    }
    Ok(())
}

/// A scan reads only directories whose times changed: one change that leaves them as they were, and what it did is never seen.
async fn times(stand: &Stand<'_>) -> Check {
    let (port, key) = (stand.files()?, |name: &str| stand.key(name));
    make_directory(stand, "t/other").await?;
    let mut before = told_times(stand).await?;
    for (step, what) in
        ["a file made", "a directory made", "a file renamed", "a file moved away", "a directory removed"].iter().enumerate()
    {
        tokio::time::sleep(TICK).await;
        match step {
            0 => write(stand, "t/file", 3).await.map(drop)?,
            1 => make_directory(stand, "t/made").await?,
            2 => port.rename(stand.location, &key("t/file"), &key("t/renamed"), false, what).await.map_err(told)?,
            3 => port.rename(stand.location, &key("t/renamed"), &key("t/other/file"), false, what).await.map_err(told)?,
            _ => port.remove(stand.location, &key("t/made"), what).await.map_err(told)?,
        }
        let after = told_times(stand).await?;
        ensure!(after != before, "after {what} the directory's times are as before: {after:?}");
        before = after;
    }
    Ok(())
}

/// What the directory "t" says of when it changed.
async fn told_times(stand: &Stand<'_>) -> anyhow::Result<(i64, Option<String>)> {
    let node = stat(stand, "t").await?;
    let changed = node.extras.iter().find(|(name, _)| name == "changed").map(|(_, value)| value.clone());
    Ok((node.modified, changed))
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("p/{number:06}")).collect()
}

async fn pages(stand: &Stand<'_>) -> Check {
    fill(stand, &numbered(12)).await?;
    for limit in [1, 2, 5, 11, 12, 13] {
        let found = names_in(stand, "p", limit).await?;
        let once: BTreeSet<&String> = found.iter().collect();
        ensure!(found.len() == 12 && once.len() == 12, "pages of {limit}: {found:?}");
    }
    Ok(())
}

async fn absent(stand: &Stand<'_>) -> Check {
    fails(
        stand.files()?.read_directory(stand.location, &stand.key("absent"), None, 10).await,
        Kind::NotFound,
        "an absent directory",
    )
}

async fn of_file(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    let read = stand.files()?.read_directory(stand.location, &stand.key("file"), None, 10).await;
    fails_as(read, &[Kind::Invalid, Kind::NotFound, Kind::Conflict], "a file as a directory").map(drop)
}

async fn deleted_meanwhile(stand: &Stand<'_>) -> Check {
    fill(stand, &numbered(10)).await?;
    let (port, path) = (stand.files()?, stand.key("p"));
    let first = port.read_directory(stand.location, &path, None, 3).await.map_err(told)?;
    let mut seen: Vec<String> = first.nodes.into_iter().map(|node| node.name).collect();
    // What was shown, the marker's own name among it.
    for name in seen.clone() {
        port.remove(stand.location, &format!("{path}/{name}"), "meanwhile").await.map_err(told)?;
    }
    let mut after = first.next;
    while let Some(marker) = after {
        let page = port.read_directory(stand.location, &path, Some(&marker), 3).await.map_err(told)?;
        seen.extend(page.nodes.into_iter().map(|node| node.name));
        after = page.next;
        ensure!(seen.len() < 100, "the directory does not end");
    }
    let once: BTreeSet<&String> = seen.iter().collect();
    ensure!(seen.len() == 10 && once.len() == 10, "{seen:?} were shown of ten");
    Ok(())
}

async fn marker_elsewhere(stand: &Stand<'_>) -> Check {
    fill(stand, &numbered(6)).await?;
    let path = stand.key("p");
    let first = stand.files()?.read_directory(stand.location, &path, None, 2).await.map_err(told)?;
    let other = stand.kit()?.another(|_| ())?;
    let port = other.files.as_ref().context("another instance has no files")?;
    let rest = port.read_directory(stand.location, &path, first.next.as_deref(), 100).await.map_err(told)?;
    ensure!(first.nodes.len() + rest.nodes.len() == 6, "both together showed {} of 6", first.nodes.len() + rest.nodes.len());
    Ok(())
}

async fn huge_limit(stand: &Stand<'_>) -> Check {
    fill(stand, &numbered(3)).await?;
    ensure!(names_in(stand, "p", u32::MAX).await?.len() == 3, "not every name was shown");
    Ok(())
}

async fn many(stand: &Stand<'_>) -> Check {
    let wanted = numbered(stand.size.names());
    fill(stand, &wanted).await?;
    let found = names_in(stand, "p", 1000).await?;
    let once: BTreeSet<String> = found.iter().map(|name| format!("p/{name}")).collect();
    ensure!(once.len() == found.len(), "{} names came twice", found.len() - once.len());
    ensure!(once == wanted.into_iter().collect(), "{} of {} names were shown", once.len(), stand.size.names());
    Ok(())
}
