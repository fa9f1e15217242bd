//! `rename` and `remove`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ports::NodeKind;
use futures::future::{join, join_all};

use super::{holds, make_directory, names_in, stat, write};
use crate::case::{Case, Want};
use crate::cases::objects::locations::ABSENT;
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

/// Bytes of the first file of a name that others replace, each by a byte longer.
const FIRST: u64 = 1_000;
/// Renames onto one name, and how often each is made again.
const ROUNDS: u64 = 12;
const TRIES: u32 = 20;
/// Between two looks at a name, and before a rename that was refused is made again.
const LOOK: Duration = Duration::from_millis(5);

pub fn all() -> Vec<Case> {
    use Want::Files;
    group! { "files";
        "rename", clause::RENAME, [Files], "a renamed file is the same file, and its old name is gone", plain;
        "rename-onto-a-file", clause::RENAME, [Files], "a rename onto something is already-exists unless it may replace", onto;
        "rename-replaces", clause::RENAME, [Files], "a rename that may replace replaces", replaces;
        "rename-replaces-at-once", clause::RENAME, [Files], "a name that renames replace again and again is never seen to be absent", replaces_at_once;
        "rename-a-directory", clause::RENAME, [Files], "a directory is renamed with all that is in it", directory;
        "rename-into-another-directory", clause::RENAME, [Files], "a rename goes into another directory", across;
        "rename-absent", clause::RENAME, [Files], "a rename of what is absent is not-found", absent;
        "rename-onto-a-full-directory", clause::RENAME, [Files], "a rename onto a directory that holds something fails, and nothing is lost", onto_full;
        "rename-into-itself", clause::RENAME, [Files], "a directory is not renamed into itself", into_itself;
        "rename-to-its-own-name", clause::RENAME, [Files], "a rename to the same name loses nothing", own_name;
        "rename-again", clause::RENAME, [Files], "the same rename again is a success, or not-found that may be done", again;
        "rename-at-once", clause::RENAME, [Files], "of many renames of one file at once one is made", at_once;
        "rename-absent-location", clause::KINDS, [Files], "a rename in an absent location is not-found", absent_location;
        "remove", clause::REMOVE, [Files], "what was removed is gone", remove_file;
        "remove-again", clause::REMOVE, [Files], "an absent path is a success, ten times", remove_again;
        "remove-a-directory", clause::REMOVE, [Files], "an empty directory is removed", remove_directory;
        "remove-a-full-directory", clause::REMOVE, [Files], "a directory that holds something is a conflict, and stays", remove_full;
        "remove-the-location", clause::PATHS, [Files], "the location itself is not removed by its path", remove_location;
        "remove-below-a-file", clause::REMOVE, [Files], "a path below a file is absent, and the file stays", remove_below;
    }
}

async fn rename(stand: &Stand<'_>, from: &str, to: &str, replace: bool) -> Outcome<()> {
    let port = stand.files().map_err(|gone| capstan_domain::Failure::host("no files", gone))?;
    port.rename(stand.location, &stand.key(from), &stand.key(to), replace, &format!("rename {from} {to}")).await
}

async fn remove(stand: &Stand<'_>, name: &str) -> Outcome<()> {
    let port = stand.files().map_err(|gone| capstan_domain::Failure::host("no files", gone))?;
    port.remove(stand.location, &stand.key(name), &format!("remove {name}")).await
}

async fn is_gone(stand: &Stand<'_>, name: &str) -> Check {
    fails(stand.files()?.stat(stand.location, &stand.key(name)).await, Kind::NotFound, name)
}

async fn plain(stand: &Stand<'_>) -> Check {
    write(stand, "from", 123).await?;
    rename(stand, "from", "to", false).await.map_err(told)?;
    holds(stand, "to", 123).await?;
    is_gone(stand, "from").await
}

