//! Names: directories, links, renames, removals. Each is durable when it answers.

use capstan_sdk::Outcome;
use capstan_sdk::failure::{Failure, invalid};
use capstan_sdk::files::{self, Kind};
use capstan_sdk::types::Node;

use crate::backend::{Place, ROOT};
use crate::reader;

async fn sync_names(place: &Place) -> Outcome<()> {
    match place.parent() {
        Some(parent) => files::sync(ROOT.to_owned(), parent.path).await,
        None => Ok(()),
    }
}

/// Makes the directory and what is missing above it, from the top down so that each name is durable before one below it.
pub(crate) async fn make_directories(place: &Place) -> Outcome<()> {
    let mut missing = Vec::new();
    let mut look = Some(place.clone());
    while let Some(at) = look {
        match files::stat(ROOT.to_owned(), at.path.clone()).await {
            Ok(status) if status.kind == Kind::Directory => break,
            Ok(_) => return Err(invalid(format!("{} is no directory", at.subject()))),
            Err(Failure::NotFound(_)) => {}
            Err(failure) => return Err(failure),
        }
        look = at.parent();
        missing.push(at);
    }
    while let Some(at) = missing.pop() {
        match files::make_directory(ROOT.to_owned(), at.path.clone()).await {
            // Somebody else makes the same tree.
            Ok(()) | Err(Failure::AlreadyExists(_)) => sync_names(&at).await?,
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

pub(crate) async fn remove(place: &Place) -> Outcome<()> {
    if place.parent().is_none() {
        return Err(invalid("a location is not removed by its path"));
    }
    match files::remove(ROOT.to_owned(), place.path.clone()).await {
        Ok(()) => sync_names(place).await,
        Err(Failure::NotFound(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

pub(crate) async fn rename(from: &Place, to: &Place, replace: bool) -> Outcome<()> {
    match files::rename(ROOT.to_owned(), from.path.clone(), to.path.clone(), replace).await {
        Ok(()) => {}
        // Nothing to rename, and something at its destination: it may be this attempt that did it, its answer lost.
        Err(Failure::NotFound(fault)) if files::stat(ROOT.to_owned(), to.path.clone()).await.is_ok() => {
            return Err(Failure::NotFound(fault).maybe_done());
        }
        Err(failure) => return Err(failure),
    }
    sync_names(to).await?;
    if from.parent() != to.parent() {
        sync_names(from).await?;
    }
    Ok(())
}

/// Made twice with the same target is made once.
pub(crate) async fn make_link(place: &Place, target: String) -> Outcome<Node> {
    match files::make_link(ROOT.to_owned(), place.path.clone(), target.clone()).await {
        Ok(()) => sync_names(place).await?,
        Err(Failure::AlreadyExists(fault)) => {
            let there = reader::stat(place).await?;
            return if there.link.as_ref() == Some(&target) { Ok(there) } else { Err(Failure::AlreadyExists(fault)) };
        }
        Err(failure) => return Err(failure),
    }
    reader::stat(place).await
}

pub(crate) async fn sync(place: &Place) -> Outcome<()> {
    files::sync(ROOT.to_owned(), place.path.clone()).await
}
