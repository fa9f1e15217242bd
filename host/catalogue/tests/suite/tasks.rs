//! Tasks: who claims them, what their end leads to, and that no crash in between loses or doubles one.

use std::collections::BTreeSet;
use std::time::Duration;

use capstan_catalogue::{Catalogue, TASK_ATTEMPTS};
use capstan_domain::entry::EntryKind;
use capstan_domain::ids::{Number, QueueId};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{
    JobEvent, JobOwner, JobPathState, JobState, NewTask, NewWorkflowJob, PathResult, Task, TaskEnd, TaskPath, TaskResult,
    TaskState, WorkflowJob,
};
use capstan_domain::{Failure, Kind};
use serde_json::json;

use crate::database::{Base, on_both};
use crate::sites::default_site;
use crate::workflows::{definition, workflow};

on_both! {
    what_a_task_processed_goes_on_down_the_chain => chain,
    a_task_that_broke_down_cancels_what_waited_for_it => broken,
    a_task_that_is_left_nothing_is_skipped_and_the_job_has_done_nothing => nothing,
    tasks_are_claimed_once_in_the_order_they_were_made_in => once,
    a_result_told_again_replaces_the_one_before => again,
    a_path_that_nothing_was_said_of_has_failed => silent,
    a_lease_that_ran_out_is_taken_up_again_and_the_first_worker_is_refused => lapsed,
    a_task_that_no_worker_survives_fails => poison,
    a_host_that_starts_again_frees_the_tasks_it_held => freed,
    a_task_makes_others_while_it_runs_and_remembers_where_to_go_on => spawned,
    a_task_waits_for_predecessors_that_ended_before_it_was_made => late,
    bounds_are_kept => bounds,
    many_workers_end_every_task_once_while_the_job_is_paused_and_resumed => crowd,
}

pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

pub(crate) fn later() -> Timestamp {
    now().plus(Duration::from_secs(60))
}

pub(crate) fn path(path: &str) -> TaskPath {
    TaskPath { path: path.to_owned(), kind: EntryKind::File, size: 10, state: "created".to_owned(), from: None }
}

pub(crate) fn step(queue: QueueId, position: u64, paths: &[&str], predecessors: &[u64]) -> NewTask {
    NewTask {
        position,
        kind: if paths.is_empty() { "recall" } else { "migrate" }.to_owned(),
        step: json!({"step": position}),
        queue,
        paths: paths.iter().map(|one| path(one)).collect(),
        predecessors: predecessors.to_vec(),
    }
}

/// A place for jobs: the default queue of the default site.
pub(crate) async fn queue(catalogue: &Catalogue) -> (Number, QueueId) {
    let site = default_site(catalogue).await;
    let queue = catalogue.queue_of_site(site.number, None).await.unwrap();
    (queue.number, queue.id)
}

pub(crate) async fn new_job(catalogue: &Catalogue, name: &str, tasks: Vec<NewTask>) -> NewWorkflowJob {
    let site = default_site(catalogue).await;
    let workflow = match catalogue.workflow(name).await {
        Ok(workflow) => workflow,
        Err(_) => workflow(catalogue, name).await,
    };
    NewWorkflowJob {
        name: format!("{name} job"),
        workflow: workflow.id,
        definition: definition(name, "W"),
        call: json!({"fields": {"a": 1}}),
        site: site.id,
        queue: catalogue.queue_of_site(site.number, None).await.unwrap().id,
        space: None,
        owner: JobOwner::System,
        client_key: None,
        schedule: None,
        discovery: None,
        inputs: Vec::new(),
        tasks,
    }
}

pub(crate) async fn job(catalogue: &Catalogue, tasks: Vec<NewTask>) -> WorkflowJob {
    let new = new_job(catalogue, "w", tasks).await;
    catalogue.create_workflow_job(&new).await.unwrap()
}

pub(crate) async fn claim(catalogue: &Catalogue, queue: Number) -> Option<Task> {
    catalogue.claim_task(queue, "w", now(), later()).await.unwrap()
}

pub(crate) fn result(position: u64, result: PathResult) -> TaskResult {
    let code = (result != PathResult::Processed).then(|| "busy".to_owned());
    TaskResult { position, result, message: code.as_ref().map(|_| "in use".to_owned()), code }
}

