//! Move: a path gets the name under which it was found at another site.

use std::sync::Arc;

use capstan_domain::failure::Kind;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Item, ItemKind, Tree as _, names};
use capstan_workflows::Move;

use super::lanes::One;
use super::{Run, results};
use crate::changes;
use crate::opened::checked;

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
    let to = checked(one.path())?;
    let from = one
        .path
        .from
        .as_deref()
        .ok_or_else(|| Failure::invalid(format!("It is not said from where {to:?} was moved")).with_code("no-origin"))?;
    let from = checked(from)?;
    let Some(item) = space.names.stat(from).await? else {
        // Moved with its folder, or by an earlier run.
        return match space.names.stat(to).await? {
            Some(_) => Ok(()),
            None => Err(Failure::not_found(format!("{from:?} is not there")).with_code("gone")),
        };
    };
    make_parents(run, to).await?;
    // What a folder replaces must be empty, as the kernel has it; what is a folder is not replaced by a file.
    space.names.rename(&item, to, step.overwrite, &run.attempt(to, from.as_bytes())).await?;
    if space.is_home {
        changes::moved(&run.inner, space, from, to).await?;
    }
    Ok(())
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
