//! `write` and `sync`: whole files, or none.

use std::time::Duration;

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::PutOptions;
use futures::future::join_all;

use super::attributes::{MOMENT, cut};
use super::{holds, make_directory, names_in, stat, write};
use crate::case::{Case, Want};
use crate::cases::objects::locations::ABSENT;
use crate::content::{breaking, counting, same_seeded, seeded, slow};
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

const IF_ABSENT: Want = Want::Capability("conditional-put", "if-absent");

pub fn all() -> Vec<Case> {
    use Want::{Durable, Files, Shared, Without};
    group! { "files";
        "write-every-size", clause::WRITE, [Files], "what was written is read back, in every size", every_size;
        "write-replaces", clause::WRITE, [Files], "a write replaces the file, also by less", replaces;
        "write-makes-directories", clause::WRITE, [Files], "missing directories are made on the way", makes_directories;
        "write-answers", clause::WRITE, [Files], "a write answers the node: name, kind, size", answers;
        "write-with-a-moment", clause::EXTRAS, [Files], "a moment that a write says it gave the file is the one it has", with_a_moment;
        "write-broken-source", clause::CONTENT, [Files], "a source that breaks leaves no file, and its own failure is told", broken;
        "write-broken-source-keeps", clause::WRITE, [Files], "a source that breaks leaves the file from before as it was", broken_keeps;
        "write-unseen-until-whole", clause::WRITE, [Files], "a file is not visible while it is being written", unseen;
        "write-temporary-names-hidden", clause::WRITE, [Files], "temporary names never show", temporary;
        "write-if-absent", clause::WRITE, [Files, IF_ABSENT], "a write that must be the first is already-exists where something is", if_absent;
        "write-if-absent-again", clause::ATTEMPT, [Files, IF_ABSENT], "the same attempt of a write that must be the first is a success, ten times", if_absent_again;
        "write-if-absent-at-once", clause::WRITE, [Files, IF_ABSENT], "of many writes at once that must be the first one is", if_absent_at_once;
        "write-if-absent-over-a-directory", clause::WRITE, [Files, IF_ABSENT], "a write that must be the first does not replace a directory", if_absent_directory;
        "write-if-match-unclaimed", clause::WRITE, [Files, Without("etags")], "if-match is unsupported where files have no etag", if_match;
        "write-over-a-directory", clause::WRITE, [Files], "a write where a directory is fails, and the directory stays", over_directory;
        "write-below-a-file", clause::WRITE, [Files], "a write below a file fails, and the file stays", below_file;
        "write-absent-location", clause::KINDS, [Files], "a write into an absent location is not-found", absent_location;
        "write-to-the-location", clause::PATHS, [Files], "the location itself is no file", to_location;
        "write-seen-by-another-instance", clause::INSTANCES, [Files, Durable, Shared], "what one instance wrote another one reads", elsewhere;
        "sync", clause::SYNC, [Files], "a file and a directory can be synced", sync;
        "sync-absent", clause::SYNC, [Files], "syncing what is absent is not-found", sync_absent;
        "write-unknown-extras", clause::EXTRAS, [Files], "an extra that nobody registered is ignored", extras;
    }
}

async fn every_size(stand: &Stand<'_>) -> Check {
    for size in [0, 1, 7, 4096, 65_536, 300_000, 1 << 20, (3 << 20) + 1] {
        let name = format!("size {size}");
        write(stand, &name, size).await?;
        holds(stand, &name, size).await?;
    }
    Ok(())
}

async fn replaces(stand: &Stand<'_>) -> Check {
    for size in [10, 500_000, 3, 0, 5] {
        write(stand, "again and again", size).await?;
        holds(stand, "again and again", size).await?;
    }
    Ok(())
}

async fn makes_directories(stand: &Stand<'_>) -> Check {
    write(stand, "a/b/c/d/e/file", 5).await?;
    holds(stand, "a/b/c/d/e/file", 5).await
}

async fn answers(stand: &Stand<'_>) -> Check {
    let node = write(stand, "folder/answered", 5).await?;
    ensure!(node.name == "answered", "the node is called {:?}: it is the last component alone", node.name);
    Ok(())
}

