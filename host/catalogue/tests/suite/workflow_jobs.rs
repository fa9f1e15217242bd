//! Jobs that run workflows: what is asked of them, and how they are found and counted.

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::identity::{NewUser, Role};
use capstan_domain::ids::SpaceId;
use capstan_domain::job::{self, Lane, Request};
use capstan_domain::listing::{Filter, Listing, Operator};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{
    InputPath, JobEvent, JobOwner, JobPathState, JobState, NewWorkflowJob, PathResult, TaskEnd, TaskState, WorkflowJob,
};
use serde_json::json;

use crate::database::{Base, on_both};
use crate::nouns::space;
use crate::sites::{default_site, new_site};
use crate::tasks::{claim, job, later, new_job, now, queue, result, run, states, step};

on_both! {
    a_paused_job_starts_no_task_and_goes_on_where_it_was => pause,
    a_job_that_did_not_begin_is_paused_at_once => pause_pending,
    a_cancelled_job_ends_when_what_runs_has_ended => cancel,
    a_job_of_which_nothing_runs_is_cancelled_at_once => cancel_idle,
    a_worker_that_dies_while_its_job_stops_leaves_no_job_behind => dies,
    a_job_is_run_again_from_its_beginning => resubmit,
    a_request_that_does_not_fit_has_no_effect => unfit,
    all_doors_show_the_same_job_and_stop_it => doors,
    jobs_are_found_by_every_filter => filters,
    jobs_are_found_by_the_beginning_of_a_path_that_was_given => prefixes,
    jobs_are_counted_as_they_are_listed => tallies,
    a_job_needs_a_workflow_a_queue_of_the_site_and_a_space_that_stays => refused,
    a_job_that_has_ended_is_deleted_with_all_that_is_known_of_it => deleted,
    history_outlives_what_it_refers_to => history,
}

async fn state(catalogue: &Catalogue, job: &WorkflowJob) -> JobState {
    catalogue.workflow_job(job.id).await.unwrap().state
}

async fn ask(catalogue: &Catalogue, job: &WorkflowJob, request: JobEvent) -> JobState {
    catalogue.request_workflow_job(job.id, request).await.unwrap().state
}

async fn pause(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let tasks = vec![step(id, 0, &["a"], &[]), step(id, 1, &[], &[0]), step(id, 2, &["b"], &[])];
    let job = job(catalogue, tasks).await;
    let task = claim(catalogue, queue).await.unwrap();
    assert_eq!(ask(catalogue, &job, JobEvent::Pause).await, JobState::Pausing);
    assert!(claim(catalogue, queue).await.is_none());
    assert_eq!(catalogue.beat_task(task.id, "w", later()).await.unwrap(), JobState::Pausing);
    catalogue.record_task_results(task.id, "w", vec![result(0, PathResult::Processed)]).await.unwrap();
    let ended = catalogue.end_task(task.id, "w", TaskEnd::Done).await.unwrap();
    assert_eq!(ended, (TaskState::Success, JobState::Paused));
    assert!(claim(catalogue, queue).await.is_none(), "what waited for it does not begin either");
    assert_eq!(ask(catalogue, &job, JobEvent::Resume).await, JobState::Started);
    let (second, ..) = run(catalogue, queue, &[PathResult::Processed]).await;
    assert_eq!((second.position, second.paths), (1, 1));
    assert_eq!(run(catalogue, queue, &[PathResult::Processed]).await.2, JobState::Success);
}

async fn pause_pending(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let job = job(catalogue, vec![step(id, 0, &["a"], &[]), step(id, 1, &[], &[0])]).await;
    assert_eq!(ask(catalogue, &job, JobEvent::Pause).await, JobState::Paused);
    assert!(claim(catalogue, queue).await.is_none());
    assert_eq!(ask(catalogue, &job, JobEvent::Resume).await, JobState::Started);
    assert_eq!(claim(catalogue, queue).await.unwrap().position, 0);
    assert!(claim(catalogue, queue).await.is_none(), "what waits still waits");
}

