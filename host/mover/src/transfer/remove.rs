//! The last steps of a move: the source goes, if it is still what was copied.

use capstan_domain::job::PathState;
use capstan_domain::{Failure, Outcome};

use super::plan::Run;
use super::{Transfer, fate};
use crate::ledger::Settled;

/// Called after `settled` was recorded durably, with every copy read back (steps 6 and 7 of the table in the parent's doc).
pub(super) async fn sources(run: &Run, settled: &[Settled]) {
    let moved: Vec<&Settled> = settled.iter().filter(|settled| settled.moved).collect();
    let mut kept = Vec::new();
    for (index, source) in run.transfer.sources.iter().enumerate() {
        let of_source: Vec<&Settled> = moved.iter().copied().filter(|settled| settled.source == index).collect();
        if of_source.is_empty() {
            continue;
        }
        let items: Vec<_> = of_source.iter().map(|settled| settled.item.clone()).collect();
        let results = source.tree.remove(&items, true, &run.transfer.options.attempt).await;
        for (settled, result) in of_source.into_iter().zip(results) {
            if let Err(failure) = result {
                kept.push((settled.state, still_there(settled, failure)));
            }
        }
    }
    // A failing ledger has ended the transfer.
    let _ = run.record_again(kept).await;
}

fn still_there(settled: &Settled, failure: Failure) -> Settled {
    // The copy is good; what failed is the move.
    let changed = failure.code.as_deref() == Some("source-changed");
    let state = if changed { PathState::Skipped } else { PathState::Failed };
    let message = if changed {
        format!("{:?} was copied, then changed; it was not removed", settled.item.path)
    } else {
        format!("{:?} was copied, but could not be removed: {}", settled.item.path, failure.message)
    };
    let failure = Failure { message, ..failure };
    Settled { state, failure: Some(failure), moved: false, ..settled.clone() }
}

/// Folders that the move has emptied go too.
pub(super) async fn tidy(transfer: &Transfer) -> Outcome<()> {
    for source in &transfer.sources {
        match source.tree.remove_empty_folders(&source.path, &transfer.options.attempt).await {
            Ok(_) => source.tree.sync().await?,
            Err(failure) if fate::is_interruption(&failure) => return Err(failure),
            // Empty folders that stay are no loss.
            Err(failure) => tracing::warn!(%failure, source = %source.path, "emptied folders of a move could not be removed"),
        }
    }
    Ok(())
}
