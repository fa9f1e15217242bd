//! Enumerations of the dialect and the words of the host for them, and small things that all nouns show alike.

use capstan_api_hub::{FileKind, FileStatus, JobState, Moment, PathState, TaskState};
use capstan_domain::entry::EntryKind;
use capstan_domain::file_state::FileState;
use capstan_domain::time::Timestamp;
use capstan_domain::workflow;
use capstan_domain::workflow::{JobPathState, PathResult};

pub(super) fn moment(at: Timestamp) -> Moment {
    Moment(at.0)
}

/// Seconds from a start to an end, or to now.
pub(super) fn runtime(started: Option<Timestamp>, ended: Option<Timestamp>) -> Option<f64> {
    let nanoseconds = ended.unwrap_or_else(Timestamp::now).0.saturating_sub(started?.0).max(0);
    // Microseconds are exact in a double for centuries.
    Some(std::time::Duration::from_nanos(nanoseconds.unsigned_abs()).as_secs_f64())
}

pub(super) fn job_state(state: workflow::JobState) -> JobState {
    match state {
        workflow::JobState::Pending => JobState::Pending,
        workflow::JobState::Started => JobState::Started,
        workflow::JobState::Success => JobState::Success,
        workflow::JobState::Failure => JobState::Failure,
        workflow::JobState::Pausing => JobState::Pausing,
        workflow::JobState::Paused => JobState::Paused,
        workflow::JobState::Cancelled => JobState::Cancelled,
        workflow::JobState::Dequeuing => JobState::Dequeuing,
    }
}

/// None: no job is ever in it.
pub(super) fn state_of_job(state: JobState) -> Option<workflow::JobState> {
    match state {
        JobState::New | JobState::Error | JobState::Skipped => None,
        JobState::Pending => Some(workflow::JobState::Pending),
        JobState::Started => Some(workflow::JobState::Started),
        JobState::Success => Some(workflow::JobState::Success),
        JobState::Failure => Some(workflow::JobState::Failure),
        JobState::Pausing => Some(workflow::JobState::Pausing),
        JobState::Paused => Some(workflow::JobState::Paused),
        JobState::Cancelled => Some(workflow::JobState::Cancelled),
        JobState::Dequeuing => Some(workflow::JobState::Dequeuing),
    }
}

pub(super) fn task_state(state: workflow::TaskState) -> TaskState {
    match state {
        workflow::TaskState::Pending => TaskState::Pending,
        workflow::TaskState::Started => TaskState::Started,
        workflow::TaskState::Success => TaskState::Success,
        workflow::TaskState::Failure => TaskState::Failure,
        workflow::TaskState::Error => TaskState::Error,
        workflow::TaskState::Skipped => TaskState::Skipped,
        workflow::TaskState::Cancelled => TaskState::Cancelled,
    }
}

pub(super) fn state_of_task(state: TaskState) -> workflow::TaskState {
    match state {
        TaskState::Pending => workflow::TaskState::Pending,
        TaskState::Started => workflow::TaskState::Started,
        TaskState::Success => workflow::TaskState::Success,
        TaskState::Failure => workflow::TaskState::Failure,
        TaskState::Error => workflow::TaskState::Error,
        TaskState::Skipped => workflow::TaskState::Skipped,
        TaskState::Cancelled => workflow::TaskState::Cancelled,
    }
}

/// What became of a path, over all tasks of its job.
pub(super) fn path_state(state: JobPathState) -> PathState {
    match state {
        JobPathState::Pending => PathState::Pending,
        JobPathState::Processed => PathState::Processed,
        JobPathState::Skipped => PathState::Skipped,
        JobPathState::Aborted | JobPathState::Cancelled => PathState::Aborted,
        JobPathState::Failed => PathState::Failed,
    }
}

/// The words of the catalogue for it.
pub(super) fn words_of_path(state: PathState) -> &'static [&'static str] {
    match state {
        PathState::Pending => &["pending"],
        PathState::Processed => &["processed"],
        PathState::Skipped => &["skipped"],
        PathState::Aborted => &["aborted", "cancelled"],
        PathState::Failed => &["failed"],
    }
}

/// What one task made of a path.
pub(super) fn path_result(result: Option<PathResult>) -> PathState {
    match result {
        None => PathState::Pending,
        Some(PathResult::Processed) => PathState::Processed,
        Some(PathResult::Skipped) => PathState::Skipped,
        Some(PathResult::Aborted) => PathState::Aborted,
        Some(PathResult::Failed) => PathState::Failed,
    }
}

/// All of the catalogue's words for what tasks made of paths: none of them is pending.
pub(super) const RESULTS: [&str; 4] = ["processed", "skipped", "aborted", "failed"];

pub(super) fn file_kind(kind: EntryKind) -> FileKind {
    match kind {
        EntryKind::File => FileKind::File,
        EntryKind::Folder => FileKind::Directory,
        EntryKind::Link => FileKind::Symlink,
    }
}

pub(super) fn entry_kind(kind: FileKind) -> EntryKind {
    match kind {
        FileKind::File => EntryKind::File,
        FileKind::Directory => EntryKind::Folder,
        FileKind::Symlink => EntryKind::Link,
    }
}

/// The catalogue's word for a kind.
pub(super) fn word_of_kind(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "file",
        FileKind::Directory => "folder",
        FileKind::Symlink => "link",
    }
}

/// A stub that is being filled is a stub until it is whole.
pub(super) fn file_status(state: FileState) -> FileStatus {
    match state {
        FileState::Resident => FileStatus::Normal,
        FileState::Premigrated => FileStatus::Premigrated,
        FileState::Migrated | FileState::Recalling => FileStatus::Migrated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_go_there_and_back() {
        for state in workflow::JobState::ALL {
            assert_eq!(state_of_job(job_state(state)), Some(state));
        }
        for state in workflow::TaskState::ALL {
            assert_eq!(state_of_task(task_state(state)), state);
        }
    }

    #[test]
    fn a_runtime_is_seconds_and_never_negative() {
        assert_eq!(runtime(Some(Timestamp(0)), Some(Timestamp(1_500_000_000))), Some(1.5));
        assert_eq!(runtime(Some(Timestamp(5)), Some(Timestamp(0))), Some(0.0));
        assert_eq!(runtime(None, Some(Timestamp(0))), None);
    }
}