async fn cancel(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let tasks = vec![step(id, 0, &["a"], &[]), step(id, 1, &[], &[0]), step(id, 2, &["b"], &[])];
    let job = job(catalogue, tasks).await;
    let task = claim(catalogue, queue).await.unwrap();
    assert_eq!(ask(catalogue, &job, JobEvent::Cancel).await, JobState::Dequeuing);
    assert!(claim(catalogue, queue).await.is_none());
    assert_eq!(catalogue.beat_task(task.id, "w", later()).await.unwrap(), JobState::Dequeuing);
    let made = catalogue.spawn_tasks(task.id, "w", vec![step(id, 7, &["c"], &[])], None).await.unwrap();
    assert_eq!(made, JobState::Dequeuing);
    catalogue.record_task_results(task.id, "w", vec![result(0, PathResult::Processed)]).await.unwrap();
    let ended = catalogue.end_task(task.id, "w", TaskEnd::Done).await.unwrap();
    assert_eq!(ended, (TaskState::Success, JobState::Cancelled));
    let cancelled = TaskState::Cancelled;
    assert_eq!(states(catalogue, job.number).await, [TaskState::Success, cancelled, cancelled, cancelled]);
    let tally = catalogue.tally_job_paths(job.id).await.unwrap();
    assert_eq!(tally, [(JobPathState::Cancelled, 2), (JobPathState::Processed, 1)]);
    assert!(catalogue.workflow_job(job.id).await.unwrap().completed.is_some());
}

async fn cancel_idle(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let job = job(catalogue, vec![step(id, 0, &["a"], &[])]).await;
    assert_eq!(ask(catalogue, &job, JobEvent::Pause).await, JobState::Paused);
    ask(catalogue, &job, JobEvent::Cancel).await;
    assert_eq!(state(catalogue, &job).await, JobState::Cancelled);
    assert!(claim(catalogue, queue).await.is_none());
}

async fn dies(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    for (request, expected) in [(JobEvent::Pause, JobState::Paused), (JobEvent::Cancel, JobState::Cancelled)] {
        let job = job(catalogue, vec![step(id, 0, &["a"], &[])]).await;
        let start = now();
        catalogue.claim_task(queue, "dead", start, start).await.unwrap().unwrap();
        ask(catalogue, &job, request).await;
        assert_eq!(catalogue.recover_tasks(later(), 10).await.unwrap(), 1);
        assert_eq!(state(catalogue, &job).await, expected);
        assert!(claim(catalogue, queue).await.is_none());
    }
}

async fn resubmit(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let job = job(catalogue, vec![step(id, 0, &[], &[]), step(id, 1, &["a", "b"], &[]), step(id, 2, &[], &[1])]).await;
    let discovery = claim(catalogue, queue).await.unwrap();
    catalogue.spawn_tasks(discovery.id, "w", vec![step(id, 3, &["c"], &[])], Some(json!("c"))).await.unwrap();
    catalogue.end_task(discovery.id, "w", TaskEnd::Done).await.unwrap();
    run(catalogue, queue, &[PathResult::Processed, PathResult::Failed]).await;
    for _ in 0..2 {
        run(catalogue, queue, &[PathResult::Processed]).await;
    }
    assert_eq!(state(catalogue, &job).await, JobState::Failure);
    let again = catalogue.request_workflow_job(job.id, JobEvent::Resubmit).await.unwrap();
    assert_eq!((again.state, again.completed, again.started), (JobState::Pending, None, None));
    assert_eq!((again.counts.paths, again.counts.settled, again.counts.failed), (2, 0, 0));
    assert_eq!(states(catalogue, job.number).await, [TaskState::Pending; 3], "what discovery made it makes anew");
    assert_eq!(catalogue.tally_job_paths(job.id).await.unwrap(), [(JobPathState::Pending, 2)]);
    let discovery = claim(catalogue, queue).await.unwrap();
    assert_eq!((discovery.cursor, discovery.attempt), (None, 1));
    catalogue.end_task(discovery.id, "w", TaskEnd::Done).await.unwrap();
    run(catalogue, queue, &[PathResult::Processed, PathResult::Processed]).await;
    let (last, _, over) = run(catalogue, queue, &[PathResult::Processed, PathResult::Processed]).await;
    assert_eq!((last.position, over), (2, JobState::Success));
}

async fn unfit(catalogue: &Catalogue, _: &Base) {
    let (_, id) = queue(catalogue).await;
    let job = job(catalogue, vec![step(id, 0, &["a"], &[])]).await;
    for request in [JobEvent::Resume, JobEvent::Resubmit] {
        assert_eq!(ask(catalogue, &job, request).await, JobState::Pending);
    }
    ask(catalogue, &job, JobEvent::Cancel).await;
    for request in [JobEvent::Resume, JobEvent::Pause, JobEvent::Cancel] {
        assert_eq!(ask(catalogue, &job, request).await, JobState::Cancelled);
    }
    let engine = catalogue.request_workflow_job(job.id, JobEvent::Started).await.unwrap_err();
    assert_eq!(engine.kind, Kind::Unsupported);
}