/// Claims the next task, records these results and ends it.
pub(crate) async fn run(catalogue: &Catalogue, queue: Number, results: &[PathResult]) -> (Task, TaskState, JobState) {
    let task = claim(catalogue, queue).await.unwrap();
    let results = (0..).zip(results).map(|(position, one)| result(position, *one)).collect();
    catalogue.record_task_results(task.id, "w", results).await.unwrap();
    let (state, job) = catalogue.end_task(task.id, "w", TaskEnd::Done).await.unwrap();
    (catalogue.task(task.id).await.unwrap(), state, job)
}

async fn paths_of(catalogue: &Catalogue, task: Number) -> Vec<String> {
    let page = catalogue.task_paths(task, &Listing::first(100)).await.unwrap();
    page.items.into_iter().map(|record| record.path.path).collect()
}

pub(crate) async fn states(catalogue: &Catalogue, job: Number) -> Vec<TaskState> {
    let page = catalogue.tasks(&Listing::first(100).with("job_number", Operator::Equal, job)).await.unwrap();
    page.items.into_iter().map(|task| task.state).collect()
}

async fn chain(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let job = job(catalogue, vec![step(id, 0, &["a", "b", "c", "d"], &[]), step(id, 1, &[], &[0])]).await;
    assert_eq!((job.state, job.counts.paths, job.counts.bytes), (JobState::Pending, 4, 40));
    let first = claim(catalogue, queue).await.unwrap();
    assert_eq!((first.position, first.paths, first.attempt, first.state), (0, 4, 1, TaskState::Started));
    assert_eq!(first.step, json!({"step": 0}));
    assert!(claim(catalogue, queue).await.is_none(), "the second waits for the first");
    assert_eq!(catalogue.workflow_job(job.id).await.unwrap().state, JobState::Started);
    let results = [PathResult::Processed, PathResult::Skipped, PathResult::Processed, PathResult::Aborted];
    let results = (0..).zip(results).map(|(position, one)| result(position, one)).collect();
    catalogue.record_task_results(first.id, "w", results).await.unwrap();
    let counts = catalogue.workflow_job(job.id).await.unwrap().counts;
    assert_eq!((counts.settled, counts.settled_bytes, counts.failed), (4, 40, 1));
    let ended = catalogue.end_task(first.id, "w", TaskEnd::Done).await.unwrap();
    assert_eq!(ended, (TaskState::Error, JobState::Started));
    let second = claim(catalogue, queue).await.unwrap();
    assert_eq!((second.paths, second.predecessors.as_slice()), (2, &[first.number][..]));
    assert_eq!(paths_of(catalogue, second.number).await, ["a", "c"]);
    let all = Listing::first(10).with("job_number", Operator::Equal, job.number);
    let seen = async || {
        let page = catalogue.job_paths(&all).await.unwrap();
        page.items.into_iter().map(|path| (path.path, path.state)).collect::<Vec<_>>()
    };
    let expected = |going: JobPathState| {
        [("a", going), ("b", JobPathState::Skipped), ("c", going), ("d", JobPathState::Aborted)]
            .map(|(path, state)| (path.to_owned(), state))
    };
    assert_eq!(seen().await, expected(JobPathState::Pending), "on their way down the chain");
    let done = vec![result(0, PathResult::Processed), result(1, PathResult::Processed)];
    catalogue.record_task_results(second.id, "w", done).await.unwrap();
    let ended = catalogue.end_task(second.id, "w", TaskEnd::Done).await.unwrap();
    assert_eq!(ended, (TaskState::Success, JobState::Failure), "no job ends well with a path left out");
    assert_eq!(seen().await, expected(JobPathState::Processed));
    let one = catalogue.job_paths(&all).await.unwrap().items.remove(0);
    assert_eq!((one.task, catalogue.job_path(one.number).await.unwrap()), (second.number, one.clone()));
    let history = catalogue.job_path_history(one.number, &Listing::first(10)).await.unwrap();
    assert_eq!(history.items.iter().map(|record| record.task).collect::<Vec<_>>(), [first.number, second.number]);
    assert_eq!(history.items[0].path, path("a"));
    let over = catalogue.workflow_job(job.id).await.unwrap();
    assert!(over.completed.is_some() && over.started.is_some());
    assert_eq!((over.counts.paths, over.counts.settled), (6, 6));
    let tally = catalogue.tally_job_paths(job.id).await.unwrap();
    assert_eq!(tally, [(JobPathState::Aborted, 1), (JobPathState::Processed, 2), (JobPathState::Skipped, 1)]);
}

