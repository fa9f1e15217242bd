//! Sites, spaces over sites, buckets, external targets, workflows and jobs, over a host without any plugin.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use capstan_domain::Kind;
use capstan_domain::external_target::{NewExternalTarget, TargetRule};
use capstan_domain::ids::JobId;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::ports::LocationInfo;
use capstan_domain::space_profile::{ManagedSpace, SpaceProfile};
use capstan_domain::target::NewTarget;
use capstan_domain::workflow::{InputPath, JobEvent, NewTask, NewWorkflowJob, TaskPath, WorkflowJob};
use capstan_domain::{Outcome, entry};
use serde_json::{Value, json};

use super::host::{Host, bare};
use crate::buckets::{BucketEdit, BucketWish};
use crate::managed_spaces::ManagedSpaceChange;
use crate::refused::Refused;
use crate::sites::{SiteEdit, settings_of};
use crate::space_files::FileWish;
use crate::spaces::SpaceRequest;
use crate::workflow_jobs::{Run, RunWish, WorkflowEngine, WorkflowJobs};

fn request(name: &str) -> SpaceRequest {
    SpaceRequest {
        name: name.into(),
        comment: None,
        directory: None,
        quota_bytes: None,
        cache_quota_bytes: None,
        push_pool: None,
        cleaning_pool: None,
        attributes: json!({}),
    }
}

async fn space(host: &Host, name: &str, mountpoint: &str) -> ManagedSpace {
    let profile = SpaceProfile { mountpoint: Some(mountpoint.into()), ..SpaceProfile::default() };
    host.app.spaces.create_managed(&host.admin, request(name), profile, &[]).await.unwrap()
}

/// A bucket as another door would have set it up: its target names a plugin that nobody installed.
async fn bucket(host: &Host, name: &str) -> capstan_domain::bucket::Bucket {
    let new = NewTarget {
        name: name.into(),
        plugin: "s3".into(),
        pinned: None,
        configuration: json!({ "endpoint": "http://h" }),
        attributes: json!({}),
        secrets: Vec::new(),
        owner: None,
    };
    let id = capstan_domain::ids::TargetId::new();
    let location = LocationInfo { name: name.into(), created: None, extras: Vec::new() };
    host.app.catalogue.create_target_with(id, &new, Vec::new(), Vec::new(), None, vec![location]).await.unwrap();
    host.app.buckets.named(name).await.unwrap()
}

fn rule(regex: &str) -> TargetRule {
    TargetRule {
        local_file_regex: regex.into(),
        enabled: true,
        delete_on_recall: false,
        backup_only: false,
        backup_site: None,
        sites: Vec::new(),
        position: 0,
        attributes: json!({}),
    }
}