async fn doors(catalogue: &Catalogue, _: &Base) {
    let (queue, id) = queue(catalogue).await;
    let made = job(catalogue, vec![step(id, 0, &["a"], &[])]).await;
    let shown = catalogue.job(made.id).await.unwrap();
    assert_eq!((shown.number, shown.state), (made.number, job::JobState::Queued));
    for lane in [Lane::Brief, Lane::Long] {
        assert!(catalogue.claim_job(lane, "w", later(), later()).await.unwrap().is_none(), "nobody takes it up as a whole");
    }
    let task = claim(catalogue, queue).await.unwrap();
    assert_eq!(catalogue.job(made.id).await.unwrap().state, job::JobState::Running);
    assert!(catalogue.claim_job(Lane::Long, "w", later(), later()).await.unwrap().is_none());
    catalogue.request_job(made.id, Request::Stop).await.unwrap();
    assert_eq!(state(catalogue, &made).await, JobState::Dequeuing);
    catalogue.end_task(task.id, "w", TaskEnd::Done).await.unwrap();
    let stopped = catalogue.job(made.id).await.unwrap();
    assert_eq!((stopped.state, stopped.finished.is_some()), (job::JobState::StoppedByUser, true));
    assert_eq!(catalogue.request_job(made.id, Request::Stop).await.unwrap_err().kind, Kind::Conflict);
}

fn input(path: &str) -> InputPath {
    InputPath { path: path.to_owned(), state: None, size: Some(3) }
}

fn filter(field: &str, operator: Operator, values: &[&str]) -> Listing {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Listing { filters: vec![Filter { field: field.to_owned(), operator, values }], ..Listing::first(10) }
}

/// Three jobs that differ in everything: `one` has ended, `two` and `three` wait.
async fn three(catalogue: &Catalogue) -> [WorkflowJob; 3] {
    let (number, id) = queue(catalogue).await;
    let user = NewUser { name: "u".to_owned(), password: "h".to_owned(), role: Role::Reader };
    let user = catalogue.create_user(&user).await.unwrap();
    let there = catalogue.create_site(&new_site("there")).await.unwrap();
    let slow = catalogue.ensure_site_queue(there.number, "slow", "Slow").await.unwrap();
    let space = space(catalogue, "s").await;
    let one = NewWorkflowJob {
        inputs: vec![input("/mnt/s/projects/a"), input("/mnt/s/other")],
        space: Some(space.id),
        ..new_job(catalogue, "migrate", vec![step(id, 0, &["a"], &[])]).await
    };
    let one = catalogue.create_workflow_job(&one).await.unwrap();
    run(catalogue, number, &[PathResult::Processed]).await;
    let two = NewWorkflowJob {
        owner: JobOwner::User(user.number),
        client_key: Some(4),
        inputs: vec![input("/mnt/s/Überblick 100%")],
        ..new_job(catalogue, "recall", vec![step(id, 0, &["a"], &[])]).await
    };
    let two = catalogue.create_workflow_job(&two).await.unwrap();
    let three = NewWorkflowJob {
        owner: JobOwner::Unknown,
        schedule: Some(8),
        discovery: Some("snapdiff".to_owned()),
        site: there.id,
        queue: slow.id,
        ..new_job(catalogue, "recall", vec![step(slow.id, 0, &["a"], &[])]).await
    };
    let three = catalogue.create_workflow_job(&three).await.unwrap();
    [catalogue.workflow_job(one.id).await.unwrap(), two, three]
}

