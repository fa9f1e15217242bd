//! The granted directory: looks, folders, renames, removals. Names that changed are durable when these answer.

use capstan_sdk::failure::{Failure, Outcome};
use capstan_sdk::files::{self, Named, Status};

use crate::names;

/// The name of the grant.
pub(crate) const ROOT: &str = "drives";

pub(crate) fn root() -> String {
    ROOT.to_owned()
}

pub(crate) async fn stat(path: &str) -> Outcome<Option<Status>> {
    there(files::stat(root(), path.to_owned()).await)
}

/// The first names of a folder, ordered; none if it is not there, or no folder.
pub(crate) async fn entries(path: &str, after: Option<String>, limit: u32) -> Outcome<Option<Vec<Named>>> {
    match files::read_directory(root(), path.to_owned(), after, limit).await {
        Err(Failure::Invalid(_)) => Ok(None),
        page => there(page.map(|page| page.entries)),
    }
}

/// What is absent is none.
pub(crate) fn there<T>(outcome: Outcome<T>) -> Outcome<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(Failure::NotFound(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// One that is there is a success.
pub(crate) async fn make_directory(path: &str) -> Outcome<()> {
    match files::make_directory(root(), path.to_owned()).await {
        Ok(()) | Err(Failure::AlreadyExists(_)) => sync(names::parent(path)).await,
        Err(failure) => Err(failure),
    }
}

/// Gives a folder another name, which nothing may have.
pub(crate) async fn rename(from: &str, to: &str) -> Outcome<()> {
    match files::rename(root(), from.to_owned(), to.to_owned(), false).await {
        // Where the file system does not know that word: a folder replaces no file and no folder with something in it, and all of
        // ours have something in them.
        Err(Failure::Unsupported(_)) => files::rename(root(), from.to_owned(), to.to_owned(), true).await,
        other => other,
    }
}

/// Both folders of a rename: the new name first.
pub(crate) async fn sync_renamed(from: &str, to: &str) -> Outcome<()> {
    sync(names::parent(to)).await?;
    if names::parent(from) != names::parent(to) {
        sync(names::parent(from)).await?;
    }
    Ok(())
}

pub(crate) async fn sync(path: &str) -> Outcome<()> {
    files::sync(root(), path.to_owned()).await
}

/// Names of a folder that are taken away before the next are read.
const STEP: u32 = 1_000;

/// A file, or a folder with all that is in it, from the bottom up. It need not be there, and nothing is made durable.
pub(crate) async fn remove(path: &str) -> Outcome<()> {
    let mut left = vec![path.to_owned()];
    while let Some(next) = left.last().cloned() {
        match files::remove(root(), next.clone()).await {
            Ok(()) | Err(Failure::NotFound(_)) => {
                left.pop();
            }
            Err(full @ Failure::Conflict(_)) => {
                let inside = entries(&next, None, STEP).await?.unwrap_or_default();
                if inside.is_empty() {
                    return Err(full);
                }
                left.extend(inside.into_iter().map(|entry| format!("{next}/{}", entry.name)));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}