/// The extra may go unheeded; an answer that tells its moment is believed by the host.
async fn with_a_moment(stand: &Stand<'_>) -> Check {
    for (name, size) in [("small", 5), ("large", 3 << 20)] {
        let options = PutOptions { extras: vec![("modified".to_owned(), MOMENT.to_string())], ..PutOptions::default() };
        let path = stand.key(name);
        let written = stand.files()?.write(stand.location, &path, counting(size), "with a moment", options).await;
        let heeded = written.map_err(told)?.modified == cut(stand);
        let seen = stat(stand, name).await?.modified;
        ensure!(heeded == (seen == cut(stand)), "the write says {heeded} of the moment, and the file has {seen}");
        holds(stand, name, size).await?;
    }
    Ok(())
}

async fn put(
    stand: &Stand<'_>,
    name: &str,
    content: capstan_domain::content::Content,
    attempt: &str,
    options: PutOptions,
) -> capstan_domain::Outcome<()> {
    let port = stand.files().map_err(|gone| capstan_domain::Failure::host("no files", gone))?;
    port.write(stand.location, &stand.key(name), content, attempt, options).await.map(drop)
}

async fn broken(stand: &Stand<'_>) -> Check {
    let written = put(stand, "broken/file", breaking(2 << 20, 1 << 20), "broken", PutOptions::default()).await;
    fails(written, Kind::Conflict, "a source that breaks with a conflict")?;
    fails(stand.files()?.stat(stand.location, &stand.key("broken/file")).await, Kind::NotFound, "what was never whole")
}

async fn broken_keeps(stand: &Stand<'_>) -> Check {
    write(stand, "whole/kept", 7).await?;
    let written = put(stand, "whole/kept", breaking(2 << 20, 1 << 20), "broken", PutOptions::default()).await;
    fails(written, Kind::Conflict, "a source that breaks with a conflict")?;
    holds(stand, "whole/kept", 7).await?;
    let names = names_in(stand, "whole", 10).await?;
    ensure!(names == ["kept"], "{names:?} are there");
    Ok(())
}

async fn unseen(stand: &Stand<'_>) -> Check {
    let (port, path) = (stand.files()?, stand.key("unseen"));
    put(stand, "unseen", seeded(1000, 1), "before", PutOptions::default()).await.map_err(told)?;
    let writing = put(stand, "unseen", slow(2 << 20, 2, Duration::from_millis(60)), "slowly", PutOptions::default());
    let looking = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let (node, body) = port.read(stand.location, &path, None).await.map_err(told)?;
            ensure!(node.size == 1000 || node.size == 2 << 20, "a file of {} bytes was seen", node.size);
            same_seeded(body, if node.size == 1000 { 1 } else { 2 }, node.size).await.context("the file as it is seen")?;
        }
        anyhow::Ok(())
    };
    let (written, looked) = futures::future::join(writing, looking).await;
    written.map_err(told)?;
    looked?;
    let (_, body) = port.read(stand.location, &path, None).await.map_err(told)?;
    same_seeded(body, 2, 2 << 20).await
}

async fn temporary(stand: &Stand<'_>) -> Check {
    make_directory(stand, "busy").await?;
    let writing = put(stand, "busy/file", slow(2 << 20, 2, Duration::from_millis(60)), "slowly", PutOptions::default());
    let looking = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let names = names_in(stand, "busy", 100).await?;
            ensure!(names.iter().all(|name| name == "file"), "{names:?} are shown");
        }
        anyhow::Ok(())
    };
    let (written, looked) = futures::future::join(writing, looking).await;
    written.map_err(told)?;
    looked
}

fn first() -> PutOptions {
    PutOptions { if_absent: true, ..PutOptions::default() }
}

async fn if_absent(stand: &Stand<'_>) -> Check {
    put(stand, "once", counting(3), "attempt 1", first()).await.map_err(told)?;
    fails(put(stand, "once", counting(4), "attempt 2", first()).await, Kind::AlreadyExists, "a write that must be the first")?;
    holds(stand, "once", 3).await
}

async fn if_absent_again(stand: &Stand<'_>) -> Check {
    for _ in 0..10 {
        put(stand, "once", counting(3), "one attempt", first()).await.map_err(told).context("the same attempt again")?;
    }
    fails(put(stand, "once", counting(3), "another", first()).await, Kind::AlreadyExists, "another attempt")?;
    holds(stand, "once", 3).await
}