fn members(refused: Refused) -> Vec<String> {
    match refused {
        Refused::Members(errors) => errors.iter().map(|error| error.path.to_string()).collect(),
        Refused::Whole(failure) => panic!("{failure:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_there_from_the_first_start_and_stays() {
    let host = bare().await;
    let sites = &host.app.sites;
    let first = sites.named("default").await.unwrap();
    assert!(first.is_default);
    assert_eq!(sites.delete(&host.admin, first.number).await.unwrap_err().code.as_deref(), Some("default"));
    let edit = |name: &str| SiteEdit { name: Some(name.into()), ..SiteEdit::default() };
    for bad in ["", "a b", "a/b"] {
        assert_eq!(sites.create(&host.admin, edit(bad)).await.unwrap_err().kind, Kind::Invalid, "{bad:?}");
    }
    let second = sites.create(&host.admin, edit("second")).await.unwrap();
    assert_eq!(sites.create(&host.admin, edit("second")).await.unwrap_err().kind, Kind::AlreadyExists);
    sites.delete(&host.admin, second.number).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_takes_spaces_up_and_leaves_none_without_a_site() {
    let host = bare().await;
    let (sites, made) = (&host.app.sites, space(&host, "films", "/mnt/films").await);
    let edit = SiteEdit { name: Some("second".into()), spaces: Some(vec!["films".into()]), ..SiteEdit::default() };
    let second = sites.create(&host.admin, edit).await.unwrap();
    assert_eq!(host.app.spaces.managed(made.space.number).await.unwrap().sites.len(), 2);
    let none = || SiteEdit { spaces: Some(Vec::new()), ..SiteEdit::default() };
    sites.update(&host.admin, second.number, none()).await.unwrap();
    assert_eq!(host.app.spaces.managed(made.space.number).await.unwrap().sites, made.sites);
    let first = made.sites[0];
    assert_eq!(sites.update(&host.admin, first, none()).await.unwrap_err().code.as_deref(), Some("spaces"));
    let unknown = SiteEdit { spaces: Some(vec!["nothing".into()]), ..SiteEdit::default() };
    assert_eq!(sites.update(&host.admin, first, unknown).await.unwrap_err().code.as_deref(), Some("spaces"));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_site_are_there_when_their_task_is() {
    let host = bare().await;
    let site = host.app.sites.named("default").await.unwrap();
    let changes = vec![("samba:realm".to_owned(), json!("EXAMPLE")), ("nfs:threads".to_owned(), json!(8))];
    let task = host.app.sites.change_settings(&host.admin, site.number, changes).await.unwrap();
    let found = host.app.workflow_jobs.tasks(Listing::first(10).with("id", Operator::Equal, task.id)).await.unwrap();
    assert_eq!(
        found.items.iter().map(|task| (task.kind.as_str(), task.ended.is_some())).collect::<Vec<_>>(),
        [("push_settings", true)]
    );
    let removed = vec![("nfs:threads".to_owned(), Value::Null)];
    host.app.sites.change_settings(&host.admin, site.number, removed).await.unwrap();
    let settings = settings_of(&host.app.sites.get(site.number).await.unwrap());
    assert_eq!(Value::Object(settings), json!({ "samba:realm": "EXAMPLE" }));
    // Such jobs had no file to work on.
    let hidden = Listing::first(10).with("noop", Operator::Equal, false);
    assert_eq!(host.app.workflow_jobs.list(&hidden, None).await.unwrap().count, 0);
    assert_eq!(host.app.workflow_jobs.list(&Listing::first(10), None).await.unwrap().count, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_spaces_share_a_path() {
    let host = bare().await;
    let first = space(&host, "films", "/mnt//films/").await;
    assert_eq!(first.profile.mountpoint.as_deref(), Some("/mnt/films"));
    assert!(first.profile.is_ready && std::path::Path::new(&first.space.directory).is_dir());
    for (name, mountpoint) in
        [("a", "/mnt/films"), ("b", "/mnt/films/cut"), ("c", "/mnt"), ("d", "mnt"), ("e", "/x/../mnt/films")]
    {
        let profile = SpaceProfile { mountpoint: Some(mountpoint.into()), ..SpaceProfile::default() };
        let refused = host.app.spaces.create_managed(&host.admin, request(name), profile, &[]).await.unwrap_err();
        assert_eq!(refused.code.as_deref(), Some("mountpoint"), "{mountpoint}");
    }
    space(&host, "other", "/mnt/films2").await;
    let change =
        ManagedSpaceChange { colour: Some([1, 2, 3]), sites: Some(vec!["nowhere".into()]), ..ManagedSpaceChange::default() };
    let refused = host.app.spaces.update_managed(&host.admin, first.space.number, change).await.unwrap_err();
    assert_eq!(refused.code.as_deref(), Some("sites"));
    let change = ManagedSpaceChange { colour: Some([1, 2, 3]), ..ManagedSpaceChange::default() };
    let changed = host.app.spaces.update_managed(&host.admin, first.space.number, change).await.unwrap();
    assert_eq!((changed.profile.colour, changed.sites), (Some([1, 2, 3]), first.sites));
    host.app.spaces.delete_managed(&host.admin, first.space.number).await.unwrap();
    assert_eq!(host.app.spaces.managed(first.space.number).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_regex_that_explodes_or_means_nothing_is_refused() {
    let host = bare().await;
    let (space, bucket) = (space(&host, "films", "/mnt/films").await, bucket(&host, "cold").await);
    let new =
        |regex: &str| NewExternalTarget { name: "t".into(), space: space.space.id, location: bucket.location, rule: rule(regex) };
    for bad in ["(", "a{1000}{1000}{1000}", "(?=a)", ""] {
        let refused = host.app.external_targets.create(&host.admin, new(bad)).await.unwrap_err();
        assert_eq!(refused.code.as_deref(), Some("local_file_regex"), "{bad}");
    }
    let target = host.app.external_targets.create(&host.admin, new(r"\.mov$")).await.unwrap();
    let elsewhere = TargetRule { sites: vec![space.sites[0] + 1], ..rule(".*") };
    let refused = host.app.external_targets.update(&host.admin, target.number, None, elsewhere).await.unwrap_err();
    assert_eq!(refused.code.as_deref(), Some("available_on_sites"));
    host.app.external_targets.delete(&host.admin, target.number).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_deleted_takes_no_target_and_goes() {
    let host = bare().await;
    // The test drains by itself.
    host.app.drains.abort();
    let (space, cold) = (space(&host, "films", "/mnt/films").await, bucket(&host, "cold").await);
    let named = host.app.buckets.update(
        &host.admin,
        cold.number,
        BucketEdit { label: Some(Some("Cold".into())), ..BucketEdit::default() },
    );
    assert_eq!(named.await.unwrap().profile.label.as_deref(), Some("Cold"));
    host.app.catalogue.begin_bucket_deletion(cold.location).await.unwrap();
    let new = NewExternalTarget { name: "t".into(), space: space.space.id, location: cold.location, rule: rule(".*") };
    assert_eq!(host.app.external_targets.create(&host.admin, new).await.unwrap_err().code.as_deref(), Some("deleting"));
    let edit = BucketEdit { label: Some(None), ..BucketEdit::default() };
    assert_eq!(host.app.buckets.update(&host.admin, cold.number, edit).await.unwrap_err().code.as_deref(), Some("deleting"));
    host.app.buckets.drain().await.unwrap();
    assert_eq!(host.app.buckets.get(cold.number).await.unwrap_err().kind, Kind::NotFound);
    // What another door set up stays.
    assert_eq!(host.app.targets.find("cold").await.unwrap().id, cold.target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_needs_the_plugin_of_its_storage_and_leaves_nothing_behind_without_it() {
    let host = bare().await;
    let wish = BucketWish {
        name: "data".into(),
        plugin: "s3".into(),
        configuration: json!({ "endpoint": "http://h" }),
        secrets: Vec::new(),
        container: "data".into(),
        storage_type: "S3".into(),
        endpoint: None,
        label: None,
        attributes: json!({}),
    };
    assert_eq!(host.app.buckets.create(&host.admin, wish).await.unwrap_err().code.as_deref(), Some("plugin"));
    assert_eq!(host.app.targets.list(Listing::first(10)).await.unwrap().count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workflows_that_come_with_the_host_stay_and_others_are_checked() {
    let host = bare().await;
    let workflows = &host.app.workflows;
    let built_in = workflows.list(Listing::first(10)).await.unwrap();
    let names: Vec<_> = built_in.items.iter().map(|workflow| workflow.name.as_str()).collect();
    assert_eq!(names, ["migrate", "premigrate", "recall", "send", "site_sync"]);
    let first = built_in.items[0].number;
    assert_eq!(workflows.delete(&host.admin, first).await.unwrap_err().code.as_deref(), Some("protected"));
    assert!(matches!(workflows.update(&host.admin, first, &json!({ "label": "x" })).await, Err(Refused::Whole(_))));

    let rule = json!({ "type": "file", "state": "all", "action": [{ "name": "dynamo.tasks.explode" }] });
    let wrong = json!({ "name": "own", "label": "Own", "filter_rules": [rule] });
    let wrong = members(workflows.create(&host.admin, &wrong).await.unwrap_err());
    assert!(wrong.iter().any(|path| path.starts_with("filter_rules.0.action.0")), "{wrong:?}");
    let rule = json!({ "type": "file", "state": "all", "action": [{ "name": "dynamo.tasks.recall" }] });
    let own = json!({ "name": "own", "label": "Own", "discovery": "recursive", "filter_rules": [rule] });
    let made = workflows.create(&host.admin, &own).await.unwrap();
    assert_eq!(members(workflows.create(&host.admin, &own).await.unwrap_err()), ["name"]);
    let changed = workflows.update(&host.admin, made.number, &json!({ "enabled": false })).await.unwrap();
    assert_eq!((&changed.definition["enabled"], &changed.definition["label"]), (&json!(false), &json!("Own")));
    workflows.delete(&host.admin, made.number).await.unwrap();
}

/// Records what it is asked, and makes a job with the paths as they are.
struct Recorder {
    catalogue: capstan_catalogue::Catalogue,
    runs: Mutex<Vec<Run>>,
}

#[async_trait]
impl WorkflowEngine for Recorder {
    async fn submit(&self, run: Run) -> Result<WorkflowJob, Refused> {
        let queue = self.catalogue.queue_of_site(run.site.number, None).await?;
        let path = |input: &InputPath| TaskPath {
            path: input.path.rsplit('/').next().unwrap_or_default().to_owned(),
            kind: entry::EntryKind::File,
            size: input.size.unwrap_or(0),
            state: String::new(),
            from: None,
        };
        let new = NewWorkflowJob {
            name: "a run".into(),
            workflow: run.workflow.id,
            definition: run.workflow.definition.clone(),
            call: json!({ "fields": run.fields }),
            site: run.site.id,
            queue: queue.id,
            space: Some(run.space.space.id),
            owner: run.owner,
            client_key: run.client_key,
            schedule: None,
            discovery: None,
            inputs: run.paths.clone(),
            tasks: vec![NewTask {
                position: 0,
                kind: "recall".into(),
                step: json!({}),
                queue: queue.id,
                paths: run.paths.iter().map(path).collect(),
                predecessors: Vec::new(),
            }],
        };
        let job = self.catalogue.create_workflow_job(&new).await?;
        self.runs.lock().unwrap().push(run);
        Ok(job)
    }

    async fn request(&self, job: JobId, request: JobEvent) -> Outcome<WorkflowJob> {
        self.catalogue.request_workflow_job(job, request).await
    }
}

fn run(workflow: &str, site: &str, paths: &[&str]) -> RunWish {
    let path = |path: &&str| InputPath { path: (*path).to_owned(), state: None, size: Some(7) };
    RunWish { workflow: workflow.into(), site: site.into(), paths: paths.iter().map(path).collect(), ..RunWish::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_names_what_is_there_and_paths_of_one_space() {
    let host = bare().await;
    let (films, other) = (space(&host, "films", "/mnt/films").await, space(&host, "other", "/mnt/other").await);
    let recorder = Arc::new(Recorder { catalogue: host.app.catalogue.clone(), runs: Mutex::default() });
    let jobs = WorkflowJobs::new(host.app.catalogue.clone(), host.app.audit.clone(), recorder.clone());
    let refused = |wish: RunWish| async { members(jobs.start(&host.admin, wish).await.unwrap_err()) };
    assert_eq!(refused(run("nothing", "nowhere", &["/mnt/films/a"])).await, ["site", "workflow"]);
    assert_eq!(refused(run("recall", "default", &[])).await, ["paths"]);
    assert_eq!(refused(run("recall", "default", &["/mnt/films/a", "/etc/passwd"])).await, ["paths.1.path"]);
    assert_eq!(refused(run("recall", "default", &["/mnt/films/a", "/mnt/other/a"])).await, ["paths.1.path"]);
    let queue = RunWish { queue: Some("nothing".into()), ..run("recall", "default", &["/mnt/films/a"]) };
    assert_eq!(refused(queue).await, ["queue"]);
    let parent = RunWish { parent: Some(77), ..run("recall", "default", &["/mnt/films/a"]) };
    assert_eq!(refused(parent).await, ["job"]);

    let job = jobs.start(&host.admin, run("recall", "default", &["/mnt/films/a", "/mnt/films/b"])).await.unwrap();
    assert_eq!(recorder.runs.lock().unwrap()[0].space.space.id, films.space.id);
    let heads = jobs.inputs(&[job.number], 1).await.unwrap();
    assert_eq!((heads[&job.number].count, heads[&job.number].first.as_slice()), (2, &["/mnt/films/a".to_owned()][..]));
    let tally = jobs.tally_paths(job.id).await.unwrap();
    assert_eq!((tally.states.len(), tally.bytes, tally.processed_bytes), (1, 14, 0));
    let paths = jobs.paths(Listing::first(10).with("job_number", Operator::Equal, job.number)).await.unwrap().items;
    assert_eq!((paths[0].site_name.as_deref(), paths[0].size), (Some("default"), Some(7)));
    assert_eq!(jobs.history(paths[0].number, 10).await.unwrap().len(), 1);
    let keyword = Listing::first(10).with("words", Operator::Contains, "ADMIN");
    assert_eq!(jobs.list(&keyword, None).await.unwrap().count, 1, "the owner's name is among the words");
    assert_eq!(jobs.delete(&host.admin, job.number).await.unwrap_err().code.as_deref(), Some("wrong-state"));

    // A space goes when the jobs on it have ended.
    host.app.spaces.delete_managed(&host.admin, films.space.number).await.unwrap();
    assert!(host.app.spaces.managed(films.space.number).await.unwrap().deleting.is_some());
    let deleting = jobs.start(&host.admin, run("recall", "default", &["/mnt/films/a"])).await.unwrap_err();
    assert!(matches!(deleting, Refused::Whole(failure) if failure.code.as_deref() == Some("deleting")));
    jobs.request(&host.admin, job.number, JobEvent::Cancel).await.unwrap();
    host.app.spaces.drain().await.unwrap();
    assert_eq!(host.app.spaces.managed(films.space.number).await.unwrap_err().kind, Kind::NotFound);
    assert!(host.app.spaces.managed(other.space.number).await.is_ok());
    jobs.delete(&host.admin, job.number).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_shown_as_they_are_now_and_nothing_outside_of_the_space() {
    let host = bare().await;
    let films = space(&host, "films", "/mnt/films").await;
    let directory = std::path::PathBuf::from(&films.space.directory);
    std::fs::create_dir(directory.join("cut")).unwrap();
    for (name, size) in [("b.mov", 10), ("a.mov", 20), (".hidden", 1)] {
        std::fs::write(directory.join("cut").join(name), vec![1; size]).unwrap();
    }
    std::os::unix::fs::symlink("/etc", directory.join("out")).unwrap();
    let site = host.app.sites.named("default").await.unwrap();
    let (found, path) = host.app.space_files.place(&site, "/mnt/films/cut").await.unwrap();
    assert_eq!((found.space.id, path.as_str()), (films.space.id, "cut"));
    assert_eq!(host.app.space_files.place(&site, "/mnt/filmsy").await.unwrap_err().kind, Kind::NotFound);
    let wish = |path: &str, hidden: bool, offset: u64| FileWish {
        path: path.into(),
        kind: None,
        hidden,
        details: false,
        offset,
        limit: 1,
    };
    let names = |path: &str, hidden: bool, offset: u64| {
        let (wish, films, files) = (wish(path, hidden, offset), films.clone(), host.app.space_files.clone());
        async move {
            let (_, children) = files.show(&films, &wish).await.unwrap();
            (children.count, children.items.into_iter().map(|item| item.path).collect::<Vec<_>>())
        }
    };
    assert_eq!(names("cut", false, 0).await, (2, vec!["cut/a.mov".to_owned()]));
    assert_eq!(names("cut", false, 1).await, (2, vec!["cut/b.mov".to_owned()]));
    assert_eq!(names("cut", true, 9).await, (3, Vec::new()));
    for bad in ["cut/nothing", "out/passwd", "cut/a.mov/x"] {
        assert!(host.app.space_files.show(&films, &wish(bad, false, 0)).await.is_err(), "{bad}");
    }
    assert_eq!(host.app.space_files.show(&films, &wish("../x", false, 0)).await.unwrap_err().kind, Kind::Invalid);
}
