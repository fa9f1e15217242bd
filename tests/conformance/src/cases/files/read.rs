//! `read` and `stat`.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{ByteRange, NodeKind};
use futures::StreamExt;
use futures::future::try_join_all;

use super::{holds, make_directory, stat, write};
use crate::case::{Case, Want};
use crate::cases::objects::locations::ABSENT;
use crate::content::same;
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

const SIZE: u64 = 100_000;

pub fn all() -> Vec<Case> {
    use Want::Files;
    group! { "files";
        "read-range-edges", clause::READ, [Files], "ranges at the edges are those bytes and no others", edges;
        "read-range-over-the-end", clause::READ, [Files], "a range that reaches over the end is cut there, however long", over;
        "read-range-of-nothing", clause::READ, [Files], "a range of no bytes has none, or is invalid", nothing;
        "read-range-at-the-end", clause::READ, [Files], "a range that begins at the end is invalid", at_end;
        "read-range-beyond", clause::READ, [Files], "a range that begins beyond the end is invalid, however far", beyond;
        "read-range-of-an-empty-file", clause::READ, [Files], "a range from 0 of an empty file is empty, or invalid", of_empty;
        "read-parallel", clause::OVERLAP, [Files], "ranges read at once are each their own bytes", parallel;
        "read-steady", clause::READ, [Files], "a read that says the file stood still tells the size and moment it has", steady;
        "read-absent", clause::READ, [Files], "reading an absent file is not-found", absent;
        "read-a-directory", clause::READ, [Files], "reading a directory is invalid", directory;
        "read-dropped", clause::OVERLAP, [Files], "a read that nobody follows to its end harms no other call", dropped;
        "read-absent-location", clause::KINDS, [Files], "reading from an absent location is not-found", absent_location;
        "stat-file", clause::STAT, [Files], "stat tells name, kind, size and moment of a file", stat_file;
        "stat-directory", clause::STAT, [Files], "stat tells a directory from a file", stat_directory;
        "stat-location", clause::PATHS, [Files], "the empty path is the location itself", stat_location;
        "stat-absent", clause::STAT, [Files], "stat of what is absent is not-found, also below a file", stat_absent;
        "stat-ids", clause::STAT, [Files], "two nodes have two ids, and a renamed one keeps its own", ids;
        "locations-listed", clause::LIST_LOCATIONS, [Files], "the location in use is listed, once", listed;
    }
}

/// Only some reads say so; the host looks after the others.
async fn steady(stand: &Stand<'_>) -> Check {
    for (name, size) in [("empty", 0), ("small", 5000), ("middle", 200_000), ("large", 3 << 20)] {
        write(stand, name, size).await?;
        let (node, body) = stand.files()?.read(stand.location, &stand.key(name), None).await.map_err(told)?;
        same(body, 0, size).await.with_context(|| name.to_owned())?;
        let now = stat(stand, name).await?;
        let says = node.extras.iter().any(|(extra, value)| extra == "steady" && value == "true");
        ensure!(!says || (node.size, node.modified) == (now.size, now.modified), "{node:?} stood still, and is now {now:?}");
    }
    Ok(())
}

async fn range(stand: &Stand<'_>, offset: u64, length: Option<u64>, expected: u64) -> Check {
    let read = stand.files()?.read(stand.location, &stand.key("ranged"), Some(ByteRange { offset, length })).await;
    let (node, body) = read.map_err(told).with_context(|| format!("{length:?} bytes from {offset}"))?;
    ensure!(node.size == SIZE, "the file says {} bytes instead of {SIZE}", node.size);
    same(body, offset, expected).await.with_context(|| format!("{length:?} bytes from {offset}"))
}

async fn edges(stand: &Stand<'_>) -> Check {
    write(stand, "ranged", SIZE).await?;
    for (offset, length, expected) in [
        (0, Some(1), 1),
        (0, None, SIZE),
        (0, Some(SIZE), SIZE),
        (SIZE - 1, Some(1), 1),
        (SIZE - 1, None, 1),
        (65_535, Some(2), 2),
        (7, None, SIZE - 7),
    ] {
        range(stand, offset, length, expected).await?;
    }
    Ok(())
}

async fn over(stand: &Stand<'_>) -> Check {
    write(stand, "ranged", SIZE).await?;
    for (offset, length, expected) in
        [(SIZE - 10, 1000, 10), (0, SIZE + 1, SIZE), (3, u64::MAX, SIZE - 3), (3, u64::MAX - 3, SIZE - 3)]
    {
        range(stand, offset, Some(length), expected).await?;
    }
    Ok(())
}

async fn nothing(stand: &Stand<'_>) -> Check {
    write(stand, "ranged", SIZE).await?;
    for offset in [0, 10] {
        match stand.files()?.read(stand.location, &stand.key("ranged"), Some(ByteRange { offset, length: Some(0) })).await {
            Ok((_, body)) => same(body, offset, 0).await?,
            Err(failure) => ensure!(failure.kind == Kind::Invalid, told(failure)),
        }
    }
    Ok(())
}

async fn refused(stand: &Stand<'_>, offset: u64) -> Check {
    for length in [None, Some(1)] {
        let read = stand.files()?.read(stand.location, &stand.key("ranged"), Some(ByteRange { offset, length })).await;
        fails(read, Kind::Invalid, &format!("{length:?} bytes from {offset} of {SIZE}"))?;
    }
    Ok(())
}