async fn broken(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let tasks = vec![step(id, 0, &["a"], &[]), step(id, 1, &[], &[0]), step(id, 2, &[], &[1]), step(id, 3, &["b"], &[])];
    let job = job(catalogue, tasks).await;
    let first = claim(catalogue, queue).await.unwrap();
    let failure = Failure::new(Kind::Unavailable, "away").with_code("gone");
    catalogue.end_task(first.id, "w", TaskEnd::Failed(failure.clone())).await.unwrap();
    assert_eq!(catalogue.task(first.id).await.unwrap().failure, Some(failure));
    assert_eq!(
        states(catalogue, job.number).await,
        [TaskState::Failure, TaskState::Cancelled, TaskState::Cancelled, TaskState::Pending]
    );
    let (_, _, state) = run(catalogue, queue, &[PathResult::Processed]).await;
    assert_eq!(state, JobState::Failure);
    let a = Listing::first(10).with("path", Operator::Equal, "a");
    let a = catalogue.job_paths(&a).await.unwrap().items.remove(0);
    assert_eq!((a.state, a.code.as_deref(), a.message.as_deref()), (JobPathState::Failed, Some("gone"), Some("away")));
}

async fn nothing(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let job = job(catalogue, vec![step(id, 0, &[], &[]), step(id, 1, &[], &[0])]).await;
    let (_, state, over) = run(catalogue, queue, &[]).await;
    assert_eq!((state, over), (TaskState::Skipped, JobState::Success));
    assert_eq!(states(catalogue, job.number).await, [TaskState::Skipped, TaskState::Skipped]);
    let noop = Listing::first(10).with("noop", Operator::Equal, true);
    assert_eq!(catalogue.workflow_jobs(&noop, None).await.unwrap().count, 1);
}

async fn once(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    for _ in 0..4 {
        job(catalogue, (0..10).map(|position| step(id, position, &["a"], &[])).collect()).await;
    }
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let catalogue = catalogue.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                while let Some(task) = catalogue.claim_task(queue, &format!("w{worker}"), now(), later()).await.unwrap() {
                    mine.push(task.number);
                }
                assert!(mine.is_sorted(), "the oldest first");
                mine
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (40, 40));
}

async fn again(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let job = job(catalogue, vec![step(id, 0, &["a", "b"], &[])]).await;
    let task = claim(catalogue, queue).await.unwrap();
    for results in [
        vec![result(0, PathResult::Failed), result(1, PathResult::Processed)],
        vec![result(0, PathResult::Processed)],
        vec![result(0, PathResult::Processed), result(0, PathResult::Skipped)],
        vec![result(0, PathResult::Processed)],
    ] {
        catalogue.record_task_results(task.id, "w", results).await.unwrap();
    }
    let told = catalogue.task(task.id).await.unwrap();
    assert_eq!((told.results.processed, told.results.total(), told.bytes), (2, 2, 20));
    let counts = catalogue.workflow_job(job.id).await.unwrap().counts;
    assert_eq!((counts.settled, counts.settled_bytes, counts.failed), (2, 20, 0));
    let unknown = catalogue.record_task_results(task.id, "w", vec![result(2, PathResult::Failed)]).await.unwrap_err();
    assert_eq!(unknown.kind, Kind::Invalid);
    assert_eq!(catalogue.end_task(task.id, "w", TaskEnd::Done).await.unwrap(), (TaskState::Success, JobState::Success));
}

async fn silent(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    job(catalogue, vec![step(id, 0, &["a", "b"], &[])]).await;
    let (task, state, over) = run(catalogue, queue, &[PathResult::Processed]).await;
    assert_eq!((state, over, task.results.failed), (TaskState::Error, JobState::Failure, 1));
    let told = catalogue.task_paths(task.number, &Listing::first(10).with("result", Operator::Equal, "failed")).await.unwrap();
    assert_eq!((told.items[0].path.path.as_str(), told.items[0].code.as_deref()), ("b", Some("not-told")));
}

