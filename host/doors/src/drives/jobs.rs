//! Jobs: the work on drives, as long as the host keeps a record of it.

use std::collections::HashMap;

use async_trait::async_trait;
use capstan_api_drives::{Answer, Job, JobData, JobState, Jobs, Listing, Moment, Noun, OPERATION_DRIVE_CLONE, Page};
use capstan_api_http::Caller;
use capstan_domain::drive::{DriveChange, DriveRole};
use capstan_domain::ids::{JobId, Uuid};
use capstan_domain::job::{self as record, Progress, Work};

use super::Door;
use super::failures::{error, missing};
use super::listing::window;

/// The host's states behind a state of this dialect; none for a word that is none.
pub(super) fn states(word: &str) -> &'static [&'static str] {
    match word {
        "started" => &["not_activated", "queued", "calculating", "running", "paused"],
        "success" => &["done", "done_with_warnings"],
        "failed" => &["failed", "stopped_by_user", "stopped_by_system"],
        _ => &[],
    }
}

fn state(state: record::JobState) -> JobState {
    match state {
        record::JobState::NotActivated
        | record::JobState::Queued
        | record::JobState::Calculating
        | record::JobState::Running
        | record::JobState::Paused => JobState::Started,
        record::JobState::Done | record::JobState::DoneWithWarnings => JobState::Success,
        record::JobState::Failed | record::JobState::StoppedByUser | record::JobState::StoppedBySystem => JobState::Failed,
    }
}

fn operation(work: &Work) -> &'static str {
    let Work::Drive { change, .. } = work else { return "other" };
    match change {
        DriveChange::Create => "drive_create",
        DriveChange::Clone { .. } => OPERATION_DRIVE_CLONE,
        DriveChange::Resize { .. } => "drive_resize",
        DriveChange::Delete => "drive_delete",
        DriveChange::TakeSnapshot { .. } => "snapshot_create",
        DriveChange::RestoreSnapshot { .. } => "snapshot_restore",
        DriveChange::DeleteSnapshot { .. } => "snapshot_delete",
    }
}

/// Of a hundred. What has no bytes to tell of is done when it has ended.
fn progress(state: JobState, of: &Progress) -> u8 {
    if state == JobState::Success {
        return 100;
    }
    let done = u128::from(of.bytes_finalized) * 100;
    let part = done.checked_div(u128::from(of.bytes_to_process)).unwrap_or(0);
    u8::try_from(part.min(100)).unwrap_or(100)
}

fn job(of: &record::Job, resources: Vec<String>) -> Job {
    let state = state(of.state);
    Job {
        uuid: of.id.0,
        resource_uri: Noun::Jobs.uri(of.id.0),
        operation: operation(&of.work).to_owned(),
        state,
        data: JobData { progress: progress(state, &of.progress) },
        resources,
        children: Vec::new(),
        created: Moment(of.created.0),
        last_modified: Moment(of.finished.or(of.started).unwrap_or(of.created).0),
    }
}

impl Door {
    /// What is read stands before what is made of it.
    async fn shown_jobs(&self, jobs: &[record::Job]) -> Answer<Vec<Job>> {
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let mut parts = self.app.drives.drives_of_jobs(&ids).await.map_err(error)?;
        parts.sort_by_key(|part| part.role == DriveRole::Subject);
        let mut resources: HashMap<JobId, Vec<String>> = HashMap::new();
        for part in parts {
            resources.entry(part.job).or_default().push(Noun::Drives.uri(part.drive.0));
        }
        Ok(jobs.iter().map(|of| job(of, resources.remove(&of.id).unwrap_or_default())).collect())
    }
}

#[async_trait]
impl Jobs for Door {
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<Job>> {
        let caller = self.caller(caller)?;
        let page = window(&listing, |asked| self.app.drives.jobs(&caller, asked)).await?;
        Ok(Page { total_count: page.count, items: self.shown_jobs(&page.items).await? })
    }

    async fn show(&self, caller: &Caller, job: Uuid) -> Answer<Job> {
        let found = self.app.drives.job(&self.caller(caller)?, JobId(job)).await.map_err(missing("job", job))?;
        let shown = self.shown_jobs(std::slice::from_ref(&found)).await?;
        shown.into_iter().next().ok_or_else(|| capstan_api_drives::Error::not_found("job", job))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_what_was_proved_and_whole_only_at_the_end() {
        let half = Progress { bytes_to_process: u64::MAX, bytes_finalized: u64::MAX / 2, ..Progress::default() };
        assert_eq!(progress(JobState::Started, &half), 49);
        assert_eq!(progress(JobState::Failed, &half), 49);
        assert_eq!(progress(JobState::Success, &half), 100);
        assert_eq!(progress(JobState::Started, &Progress::default()), 0);
        assert_eq!(progress(JobState::Started, &Progress { bytes_finalized: 7, bytes_to_process: 5, ..half }), 100);
    }

    #[test]
    fn every_state_of_the_host_is_found_by_the_word_that_it_is_shown_with() {
        for (state_of_host, word) in [
            (record::JobState::NotActivated, "started"),
            (record::JobState::Queued, "started"),
            (record::JobState::Calculating, "started"),
            (record::JobState::Running, "started"),
            (record::JobState::Paused, "started"),
            (record::JobState::Done, "success"),
            (record::JobState::DoneWithWarnings, "success"),
            (record::JobState::Failed, "failed"),
            (record::JobState::StoppedByUser, "failed"),
            (record::JobState::StoppedBySystem, "failed"),
        ] {
            assert_eq!(serde_json::to_value(state(state_of_host)).unwrap(), word);
            let ours = serde_json::to_value(state_of_host).unwrap();
            assert!(states(word).iter().any(|state| ours == *state), "{ours}");
        }
        assert!(states("").is_empty());
    }
}
