//! Links: nothing of them could leave the disk, but another site may be about to have them.

use std::sync::Arc;

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use capstan_mover::Tree as _;
use futures::{StreamExt, stream};

use super::Migrating;
use crate::links;
use crate::opened::checked;
use crate::step::lanes::One;
use crate::step::results;

/// Links that are stored at a time.
const AT_A_TIME: usize = 16;
/// Results that are told of together.
const TOLD_TOGETHER: usize = 500;

pub(super) async fn settle(work: &Arc<Migrating>, links: Vec<One>) -> Outcome<()> {
    let run = &work.run;
    let stored = stream::iter(links).map(|one| tried(Arc::clone(work), one)).buffer_unordered(AT_A_TIME);
    let mut stored = std::pin::pin!(stored);
    let mut told = Vec::new();
    while let Some((one, stored)) = stored.next().await {
        run.control.ready().await?;
        told.push(match stored {
            Ok(()) => results::processed(one.position),
            Err(failure) if results::is_away(&failure) => return Err(failure),
            Err(failure) if failure.kind == Kind::NotFound && work.step.abort_missing => results::aborted(one.position, &failure),
            Err(failure) => results::failed(one.position, &failure),
        });
        if told.len() >= TOLD_TOGETHER {
            run.tell(std::mem::take(&mut told)).await?;
        }
    }
    run.tell(told).await
}

async fn tried(work: Arc<Migrating>, one: One) -> (One, Outcome<()>) {
    let stored = store(&work, &one).await;
    (one, stored)
}

/// One that no external target takes stays as it is: nothing of it was to leave.
async fn store(work: &Migrating, one: &One) -> Outcome<()> {
    let (run, path) = (&work.run, checked(one.path())?);
    let link = run.space.names.stat(path).await?;
    let link = link.ok_or_else(|| Failure::not_found(format!("{path:?} is not there")).with_code("gone"))?;
    match work.routes.storing(&run.space.absolute(path), false) {
        Ok(target) => links::store(&run.inner, target.location, path, &link, &run.attempt(path, b"link")).await,
        Err(failure) if failure.code.as_deref() == Some("no-target") => Ok(()),
        Err(failure) => Err(failure),
    }
}