async fn at_end(stand: &Stand<'_>) -> Check {
    write(stand, "ranged", SIZE).await?;
    refused(stand, SIZE).await
}

async fn beyond(stand: &Stand<'_>) -> Check {
    write(stand, "ranged", SIZE).await?;
    for offset in [SIZE + 1, 1 << 40, i64::MAX as u64, u64::MAX] {
        refused(stand, offset).await?;
    }
    Ok(())
}

async fn of_empty(stand: &Stand<'_>) -> Check {
    write(stand, "nothing", 0).await?;
    for length in [None, Some(10)] {
        match stand.files()?.read(stand.location, &stand.key("nothing"), Some(ByteRange { offset: 0, length })).await {
            Ok((_, body)) => same(body, 0, 0).await?,
            Err(failure) => ensure!(failure.kind == Kind::Invalid, told(failure)),
        }
    }
    Ok(())
}

async fn parallel(stand: &Stand<'_>) -> Check {
    write(stand, "ranged", SIZE).await?;
    try_join_all((0..20).map(|index| range(stand, index * 5000, Some(5000), 5000))).await.map(drop)
}

async fn absent(stand: &Stand<'_>) -> Check {
    for name in ["absent", "no/such/folder/absent"] {
        fails(stand.files()?.read(stand.location, &stand.key(name), None).await, Kind::NotFound, name)?;
    }
    Ok(())
}

async fn directory(stand: &Stand<'_>) -> Check {
    make_directory(stand, "folder").await?;
    fails(stand.files()?.read(stand.location, &stand.key("folder"), None).await, Kind::Invalid, "reading a directory")?;
    fails(stand.files()?.read(stand.location, "", None).await, Kind::Invalid, "reading the location")
}

async fn dropped(stand: &Stand<'_>) -> Check {
    write(stand, "long", 3 << 20).await?;
    for _ in 0..8 {
        let (_, mut body) = stand.files()?.read(stand.location, &stand.key("long"), None).await.map_err(told)?;
        body.next().await.transpose().map_err(told)?;
    }
    holds(stand, "long", 3 << 20).await
}

async fn absent_location(stand: &Stand<'_>) -> Check {
    fails(stand.files()?.read(ABSENT, &stand.key("x"), None).await, Kind::NotFound, "read")?;
    fails(stand.files()?.stat(ABSENT, &stand.key("x")).await, Kind::NotFound, "stat")?;
    fails(stand.files()?.read_directory(ABSENT, "", None, 1).await, Kind::NotFound, "read-directory")
}

async fn stat_file(stand: &Stand<'_>) -> Check {
    write(stand, "folder/file", 4321).await?;
    let node = stat(stand, "folder/file").await?;
    ensure!((node.name.as_str(), node.kind, node.size) == ("file", NodeKind::File, 4321), "{node:?}");
    ensure!(node.modified > 978_307_200_000_000_000, "{} is no moment of our time in nanoseconds", node.modified);
    ensure!(node.mode.is_none_or(|mode| mode <= 0o7777), "the mode {:?} (decimal) has more than the permission bits", node.mode);
    ensure!(node.link.is_none(), "a file is no link");
    Ok(())
}

async fn stat_directory(stand: &Stand<'_>) -> Check {
    make_directory(stand, "folder").await?;
    let node = stat(stand, "folder").await?;
    ensure!((node.name.as_str(), node.kind) == ("folder", NodeKind::Directory), "{node:?}");
    Ok(())
}

async fn stat_location(stand: &Stand<'_>) -> Check {
    let node = stand.files()?.stat(stand.location, "").await.map_err(told)?;
    ensure!(node.kind == NodeKind::Directory, "{node:?}");
    stand.files()?.read_directory(stand.location, "", None, 10).await.map(drop).map_err(told)
}

async fn stat_absent(stand: &Stand<'_>) -> Check {
    write(stand, "file", 1).await?;
    for name in ["absent", "no/such/folder"] {
        fails(stand.files()?.stat(stand.location, &stand.key(name)).await, Kind::NotFound, name)?;
    }
    let below = stand.files()?.stat(stand.location, &stand.key("file/below")).await;
    fails_as(below, &[Kind::NotFound, Kind::Invalid], "a path below a file").map(drop)
}

async fn ids(stand: &Stand<'_>) -> Check {
    write(stand, "one", 1).await?;
    write(stand, "two", 1).await?;
    let (Some(one), Some(two)) = (stat(stand, "one").await?.id, stat(stand, "two").await?.id) else { return Ok(()) };
    ensure!(one != two, "both have the id {one}");
    stand.files()?.rename(stand.location, &stand.key("one"), &stand.key("moved"), false, "rename").await.map_err(told)?;
    let moved = stat(stand, "moved").await?.id;
    ensure!(moved.as_ref() == Some(&one), "the renamed node has the id {moved:?} instead of {one}");
    Ok(())
}

async fn listed(stand: &Stand<'_>) -> Check {
    let locations = stand.files()?.list_locations().await.map_err(told)?;
    let times = locations.iter().filter(|location| location.name == stand.location).count();
    ensure!(times == 1, "{} is listed {times} times", stand.location);
    Ok(())
}
