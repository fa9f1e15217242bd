//! Jobs.

use std::collections::HashMap;

use async_trait::async_trait;
use capstan_api_http::{Caller, Given};
use capstan_api_hub as api;
use capstan_api_hub::{
    Answer, Error, JobAction, JobFile, JobFilter, JobProgress, JobStatistics, JobSummary, JobType, Jobs, Link, Owner, Page,
    PathState, Window, WorkflowRun,
};
use capstan_app::workflow_jobs::RunWish;
use capstan_domain::identity;
use capstan_domain::listing::{Filter, Listing, Operator, Sort};
use capstan_domain::workflow::{InputPath, JobEvent, JobOwner, JobPath, WorkflowJob};
use serde_json::{Map, Value};

use super::Door;
use super::failures::{error, missing};
use super::listing::{page, window};
use super::refusals::refused;
use super::words::{job_state, moment, path_state, runtime, state_of_job, words_of_path};
use super::workflows::{discovery, word_of_discovery};

/// Paths that a job shows of those it was given.
const INPUTS_SHOWN: u32 = 5;
/// What stands where a site or a queue was deleted since.
const GONE: &str = "";

/// `first`: of the paths that it was given, with how many there are.
fn job(job: WorkflowJob, input_paths: Vec<String>, input_paths_count: u64) -> api::Job {
    let member = |name: &str| job.call.get(name);
    api::Job {
        id: job.number,
        url: Link::to(api::Noun::Job, job.number),
        state: job_state(job.state),
        site: job.site_name.unwrap_or_else(|| GONE.to_owned()),
        queue: job.queue_name.unwrap_or_else(|| GONE.to_owned()),
        owner: job.owner_name,
        clientkey: job.client_key,
        schedule: job.schedule,
        job: member("job").and_then(Value::as_i64),
        discovery: job.discovery.as_deref().and_then(discovery),
        fields: member("fields").and_then(Value::as_object).cloned().unwrap_or_else(Map::new),
        input_paths,
        input_paths_count,
        created: moment(job.created),
        started: job.started.map(moment),
        completed: job.completed.map(moment),
        runtime: runtime(job.started, job.completed),
        workflow: job.workflow,
    }
}

fn file(path: JobPath) -> JobFile {
    JobFile {
        path: path.path,
        site: path.site_name.unwrap_or_else(|| GONE.to_owned()),
        size: path.size,
        state: path_state(path.state),
        code: path.code,
        message: path.message,
        task: Some(path.task),
    }
}

pub(super) fn one_of(field: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter { field: field.to_owned(), operator: Operator::In, values: values.into_iter().collect() }
}

/// The filters of the catalogue; the beginning of an input path is not among them.
fn filters(caller: &identity::Caller, asked: &JobFilter) -> Listing {
    let mut listing = caller.narrowed("jobs", "index", Listing::first(0));
    for (field, operator, at) in [
        ("created", Operator::GreaterOrEqual, asked.created_from),
        ("created", Operator::Less, asked.created_to),
        ("completed", Operator::GreaterOrEqual, asked.completed_from),
        ("completed", Operator::Less, asked.completed_to),
    ] {
        if let Some(at) = at {
            listing = listing.with(field, operator, at.0);
        }
    }
    for (field, text) in [("workflow", &asked.workflow), ("site_name", &asked.site), ("queue_name", &asked.queue)] {
        if let Some(text) = text {
            listing = listing.with(field, Operator::Equal, text);
        }
    }
    for (field, number) in [("site_number", asked.site_id), ("queue_number", asked.queue_id)] {
        if let Some(number) = number {
            listing = listing.with(field, Operator::Equal, number);
        }
    }
    if !asked.states.is_empty() {
        let states = asked.states.iter().filter_map(|state| state_of_job(*state));
        listing.filters.push(one_of("state", states.map(|state| state.name().to_owned())));
    }
    if !asked.owners.is_empty() {
        let number = |owner: &Owner| match owner {
            Owner::User(number) => *number,
            Owner::Unknown => JobOwner::UNKNOWN,
            Owner::System => JobOwner::SYSTEM,
        };
        listing.filters.push(one_of("owner", asked.owners.iter().map(|owner| number(owner).to_string())));
    }
    for (field, numbers) in [("client_key", &asked.client_keys), ("schedule", &asked.schedules)] {
        if !numbers.is_empty() {
            listing.filters.push(one_of(field, numbers.iter().map(ToString::to_string)));
        }
    }
    if let Some(keyword) = &asked.search_keyword {
        listing = listing.with("words", Operator::Contains, keyword);
    }
    if asked.hide_noop {
        listing = listing.with("noop", Operator::Equal, false);
    }
    listing
}

