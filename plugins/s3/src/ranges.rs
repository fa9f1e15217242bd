//! Whether the service answers ranges. Some (rclone's among them) answer every GET with the whole object.
//!
//! It shows when the first range is asked for. The host then reads whole objects in one stream; the probe tells it to the administrator.

use std::cell::Cell;

use capstan_sdk::state;

/// Where it is remembered; absent: nothing else was seen yet.
const STATE_KEY: &str = "ranges";
const NONE: &[u8] = b"none";

thread_local! {
    /// What this instance saw and remembered last.
    static SEEN: Cell<Option<bool>> = const { Cell::new(None) };
}

/// A range was asked for, and answered or not. Remembered when it is news.
pub(crate) async fn seen(answered: bool) {
    if SEEN.replace(Some(answered)) == Some(answered) {
        return;
    }
    let kept = match (answered, are_none().await) {
        (false, false) => state::set(STATE_KEY.to_owned(), NONE.to_vec(), None).await.map(drop),
        (true, true) => state::remove(STATE_KEY.to_owned(), None).await,
        _ => return,
    };
    if let Err(failure) = kept {
        capstan_sdk::log!(warn, "what was seen of ranges could not be kept", "why" => failure.fault().message);
    }
}

/// Whether the service was seen to answer a range with everything.
pub(crate) async fn are_none() -> bool {
    matches!(state::get(STATE_KEY.to_owned()).await, Ok(Some(value)) if value.data == NONE)
}
