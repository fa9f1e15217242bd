//! The queue: claims, leases, requests, and what a definition shows of them.

use capstan_catalogue::{Catalogue, Holder, Release};
use capstan_domain::drive::DriveChange;
use capstan_domain::ids::{DriveId, TargetId};
use capstan_domain::job::{Job, JobState, Lane, NewJob, Progress, Request, Work};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind};

use crate::database::{Base, on_both};
use crate::nouns::definition;

on_both! {
    a_job_is_claimed_once => once,
    a_lease_that_ran_out_is_taken_up_again_as_the_next_attempt => expiry,
    a_host_that_starts_again_frees_what_it_held => free,
    pause_and_resume_keep_the_attempt => pause,
    requests_that_make_no_sense_are_conflicts => requests,
    a_job_that_waits_for_a_retry_is_not_claimed_before => retry,
    a_definition_runs_one_job_at_a_time_and_shows_its_state => of_definition,
    a_held_job_is_nobody_elses => held,
    a_job_is_claimed_by_workers_of_its_lane_also_when_its_lease_ran_out => lanes,
    a_job_that_goes_over_to_another_lane_is_the_same_attempt => over,
    the_greatest_priority_is_claimed_first_and_can_be_changed_while_it_waits => priority,
}

async fn priority(catalogue: &Catalogue, _: &Base) {
    let plain = new(catalogue).await;
    let mut of = Vec::new();
    for (name, priority) in [("low", 1), ("high", 9), ("middle", 5)] {
        let mut definition = definition(catalogue, name).await;
        definition.options = serde_json::json!({ "priority": priority });
        let definition = catalogue.update_definition(&definition).await.unwrap();
        let new = NewJob { definition: Some(definition.id), name: name.to_owned(), work: Work::Scan { places: Vec::new() } };
        catalogue.create_job(&new, None).await.unwrap();
        of.push(definition);
    }
    let mut low = of.remove(0);
    low.options = serde_json::json!({ "priority": 100 });
    catalogue.update_definition(&low).await.unwrap();
    let mut claimed = Vec::new();
    while let Some(job) = catalogue.claim_job(Lane::Long, "w", Timestamp::now(), later()).await.unwrap() {
        claimed.push(job.name);
    }
    assert_eq!(claimed, ["low", "high", "middle", plain.name.as_str()]);
}

async fn new(catalogue: &Catalogue) -> Job {
    let new = NewJob { definition: None, name: "j".to_owned(), work: Work::Scan { places: Vec::new() } };
    catalogue.create_job(&new, None).await.unwrap()
}

fn now() -> Timestamp {
    Timestamp::now()
}

fn later() -> Timestamp {
    now().plus(std::time::Duration::from_secs(30))
}

fn finished(state: JobState) -> Release {
    Release::Finished { state, failure: None, answer: Some(serde_json::json!(["x"])) }
}

async fn once(catalogue: &Catalogue, _: &Base) {
    for _ in 0..20 {
        new(catalogue).await;
    }
    let tasks: Vec<_> = (0..4)
        .map(|worker| {
            let catalogue = catalogue.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                while let Some(job) = catalogue.claim_job(Lane::Long, &format!("w{worker}"), now(), later()).await.unwrap() {
                    assert_eq!((job.state, job.attempt), (JobState::Calculating, 1));
                    mine.push(job.number);
                }
                mine
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    assert_eq!((count, all.len()), (20, 20));
}

async fn expiry(catalogue: &Catalogue, base: &Base) {
    let job = new(catalogue).await;
    let start = now();
    catalogue.claim_job(Lane::Long, "dead", start, start).await.unwrap().unwrap();
    let progress = Progress { files_to_process: 10, files_finalized: 4, ..Progress::default() };
    catalogue.beat_job(job.id, "dead", start, JobState::Running, &progress).await.unwrap();
    let reopened = Catalogue::open(&base.url, crate::database::options()).await.unwrap();
    let again =
        reopened.claim_job(Lane::Long, "alive", start.plus(std::time::Duration::from_millis(1)), later()).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempt, again.progress), (job.id, 2, progress));
    let lost = catalogue.beat_job(job.id, "dead", later(), JobState::Running, &progress).await.unwrap_err();
    assert_eq!((lost.kind, lost.code.as_deref()), (Kind::Conflict, Some("lease-lost")));
    assert!(catalogue.release_job(job.id, "dead", &progress, finished(JobState::Failed)).await.is_err());
    reopened.release_job(job.id, "alive", &progress, finished(JobState::Done)).await.unwrap();
    let done = reopened.job(job.id).await.unwrap();
    assert_eq!((done.state, done.answer), (JobState::Done, Some(serde_json::json!(["x"]))));
    assert!(done.finished.is_some());
    assert!(reopened.claim_job(Lane::Long, "alive", later(), later()).await.unwrap().is_none());
}

