//! Move: a path gets the name under which it was found at another site.

use std::sync::Arc;

use capstan_domain::entry::Entry;
use capstan_domain::failure::Kind;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Item, ItemKind, Tree as _, names};
use capstan_workflows::Move;

use super::lanes::One;
use super::{Run, results};
use crate::changes;
use crate::opened::known;
use crate::points::{Point, reached};

/// Mode of folders made on the way; the umask narrows it.
const NEW_FOLDER: u32 = 0o777;

/// In the order given: a folder comes before what was moved with it.
pub(super) async fn run(run: Arc<Run>, step: Move, paths: Vec<One>) -> Outcome<()> {
    for one in paths {
        run.control.ready().await?;
        let told = match rename(&run, &step, &one).await {
            Ok(()) => vec![results::processed(one.position)],
            Err(failure) => run.failed(vec![(one, failure)]).await,
        };
        run.tell(told).await?;
    }
    Ok(())
}

async fn rename(run: &Run, step: &Move, one: &One) -> Outcome<()> {
    let space = &run.space;
    let to = known(one.path())?;
    let from = one
        .path
        .from
        .as_deref()
        .ok_or_else(|| Failure::invalid(format!("It is not said from where {to:?} was moved")).with_code("no-origin"))?;
    let from = known(from)?;
    let Some(item) = standing(run, from).await? else { return moved_before(run, from, to).await };
    make_parents(run, to).await?;
    // What a folder replaces must be empty, as the kernel has it; what is a folder is not replaced by a file.
    space.names.rename(&item, to, step.overwrite, &run.attempt(to, from.as_bytes())).await?;
    reached(Point::Renamed);
    if space.is_home {
        changes::moved(&run.inner, space, from, to).await?;
    }
    Ok(())
}

/// It went with its folder, or by an earlier run, which perhaps could not say so: then what stands there now is what the catalogue has
/// under the old name, or what it does not have under the new one.
async fn moved_before(run: &Run, from: &str, to: &str) -> Outcome<()> {
    let space = &run.space;
    let gone = || Failure::not_found(format!("{from:?} is not there")).with_code("gone");
    let Some(item) = standing(run, to).await? else { return Err(gone()) };
    if !space.is_home {
        return Ok(());
    }
    let recorded = |found: Outcome<Entry>| match found {
        Ok(entry) => Ok(Some(entry)),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    };
    let is_it = |entry: &Entry| entry.inode.is_none() || entry.inode == item.identity.inode;
    let before = recorded(run.inner.catalogue.entry_at(space.tree, from).await)?;
    let after = recorded(run.inner.catalogue.entry_at(space.tree, to).await)?;
    match (before, after) {
        (Some(before), _) if !is_it(&before) => Err(gone()),
        (None, Some(after)) if is_it(&after) => Ok(()),
        _ => changes::moved(&run.inner, space, from, to).await,
    }
}

/// None, too, where a folder on the way is gone or is none.
async fn standing(run: &Run, path: &str) -> Outcome<Option<Item>> {
    match run.space.names.stat(path).await {
        Err(failure) if failure.code.as_deref() == Some("not-a-folder") => Ok(None),
        found => found,
    }
}

/// The folders above a path.
pub(super) async fn make_parents(run: &Run, path: &str) -> Outcome<()> {
    let above = names::parent_of(path);
    if above.is_empty() || run.space.names.stat(above).await?.is_some() {
        return Ok(());
    }
    let folder = Item {
        kind: ItemKind::Folder { empty: false },
        mode: Some(NEW_FOLDER & 0o755),
        ..Item::file(above, 0, Timestamp::now())
    };
    match run.space.names.make_folder(above, &folder, &run.attempt(above, b"folder")).await {
        Err(failure) if failure.kind == Kind::AlreadyExists => Ok(()),
        made => made,
    }
}