async fn lapsed(catalogue: &Catalogue, base: &Base) {
    let (queue, id) = queue(catalogue).await;
    let job = job(catalogue, vec![step(id, 0, &["a", "b"], &[]), step(id, 1, &[], &[0])]).await;
    let start = now();
    let task = catalogue.claim_task(queue, "dead", start, start).await.unwrap().unwrap();
    catalogue.record_task_results(task.id, "dead", vec![result(0, PathResult::Processed)]).await.unwrap();
    let reopened = Catalogue::open(&base.url, crate::database::options()).await.unwrap();
    assert_eq!(reopened.recover_tasks(start, 10).await.unwrap(), 0, "it still holds");
    assert_eq!(reopened.recover_tasks(now(), 10).await.unwrap(), 1);
    let again = reopened.claim_task(queue, "w", now(), later()).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempt, again.results.processed), (task.id, 2, 1), "what was told is not lost");
    for lost in [
        catalogue.beat_task(task.id, "dead", later()).await.map(|_| ()),
        catalogue.record_task_results(task.id, "dead", vec![result(1, PathResult::Failed)]).await,
        catalogue.end_task(task.id, "dead", TaskEnd::Done).await.map(|_| ()),
        catalogue.spawn_tasks(task.id, "dead", vec![step(id, 9, &["x"], &[])], None).await.map(|_| ()),
        catalogue.release_task(task.id, "dead", now(), None).await,
    ] {
        let failure = lost.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some("lease-lost")));
    }
    assert_eq!(reopened.beat_task(task.id, "w", later()).await.unwrap(), JobState::Started);
    reopened.record_task_results(task.id, "w", vec![result(1, PathResult::Processed)]).await.unwrap();
    reopened.end_task(task.id, "w", TaskEnd::Done).await.unwrap();
    let ended_twice = reopened.end_task(task.id, "w", TaskEnd::Done).await.unwrap_err();
    assert_eq!(ended_twice.code.as_deref(), Some("lease-lost"));
    assert_eq!(states(&reopened, job.number).await, [TaskState::Success, TaskState::Pending]);
}

async fn poison(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let job = job(catalogue, vec![step(id, 0, &["a"], &[])]).await;
    for attempt in 1..=TASK_ATTEMPTS {
        let start = now();
        let task = catalogue.claim_task(queue, "dead", start, start).await.unwrap().unwrap();
        assert_eq!(task.attempt, attempt);
        assert_eq!(catalogue.recover_tasks(now(), 10).await.unwrap(), 1);
    }
    assert!(claim(catalogue, queue).await.is_none());
    assert_eq!(catalogue.workflow_job(job.id).await.unwrap().state, JobState::Failure);
    assert_eq!(states(catalogue, job.number).await, [TaskState::Failure]);
}

async fn freed(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    job(catalogue, vec![step(id, 0, &["a"], &[])]).await;
    let task = claim(catalogue, queue).await.unwrap();
    assert_eq!(catalogue.free_leases(Some("other")).await.unwrap(), 0);
    assert_eq!(catalogue.free_leases(Some("w")).await.unwrap(), 1);
    assert_eq!(catalogue.recover_tasks(now(), 10).await.unwrap(), 1);
    let again = claim(catalogue, queue).await.unwrap();
    assert_eq!((again.id, again.attempt), (task.id, 2));
    let ready = later();
    catalogue.release_task(task.id, "w", ready, None).await.unwrap();
    assert!(claim(catalogue, queue).await.is_none(), "not before it is ready");
    let ready = catalogue.claim_task(queue, "w", ready, later()).await.unwrap().unwrap();
    assert_eq!(ready.attempt, 2, "a host that goes down makes no attempt");
    catalogue.release_task(task.id, "w", now(), Some(Failure::new(Kind::Busy, "full"))).await.unwrap();
    assert_eq!(catalogue.task(task.id).await.unwrap().failure.unwrap().kind, Kind::Busy);
    assert_eq!(claim(catalogue, queue).await.unwrap().attempt, 3);
}

async fn spawned(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let job = job(catalogue, vec![step(id, 0, &[], &[])]).await;
    let discovery = claim(catalogue, queue).await.unwrap();
    let made = vec![step(id, 1, &["a"], &[]), step(id, 2, &[], &[1])];
    let state = catalogue.spawn_tasks(discovery.id, "w", made.clone(), Some(json!({"after": "a"}))).await.unwrap();
    assert_eq!(state, JobState::Started);
    let doubled = catalogue.spawn_tasks(discovery.id, "w", made, Some(json!({"after": "b"}))).await.unwrap_err();
    assert_eq!(doubled.kind, Kind::AlreadyExists);
    let shown = catalogue.task(discovery.id).await.unwrap();
    assert_eq!(shown.cursor, Some(json!({"after": "a"})), "both or neither");
    let (first, _, state) = run(catalogue, queue, &[PathResult::Processed]).await;
    assert_eq!((first.spawner, state), (Some(discovery.number), JobState::Started));
    run(catalogue, queue, &[PathResult::Processed]).await;
    assert_eq!(catalogue.workflow_job(job.id).await.unwrap().state, JobState::Started, "discovery goes on");
    let ended = catalogue.end_task(discovery.id, "w", TaskEnd::Done).await.unwrap();
    assert_eq!(ended, (TaskState::Success, JobState::Success));
}

