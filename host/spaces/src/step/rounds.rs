//! A batch of files tried again and again, until each came to its end.

use std::time::Duration;

use capstan_domain::{Failure, Outcome};
use capstan_mover::backoff;

use super::lanes::One;
use super::{Run, results};

/// Files of a batch that find the other side away, all of them, from which on no other is tried.
const AWAY_FROM: usize = 8;

pub(super) type Ended = Vec<(One, Outcome<()>)>;

/// What one try of the waiting files came to. A file in neither list was told of by other means.
pub(super) struct Round {
    pub(super) ended: Ended,
    /// To be tried once more, although nothing failed.
    pub(super) again: Vec<One>,
}

/// Tries the files until none waits, tells what became of them, and waits between the tries as long as the failures ask for. Fails with
/// what failed the batch as a whole.
pub(super) async fn settle<R: Future<Output = Outcome<Round>>>(
    run: &Run,
    files: Vec<One>,
    attempt: impl Fn(Vec<One>) -> R,
) -> Outcome<()> {
    let most = run.inner.settings.limits.tries.max(1);
    let (count, mut waiting, mut tries) = (files.len(), files, 1);
    while !waiting.is_empty() {
        run.control.ready().await?;
        let Round { ended, mut again } = attempt(waiting).await?;
        let (mut told, mut failed, mut wait) = (Vec::new(), Vec::new(), Duration::ZERO);
        for (one, outcome) in ended {
            match outcome {
                Ok(()) => told.push(results::processed(one.position)),
                Err(failure) => match backoff::wait_after(&failure, tries, most) {
                    Some(asked) => {
                        wait = wait.max(asked);
                        again.push(one);
                    }
                    None => failed.push((one, failure)),
                },
            }
        }
        if let Some(failure) = away(&failed, count) {
            return Err(failure.clone());
        }
        told.extend(run.failed(failed).await);
        run.tell(told).await?;
        waiting = again;
        tries += 1;
        if !waiting.is_empty() {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = run.control.stopped() => {}
            }
        }
    }
    Ok(())
}

/// Why nothing more is tried: the other side was away for every file of the batch.
fn away(failed: &[(One, Failure)], count: usize) -> Option<&Failure> {
    let is_away = failed.len() == count && count >= AWAY_FROM && failed.iter().all(|(_, failure)| results::is_away(failure));
    failed.first().filter(|_| is_away).map(|(_, failure)| failure)
}
