//! Jobs that run workflows, from the call to the end: what is discovered, what becomes of paths, and what users ask meanwhile.

use std::sync::atomic::Ordering;

use capstan_domain::listing::{Listing, Operator};
use capstan_domain::workflow::{InputPath, JobEvent, JobPathState, JobState, TaskState};
use capstan_jobs::{AskedDiscovery, Submission};
use serde_json::json;

use crate::workflow_world::{Sites, call};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_discovers_its_paths_and_takes_its_step_with_each() {
    let sites = Sites::new().await;
    for path in ["a/1", "a/2", "a/deep/3", "b", "a-b/4"] {
        sites.write(path);
    }
    let jobs = sites.start().await;
    let job = jobs.submit(&call("migrate", &["a", "b"])).await.unwrap();
    let ended = sites.ended(job.id).await;
    assert_eq!((ended.state, ended.counts.settled, ended.counts.failed), (JobState::Success, 6, 0));
    let expected = ["migrate a", "migrate a/1", "migrate a/2", "migrate a/deep", "migrate a/deep/3", "migrate b"];
    assert_eq!(sites.taken_sorted(), expected);
    let tasks = sites.tasks(&ended).await;
    let shape: Vec<_> = tasks.iter().map(|task| (task.kind.as_str(), task.state, task.paths)).collect();
    assert_eq!(
        shape,
        [("discovery", TaskState::Success, 0), ("migrate", TaskState::Success, 5), ("migrate", TaskState::Success, 1)]
    );
    jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_fails_makes_the_job_a_failure_and_goes_no_further() {
    let sites = Sites::new().await;
    (0..7).for_each(|at| sites.write(&format!("f{at}")));
    sites.hands.failing.lock().unwrap().insert("f3".to_owned());
    let (jobs, others) = (sites.start().await, sites.start_there().await);
    let fields = json!({"destinationsite": "there"});
    let job = jobs.submit(&Submission { fields, space: Some(sites.space), ..call("send", &[]) }).await.unwrap();
    let ended = sites.ended(job.id).await;
    assert_eq!((ended.state, ended.counts.failed), (JobState::Failure, 1));
    let sent = (0..7).map(|at| sites.other_directory.join(format!("f{at}")).exists());
    assert_eq!(sent.collect::<Vec<_>>(), [true, true, true, false, true, true, true]);
    let listing = Listing::first(9).with("job_number", Operator::Equal, job.number).with("state", Operator::Equal, "failed");
    let failed = sites.catalogue.job_paths(&listing).await.unwrap().items;
    let [failed] = failed.as_slice() else { panic!("{failed:?}") };
    assert_eq!((failed.path.as_str(), failed.state, failed.code.as_deref()), ("f3", JobPathState::Failed, Some("bad")));
    jobs.close().await;
    others.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_discovery_the_rules_take_the_paths_in_the_states_of_the_call() {
    let sites = Sites::new().await;
    ["new", "gone", "same"].into_iter().for_each(|path| sites.write(path));
    let definition = json!({"name": "own", "label": "Own", "filter_rules": [
        {"type": "file", "state": "created", "action": [{"name": "migrate"}]},
        {"type": "all", "state": "deleted", "action": [{"name": "delete"}]},
    ]});
    sites.catalogue.create_workflow(&definition).await.unwrap();
    let jobs = sites.start().await;
    let mut call = call("own", &["new", "gone", "same", "never"]);
    for (input, state) in call.paths.iter_mut().zip([Some("created"), Some("deleted"), None, Some("created")]) {
        *input = InputPath { state: state.map(str::to_owned), ..input.clone() };
    }
    let job = jobs.submit(&call).await.unwrap();
    let ended = sites.ended(job.id).await;
    assert_eq!((ended.state, ended.counts.settled, ended.counts.failed), (JobState::Failure, 3, 1), "one is not there");
    assert_eq!(sites.taken_sorted(), ["delete gone", "migrate never", "migrate new"]);
    assert!(!sites.directory.join("gone").exists());
    jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_given_path_that_is_not_there_is_an_error_unless_it_may_be_missing() {
    let sites = Sites::new().await;
    sites.write("a");
    let definition = json!({"name": "lenient", "label": "L", "discovery": "recursive", "discovery_options": {"skip_missing": true},
        "filter_rules": [{"type": "all", "state": "all", "action": [{"name": "recall"}]}]});
    sites.catalogue.create_workflow(&definition).await.unwrap();
    let jobs = sites.start().await;
    for (workflow, state) in [("recall", JobState::Failure), ("lenient", JobState::Success)] {
        sites.forget();
        let job = jobs.submit(&call(workflow, &["nothing", "a"])).await.unwrap();
        let ended = sites.ended(job.id).await;
        assert_eq!(ended.state, state, "{workflow}");
        assert_eq!(sites.taken(), ["recall a"], "the other is worked on either way");
        let failure = sites.tasks(&ended).await.into_iter().find_map(|task| task.failure);
        assert_eq!(failure.and_then(|failure| failure.code).as_deref(), (workflow == "recall").then_some("input-missing"));
    }
    jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn globs_of_the_call_choose_among_what_is_discovered() {
    let sites = Sites::new().await;
    ["a.mov", "b.tmp", "raw/c.mov", "raw/d.txt"].into_iter().for_each(|path| sites.write(path));
    let jobs = sites.start().await;
    let globs = |globs: &[&str]| globs.iter().map(|&glob| glob.to_owned()).collect();
    let call = Submission {
        include: globs(&["*.mov", "*.txt"]),
        exclude: globs(&["/mnt/projects/raw/*.txt"]),
        ..call("migrate", &[""])
    };
    let job = jobs.submit(&call).await.unwrap();
    assert_eq!(sites.ended(job.id).await.state, JobState::Success);
    assert_eq!(sites.taken_sorted(), ["migrate a.mov", "migrate raw/c.mov"]);
    jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_whose_target_is_away_is_taken_again_later() {
    let sites = Sites::new().await;
    sites.write("a");
    sites.hands.away.store(2, Ordering::SeqCst);
    let jobs = sites.start().await;
    let job = jobs.submit(&call("recall", &["a"])).await.unwrap();
    let ended = sites.ended(job.id).await;
    assert_eq!(ended.state, JobState::Success);
    assert_eq!(sites.tasks(&ended).await[1].attempt, 3);
    jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_job_lets_running_tasks_end_and_goes_on_when_it_is_resumed() {
    let sites = Sites::new().await;
    (0..60).for_each(|at| sites.write(&format!("d{}/f{at}", at % 4)));
    sites.hands.open.send_replace(false);
    let jobs = sites.start_with(capstan_jobs::WorkflowLimits { workers: 2, ..crate::workflow_world::limits() }).await;
    let job = jobs.submit(&call("migrate", &[""])).await.unwrap();
    sites.reached(job.id, JobState::Started).await;
    while sites.tasks(&job).await.iter().filter(|task| task.state == TaskState::Started && task.kind == "migrate").count() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(jobs.request(job.id, JobEvent::Pause).await.unwrap().state, JobState::Pausing);
    sites.hands.open.send_replace(true);
    sites.reached(job.id, JobState::Paused).await;
    let taken = sites.taken().len();
    assert!((1..=10).contains(&taken), "two tasks of five paths ran: {taken}");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(sites.taken().len(), taken, "nothing goes on while it is paused");
    jobs.request(job.id, JobEvent::Resume).await.unwrap();
    assert_eq!(sites.ended(job.id).await.state, JobState::Success);
    let mut all = sites.taken_sorted();
    all.dedup();
    assert_eq!((all.len(), sites.taken().len()), (64, 64), "each once");
    jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_job_stops_its_steps_and_a_resubmitted_one_does_all_again() {
    let sites = Sites::new().await;
    (0..20).for_each(|at| sites.write(&format!("f{at}")));
    sites.hands.open.send_replace(false);
    let jobs = sites.start().await;
    let job = jobs.submit(&call("migrate", &[""])).await.unwrap();
    sites.reached(job.id, JobState::Started).await;
    jobs.request(job.id, JobEvent::Cancel).await.unwrap();
    let ended = sites.ended(job.id).await;
    assert_eq!(ended.state, JobState::Cancelled);
    assert!(sites.taken().is_empty() && sites.tasks(&ended).await.iter().all(|task| task.state.is_final()));
    sites.hands.open.send_replace(true);
    jobs.request(job.id, JobEvent::Resubmit).await.unwrap();
    let ended = sites.ended(job.id).await;
    assert_eq!((ended.state, ended.counts.settled, sites.taken().len()), (JobState::Success, 20, 20));
    jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_can_ask_for_another_discovery() {
    let sites = Sites::new().await;
    sites.write("a/f");
    let jobs = sites.start().await;
    let job = jobs.submit(&Submission { discovery: AskedDiscovery::Nothing, ..call("migrate", &["a"]) }).await.unwrap();
    assert_eq!((job.discovery.as_deref(), sites.ended(job.id).await.state), (None, JobState::Success));
    assert_eq!(sites.taken(), ["migrate a"], "nothing was discovered in it");
    jobs.close().await;
}
