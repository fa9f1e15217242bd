//! A process that dies: its tasks are taken up by another, which neither loses nor doubles a path that was recorded.

use std::sync::atomic::Ordering;
use std::time::Duration;

use capstan_domain::ids::{Number, Reference};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{JobState, TaskEnd, TaskState};
use capstan_jobs::{Submission, WorkflowJobs, WorkflowLimits};
use serde_json::json;

use crate::workflow_world::{Sites, call, limits};

/// A worker that claims the next task and is never heard of again.
async fn dies_with_a_task(sites: &Sites) -> Option<Number> {
    let queue = sites.catalogue.queue_of_site(sites.here.number, None).await.unwrap().number;
    let now = Timestamp::now();
    let task = sites.catalogue.claim_task(queue, "dead", now, now.plus(Duration::from_millis(200))).await.unwrap();
    task.map(|task| task.number)
}

/// A process that is killed after a while: nothing of it goes on, and nothing is given back.
async fn lives_for(sites: &Sites, time: Duration) {
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (catalogue, hands, site) = (sites.catalogue.clone(), sites.hands.clone(), sites.here.clone());
    let start = async move { WorkflowJobs::start(catalogue, hands, &site, "one", &[], limits()).await.unwrap() };
    let jobs = process.spawn(start).await.unwrap();
    tokio::time::sleep(time).await;
    process.shutdown_background();
    drop(jobs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_a_dead_process_are_taken_up_when_their_leases_run_out() {
    let sites = Sites::new().await;
    (0..12).for_each(|at| sites.write(&format!("f{at}")));
    let jobs = sites.start().await;
    jobs.close().await;
    // The engine that made the job is gone before it took anything up.
    let job = jobs.submit(&call("migrate", &[""])).await.unwrap();
    assert!(dies_with_a_task(&sites).await.is_some(), "the discovery");
    let next = sites.start().await;
    let ended = sites.ended(job.id).await;
    assert_eq!((ended.state, ended.counts.settled, sites.taken().len()), (JobState::Success, 12, 12));
    assert_eq!(sites.tasks(&ended).await[0].attempt, 2);
    next.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_goes_down_in_mid_step_gives_the_rest_to_the_next_one() {
    let sites = Sites::new().await;
    (0..40).for_each(|at| sites.write(&format!("d{}/f{at}", at % 3)));
    sites.hands.pace.store(20, Ordering::SeqCst);
    let jobs = sites.start().await;
    let job = jobs.submit(&call("migrate", &[""])).await.unwrap();
    sites.anything_taken().await;
    sites.hands.open.send_replace(false);
    jobs.close().await;
    let before = sites.catalogue.workflow_job(job.id).await.unwrap();
    assert!(!before.state.is_final(), "it went down on the way: {:?}", before.state);
    sites.hands.open.send_replace(true);
    let next = sites.start().await;
    let ended = sites.ended(job.id).await;
    assert_eq!((ended.state, ended.counts.settled), (JobState::Success, 43));
    let mut all = sites.taken_sorted();
    all.dedup();
    assert_eq!(all.len(), 43, "every path");
    assert!(sites.taken().len() <= 43 + 8, "none again whose result was recorded, but those in a worker's hands");
    next.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_is_killed_again_and_again_arrives_where_one_that_was_not_does() {
    let sites = Sites::new().await;
    (0..30).for_each(|at| sites.write(&format!("d{}/e/f{at}", at % 4)));
    sites.hands.pace.store(10, Ordering::SeqCst);
    let others = sites.start_there().await;
    let submission =
        Submission { fields: json!({"destinationsite": "there"}), space: Some(sites.space), ..call("site_sync", &[]) };
    for run in 0..2 {
        let jobs = sites.start().await;
        jobs.close().await;
        let job = jobs.submit(&submission).await.unwrap();
        // Fewer than a task may lose its worker.
        for life in 0..3_u64 {
            lives_for(&sites, Duration::from_millis(40 + 60 * life)).await;
            // Its leases run out.
            tokio::time::sleep(limits().lease + limits().recovery * 2).await;
        }
        let last = sites.start().await;
        let ended = sites.ended(job.id).await;
        assert_eq!(ended.state, JobState::Success, "{:#?}", sites.tasks(&ended).await);
        for at in 0..30 {
            let path = if run == 0 { format!("d{}/e/f{at}", at % 4) } else { format!("g{}/e/f{at}", at % 4) };
            assert!(sites.other_directory.join(&path).exists(), "{path}");
        }
        // Whoever ended the last task settles the looks.
        tokio::time::sleep(limits().sweep * 2).await;
        last.close().await;
        for at in 0..if run == 0 { 4 } else { 0 } {
            let [from, to] = [format!("d{at}"), format!("g{at}")].map(|name| sites.directory.join(name));
            std::fs::rename(from, to).unwrap();
        }
    }
    assert!(!sites.other_directory.join("d0").exists());
    others.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looks_of_a_job_whose_end_nobody_saw_are_settled_by_the_next_process() {
    let sites = Sites::new().await;
    sites.write("a");
    let jobs = sites.start().await;
    let submission =
        Submission { fields: json!({"destinationsite": "there"}), space: Some(sites.space), ..call("site_sync", &[]) };
    let job = jobs.submit(&submission).await.unwrap();
    let made = async || sites.tasks(&sites.catalogue.workflow_job(job.id).await.unwrap()).await;
    while made().await.iter().filter(|task| task.state == TaskState::Success).count() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    jobs.close().await;
    // The last task, at the other site, ends by somebody who dies at once.
    let queue = sites.catalogue.queue_of_site(sites.there.number, None).await.unwrap().number;
    let now = Timestamp::now();
    let last = sites.catalogue.claim_task(queue, "dead", now, now.plus(Duration::from_secs(9))).await.unwrap().unwrap();
    let done = capstan_domain::workflow::TaskResult {
        position: 0,
        result: capstan_domain::workflow::PathResult::Processed,
        code: None,
        message: None,
    };
    sites.catalogue.record_task_results(last.id, "dead", vec![done]).await.unwrap();
    sites.catalogue.end_task(last.id, "dead", TaskEnd::Done).await.unwrap();
    assert_eq!(sites.ended(job.id).await.state, JobState::Success);
    let next = sites.start().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let again = next.submit(&submission).await.unwrap();
    assert_eq!(sites.ended(again.id).await.counts.paths, 0, "what the first run found is known");
    next.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_deleted_comes_back_with_its_next_heartbeat() {
    let sites = Sites::new().await;
    let heartbeat = Duration::from_millis(50);
    let limits = WorkflowLimits { heartbeat, ..limits() };
    let jobs = sites.start_with(limits).await;
    let node = sites.catalogue.node(Reference::from("one")).await.unwrap();
    sites.catalogue.delete_node(node.id).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(sites.catalogue.node(Reference::from("one")).await.unwrap().is_online(Timestamp::now()));
    jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_ended_long_ago_go_and_others_stay() {
    let sites = Sites::new().await;
    sites.write("a");
    let jobs = sites.start_with(WorkflowLimits { kept: Duration::from_secs(1), ..limits() }).await;
    let ended = jobs.submit(&call("migrate", &["a"])).await.unwrap();
    sites.ended(ended.id).await;
    sites.hands.open.send_replace(false);
    let running = jobs.submit(&call("migrate", &["a"])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    assert_eq!(sites.catalogue.workflow_job(ended.id).await.unwrap_err().kind, capstan_domain::Kind::NotFound);
    assert_eq!(sites.catalogue.workflow_job(running.id).await.unwrap().state, JobState::Started);
    jobs.close().await;
}
