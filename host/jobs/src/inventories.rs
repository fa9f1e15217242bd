//! Inventories of tape libraries when they are due: now and then, and soon after something was carried.
//!
//! The due time is in the catalogue and is moved on before the look is taken, so that of several hosts one takes it. Nothing of it is a
//! job: what it came to stands with the library, and a look that is lost is made up for by the next one.

use std::sync::Arc;

use capstan_domain::Outcome;
use capstan_domain::library::Library;
use capstan_domain::time::Timestamp;
use futures::StreamExt;
use tracing::{error, warn};

use crate::engine::Engine;
use crate::work::take_inventory;

/// Libraries that are due and read together; the rest is at the next look.
const BATCH: u32 = 64;
/// Libraries that are looked at together.
const AT_ONCE: usize = 4;

pub(crate) async fn watch(engine: Arc<Engine>) {
    let mut closing = engine.closing.subscribe();
    loop {
        tokio::select! {
            taken = take_due(&engine) => if let Err(failure) = taken {
                error!(%failure, detail = failure.detail, "the tape libraries that are due cannot be read");
            },
            _ = closing.wait_for(|closing| *closing) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(engine.limits.schedule) => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
    }
}

async fn take_due(engine: &Engine) -> Outcome<()> {
    let due = engine.catalogue.due_libraries(Timestamp::now(), BATCH).await?;
    futures::stream::iter(due)
        .for_each_concurrent(AT_ONCE, |library| async move {
            take(engine, &library).await;
        })
        .await;
    Ok(())
}

async fn take(engine: &Engine, library: &Library) {
    let next = Timestamp::now().plus(engine.limits.inventory);
    match engine.catalogue.advance_library(library, next).await {
        Ok(true) => {
            if let Err(failure) = take_inventory(engine, library.id).await {
                warn!(library = library.name, %failure, detail = failure.detail, "a tape library cannot be looked at");
            }
        }
        Ok(false) => {}
        Err(failure) => error!(library = library.name, %failure, "an inventory that is due cannot be taken"),
    }
}
