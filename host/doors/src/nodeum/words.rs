//! Enumerations of the dialect and the words of the host for them, each pair once.

use capstan_api_nodeum::{Moment, PoolContent, PoolKind, RequestedAction, TaskStatus, Unit, WorkflowAction, WorkflowType};
use capstan_domain::job::{JobState, Request};
use capstan_domain::pool::{PeriodUnit, PoolRole};
use capstan_domain::{pool, time};

/// Two functions from one table, so that no direction forgets a case.
macro_rules! pairs {
    ($($there:ident, $back:ident: $ours:ty = $theirs:ty { $($our:ident = $their:ident),* $(,)? })*) => {$(
        pub(super) fn $there(value: $ours) -> $theirs {
            match value { $(<$ours>::$our => <$theirs>::$their),* }
        }

        pub(super) fn $back(value: $theirs) -> $ours {
            match value { $(<$theirs>::$their => <$ours>::$our),* }
        }
    )*};
}

pairs! {
    pool_kind, pool_role: PoolRole = PoolKind {
        Primary = Primary,
        ActiveArchive = ActiveArchive,
        OfflineArchive = OfflineArchive,
        DataExchange = DataExchange,
        DataEnrichment = DataEnrichment,
        Scratch = Scratch,
    }
    pool_content, content: pool::PoolContent = PoolContent { Tape = Tape, Cloud = Cloud, Nas = Nas }
    unit, period_unit: PeriodUnit = Unit {
        Minutes = Minutes,
        Hours = Hours,
        Days = Days,
        Weeks = Weeks,
        Months = Months,
        Years = Years,
    }
}

pub(super) fn status(state: JobState) -> TaskStatus {
    match state {
        JobState::NotActivated => TaskStatus::NotActivated,
        JobState::Queued => TaskStatus::InQueue,
        JobState::Calculating => TaskStatus::Calculating,
        JobState::Running => TaskStatus::InProgress,
        JobState::Paused => TaskStatus::Paused,
        JobState::Done => TaskStatus::Done,
        JobState::DoneWithWarnings => TaskStatus::FinishedWithWarnings,
        JobState::Failed => TaskStatus::Error,
        JobState::StoppedByUser => TaskStatus::StoppedByUser,
        JobState::StoppedBySystem => TaskStatus::StoppedBySystem,
    }
}

/// The dialect's words for states, and the catalogue's.
pub(super) const STATUS_WORDS: &[(&str, &str)] =
    &[("in_queue", "queued"), ("in_progress", "running"), ("finished_with_warnings", "done_with_warnings"), ("error", "failed")];

pub(super) fn requested(request: Option<Request>) -> RequestedAction {
    match request {
        None => RequestedAction::Noop,
        Some(Request::Pause) => RequestedAction::Pause,
        Some(Request::Resume) => RequestedAction::Resume,
        Some(Request::Stop) => RequestedAction::Stop,
    }
}

/// The word that is stored for a value of the dialect: the one it has on the wire.
pub(super) fn word<T: serde::Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The value that a stored word stands for; none where another door wrote a word that this dialect does not have.
pub(super) fn value<T: serde::de::DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::from(word)).ok()
}

pub(super) fn workflow_type(word: &str) -> WorkflowType {
    value(word).unwrap_or(WorkflowType::DataMigration)
}

pub(super) fn workflow_action(word: &str) -> WorkflowAction {
    value(word).unwrap_or(WorkflowAction::Copy)
}

pub(super) fn moment(at: time::Timestamp) -> Moment {
    Moment(at.0)
}

/// Counts are integers of 64 bits with a sign on the wire.
pub(super) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
