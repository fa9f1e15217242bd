//! What is wrong in a call is named, and nothing is recorded.

use capstan_domain::Kind;
use capstan_domain::ids::Reference;
use capstan_domain::listing::Listing;
use capstan_domain::site::{NewSite, SiteSettings};
use capstan_domain::workflow::InputPath;
use capstan_jobs::{AskedDiscovery, Refusal, Submission, WorkflowJobs};
use serde_json::json;

use crate::workflow_world::{Sites, call};

/// Paths of what is wrong, sorted.
async fn wrong(jobs: &WorkflowJobs, call: &Submission) -> Vec<String> {
    let errors = match jobs.submit(call).await {
        Err(Refusal::Fields(errors)) => errors,
        other => return vec![format!("{other:?}")],
    };
    let mut paths: Vec<_> = errors.iter().map(|error| error.path.to_string()).collect();
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wrong_member_of_a_call_is_named() {
    let sites = Sites::new().await;
    let lonely = NewSite {
        name: "lonely".to_owned(),
        label: "Lonely".to_owned(),
        settings: SiteSettings::default(),
        attributes: json!({}),
    };
    sites.catalogue.create_site(&lonely).await.unwrap();
    for (name, more) in [("off", json!({"enabled": false})), ("timed", json!({"schedule_only": true}))] {
        let mut definition = json!({"name": name, "label": name, "discovery": "recursive"});
        definition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sites.catalogue.create_workflow(&definition).await.unwrap();
    }
    let fixed = json!({"name": "fixed", "label": "F", "discovery": "recursive", "filter_rules": [
        {"type": "all", "state": "all", "action": [{"name": "recall", "queue": "nowhere"}]}]});
    sites.catalogue.create_workflow(&fixed).await.unwrap();
    let jobs = sites.start().await;
    let good = || call("migrate", &["a"]);
    let path = |path: &str| vec![InputPath { path: path.to_owned(), state: None, size: None }];
    let send = |site: &str, queue: &str| Submission {
        fields: json!({"destinationsite": site, "destinationqueue": queue}),
        ..call("send", &["a"])
    };
    for (call, expected) in [
        (
            Submission { workflow: Reference::from("none"), site: Some(Reference::from("none")), ..good() },
            vec!["site", "workflow"],
        ),
        (Submission { queue: Some("none".to_owned()), ..good() }, vec!["queue"]),
        (Submission { site: Some(Reference::from("lonely")), ..good() }, vec!["site"]),
        (Submission { space: Some(capstan_domain::ids::SpaceId::new()), ..good() }, vec!["space"]),
        (Submission { paths: Vec::new(), ..good() }, vec!["paths"]),
        (Submission { paths: path("/etc/passwd"), ..good() }, vec!["paths.0.path"]),
        (Submission { paths: path("/mnt/projects2/a"), ..good() }, vec!["paths.0.path"]),
        (Submission { paths: path("/mnt/projects/../a"), ..good() }, vec!["paths.0.path"]),
        (Submission { paths: path("../a"), space: Some(sites.space), ..good() }, vec!["paths.0.path"]),
        (Submission { discovery: AskedDiscovery::Nothing, ..call("migrate", &[""]) }, vec!["paths.0.path"]),
        (Submission { fields: json!({"lock_level": "all", "more": 1}), ..good() }, vec!["fields.lock_level", "fields.more"]),
        (Submission { include: vec!["ok".to_owned(), "[".to_owned()], ..good() }, vec!["include.1"]),
        (call("off", &["a"]), vec!["workflow"]),
        (call("timed", &["a"]), vec!["workflow"]),
        (call("send", &["a"]), vec!["fields.destinationsite"]),
        (send("nowhere", "default"), vec!["fields.destinationsite"]),
        (send("there", "nowhere"), vec!["fields.destinationqueue"]),
        (send("lonely", "default"), vec!["fields.destinationsite"]),
        (call("fixed", &["a"]), vec!["filter_rules.0.action.0.queue"]),
    ] {
        assert_eq!(wrong(&jobs, &call).await, expected, "{call:?}");
    }
    assert_eq!(sites.catalogue.workflow_jobs(&Listing::first(9), None).await.unwrap().count, 0);
    jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_begins_on_a_space_that_is_being_deleted() {
    let sites = Sites::new().await;
    sites.catalogue.begin_space_deletion(sites.space).await.unwrap();
    let jobs = sites.start().await;
    let refused = jobs.submit(&call("migrate", &["a"])).await;
    let Err(Refusal::Failure(failure)) = refused else { panic!("{refused:?}") };
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some("deleting")));
    jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_behind_a_link_is_worked_on() {
    let sites = Sites::new().await;
    sites.write("real/f");
    std::os::unix::fs::symlink("real", sites.directory.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc", sites.directory.join("out")).unwrap();
    let jobs = sites.start().await;
    for path in ["link/f", "out/passwd"] {
        let job = jobs.submit(&call("migrate", &[path])).await.unwrap();
        let ended = sites.ended(job.id).await;
        assert_eq!(ended.state, capstan_domain::workflow::JobState::Failure, "{path}");
        let failure = sites.tasks(&ended).await[0].failure.clone().unwrap();
        assert_eq!(failure.code.as_deref(), Some("link-in-path"));
    }
    assert!(sites.taken().is_empty());
    let job = jobs.submit(&call("migrate", &["link"])).await.unwrap();
    sites.ended(job.id).await;
    assert_eq!(sites.taken(), ["migrate link"], "a link itself is a path like any other");
    jobs.close().await;
}
