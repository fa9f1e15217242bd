//! The states of a task, what may follow what, and when a task may begin.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskState {
    Pending,
    Started,
    Success,
    /// The task as a whole broke down.
    Failure,
    /// Some of its paths did not succeed; those that did go on down the chain.
    Error,
    /// There was nothing to do.
    Skipped,
    /// A predecessor failed, or the job was cancelled.
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskEvent {
    /// A worker took it up.
    Claimed,
    /// Its worker is gone or does not answer; somebody else takes it up.
    Lost,
    Succeeded,
    Failed,
    Erred,
    /// There is, or was, nothing to do.
    Emptied,
    Cancelled,
    /// Its job is run again.
    Reset,
}

/// Something happened to a job or a task that cannot happen in its state: a fault of who says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot happen in state {state}")]
pub struct IllegalEvent {
    pub state: &'static str,
    pub event: String,
}

impl TaskState {
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::Started, Self::Success, Self::Failure, Self::Error, Self::Skipped, Self::Cancelled];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Started => "STARTED",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Error => "ERROR",
            Self::Skipped => "SKIPPED",
            Self::Cancelled => "CANCELLED",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Started)
    }

    /// # Errors
    /// An event that cannot happen in this state.
    pub fn after(self, event: TaskEvent) -> Result<Self, IllegalEvent> {
        match (self, event) {
            (Self::Pending, TaskEvent::Claimed) => Ok(Self::Started),
            (Self::Started, TaskEvent::Lost) => Ok(Self::Pending),
            (Self::Started, TaskEvent::Succeeded) => Ok(Self::Success),
            (Self::Started, TaskEvent::Failed) => Ok(Self::Failure),
            (Self::Started, TaskEvent::Erred) => Ok(Self::Error),
            (Self::Pending | Self::Started, TaskEvent::Emptied) => Ok(Self::Skipped),
            (Self::Pending | Self::Started, TaskEvent::Cancelled) => Ok(Self::Cancelled),
            (state, TaskEvent::Reset) if state.is_final() => Ok(Self::Pending),
            (state, event) => Err(IllegalEvent { state: state.name(), event: format!("{event:?}") }),
        }
    }
}

/// What a waiting task may do, going by its predecessors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Wait,
    /// With the paths that its predecessors handed on.
    Run,
    /// They left it nothing.
    Skip,
    /// One failed, was cancelled, or lost every path.
    Cancel,
}

/// `predecessors`: the state of each, and how many paths it handed on. A task without any brings its own paths.
pub fn readiness(predecessors: &[(TaskState, usize)]) -> Readiness {
    if predecessors.iter().any(|(state, _)| matches!(state, TaskState::Failure | TaskState::Cancelled)) {
        return Readiness::Cancel;
    }
    if predecessors.iter().any(|(state, _)| !state.is_final()) {
        return Readiness::Wait;
    }
    match predecessors.iter().map(|(_, paths)| paths).sum::<usize>() {
        0 if predecessors.iter().any(|(state, _)| *state == TaskState::Error) => Readiness::Cancel,
        0 if !predecessors.is_empty() => Readiness::Skip,
        _ => Readiness::Run,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TaskState::{Cancelled, Error, Failure, Pending, Skipped, Started, Success};

    #[test]
    fn every_event_in_every_state_leads_where_it_says() {
        let events = [
            TaskEvent::Claimed,
            TaskEvent::Lost,
            TaskEvent::Succeeded,
            TaskEvent::Failed,
            TaskEvent::Erred,
            TaskEvent::Emptied,
            TaskEvent::Cancelled,
            TaskEvent::Reset,
        ];
        for state in TaskState::ALL {
            let expected = match state {
                Pending => [Some(Started), None, None, None, None, Some(Skipped), Some(Cancelled), None],
                Started => [None, Some(Pending), Some(Success), Some(Failure), Some(Error), Some(Skipped), Some(Cancelled), None],
                _ => [None, None, None, None, None, None, None, Some(Pending)],
            };
            assert_eq!(events.map(|event| state.after(event).ok()), expected, "{state:?}");
        }
    }

    #[test]
    fn a_task_waits_for_all_its_predecessors() {
        assert_eq!(readiness(&[]), Readiness::Run);
        assert_eq!(readiness(&[(Success, 3)]), Readiness::Run);
        assert_eq!(readiness(&[(Success, 3), (Started, 0)]), Readiness::Wait);
        assert_eq!(readiness(&[(Success, 3), (Pending, 0)]), Readiness::Wait);
    }

    #[test]
    fn what_succeeded_goes_on_though_the_task_erred() {
        assert_eq!(readiness(&[(Error, 1)]), Readiness::Run);
        assert_eq!(readiness(&[(Error, 0)]), Readiness::Cancel);
    }

    #[test]
    fn a_task_without_work_is_skipped_and_one_after_a_failure_cancelled() {
        assert_eq!(readiness(&[(Success, 0)]), Readiness::Skip);
        assert_eq!(readiness(&[(Skipped, 0)]), Readiness::Skip);
        assert_eq!(readiness(&[(Failure, 0), (Started, 0)]), Readiness::Cancel);
        assert_eq!(readiness(&[(Cancelled, 0)]), Readiness::Cancel);
    }

    #[test]
    fn names_go_both_ways() {
        for state in TaskState::ALL {
            assert_eq!(TaskState::named(state.name()), Some(state));
        }
    }
}
