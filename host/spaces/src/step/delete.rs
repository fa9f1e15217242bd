//! Delete: a path goes from the tree. Its copies stay in their buckets for the recycle window, and the catalogue goes on knowing them
//! under the path that the file had (D6).
//!
//! A worker that died after the name went and before the catalogue knew is made up for by the next run, which finds nothing there.

use std::sync::Arc;

use capstan_domain::entry::EntryKind;
use capstan_domain::failure::Kind;
use capstan_domain::ids::Number;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Item, ItemKind, Tree as _};
use capstan_workflows::Delete;

use super::lanes::One;
use super::{Run, results};
use crate::changes::{self, Walk};
use crate::opened::checked;
use crate::points::{Point, reached};

/// Folders of one path that are removed after what is in them; a tree with more is not removed at once.
const MOST_FOLDERS: usize = 1_000_000;

/// Paths that are recorded as gone together.
const TOGETHER: usize = 500;

/// Entries of a folder that are read together.
const LISTED: u32 = 1000;

pub(super) async fn run(run: Arc<Run>, step: Delete, mut paths: Vec<One>) -> Outcome<()> {
    // What is deepest goes first, so that a folder is empty when its turn comes.
    paths.sort_by_key(|one| std::cmp::Reverse(one.path().matches('/').count()));
    for some in paths.chunks(TOGETHER) {
        run.control.ready().await?;
        let (mut told, mut failed, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for one in some {
            match remove(&run, &step, one).await {
                Ok(removed) => {
                    gone.extend(removed);
                    told.push(results::processed(one.position));
                }
                Err(failure) => failed.push((one.clone(), failure)),
            }
        }
        // Removed is what a crash does not bring back.
        run.space.names.sync().await?;
        reached(Point::Removed);
        if run.space.is_home {
            changes::removed(&run.inner, &run.space, gone).await?;
        }
        told.extend(run.failed(failed).await);
        run.tell(told).await?;
    }
    Ok(())
}

/// Answers what went; one that is not there is a success.
async fn remove(run: &Run, step: &Delete, one: &One) -> Outcome<Vec<String>> {
    let path = checked(one.path())?;
    let names = &run.space.names;
    let attempt = run.attempt(path, b"delete");
    let Some(item) = stat(run, path).await? else {
        let mut gone = if run.space.is_home { known_below(run, path).await? } else { Vec::new() };
        gone.push(path.to_owned());
        return Ok(gone);
    };
    if !matches!(item.kind, ItemKind::Folder { .. }) {
        only(names.remove(std::slice::from_ref(&item), false, &attempt).await)?;
        return Ok(vec![path.to_owned()]);
    }
    if !step.recursive {
        names.remove_folder(path, &attempt).await?;
        return Ok(vec![path.to_owned()]);
    }
    // Also what went in an earlier run that died before it could say so.
    let mut gone = if run.space.is_home { known_below(run, path).await? } else { Vec::new() };
    let mut folders = Vec::new();
    let mut walk = Walk::of(&run.space, path);
    while let Some(found) = walk.next().await {
        let (inner, files): (Vec<Item>, Vec<Item>) =
            found.into_iter().partition(|item| matches!(item.kind, ItemKind::Folder { .. }));
        folders.extend(inner.into_iter().map(|folder| folder.path));
        if folders.len() > MOST_FOLDERS {
            return Err(Failure::new(Kind::Unsupported, format!("More than {MOST_FOLDERS} folders stand in {path:?}"))
                .with_code("too-many-folders")
                .with_next_step("Delete the folders in it one by one."));
        }
        names.remove(&files, false, &attempt).await.into_iter().collect::<Outcome<()>>()?;
        gone.extend(files.into_iter().map(|file| file.path));
    }
    walk.end().await?;
    for folder in folders.iter().rev() {
        names.remove_folder(folder, &attempt).await?;
    }
    gone.extend(folders.into_iter().rev());
    Ok(gone)
}

/// None, too, where a folder on the way is gone or is none.
async fn stat(run: &Run, path: &str) -> Outcome<Option<Item>> {
    match run.space.names.stat(path).await {
        Err(failure) if failure.code.as_deref() == Some("not-a-folder") => Ok(None),
        found => found,
    }
}

/// What the catalogue has below a folder that is going, or not there.
async fn known_below(run: &Run, path: &str) -> Outcome<Vec<String>> {
    let (catalogue, tree) = (&run.inner.catalogue, run.space.tree);
    let entry = match catalogue.entry_at(tree, path).await {
        Ok(entry) => entry,
        Err(failure) if failure.kind == Kind::NotFound => return Ok(Vec::new()),
        Err(failure) => return Err(failure),
    };
    let (mut below, mut folders): (Vec<String>, Vec<Number>) = (Vec::new(), Vec::new());
    folders.extend((entry.kind == EntryKind::Folder).then_some(entry.number));
    while let Some(folder) = folders.pop() {
        let mut listing = Listing::first(LISTED).with("parent_number", Operator::Equal, folder);
        loop {
            let found = catalogue.entries(&listing).await?.items;
            if found.is_empty() {
                break;
            }
            listing.offset += found.len() as u64;
            folders.extend(found.iter().filter(|entry| entry.kind == EntryKind::Folder).map(|entry| entry.number));
            below.extend(found.into_iter().map(|entry| entry.path));
        }
    }
    Ok(below)
}

fn only(mut answers: Vec<Outcome<()>>) -> Outcome<()> {
    answers.pop().unwrap_or(Ok(()))
}