async fn free(catalogue: &Catalogue, _: &Base) {
    new(catalogue).await;
    catalogue.claim_job(Lane::Long, "host", now(), later()).await.unwrap().unwrap();
    assert!(catalogue.claim_job(Lane::Long, "host", now(), later()).await.unwrap().is_none());
    assert_eq!(catalogue.free_leases(Some("other")).await.unwrap(), 0);
    assert_eq!(catalogue.free_leases(Some("host")).await.unwrap(), 1);
    assert_eq!(catalogue.claim_job(Lane::Long, "host", now(), later()).await.unwrap().unwrap().attempt, 2);
}

async fn pause(catalogue: &Catalogue, _: &Base) {
    let job = new(catalogue).await;
    catalogue.claim_job(Lane::Long, "w", now(), later()).await.unwrap().unwrap();
    let asked = catalogue.request_job(job.id, Request::Pause).await.unwrap();
    assert_eq!((asked.state, asked.requested), (JobState::Calculating, Some(Request::Pause)));
    let told = catalogue.beat_job(job.id, "w", later(), JobState::Running, &Progress::default()).await.unwrap();
    assert_eq!(told, Some(Request::Pause));
    catalogue.release_job(job.id, "w", &Progress::default(), Release::Paused).await.unwrap();
    assert_eq!(catalogue.job(job.id).await.unwrap().state, JobState::Paused);
    assert!(catalogue.claim_job(Lane::Long, "w", later(), later()).await.unwrap().is_none());
    let resumed = catalogue.request_job(job.id, Request::Resume).await.unwrap();
    assert_eq!((resumed.state, resumed.requested), (JobState::Queued, None));
    assert_eq!(catalogue.claim_job(Lane::Long, "w", now(), later()).await.unwrap().unwrap().attempt, 1);
    catalogue.request_job(job.id, Request::Stop).await.unwrap();
    let told = catalogue.beat_job(job.id, "w", later(), JobState::Running, &Progress::default()).await.unwrap();
    assert_eq!(told, Some(Request::Stop));
}

async fn requests(catalogue: &Catalogue, _: &Base) {
    let conflict = async |job: &Job, request: Request| {
        let failure = catalogue.request_job(job.id, request).await.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some("wrong-state")));
    };
    let job = new(catalogue).await;
    conflict(&job, Request::Resume).await;
    assert_eq!(catalogue.request_job(job.id, Request::Pause).await.unwrap().state, JobState::Paused);
    conflict(&job, Request::Pause).await;
    let stopped = catalogue.request_job(job.id, Request::Stop).await.unwrap();
    assert_eq!(stopped.state, JobState::StoppedByUser);
    assert!(stopped.finished.is_some());
    for request in [Request::Pause, Request::Resume, Request::Stop] {
        conflict(&job, request).await;
    }
    assert_eq!(catalogue.request_job(capstan_domain::ids::JobId::new(), Request::Stop).await.unwrap_err().kind, Kind::NotFound);
}

async fn retry(catalogue: &Catalogue, _: &Base) {
    let job = new(catalogue).await;
    catalogue.claim_job(Lane::Long, "w", now(), later()).await.unwrap().unwrap();
    let ready = later();
    let again = Release::Again { ready, failure: Some(Failure::new(Kind::Unavailable, "away")) };
    catalogue.release_job(job.id, "w", &Progress::default(), again).await.unwrap();
    let waiting = catalogue.job(job.id).await.unwrap();
    assert_eq!((waiting.state, waiting.failure.unwrap().kind), (JobState::Queued, Kind::Unavailable));
    assert!(catalogue.claim_job(Lane::Long, "w", now(), later()).await.unwrap().is_none());
    let claimed = catalogue.claim_job(Lane::Long, "w", ready, later()).await.unwrap().unwrap();
    assert_eq!((claimed.attempt, claimed.failure), (2, None));
}