async fn filters(catalogue: &Catalogue, _: &Base) {
    let [one, two, three] = three(catalogue).await;
    let (there, here) = (three.site_number.unwrap().to_string(), one.site_number.unwrap().to_string());
    let user = two.owner.number().to_string();
    let completed = one.completed.unwrap().0.to_string();
    let cases: Vec<(Listing, Vec<i64>)> = vec![
        (filter("workflow", Operator::Equal, &["recall"]), vec![two.number, three.number]),
        (filter("state", Operator::In, &["SUCCESS", "FAILURE"]), vec![one.number]),
        (filter("state", Operator::In, &["PENDING", "SUCCESS"]), vec![one.number, two.number, three.number]),
        (filter("owner", Operator::In, &["-2"]), vec![one.number]),
        (filter("owner", Operator::In, &["-1", &user]), vec![two.number, three.number]),
        (filter("client_key", Operator::In, &["4", "5"]), vec![two.number]),
        (filter("schedule", Operator::In, &["8"]), vec![three.number]),
        (filter("site_number", Operator::Equal, &[&there]), vec![three.number]),
        (filter("site_name", Operator::Equal, &["here"]), vec![one.number, two.number]),
        (filter("queue_name", Operator::Equal, &["slow"]), vec![three.number]),
        (filter("queue_number", Operator::NotEqual, &[&here]), vec![three.number]),
        (filter("words", Operator::Contains, &["PROJECTS"]), vec![one.number]),
        (filter("words", Operator::Contains, &["recall job"]), vec![two.number, three.number]),
        (filter("noop", Operator::Equal, &["false"]), vec![one.number, two.number, three.number]),
        (filter("completed", Operator::GreaterOrEqual, &[&completed]), vec![one.number]),
        (filter("completed", Operator::Less, &[&completed]), vec![]),
        (filter("created", Operator::Greater, &[&two.created.0.to_string()]), vec![three.number]),
        (filter("discovery", Operator::Equal, &["snapdiff"]), vec![three.number]),
        (filter("space_number", Operator::Equal, &[&one.space_number.unwrap().to_string()]), vec![one.number]),
    ];
    for (listing, expected) in cases {
        let page = catalogue.workflow_jobs(&listing, None).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|job| job.number).collect();
        assert_eq!((found, page.count), (expected.clone(), expected.len() as u64), "{listing:?}");
    }
    assert_eq!((two.owner_name.as_deref(), three.site_name.as_deref()), (Some("u"), Some("there")));
    assert_eq!((two.call, two.definition["name"].as_str()), (json!({"fields": {"a": 1}}), Some("recall")));
    let inputs = catalogue.job_inputs(one.id).await.unwrap();
    assert_eq!(inputs, [input("/mnt/s/projects/a"), input("/mnt/s/other")]);
}

async fn prefixes(catalogue: &Catalogue, _: &Base) {
    let [one, two, _] = three(catalogue).await;
    let (_, id) = queue(catalogue).await;
    let deep = "é".repeat(600);
    let long =
        NewWorkflowJob { inputs: vec![input(&deep)], ..new_job(catalogue, "migrate", vec![step(id, 0, &["a"], &[])]).await };
    let long = catalogue.create_workflow_job(&long).await.unwrap();
    for (prefix, expected) in [
        ("/mnt/s/", vec![one.number, two.number]),
        ("/mnt/s/projects", vec![one.number]),
        ("/mnt/s/Über", vec![two.number]),
        ("/mnt/s/Überblick 100%", vec![two.number]),
        ("/mnt/s/_", vec![]),
        ("/MNT", vec![]),
        (&"é".repeat(255), vec![long.number]),
        (&"é".repeat(600), vec![long.number]),
        (&"é".repeat(601), vec![]),
    ] {
        let page = catalogue.workflow_jobs(&Listing::first(10), Some(prefix)).await.unwrap();
        assert_eq!(page.items.iter().map(|job| job.number).collect::<Vec<_>>(), expected, "{prefix}");
    }
    let both = catalogue.workflow_jobs(&filter("workflow", Operator::Equal, &["recall"]), Some("/mnt")).await.unwrap();
    assert_eq!(both.items.iter().map(|job| job.number).collect::<Vec<_>>(), [two.number]);
}

async fn tallies(catalogue: &Catalogue, _: &Base) {
    three(catalogue).await;
    let all = catalogue.tally_workflow_jobs(&Listing::first(0), None).await.unwrap();
    let counted = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>();
    assert_eq!(all.workflows, counted(&[("migrate", 1), ("recall", 2)]));
    assert_eq!(all.states, [(JobState::Pending, 2), (JobState::Success, 1)]);
    assert_eq!(all.sites, counted(&[("here", 2), ("there", 1)]));
    assert_eq!(all.days.iter().map(|(_, count)| count).sum::<u64>(), 3);
    let some = catalogue.tally_workflow_jobs(&filter("workflow", Operator::Equal, &["recall"]), Some("/mnt/s")).await.unwrap();
    assert_eq!((some.workflows, some.states), (counted(&[("recall", 1)]), vec![(JobState::Pending, 1)]));
}