async fn onto(stand: &Stand<'_>) -> Check {
    write(stand, "from", 1).await?;
    write(stand, "to", 2).await?;
    fails(rename(stand, "from", "to", false).await, Kind::AlreadyExists, "a rename onto a file")?;
    make_directory(stand, "folder").await?;
    fails(rename(stand, "from", "folder", false).await, Kind::AlreadyExists, "a rename onto a directory")?;
    holds(stand, "from", 1).await?;
    holds(stand, "to", 2).await
}

async fn replaces(stand: &Stand<'_>) -> Check {
    write(stand, "from", 1).await?;
    write(stand, "to", 2).await?;
    rename(stand, "from", "to", true).await.map_err(told)?;
    holds(stand, "to", 1).await?;
    is_gone(stand, "from").await
}

/// A name is replaced by one file after another while somebody looks at it. What locks a file that is looked at may refuse a rename:
/// it is made again.
async fn replaces_at_once(stand: &Stand<'_>) -> Check {
    write(stand, "to", FIRST).await?;
    let done = AtomicBool::new(false);
    let renaming = async {
        let outcome = replace_again_and_again(stand).await;
        done.store(true, Ordering::Release);
        outcome
    };
    let looking = async {
        let (port, path) = (stand.files()?, stand.key("to"));
        while !done.load(Ordering::Acquire) {
            match port.stat(stand.location, &path).await {
                Ok(node) => ensure!((FIRST..=FIRST + ROUNDS).contains(&node.size), "a file of {} bytes was seen", node.size),
                Err(failure) => ensure!(failure.kind != Kind::NotFound, "it was not there for a while"),
            }
            tokio::time::sleep(LOOK).await;
        }
        anyhow::Ok(())
    };
    let (renamed, looked) = join(renaming, looking).await;
    renamed?;
    looked
}

async fn replace_again_and_again(stand: &Stand<'_>) -> Check {
    let (port, from, to) = (stand.files()?, stand.key("from"), stand.key("to"));
    for round in 1..=ROUNDS {
        let (size, attempt) = (FIRST + round, format!("round {round}"));
        write(stand, "from", size).await?;
        let mut last = port.rename(stand.location, &from, &to, true, &attempt).await;
        for _ in 0..TRIES {
            let Err(failure) = &last else { break };
            ensure!(failure.kind != Kind::NotFound, "round {round}: what is renamed is not there");
            tokio::time::sleep(LOOK).await;
            last = port.rename(stand.location, &from, &to, true, &attempt).await;
        }
        last.map_err(told).with_context(|| format!("round {round}"))?;
        holds(stand, "to", size).await?;
    }
    Ok(())
}

async fn directory(stand: &Stand<'_>) -> Check {
    write(stand, "d/a", 1).await?;
    write(stand, "d/sub/b", 2).await?;
    rename(stand, "d", "moved", false).await.map_err(told)?;
    holds(stand, "moved/a", 1).await?;
    holds(stand, "moved/sub/b", 2).await?;
    is_gone(stand, "d").await
}

async fn across(stand: &Stand<'_>) -> Check {
    write(stand, "one/file", 5).await?;
    make_directory(stand, "other").await?;
    rename(stand, "one/file", "other/file 2", false).await.map_err(told)?;
    holds(stand, "other/file 2", 5).await?;
    ensure!(names_in(stand, "one", 10).await?.is_empty(), "it is still in its old directory");
    Ok(())
}

async fn absent(stand: &Stand<'_>) -> Check {
    fails(rename(stand, "absent", "to", false).await, Kind::NotFound, "a rename of what is absent")?;
    is_gone(stand, "to").await
}

async fn onto_full(stand: &Stand<'_>) -> Check {
    write(stand, "from/a", 1).await?;
    write(stand, "to/b", 2).await?;
    let renamed = rename(stand, "from", "to", true).await;
    fails_as(renamed, &[Kind::Conflict, Kind::AlreadyExists, Kind::Invalid], "a rename onto a directory that holds something")?;
    holds(stand, "from/a", 1).await?;
    holds(stand, "to/b", 2).await
}

