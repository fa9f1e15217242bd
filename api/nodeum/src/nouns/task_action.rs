//! Run, pause, resume and stop. The job of an action is done when the task has taken the request; how the work goes is the task's
//! status, not the job's.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::State;
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};

use super::active_job::{self, ActiveJob, AskedJob};
use super::{At, Who};
use crate::answer::{Accepted, Answer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskAction {
    Run,
    Pause,
    Resume,
    Stop,
}

#[async_trait]
pub trait TaskActions: Send + Sync + 'static {
    async fn request(&self, caller: &Caller, task: &Reference, action: TaskAction) -> Answer<ActiveJob>;
    /// Whether the request was taken.
    async fn result(&self, caller: &Caller, task: &Reference, action: TaskAction, job: &str) -> Answer<ActiveJob>;
}

type Shared = State<Arc<dyn TaskActions>>;

/// Action, path, and the ids of its PUT and GET.
const ACTIONS: [(TaskAction, &str, &str, &str); 4] = [
    (TaskAction::Run, "/tasks/{task_id}/action/run", "run_task", "run_task_result"),
    (TaskAction::Pause, "/tasks/{task_id}/action/pause", "pause_task", "pause_task_result"),
    (TaskAction::Resume, "/tasks/{task_id}/action/resume", "resume_task", "resume_task_result"),
    (TaskAction::Stop, "/tasks/{task_id}/action/stop", "stop_task", "stop_task_result"),
];

pub(crate) fn routes(actions: Arc<dyn TaskActions>) -> Routes {
    let mut routes = Routes::new();
    for (action, path, put, get) in ACTIONS {
        let scope = Access::Scope("tasks", "action");
        routes = routes
            .on(
                Operation::put(path, put, scope)
                    .summary("Asks the task for this.")
                    .answers::<ActiveJob>(202, "The request, to be asked about with GET."),
                move |shared: Shared, who: Who, at: At<Reference>| request(shared, who, at, action),
            )
            .on(
                active_job::documented(Operation::get(path, get, scope))
                    .summary("Tells whether the task has taken the request.")
                    .answers::<ActiveJob>(200, "It has."),
                move |shared: Shared, who: Who, at: At<Reference>, query: AskedJob| result(shared, who, at, query, action),
            );
    }
    routes.with_state(actions)
}

async fn request(
    State(actions): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    action: TaskAction,
) -> Answer<Accepted<ActiveJob>> {
    actions.request(&caller, &at.0, action).await.map(Accepted)
}

async fn result(
    State(actions): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    query: AskedJob,
    action: TaskAction,
) -> Answer<ActiveJob> {
    actions.result(&caller, &at.0, action, &active_job::asked(query)?).await
}
