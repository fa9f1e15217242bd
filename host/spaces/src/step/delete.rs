//! Delete: a path goes from the tree. Its copies stay in their buckets, and the catalogue goes on knowing them under the path that the file
//! had (D6): nothing that was inferred takes the last copy of a content away.

use std::sync::Arc;

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Item, ItemKind, Tree as _};
use capstan_workflows::Delete;

use super::lanes::One;
use super::{Run, results};
use crate::changes::{self, Walk};
use crate::opened::checked;

/// Folders of one path that are removed after what is in them; a tree with more is not removed at once.
const MOST_FOLDERS: usize = 1_000_000;

/// Paths that are recorded as gone together.
const TOGETHER: usize = 500;

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
        if run.space.is_home {
            changes::look_again(&run.inner, &run.space, gone).await?;
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
    let Some(item) = names.stat(path).await? else { return Ok(vec![path.to_owned()]) };
    if !matches!(item.kind, ItemKind::Folder { .. }) {
        only(names.remove(std::slice::from_ref(&item), false, &attempt).await)?;
        return Ok(vec![path.to_owned()]);
    }
    if !step.recursive {
        names.remove_folder(path, &attempt).await?;
        return Ok(vec![path.to_owned()]);
    }
    let (mut folders, mut gone) = (Vec::new(), Vec::new());
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

fn only(mut answers: Vec<Outcome<()>>) -> Outcome<()> {
    answers.pop().unwrap_or(Ok(()))
}