async fn late(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    job(catalogue, vec![step(id, 0, &[], &[]), step(id, 1, &["a"], &[])]).await;
    let discovery = claim(catalogue, queue).await.unwrap();
    run(catalogue, queue, &[PathResult::Processed]).await;
    catalogue.spawn_tasks(discovery.id, "w", vec![step(id, 2, &[], &[1])], None).await.unwrap();
    let after = claim(catalogue, queue).await.unwrap();
    assert_eq!((after.position, paths_of(catalogue, after.number).await), (2, vec!["a".to_owned()]));
    let nobody = catalogue.spawn_tasks(discovery.id, "w", vec![step(id, 3, &[], &[77])], None).await.unwrap_err();
    assert_eq!(nobody.kind, Kind::NotFound);
}

async fn bounds(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let refused = async |tasks: Vec<NewTask>| {
        let new = new_job(catalogue, "w", tasks).await;
        assert_eq!(catalogue.create_workflow_job(&new).await.unwrap_err().kind, Kind::Invalid);
    };
    let many: Vec<TaskPath> = (0..=100_000).map(|at| path(&at.to_string())).collect();
    refused(vec![NewTask { paths: many, ..step(id, 0, &[], &[]) }]).await;
    refused(vec![step(id, 0, &["a"], &[]), step(id, 1, &["b"], &[0])]).await;
    refused((0..10_001).map(|position| step(id, position, &[], &[])).collect()).await;
    assert_eq!(catalogue.workflow_jobs(&Listing::first(1), None).await.unwrap().count, 0);
    job(catalogue, vec![step(id, 0, &["a"], &[])]).await;
    let task = claim(catalogue, queue).await.unwrap();
    let many = (0..10_001).map(|position| result(position, PathResult::Processed)).collect();
    assert_eq!(catalogue.record_task_results(task.id, "w", many).await.unwrap_err().kind, Kind::Invalid);
}

/// Workers that die, workers that go on, and a user who cannot decide: all at once.
async fn crowd(catalogue: &Catalogue, _: &Base) {
    const CHAINS: u64 = 30;
    let (queue, id) = queue(catalogue).await;
    let tasks = (0..CHAINS).flat_map(|chain| [step(id, chain * 2, &["a", "b"], &[]), step(id, chain * 2 + 1, &[], &[chain * 2])]);
    let job = job(catalogue, tasks.collect()).await;
    let over = async |catalogue: &Catalogue| catalogue.workflow_job(job.id).await.unwrap().state.is_final();
    let workers: Vec<_> = (0..4_u32)
        .map(|worker| {
            let catalogue = catalogue.clone();
            let (name, id) = (format!("w{worker}"), job.id);
            tokio::spawn(async move {
                let mut turn = worker;
                while !catalogue.workflow_job(id).await.unwrap().state.is_final() {
                    catalogue.recover_tasks(now(), 10).await.unwrap();
                    turn += 1;
                    let dies = turn.is_multiple_of(7);
                    let until = if dies { now() } else { later() };
                    let Some(task) = catalogue.claim_task(queue, &name, now(), until).await.unwrap() else { continue };
                    if !dies {
                        let results = (0..task.paths).map(|position| result(position, PathResult::Processed)).collect();
                        catalogue.record_task_results(task.id, &name, results).await.unwrap();
                        catalogue.end_task(task.id, &name, TaskEnd::Done).await.unwrap();
                    }
                }
            })
        })
        .collect();
    while !over(catalogue).await {
        for request in [JobEvent::Pause, JobEvent::Resume] {
            catalogue.request_workflow_job(job.id, request).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let job = catalogue.workflow_job(job.id).await.unwrap();
    assert_eq!(job.state, JobState::Success);
    assert_eq!((job.counts.paths, job.counts.settled, job.counts.failed), (CHAINS * 4, CHAINS * 4, 0));
}
