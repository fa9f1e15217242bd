//! Job stats: what became of the paths of jobs.

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub as api;
use capstan_api_hub::{Answer, JobStat, JobStatFilter, JobStatStep, JobStats, Link, Page, Window};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::workflow::JobPath;

use super::Door;
use super::failures::{error, missing};
use super::jobs::one_of;
use super::listing::window;
use super::tasks::task_type;
use super::words::{moment, path_result, path_state, words_of_path};

/// Tasks that one path went through, at most.
const STEPS_MAX: u32 = 1_000;

fn stat(path: JobPath, history: Option<Vec<JobStatStep>>) -> JobStat {
    JobStat {
        id: path.number,
        url: Link::to(api::Noun::JobStat, path.number),
        job: path.job,
        task: path.task,
        path: path.path,
        state: path_state(path.state),
        code: path.code,
        message: path.message,
        history,
    }
}

impl Door {
    async fn steps(&self, path: i64) -> Answer<Vec<JobStatStep>> {
        let steps = self.app.workflow_jobs.history(path, STEPS_MAX).await.map_err(error)?;
        let step = |(task, record): (capstan_domain::workflow::Task, capstan_domain::workflow::TaskPathRecord)| JobStatStep {
            task: task.number,
            tasktype: task_type(&task.kind),
            state: path_result(record.result),
            code: record.code,
            message: record.message,
            started: task.started.map(moment),
            completed: task.ended.map(moment),
        };
        Ok(steps.into_iter().map(step).collect())
    }

    async fn shown_stat(&self, path: JobPath, history: bool) -> Answer<JobStat> {
        let steps = if history { Some(self.steps(path.number).await?) } else { None };
        Ok(stat(path, steps))
    }
}

#[async_trait]
impl JobStats for Door {
    async fn list(&self, caller: &Caller, filter: JobStatFilter, asked: Window) -> Answer<Page<JobStat>> {
        let mut filters = self.caller(caller)?.narrowed("jobs", "index", Listing::first(0));
        if !filter.states.is_empty() {
            let words = filter.states.iter().flat_map(|state| words_of_path(*state)).map(|word| (*word).to_owned());
            filters.filters.push(one_of("state", words));
        }
        if let Some(job) = filter.job {
            filters = filters.with("job_number", Operator::Equal, job);
        }
        if let Some(path) = filter.path {
            filters = filters.with("path", Operator::Equal, path);
        }
        let found = window(asked, filters, |listing| self.app.workflow_jobs.paths(listing)).await?;
        let mut items = Vec::with_capacity(found.items.len());
        for path in found.items {
            items.push(self.shown_stat(path, filter.history).await?);
        }
        Ok(Page { count: found.count, items })
    }

    async fn show(&self, caller: &Caller, number: i64, history: bool) -> Answer<JobStat> {
        let path = self.app.workflow_jobs.path(number).await.map_err(missing("job stat"))?;
        let caller = self.caller(caller)?;
        caller.check_on("jobs", "show", path.job).map_err(missing("job stat"))?;
        self.shown_stat(path, history).await
    }
}
