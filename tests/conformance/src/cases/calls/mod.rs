//! Calls of any store: made twice, made at once, cut off, cancelled.

mod attempts;
mod cancelled;
mod checksums;
mod crowd;
mod deadline;
mod failures;

use crate::case::Case;

pub fn all() -> Vec<Case> {
    [attempts::all(), checksums::all(), crowd::all(), cancelled::all(), deadline::all(), failures::all()]
        .into_iter()
        .flatten()
        .collect()
}
