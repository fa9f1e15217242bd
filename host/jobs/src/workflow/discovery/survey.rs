//! A first pass over what changed: which rounds it takes, and whether so much may be gone (D12).

use capstan_domain::{Failure, Kind, Outcome};
use capstan_workflows::snapdiff::Difference;

use super::Discovering;
use super::look::{Pass, Read};
use super::rounds::{Needs, Round};
use crate::workflow::limits::WorkflowLimits;

/// The rounds of a run. `Conflict` "deletion-guard".
pub(super) async fn survey(discovering: &Discovering<'_>, mut pass: Pass) -> Outcome<Vec<Round>> {
    let mut needs = Needs::default();
    let mut gone = 0_u64;
    while let Some(report) = pass.next().await? {
        discovering.go_on()?;
        for difference in &report {
            needs.add(difference);
            gone += u64::from(matches!(difference, Difference::Deleted(_)));
        }
    }
    guard(&discovering.engine.limits, gone, &pass.read)?;
    Ok(needs.rounds())
}

/// What is gone from the tree is inferred, not said: an unmounted disk looks like a tree of which all was deleted.
fn guard(limits: &WorkflowLimits, gone: u64, read: &Read) -> Outcome<()> {
    let share = gone.saturating_mul(100) > read.of_old().saturating_mul(limits.guard_percent) && gone > limits.guard_floor;
    let empty = read.of_new() == 0;
    if gone == 0 || !(empty || share || gone > limits.guard_entries) {
        return Ok(());
    }
    let why = if empty { "the folder is empty" } else { "that is more than may be inferred" };
    let message = format!("{gone} of {} known paths are gone, and nothing was done: {why}", read.of_old());
    Err(Failure::new(Kind::Conflict, message).with_code("deletion-guard").with_next_step(
        "make sure that the space is mounted and whole; if the paths are really gone, raise the guard for one run",
    ))
}
