//! Jobs: work that outlives its request, such as a clone. They are shown for some days after they ended.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::State;
use capstan_api_http::{Access, Caller, Operation, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{At, Who};
use crate::answer::{Answer, Listed, Page, Shown, shown};
use crate::listing::{By, Fields, Listing, listed};
use crate::moment::Moment;

/// The operation of a job that fills one drive from another.
pub const OPERATION_DRIVE_CLONE: &str = "drive_clone";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = job_state)]
pub enum JobState {
    Started,
    Success,
    /// The published API has no word for it.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = job_data)]
pub struct JobData {
    /// Of a hundred.
    pub progress: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = job)]
pub struct Job {
    #[schema(value_type = String)]
    pub uuid: Uuid,
    /// `Noun::Jobs.uri(uuid)`.
    pub resource_uri: String,
    pub operation: String,
    pub state: JobState,
    pub data: JobData,
    /// URIs of what it works on; of a clone the source and the outcome.
    pub resources: Vec<String>,
    /// URIs of jobs that are parts of it.
    pub children: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created: Moment,
    #[schema(value_type = String, format = DateTime)]
    pub last_modified: Moment,
}

#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// Jobs on drives that the caller may see.
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<Job>>;
    async fn show(&self, caller: &Caller, job: Uuid) -> Answer<Job>;
}

const FILTERS: &[By] = &[By::State, By::Uuid];

type Shared = State<Arc<dyn Jobs>>;

pub(crate) fn routes(jobs: Arc<dyn Jobs>) -> Routes {
    let scope = |verb| Access::Scope("drives", verb);
    Routes::new()
        .on(
            listed(Operation::get("/jobs/", "list_drive_jobs", scope("index")), FILTERS)
                .summary("Lists jobs.")
                .answers::<Listed<Job>>(200, "Jobs."),
            list,
        )
        .on(
            Operation::get("/jobs/{uuid}/", "show_drive_job", scope("show"))
                .summary("Shows a job.")
                .answers::<Job>(200, "The job."),
            show,
        )
        .with_state(jobs)
}

async fn list(State(jobs): Shared, Extension(caller): Who, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    let listing = Listing::of(&uri, FILTERS, Fields::All)?;
    let page = jobs.list(&caller, listing.clone()).await?;
    Ok(shown(listing.show(&page)))
}

async fn show(State(jobs): Shared, Extension(caller): Who, at: At) -> Answer<Shown<Job>> {
    jobs.show(&caller, at.0).await.map(shown)
}
