//! Looks at targets that nobody calls: those that are away, so that one that came back is shown as it is, and those that no call has
//! asked yet, so that what does not answer is known before the first job needs it.

use std::sync::Arc;
use std::time::Duration;

use capstan_runtime::Runtime;
use futures::StreamExt;

use crate::targets::Targets;

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(15);
/// Looks under way at a time: each may take as long as the runtime lets a call of a plugin take.
const AT_ONCE: usize = 4;

/// For as long as the host runs.
pub(crate) async fn watch(targets: Targets, runtime: Arc<Runtime>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        futures::stream::iter(runtime.worth_a_look())
            .for_each_concurrent(AT_ONCE, |target| {
                let targets = &targets;
                async move {
                    // What it came to, the runtime has heard.
                    if let Err(failure) = targets.probe(target).await {
                        tracing::debug!(%target, %failure, "a target is not reached");
                    }
                }
            })
            .await;
    }
}