/// Days since 1970 as `2024-11-05`.
fn day(days: i64) -> String {
    let noon = days.saturating_mul(86_400).saturating_add(43_200);
    jiff::Timestamp::from_second(noon).map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

fn wish(run: WorkflowRun) -> RunWish {
    let path = |path: api::PathInput| InputPath { path: path.path, state: path.state, size: path.size };
    RunWish {
        workflow: run.workflow.unwrap_or_default(),
        site: run.site.unwrap_or_default(),
        queue: run.queue,
        paths: run.paths.into_iter().map(path).collect(),
        discovery: match run.discovery {
            Given::Absent => None,
            Given::Null => Some(None),
            Given::Value(kind) => Some(Some(word_of_discovery(kind).to_owned())),
        },
        fields: run.fields,
        include: run.include,
        exclude: run.exclude,
        ignore_site_includes: run.ignore_site_includes,
        ignore_site_excludes: run.ignore_site_excludes,
        parent: run.job,
    }
}

impl Door {
    async fn shown_jobs(&self, jobs: Vec<WorkflowJob>) -> Answer<Vec<api::Job>> {
        let numbers: Vec<i64> = jobs.iter().map(|job| job.number).collect();
        let mut inputs = self.app.workflow_jobs.inputs(&numbers, INPUTS_SHOWN).await.map_err(error)?;
        let shown = jobs.into_iter().map(|one| {
            let head = inputs.remove(&one.number).unwrap_or_default();
            job(one, head.first, head.count)
        });
        Ok(shown.collect())
    }

    async fn job_for(&self, caller: &Caller, verb: &str, number: i64) -> Answer<(identity::Caller, WorkflowJob)> {
        let caller = self.caller_on(caller, ("jobs", verb), number)?;
        let found = self.app.workflow_jobs.get(number).await.map_err(missing("job"))?;
        Ok((caller, found))
    }
}

#[async_trait]
impl Jobs for Door {
    async fn list(&self, caller: &Caller, filter: &JobFilter, asked: Window) -> Answer<Page<api::Job>> {
        let mut listing = filters(&self.caller(caller)?, filter);
        listing.sort.push(Sort { field: "number".to_owned(), descending: true });
        let prefix = filter.input_paths_prefix.as_deref();
        let jobs = &self.app.workflow_jobs;
        let found = window(asked, listing, |listing| async move { jobs.list(&listing, prefix).await }).await?;
        Ok(Page { count: found.count, items: self.shown_jobs(found.items).await? })
    }

    async fn summary(&self, caller: &Caller, filter: &JobFilter) -> Answer<JobSummary> {
        let listing = filters(&self.caller(caller)?, filter);
        let tally = self.app.workflow_jobs.tally(&listing, filter.input_paths_prefix.as_deref()).await.map_err(error)?;
        let mut summary = JobSummary::default();
        summary.kind.extend(tally.workflows);
        summary.state.extend(tally.states.into_iter().map(|(state, count)| (state.name().to_owned(), count)));
        summary.site.extend(tally.sites.into_iter().filter(|(site, _)| !site.is_empty()));
        summary.created.extend(tally.days.into_iter().map(|(days, count)| (day(days), count)));
        Ok(summary)
    }

    async fn types(&self, caller: &Caller, asked: Window) -> Answer<Page<JobType>> {
        self.caller(caller)?;
        let own = Listing::first(0).with("protected", Operator::Equal, false);
        let found = window(asked, own, |listing| self.app.workflows.list(listing)).await?;
        Ok(page(found, |record| {
            let label = record.definition.get("label").and_then(Value::as_str).unwrap_or(&record.name).to_owned();
            JobType { label, value: record.name }
        }))
    }

    async fn show(&self, caller: &Caller, number: i64) -> Answer<api::Job> {
        let (_, found) = self.job_for(caller, "show", number).await?;
        let shown = self.shown_jobs(vec![found]).await?;
        shown.into_iter().next().ok_or_else(|| Error::not_found("job"))
    }

    async fn start(&self, caller: &Caller, run: WorkflowRun) -> Answer<i64> {
        let caller = self.caller(caller)?;
        let started = self.app.workflow_jobs.start(&caller, wish(run)).await;
        started.map(|job| job.number).map_err(refused("job"))
    }

    async fn delete(&self, caller: &Caller, number: i64) -> Answer<()> {
        let (caller, _) = self.job_for(caller, "destroy", number).await?;
        self.app.workflow_jobs.delete(&caller, number).await.map_err(missing("job"))
    }

    async fn act(&self, caller: &Caller, number: i64, action: JobAction) -> Answer<i64> {
        let (verb, request) = match action {
            JobAction::Cancel => ("cancel", JobEvent::Cancel),
            JobAction::Pause => ("pause", JobEvent::Pause),
            JobAction::Resume => ("resume", JobEvent::Resume),
            JobAction::Resubmit => ("resubmit", JobEvent::Resubmit),
        };
        let (caller, _) = self.job_for(caller, verb, number).await?;
        self.app.workflow_jobs.request(&caller, number, request).await.map(|job| job.number).map_err(missing("job"))
    }

    async fn files(&self, caller: &Caller, number: i64, category: Option<PathState>, asked: Window) -> Answer<Page<JobFile>> {
        self.job_for(caller, "show", number).await?;
        let mut filters = Listing::first(0).with("job_number", Operator::Equal, number);
        if let Some(state) = category {
            filters.filters.push(one_of("state", words_of_path(state).iter().map(|word| (*word).to_owned())));
        }
        let found = window(asked, filters, |listing| self.app.workflow_jobs.paths(listing)).await?;
        Ok(page(found, file))
    }

    async fn progress(&self, caller: &Caller, number: i64) -> Answer<JobProgress> {
        let (_, found) = self.job_for(caller, "show", number).await?;
        Ok(JobProgress {
            progress: percentage(&found),
            state: job_state(found.state),
            total: found.counts.paths,
            completed: found.counts.settled,
            message: self.app.workflow_jobs.waits(&found).await.map_err(error)?,
        })
    }

    async fn statistics(&self, caller: &Caller, number: i64) -> Answer<JobStatistics> {
        let (_, found) = self.job_for(caller, "show", number).await?;
        let tally = self.app.workflow_jobs.tally_paths(found.id).await.map_err(error)?;
        let mut statistics =
            JobStatistics { total_size: tally.bytes, processed_size: tally.processed_bytes, ..JobStatistics::default() };
        let mut by_state: HashMap<PathState, u64> = HashMap::new();
        for (state, count) in tally.states {
            *by_state.entry(path_state(state)).or_default() += count;
            statistics.total += count;
        }
        let of = |state: PathState| by_state.get(&state).copied().unwrap_or_default();
        statistics.pending = of(PathState::Pending);
        statistics.processed = of(PathState::Processed);
        statistics.skipped = of(PathState::Skipped);
        statistics.aborted = of(PathState::Aborted);
        statistics.failed = of(PathState::Failed);
        Ok(statistics)
    }
}

/// Of the paths that are known so far, or of their bytes, whichever is less; a hundred only at the end.
fn percentage(job: &WorkflowJob) -> u8 {
    if job.state.is_final() {
        return 100;
    }
    let of = |done: u64, all: u64| u128::from(done) * 100 / u128::from(all.max(1));
    let paths = of(job.counts.settled, job.counts.paths);
    let bytes = if job.counts.bytes == 0 { paths } else { of(job.counts.settled_bytes, job.counts.bytes) };
    u8::try_from(paths.min(bytes).min(99)).unwrap_or(99)
}

#[cfg(test)]
mod tests {
    use capstan_api_hub::{JobState, Moment};
    use capstan_domain::identity::{Proof, Role};
    use capstan_domain::ids::UserId;

    use super::*;

    fn caller(role: Role) -> identity::Caller {
        let user = UserId::new();
        identity::Caller { user, name: "a".into(), role, proof: Proof::Token, key: None, scopes: None, given: Default::default() }
    }

    fn asked(filter: &JobFilter) -> Vec<(String, Operator, Vec<String>)> {
        let listing = filters(&caller(Role::Reader), filter);
        listing.filters.into_iter().map(|one| (one.field, one.operator, one.values)).collect()
    }

    #[test]
    fn each_filter_is_one_of_the_catalogue() {
        let filter = JobFilter { created_from: Some(Moment(5)), site: Some("s".into()), hide_noop: true, ..JobFilter::default() };
        let expected =
            [("created", Operator::GreaterOrEqual, "5"), ("site_name", Operator::Equal, "s"), ("noop", Operator::Equal, "false")];
        let expected = expected.map(|(field, operator, value)| (field.to_owned(), operator, vec![value.to_owned()]));
        assert_eq!(asked(&filter), expected);
        let owners = JobFilter { owners: vec![Owner::User(3), Owner::Unknown, Owner::System], ..JobFilter::default() };
        assert_eq!(asked(&owners), [("owner".into(), Operator::In, vec!["3".into(), "-1".into(), "-2".into()])]);
    }

    #[test]
    fn a_state_that_no_job_is_ever_in_finds_none() {
        let filter = JobFilter { states: vec![JobState::New], ..JobFilter::default() };
        assert_eq!(asked(&filter), [("state".into(), Operator::In, Vec::new())]);
    }

    #[test]
    fn who_has_single_jobs_sees_those() {
        let listing = filters(&caller(Role::Member), &JobFilter::default());
        assert_eq!(listing.filters.first().map(|filter| filter.field.as_str()), Some("viewer"));
    }

    #[test]
    fn a_day_is_written_as_a_date() {
        assert_eq!((day(0), day(20_032), day(-1)), ("1970-01-01".into(), "2024-11-05".into(), "1969-12-31".into()));
    }
}