async fn of_definition(catalogue: &Catalogue, _: &Base) {
    let d = definition(catalogue, "d").await;
    let run = NewJob { definition: Some(d.id), name: "d".to_owned(), work: Work::Erase { places: Vec::new() } };
    let job = catalogue.create_job(&run, None).await.unwrap();
    assert_eq!(job.definition_number, Some(d.number));
    let failure = catalogue.create_job(&run, None).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some("already-running")));
    let shown = catalogue.definition(d.id).await.unwrap();
    assert_eq!((shown.job, shown.status), (Some(job.id), JobState::Queued));
    catalogue.claim_job(Lane::Long, "w", now(), later()).await.unwrap().unwrap();
    catalogue.beat_job(job.id, "w", later(), JobState::Running, &Progress::default()).await.unwrap();
    assert_eq!(catalogue.definition(d.id).await.unwrap().status, JobState::Running);
    catalogue.release_job(job.id, "w", &Progress::default(), finished(JobState::DoneWithWarnings)).await.unwrap();
    let of_state = Listing::first(10).with("status", Operator::Equal, "done_with_warnings");
    assert_eq!(catalogue.definitions(&of_state).await.unwrap().count, 1);
    let second = catalogue.create_job(&run, None).await.unwrap();
    let runs = Listing::first(10).with("definition_number", Operator::Equal, d.number).with(
        "workflow",
        Operator::Equal,
        "active_archive",
    );
    assert_eq!(catalogue.jobs(&runs).await.unwrap().count, 2);
    catalogue.delete_definition(d.id).await.unwrap();
    assert_eq!(catalogue.job(second.id).await.unwrap().definition, None);
}

async fn held(catalogue: &Catalogue, _: &Base) {
    let probe = NewJob { definition: None, name: "probe".to_owned(), work: Work::Probe { plugin: "s3".to_owned() } };
    let holder = Holder { worker: "me".to_owned(), until: later() };
    let job = catalogue.create_job(&probe, Some(holder)).await.unwrap();
    assert_eq!((job.state, job.attempt), (JobState::Calculating, 1));
    for lane in [Lane::Brief, Lane::Long] {
        assert!(catalogue.claim_job(lane, "you", now(), later()).await.unwrap().is_none());
    }
    catalogue.release_job(job.id, "me", &Progress::default(), finished(JobState::Done)).await.unwrap();
}

async fn brief(catalogue: &Catalogue) -> Job {
    let work = Work::Drive { drive: DriveId::new(), change: DriveChange::Create };
    catalogue.create_job(&NewJob { definition: None, name: "d".to_owned(), work }, None).await.unwrap()
}

async fn lanes(catalogue: &Catalogue, _: &Base) {
    let sync = NewJob { definition: None, name: "s".to_owned(), work: Work::SyncLocations { target: TargetId::new() } };
    let (long, first) = (new(catalogue).await, brief(catalogue).await);
    let second = catalogue.create_job(&sync, None).await.unwrap();
    assert_eq!([long.lane, first.lane, second.lane], [Lane::Long, Lane::Brief, Lane::Brief]);
    let start = now();
    let claim = async |lane: Lane, worker: &str| catalogue.claim_job(lane, worker, start, start).await.unwrap();
    for expected in [first.id, second.id] {
        assert_eq!(claim(Lane::Brief, "dead").await.unwrap().id, expected);
    }
    assert!(claim(Lane::Brief, "dead").await.is_none(), "what is long is for others");
    assert_eq!(claim(Lane::Long, "dead").await.unwrap().id, long.id);
    assert!(claim(Lane::Long, "dead").await.is_none());
    // Each is taken up again in its own lane.
    let then = start.plus(std::time::Duration::from_millis(1));
    for (lane, expected) in [(Lane::Long, vec![long.id]), (Lane::Brief, vec![first.id, second.id])] {
        let mut again = Vec::new();
        while let Some(job) = catalogue.claim_job(lane, "alive", then, later()).await.unwrap() {
            assert_eq!((job.lane, job.attempt), (lane, 2));
            again.push(job.id);
        }
        assert_eq!(again, expected);
    }
}

async fn over(catalogue: &Catalogue, _: &Base) {
    let job = brief(catalogue).await;
    catalogue.claim_job(Lane::Brief, "w", now(), later()).await.unwrap().unwrap();
    let over = || Release::Over { lane: Lane::Long };
    assert!(catalogue.release_job(job.id, "other", &Progress::default(), over()).await.is_err(), "it is not theirs");
    assert!(catalogue.claim_job(Lane::Long, "w", later(), later()).await.unwrap().is_none());
    catalogue.release_job(job.id, "w", &Progress::default(), over()).await.unwrap();
    assert!(catalogue.claim_job(Lane::Brief, "w", later(), later()).await.unwrap().is_none());
    let claimed = catalogue.claim_job(Lane::Long, "w", now(), later()).await.unwrap().unwrap();
    assert_eq!((claimed.id, claimed.lane, claimed.attempt), (job.id, Lane::Long, 1));
}
