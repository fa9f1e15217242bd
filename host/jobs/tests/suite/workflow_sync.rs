//! What changed is found by looks at a tree, and done at another site in an order that leads there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use capstan_domain::workflow::{JobState, WorkflowJob};
use capstan_jobs::{AskedDiscovery, Submission, WorkflowJobs, WorkflowLimits};
use capstan_workflows::DiscoveryKind;
use serde_json::json;

use crate::workflow_world::{Sites, call, limits};

fn sync(sites: &Sites) -> Submission {
    Submission { fields: json!({"destinationsite": "there"}), space: Some(sites.space), ..call("site_sync", &[]) }
}

async fn synced(sites: &Sites, jobs: &WorkflowJobs) -> WorkflowJob {
    sites.forget();
    let job = jobs.submit(&sync(sites)).await.unwrap();
    sites.ended(job.id).await
}

/// All paths below a directory, with what is in the files.
fn tree(root: &Path) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let shown = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let content = path.is_file().then(|| std::fs::read_to_string(&path).unwrap());
            found.insert(shown, content);
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_run_makes_everything_and_the_next_nothing() {
    let sites = Sites::new().await;
    ["a/1", "a/b/2", "c"].into_iter().for_each(|path| sites.write(path));
    let (jobs, others) = (sites.start().await, sites.start_there().await);
    assert_eq!(synced(&sites, &jobs).await.state, JobState::Success);
    assert_eq!(tree(&sites.directory), tree(&sites.other_directory));
    let second = synced(&sites, &jobs).await;
    assert_eq!((second.state, sites.taken().len(), second.counts.paths), (JobState::Success, 0, 0));
    jobs.close().await;
    others.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_changed_places_is_the_same_at_the_other_site_in_the_end() {
    let sites = Sites::new().await;
    for path in ["x", "y", "in/d/1", "in/d/2", "in/d/e/3", "old/deep/4", "old/deep/gone", "old/5", "swap/f", "keep/6"] {
        sites.write(path);
    }
    let (jobs, others) = (sites.start().await, sites.start_there().await);
    assert_eq!(synced(&sites, &jobs).await.state, JobState::Success);
    let rename = |from: &str, to: &str| std::fs::rename(sites.directory.join(from), sites.directory.join(to)).unwrap();
    // Two files, and a folder and the one in it, change places.
    rename("x", "z");
    rename("y", "x");
    rename("z", "y");
    rename("in/d", "d");
    rename("in", "d/in");
    rename("d", "in");
    // A folder goes of which a part is moved out, into one that is new.
    std::fs::create_dir_all(sites.directory.join("new/home")).unwrap();
    rename("old/deep", "new/home/deep");
    rename("old/5", "new/5");
    std::fs::remove_file(sites.directory.join("new/home/deep/gone")).unwrap();
    std::fs::remove_dir(sites.directory.join("old")).unwrap();
    // A file takes the place of a folder, and the other way round.
    rename("swap/f", "f");
    std::fs::remove_dir(sites.directory.join("swap")).unwrap();
    rename("f", "swap");
    std::fs::remove_file(sites.directory.join("keep/6")).unwrap();
    sites.write("keep/6/inside");
    let job = synced(&sites, &jobs).await;
    assert_eq!(tree(&sites.other_directory), tree(&sites.directory), "{:#?}", sites.tasks(&job).await);
    assert_eq!(job.state, JobState::Success);
    let stored = sites.taken().into_iter().filter(|taken| taken.starts_with("premigrate")).count();
    assert!(stored <= 6, "what moved is not stored anew: {:?}", sites.taken());
    jobs.close().await;
    others.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_found_again_by_the_next_run() {
    let sites = Sites::new().await;
    ["a", "b"].into_iter().for_each(|path| sites.write(path));
    let (jobs, others) = (sites.start().await, sites.start_there().await);
    sites.other_hands.failing.lock().unwrap().insert("b".to_owned());
    assert_eq!(synced(&sites, &jobs).await.state, JobState::Failure);
    sites.other_hands.failing.lock().unwrap().clear();
    assert_eq!(synced(&sites, &jobs).await.state, JobState::Success);
    assert_eq!(tree(&sites.directory), tree(&sites.other_directory));
    jobs.close().await;
    others.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_that_seems_empty_deletes_nothing_elsewhere() {
    let sites = Sites::new().await;
    (0..20).for_each(|at| sites.write(&format!("f{at}")));
    let (jobs, others) = (sites.start().await, sites.start_there().await);
    assert_eq!(synced(&sites, &jobs).await.state, JobState::Success);
    let away = sites.directory.with_extension("away");
    std::fs::rename(&sites.directory, &away).unwrap();
    drop(capstan_stub::RawTree::create(&sites.directory).unwrap());
    let refused = synced(&sites, &jobs).await;
    assert_eq!((refused.state, sites.taken().len()), (JobState::Failure, 0));
    let failure = sites.tasks(&refused).await[0].failure.clone().unwrap();
    assert_eq!(failure.code.as_deref(), Some("deletion-guard"));
    std::fs::remove_dir(&sites.directory).unwrap();
    std::fs::rename(&away, &sites.directory).unwrap();
    assert_eq!((synced(&sites, &jobs).await.state, sites.taken().len()), (JobState::Success, 0));
    // A share of it, too.
    (0..18).for_each(|at| std::fs::remove_file(sites.directory.join(format!("f{at}"))).unwrap());
    assert_eq!((synced(&sites, &jobs).await.state, sites.taken().len()), (JobState::Failure, 0));
    jobs.close().await;
    let bold = sites.start_with(WorkflowLimits { guard_percent: 100, ..limits() }).await;
    assert_eq!(synced(&sites, &bold).await.state, JobState::Success);
    assert_eq!(tree(&sites.directory), tree(&sites.other_directory));
    bold.close().await;
    others.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_not_alike_do_not_take_each_others_changes_away() {
    let sites = Sites::new().await;
    ["a/1", "b/2"].into_iter().for_each(|path| sites.write(path));
    let jobs = sites.start().await;
    let snapdiff = |paths: &[&str], include: &[&str]| Submission {
        discovery: AskedDiscovery::Kind(DiscoveryKind::Snapdiff),
        include: include.iter().map(|&glob| glob.to_owned()).collect(),
        ..call("premigrate", paths)
    };
    for (call, expected) in [
        (snapdiff(&["a"], &[]), vec!["premigrate a/1"]),
        (snapdiff(&["a"], &[]), vec![]),
        (snapdiff(&["b", "a"], &[]), vec!["premigrate b/2"]),
        (snapdiff(&["a"], &["a/*"]), vec!["premigrate a/1"]),
    ] {
        sites.forget();
        let job = jobs.submit(&call).await.unwrap();
        assert_eq!(sites.ended(job.id).await.state, JobState::Success);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(sites.taken_sorted(), expected, "{:?} {:?}", call.paths, call.include);
    }
    jobs.close().await;
}
