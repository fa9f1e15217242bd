//! The states of a job and what may follow what.
//!
//! A request of a user that does not fit the state has no effect; an event of the engine that does not is a fault of the engine.

use serde::{Deserialize, Serialize};

use super::task_state::{IllegalEvent, TaskState};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobState {
    /// Recorded; nothing of it runs yet.
    Pending,
    Started,
    Success,
    /// Some task failed, or a path of one did.
    Failure,
    /// Waits for running tasks to end; starts no more.
    Pausing,
    Paused,
    Cancelled,
    /// To be cancelled as soon as running tasks have ended.
    Dequeuing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobEvent {
    /// A task, or the discovery, began.
    Started,
    /// No task runs any more, though some may wait.
    Idle,
    /// Discovery and all tasks have ended; the state they amount to is `JobState::of_tasks`.
    Ended {
        failed: bool,
    },
    Pause,
    Resume,
    Cancel,
    /// Run the whole again.
    Resubmit,
}

impl JobState {
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Started,
        Self::Success,
        Self::Failure,
        Self::Pausing,
        Self::Paused,
        Self::Cancelled,
        Self::Dequeuing,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Started => "STARTED",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Pausing => "PAUSING",
            Self::Paused => "PAUSED",
            Self::Cancelled => "CANCELLED",
            Self::Dequeuing => "DEQUEUING",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Cancelled)
    }

    /// What jobs of all kinds call it.
    pub fn of_any_job(self) -> crate::job::JobState {
        use crate::job::JobState as Any;
        match self {
            Self::Pending => Any::Queued,
            Self::Started | Self::Pausing | Self::Dequeuing => Any::Running,
            Self::Success => Any::Done,
            Self::Failure => Any::Failed,
            Self::Paused => Any::Paused,
            Self::Cancelled => Any::StoppedByUser,
        }
    }

    /// Tasks may begin.
    pub fn takes_up_tasks(self) -> bool {
        matches!(self, Self::Pending | Self::Started)
    }

    /// # Errors
    /// An event of the engine that cannot happen in this state.
    pub fn after(self, event: JobEvent) -> Result<Self, IllegalEvent> {
        use JobEvent::{Cancel, Ended, Idle, Pause, Resubmit, Resume, Started};
        let illegal = || Err(IllegalEvent { state: self.name(), event: format!("{event:?}") });
        match (self, event) {
            (Self::Pending | Self::Started, Started) => Ok(Self::Started),
            // A task that was claimed before the request, and says so only now.
            (Self::Pausing | Self::Dequeuing, Started) => Ok(self),
            (Self::Success | Self::Failure | Self::Paused | Self::Cancelled, Started) => illegal(),

            (Self::Pausing, Idle) => Ok(Self::Paused),
            (Self::Dequeuing, Idle) => Ok(Self::Cancelled),
            (_, Idle) => Ok(self),

            (Self::Pending | Self::Started | Self::Pausing, Ended { failed }) => {
                Ok(if failed { Self::Failure } else { Self::Success })
            }
            (Self::Dequeuing, Ended { .. }) => Ok(Self::Cancelled),
            (Self::Success | Self::Failure | Self::Paused | Self::Cancelled, Ended { .. }) => illegal(),

            (Self::Pending, Pause) => Ok(Self::Paused),
            (Self::Started, Pause) => Ok(Self::Pausing),
            (_, Pause) => Ok(self),

            (Self::Pausing | Self::Paused, Resume) => Ok(Self::Started),
            (_, Resume) => Ok(self),

            (Self::Pending | Self::Started | Self::Pausing | Self::Paused, Cancel) => Ok(Self::Dequeuing),
            (_, Cancel) => Ok(self),

            (Self::Success | Self::Failure | Self::Cancelled, Resubmit) => Ok(Self::Pending),
            (_, Resubmit) => Ok(self),
        }
    }

    /// Whether tasks that have all ended make the job a failure: any that did not do all of its work does, so that no job ends well
    /// with a path left out.
    pub fn of_tasks(tasks: impl IntoIterator<Item = TaskState>) -> JobEvent {
        let well = |state: TaskState| matches!(state, TaskState::Success | TaskState::Skipped);
        JobEvent::Ended { failed: !tasks.into_iter().all(well) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state against every event; a dash: illegal.
    #[test]
    fn every_event_in_every_state_leads_where_it_says() {
        let events = [
            JobEvent::Started,
            JobEvent::Idle,
            JobEvent::Ended { failed: false },
            JobEvent::Ended { failed: true },
            JobEvent::Pause,
            JobEvent::Resume,
            JobEvent::Cancel,
            JobEvent::Resubmit,
        ];
        // Started, Idle, Ended well, Ended failed, Pause, Resume, Cancel, Resubmit.
        let table = [
            "Pending: Started Pending Success Failure Paused Pending Dequeuing Pending",
            "Started: Started Started Success Failure Pausing Started Dequeuing Started",
            "Success: - Success - - Success Success Success Pending",
            "Failure: - Failure - - Failure Failure Failure Pending",
            "Pausing: Pausing Paused Success Failure Pausing Started Dequeuing Pausing",
            "Paused: - Paused - - Paused Started Dequeuing Paused",
            "Cancelled: - Cancelled - - Cancelled Cancelled Cancelled Pending",
            "Dequeuing: Dequeuing Cancelled Cancelled Cancelled Dequeuing Dequeuing Dequeuing Dequeuing",
        ];
        for (state, expected) in JobState::ALL.into_iter().zip(table) {
            let led = events.map(|event| state.after(event).map_or("-".to_owned(), |after| format!("{after:?}")));
            assert_eq!(format!("{state:?}: {}", led.join(" ")), expected);
        }
    }

    #[test]
    fn a_user_can_do_nothing_that_the_engine_takes_for_a_fault() {
        for state in JobState::ALL {
            for request in [JobEvent::Pause, JobEvent::Resume, JobEvent::Cancel, JobEvent::Resubmit] {
                assert!(state.after(request).is_ok(), "{state:?} {request:?}");
            }
        }
    }

    #[test]
    fn a_job_is_a_failure_if_any_task_is_less_than_a_success() {
        for state in TaskState::ALL {
            let failed = !matches!(state, TaskState::Success | TaskState::Skipped);
            assert_eq!(JobState::of_tasks([TaskState::Success, state]), JobEvent::Ended { failed }, "{state:?}");
        }
        assert_eq!(JobState::of_tasks([]), JobEvent::Ended { failed: false });
    }

    #[test]
    fn names_go_both_ways() {
        for state in JobState::ALL {
            assert_eq!(JobState::named(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
