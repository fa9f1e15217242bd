//! What was deleted while work on it was under way goes when that has ended.

use std::time::Duration;

use crate::buckets::Buckets;
use crate::spaces::Spaces;

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(5);

pub(crate) async fn watch(buckets: Buckets, spaces: Spaces) {
    loop {
        for (what, drained) in [("buckets", buckets.drain().await), ("spaces", spaces.drain().await)] {
            if let Err(failure) = drained {
                tracing::warn!(what, %failure, detail = failure.detail, "what is being deleted cannot be looked at");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