async fn into_itself(stand: &Stand<'_>) -> Check {
    write(stand, "d/a", 1).await?;
    let renamed = rename(stand, "d", "d/below", false).await;
    fails_as(renamed, &[Kind::Invalid, Kind::Conflict, Kind::Denied, Kind::Busy], "a rename into itself")?;
    holds(stand, "d/a", 1).await
}

async fn own_name(stand: &Stand<'_>) -> Check {
    write(stand, "self", 7).await?;
    rename(stand, "self", "self", true).await.map_err(told)?;
    holds(stand, "self", 7).await
}

async fn again(stand: &Stand<'_>) -> Check {
    write(stand, "from", 7).await?;
    rename(stand, "from", "to", false).await.map_err(told)?;
    match rename(stand, "from", "to", false).await {
        Ok(()) => {}
        Err(failure) => {
            let maybe = failure.maybe_done;
            fails::<()>(Err(failure), Kind::NotFound, "the same rename again")?;
            ensure!(maybe, "it does not say that it may be done, though its destination is there");
        }
    }
    holds(stand, "to", 7).await
}

async fn at_once(stand: &Stand<'_>) -> Check {
    write(stand, "from", 7).await?;
    let names: Vec<String> = (0..8).map(|index| format!("to {index}")).collect();
    let outcomes = join_all(names.iter().map(|name| rename(stand, "from", name, false))).await;
    let made: Vec<&String> = names.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(name, _)| name).collect();
    let [winner] = made.as_slice() else { anyhow::bail!("{} renames were made", made.len()) };
    holds(stand, winner, 7).await?;
    let left = names_in(stand, "", 100).await?;
    ensure!(left.len() == 1, "{left:?} are there");
    Ok(())
}

async fn absent_location(stand: &Stand<'_>) -> Check {
    let renamed = stand.files()?.rename(ABSENT, "from", "to", false, "rename").await;
    fails(renamed, Kind::NotFound, "a rename")?;
    fails(stand.files()?.make_directory(ABSENT, "x", "make").await, Kind::NotFound, "make-directory")
}

async fn remove_file(stand: &Stand<'_>) -> Check {
    write(stand, "file", 7).await?;
    write(stand, "stays", 7).await?;
    remove(stand, "file").await.map_err(told)?;
    is_gone(stand, "file").await?;
    holds(stand, "stays", 7).await
}

async fn remove_again(stand: &Stand<'_>) -> Check {
    write(stand, "file", 7).await?;
    for _ in 0..10 {
        remove(stand, "file").await.map_err(told)?;
    }
    remove(stand, "no/such/folder/file").await.map_err(told).context("below an absent directory")
}

async fn remove_directory(stand: &Stand<'_>) -> Check {
    make_directory(stand, "empty").await?;
    remove(stand, "empty").await.map_err(told)?;
    is_gone(stand, "empty").await
}

async fn remove_full(stand: &Stand<'_>) -> Check {
    write(stand, "full/inside", 7).await?;
    fails(remove(stand, "full").await, Kind::Conflict, "removal of a directory that holds something")?;
    holds(stand, "full/inside", 7).await
}

async fn remove_location(stand: &Stand<'_>) -> Check {
    write(stand, "inside", 7).await?;
    fails_as(
        stand.files()?.remove(stand.location, "", "remove").await,
        &[Kind::Invalid, Kind::Conflict, Kind::Denied],
        "removal of the location",
    )?;
    ensure!(stat(stand, "inside").await?.kind == NodeKind::File, "what was in it is gone");
    Ok(())
}

async fn remove_below(stand: &Stand<'_>) -> Check {
    write(stand, "file", 7).await?;
    match remove(stand, "file/below").await {
        Ok(()) => {}
        Err(failure) => ensure!(matches!(failure.kind, Kind::Invalid | Kind::NotFound), told(failure)),
    }
    holds(stand, "file", 7).await
}
