//! Run, pause, resume and stop.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{ActiveJob, ActiveJobState, Answer, TaskAction, TaskActions};
use capstan_domain::job::{JobState, Request};

use super::failures::error;
use super::{Door, jobs};

fn request(action: TaskAction) -> Option<Request> {
    match action {
        TaskAction::Run => None,
        TaskAction::Pause => Some(Request::Pause),
        TaskAction::Resume => Some(Request::Resume),
        TaskAction::Stop => Some(Request::Stop),
    }
}

#[async_trait]
impl TaskActions for Door {
    async fn request(&self, caller: &Caller, at: &Reference, action: TaskAction) -> Answer<ActiveJob> {
        let caller = self.caller(caller)?;
        let task = self.task(at).await?;
        let job = match request(action) {
            None => self.app.jobs.run_definition(&caller, task.id).await,
            Some(request) => self.app.jobs.request(&caller, task.id, request).await,
        };
        job.map(|job| jobs::request(&job, ActiveJobState::Queued)).map_err(error)
    }

    async fn result(&self, _: &Caller, at: &Reference, action: TaskAction, job: &str) -> Answer<ActiveJob> {
        let task = self.task(at).await?;
        let job = self.job(job, |job| job.definition == Some(task.id)).await?;
        let taken = match request(action) {
            None => job.state != JobState::Queued,
            Some(request) => job.requested != Some(request) || job.state.is_final(),
        };
        Ok(jobs::request(&job, if taken { ActiveJobState::Completed } else { ActiveJobState::Queued }))
    }
}
