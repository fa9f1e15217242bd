//! Objects in cold storage: asked for once, readable hours later.

use capstan_domain::Outcome;
use capstan_domain::ports::GetOptions;

use super::Inner;
use crate::item::Item;

/// How long the readable copy stays, days; a task that waits for it looks every few minutes.
const DAYS: u32 = 7;

/// True: it was cold, and is on its way.
pub(super) async fn recall(inner: &Inner, item: &Item, attempt: &str) -> Outcome<bool> {
    let key = inner.keys.of_item(item)?;
    let object = inner.asked(|| inner.objects.head(&inner.bucket, &key, GetOptions::default())).await?;
    match object.extras.iter().find(|(name, _)| name == "archive-state").map(|(_, state)| state.as_str()) {
        Some("archived") => {
            inner.asked(|| inner.objects.restore(&inner.bucket, &key, DAYS, attempt, Vec::new())).await?;
            Ok(true)
        }
        // It may have come between the read that failed and this look.
        Some("restoring" | "restored") => Ok(true),
        _ => Ok(false),
    }
}