async fn if_absent_at_once(stand: &Stand<'_>) -> Check {
    let port = stand.files()?;
    let path = stand.key("raced/file");
    let writes = (0..12_u64).map(|writer| {
        let path = &path;
        async move { port.write(stand.location, path, seeded(5000, writer), &format!("writer {writer}"), first()).await }
    });
    let outcomes = join_all(writes).await;
    let winners: Vec<u64> = outcomes.iter().zip(0..).filter(|(outcome, _)| outcome.is_ok()).map(|(_, writer)| writer).collect();
    ensure!(winners.len() == 1, "{} writes that had to be the first were", winners.len());
    for failure in outcomes.into_iter().filter_map(Result::err) {
        ensure!(matches!(failure.kind, Kind::AlreadyExists | Kind::Busy), told(failure));
    }
    let (_, body) = port.read(stand.location, &path, None).await.map_err(told)?;
    same_seeded(body, winners.first().copied().unwrap_or_default(), 5000).await.context("the bytes are not the winner's")
}

async fn if_absent_directory(stand: &Stand<'_>) -> Check {
    make_directory(stand, "here").await?;
    fails_as(
        put(stand, "here", counting(3), "first", first()).await,
        &[Kind::AlreadyExists, Kind::Invalid, Kind::Conflict],
        "a write over a directory",
    )?;
    ensure!(stat(stand, "here").await?.kind == capstan_domain::ports::NodeKind::Directory, "the directory is gone");
    Ok(())
}

async fn if_match(stand: &Stand<'_>) -> Check {
    write(stand, "matched", 3).await?;
    let options = PutOptions { if_match: Some("0123".to_owned()), ..PutOptions::default() };
    fails_as(
        put(stand, "matched", counting(4), "match", options).await,
        &[Kind::Unsupported, Kind::Conflict],
        "a write with if-match",
    )?;
    holds(stand, "matched", 3).await
}

async fn over_directory(stand: &Stand<'_>) -> Check {
    write(stand, "full/inside", 3).await?;
    make_directory(stand, "empty").await?;
    for name in ["full", "empty"] {
        let written = put(stand, name, counting(4), "over", PutOptions::default()).await;
        fails_as(written, &[Kind::Invalid, Kind::Conflict, Kind::AlreadyExists], &format!("a write over a directory ({name})"))?;
        ensure!(stat(stand, name).await?.kind == capstan_domain::ports::NodeKind::Directory, "the directory is gone");
    }
    holds(stand, "full/inside", 3).await?;
    let left = names_in(stand, "", 100).await?;
    ensure!(left.len() == 2, "{left:?} are there");
    Ok(())
}

async fn below_file(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    let written = put(stand, "file/below", counting(4), "below", PutOptions::default()).await;
    fails_as(written, &[Kind::Invalid, Kind::Conflict, Kind::NotFound, Kind::AlreadyExists], "a write below a file")?;
    holds(stand, "file", 3).await
}

async fn absent_location(stand: &Stand<'_>) -> Check {
    let written = stand.files()?.write(ABSENT, &stand.key("x"), counting(3), "absent", PutOptions::default()).await;
    fails(written, Kind::NotFound, "a write into an absent location")
}

async fn to_location(stand: &Stand<'_>) -> Check {
    let written = stand.files()?.write(stand.location, "", counting(3), "root", PutOptions::default()).await;
    fails(written, Kind::Invalid, "a write to the location itself")
}

async fn elsewhere(stand: &Stand<'_>) -> Check {
    write(stand, "shared", 5000).await?;
    let other = stand.kit()?.another(|_| ())?;
    let (size, body) = other.store()?.get(stand.location, &stand.key("shared"), None).await.map_err(told)?;
    ensure!(size == 5000, "another instance sees {size} bytes");
    crate::content::same(body, 0, 5000).await
}

async fn sync(stand: &Stand<'_>) -> Check {
    write(stand, "synced/file", 3).await?;
    for name in ["synced/file", "synced"] {
        stand.files()?.sync(stand.location, &stand.key(name)).await.map_err(told).with_context(|| name.to_owned())?;
    }
    stand.files()?.sync(stand.location, "").await.map_err(told).context("the location itself")
}

async fn sync_absent(stand: &Stand<'_>) -> Check {
    fails(stand.files()?.sync(stand.location, &stand.key("absent")).await, Kind::NotFound, "a sync")
}

async fn extras(stand: &Stand<'_>) -> Check {
    let options = PutOptions { extras: vec![("acme-colour".to_owned(), "blue".to_owned())], ..PutOptions::default() };
    put(stand, "extras", counting(5), "extras", options).await.map_err(told)?;
    holds(stand, "extras", 5).await
}