async fn refused(catalogue: &Catalogue, _: &Base) {
    let (_, id) = queue(catalogue).await;
    let there = catalogue.create_site(&new_site("there")).await.unwrap();
    let new = new_job(catalogue, "migrate", vec![step(id, 0, &["a"], &[])]).await;
    let going = space(catalogue, "s").await;
    catalogue.begin_space_deletion(going.id).await.unwrap();
    let unknown = NewWorkflowJob { workflow: capstan_domain::ids::WorkflowId::new(), ..new.clone() };
    for (new, kind) in [
        (unknown, Kind::NotFound),
        (NewWorkflowJob { site: there.id, ..new.clone() }, Kind::NotFound),
        (NewWorkflowJob { space: Some(SpaceId::new()), ..new.clone() }, Kind::NotFound),
        (NewWorkflowJob { space: Some(going.id), ..new.clone() }, Kind::Conflict),
        (NewWorkflowJob { owner: JobOwner::User(99), ..new.clone() }, Kind::Invalid),
    ] {
        assert_eq!(catalogue.create_workflow_job(&new).await.unwrap_err().kind, kind);
    }
    assert_eq!(catalogue.workflow_jobs(&Listing::first(1), None).await.unwrap().count, 0, "all or nothing");
    assert_eq!(catalogue.jobs(&Listing::first(1)).await.unwrap().count, 0);
}

async fn deleted(catalogue: &Catalogue, _: &Base) {
    let [one, two, _] = three(catalogue).await;
    let refused = catalogue.delete_workflow_job(two.id).await.unwrap_err();
    assert_eq!((refused.kind, refused.code.as_deref()), (Kind::Conflict, Some("wrong-state")));
    catalogue.delete_workflow_job(one.id).await.unwrap();
    assert_eq!(catalogue.job(one.id).await.unwrap_err().kind, Kind::NotFound);
    assert!(states(catalogue, one.number).await.is_empty());
    ask(catalogue, &two, JobEvent::Cancel).await;
    assert_eq!(catalogue.purge_workflow_jobs(Timestamp(0), 10).await.unwrap(), 0);
    assert_eq!(catalogue.purge_workflow_jobs(later(), 10).await.unwrap(), 1);
    assert_eq!(catalogue.workflow_jobs(&Listing::first(10), None).await.unwrap().count, 1);
}

async fn history(catalogue: &Catalogue, _: &Base) {
    let [one, two, three] = three(catalogue).await;
    let queue = catalogue.site_queue(three.queue_number.unwrap()).await.unwrap();
    let busy = catalogue.delete_site_queue(queue.id).await.unwrap_err();
    assert_eq!((busy.kind, busy.code.as_deref()), (Kind::Conflict, Some("in-use")));
    let site = catalogue.site(three.site_number.unwrap()).await.unwrap();
    assert_eq!(catalogue.delete_site(site.id).await.unwrap_err().code.as_deref(), Some("in-use"));
    ask(catalogue, &three, JobEvent::Cancel).await;
    catalogue.delete_site(site.id).await.unwrap();
    let three = catalogue.workflow_job(three.id).await.unwrap();
    assert_eq!((three.site_number, three.queue_number), (None, None));
    let owner = two.owner.number();
    let user = catalogue.user(owner).await.unwrap();
    let administrator = NewUser { name: "a".to_owned(), password: "h".to_owned(), role: Role::Administrator };
    catalogue.create_user(&administrator).await.unwrap();
    catalogue.delete_user(user.id).await.unwrap();
    let unknown = filter("owner", Operator::In, &["-1"]);
    let found = catalogue.workflow_jobs(&unknown, None).await.unwrap();
    assert_eq!(found.items.iter().map(|job| job.number).collect::<Vec<_>>(), [two.number, three.number]);
    catalogue.delete_space(one.space.unwrap()).await.unwrap();
    assert_eq!(catalogue.workflow_job(one.id).await.unwrap().space, None);
    let workflow = catalogue.workflow("migrate").await.unwrap();
    catalogue.delete_workflow(workflow.id).await.unwrap();
    let one = catalogue.workflow_job(one.id).await.unwrap();
    assert_eq!((one.workflow.as_str(), one.workflow_number), ("migrate", None));
    default_site(catalogue).await;
}
