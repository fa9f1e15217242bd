//! What jobs that ended for good left at their targets: parts of uploads, temporary files. They are given up.
//!
//! The list is the catalogue's, so that neither a restart nor a target that is away loses one of them. A paused or queued job will go
//! on with what it has; only a final state makes a leftover.
//!
//! | dies after | what is there then | what the next sweep does |
//! |---|---|---|
//! | the job's final state is written | parts at the target, listed | gives them up |
//! | the same, the target having answered nothing | perhaps an upload; its attempt, listed | makes the attempt again, gives up what it gets |
//! | the upload is set aside | the same, and no new run takes it up | the same |
//! | the target has dropped the parts | listed, nothing at the target | gives up again: what is not there is given up already |
//! | it is off the list | nothing | nothing |

use std::sync::Arc;

use capstan_catalogue::LeftUpload;
use capstan_domain::job::Work;
use capstan_domain::{Kind, Outcome};
use tracing::{error, info, warn};

use crate::engine::Engine;

/// Leftovers read together.
const BATCH: u32 = 64;

pub(crate) async fn watch(engine: Arc<Engine>) {
    let mut closing = engine.closing.subscribe();
    loop {
        tokio::select! {
            swept = sweep(&engine) => if let Err(failure) = swept {
                error!(%failure, detail = failure.detail, "the uploads that jobs left cannot be read");
            },
            _ = closing.wait_for(|closing| *closing) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(engine.limits.leftovers) => {}
            () = engine.ended.notified() => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
    }
}

async fn sweep(engine: &Engine) -> Outcome<()> {
    let mut after = 0;
    loop {
        let page = engine.catalogue.left_uploads(after, BATCH).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.number;
        for left in page {
            match give_up(engine, &left).await {
                Ok(()) => {}
                // It stays listed: the next sweep tries again.
                Err(failure) => {
                    warn!(job = %left.job, key = %left.key, %failure, detail = failure.detail, "an upload of job {} could not be given up", left.job);
                }
            }
        }
    }
}

async fn give_up(engine: &Engine, left: &LeftUpload) -> Outcome<()> {
    if !engine.catalogue.set_upload_aside(left).await? {
        return Ok(());
    }
    let Work::Transfer { destinations, .. } = &left.work else { return Ok(()) };
    for place in destinations {
        let plots = match engine.places.destination(place).await {
            Ok(ground) => ground.plots,
            // Removed meanwhile: nobody can be asked to give anything up there.
            Err(failure) if failure.kind == Kind::NotFound => continue,
            Err(failure) => return Err(failure),
        };
        for plot in plots {
            if plot.tree.id() == left.tree {
                match &left.attempt {
                    Some(attempt) => plot.tree.give_up_begun(&left.key, left.size, attempt).await?,
                    None => plot.tree.give_up(&left.key, &left.upload).await?,
                }
                engine.catalogue.forget_left_upload(left.number).await?;
                info!(job = %left.job, key = %left.key, "what job {} left of an upload was given up", left.job);
                return Ok(());
            }
        }
    }
    // The place is another one by now: nobody knows where the parts lie.
    warn!(job = %left.job, tree = %left.tree, key = %left.key, "the target of an unfinished upload of job {} is gone", left.job);
    engine.catalogue.forget_left_upload(left.number).await
}
