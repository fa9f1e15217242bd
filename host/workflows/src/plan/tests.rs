use serde_json::json;

use super::*;
use capstan_domain::entry::EntryKind;
use capstan_domain::workflow::{Readiness, TaskEvent, TaskState, readiness};

fn path(path: &str, size: u64) -> TaskPath {
    TaskPath { path: path.to_owned(), kind: EntryKind::File, size, state: String::new(), from: None }
}

fn found(name: &str, size: u64, state: &str) -> TaskPath {
    TaskPath { state: state.to_owned(), ..path(name, size) }
}

fn workflow() -> Workflow {
    let document = json!({
        "name": "w", "label": "W",
        "fields": [{"name": "site", "type": "string"}],
        "filter_rules": [
            {"type": "all", "state": "created", "action": [{"name": "premigrate"}, {"name": "reverse_stub", "site": "*site"}]},
            {"type": "all", "state": "deleted", "action": [{"name": "delete"}]},
        ],
    });
    Workflow::read(&document).unwrap()
}

fn planner(size: BatchSize) -> Planner {
    let workflow = workflow();
    let values = FieldValues::read(&workflow.fields, &json!({"site": "b"})).unwrap();
    Planner::new(&workflow, &values, &Filters::default(), "/mnt/s", size, 10).unwrap()
}

fn names(task: &PlannedTask) -> Vec<&str> {
    task.paths.iter().map(|path| path.path.as_str()).collect()
}

#[test]
fn a_full_batch_becomes_a_chain_of_tasks() {
    let mut planner = planner(BatchSize::of_site(2, 0));
    assert!(planner.add(&found("a", 1, "created")).is_empty());
    assert!(planner.add(&found("x", 1, "deleted")).is_empty());
    let tasks = planner.add(&found("b", 1, "created"));
    let shape: Vec<_> = tasks.iter().map(|task| (task.number, task.rule, task.step_index, task.predecessors.clone())).collect();
    assert_eq!(shape, [(10, 0, 0, vec![]), (11, 0, 1, vec![10])]);
    assert_eq!((names(&tasks[0]), names(&tasks[1])), (vec!["a", "b"], vec![]));
    assert_eq!(tasks[1].step.site.as_deref(), Some("b"));
}

#[test]
fn what_is_left_is_planned_at_the_end() {
    let mut planner = planner(BatchSize::of_site(100, 0));
    for (name, state) in [("a", "created"), ("b", "deleted"), ("c", "updated")] {
        assert!(planner.add(&found(name, 1, state)).is_empty());
    }
    let tasks = planner.finish();
    assert_eq!(tasks.iter().map(names).collect::<Vec<_>>(), [vec!["a"], vec![], vec!["b"]]);
    assert!(planner.finish().is_empty());
}

#[test]
fn batches_are_bounded_by_paths_and_by_bytes() {
    let gigabyte = 1_000_000_000;
    let batches = |size: BatchSize, sizes: &[u64]| -> Vec<usize> {
        let mut planner = planner(size);
        let mut tasks: Vec<_> = sizes.iter().flat_map(|&size| planner.add(&found("a", size, "deleted"))).collect();
        tasks.extend(planner.finish());
        tasks.iter().map(|task| task.paths.len()).collect()
    };
    assert_eq!(batches(BatchSize::of_site(2, 1), &[1, 1, 1]), [2, 1]);
    assert_eq!(batches(BatchSize::of_site(0, 2), &[gigabyte, gigabyte, 1]), [2, 1]);
    assert_eq!(batches(BatchSize::of_site(10, 1), &[1, 5 * gigabyte, 1]), [1, 1, 1]);
    assert_eq!(batches(BatchSize::of_site(0, 0), &[gigabyte; 50]), [50]);
    assert_eq!(BatchSize::of_site(u64::MAX, u64::MAX), BatchSize::of_site(0, 0));
}

#[test]
fn only_what_was_processed_goes_on() {
    let paths = [path("a", 1), path("b", 1), path("c", 1), path("d", 1)];
    let results = [PathResult::Processed, PathResult::Skipped, PathResult::Aborted, PathResult::Failed];
    let (event, handed_on) = end_of(paths.iter().zip(results));
    assert_eq!((event, handed_on), (TaskEvent::Erred, vec![path("a", 1)]));
}

#[test]
fn a_task_errs_if_a_path_failed_or_was_skipped() {
    let one = path("a", 1);
    let event = |results: &[PathResult]| end_of(results.iter().map(|&result| (&one, result))).0;
    assert_eq!(event(&[]), TaskEvent::Emptied);
    assert_eq!(event(&[PathResult::Processed, PathResult::Aborted]), TaskEvent::Succeeded);
    for bad in [PathResult::Skipped, PathResult::Failed] {
        assert_eq!(event(&[PathResult::Processed, bad, PathResult::Processed]), TaskEvent::Erred);
    }
}

/// Runs a planned chain with the given ends of its tasks, as an engine would.
fn run(ends: &[(TaskEvent, usize)]) -> Vec<TaskState> {
    let mut before: Option<(TaskState, usize)> = None;
    let mut states = Vec::new();
    for &(event, handed_on) in ends {
        let predecessors: Vec<_> = before.into_iter().collect();
        let state = match readiness(&predecessors) {
            Readiness::Run => TaskState::Pending.after(TaskEvent::Claimed).unwrap().after(event).unwrap(),
            Readiness::Skip => TaskState::Pending.after(TaskEvent::Emptied).unwrap(),
            Readiness::Cancel => TaskState::Pending.after(TaskEvent::Cancelled).unwrap(),
            Readiness::Wait => panic!("a chain does not wait"),
        };
        before = Some((state, if matches!(state, TaskState::Success | TaskState::Error) { handed_on } else { 0 }));
        states.push(state);
    }
    states
}

#[test]
fn a_chain_ends_where_nothing_is_left() {
    use TaskState::{Cancelled, Error, Failure, Skipped, Success};
    let well = (TaskEvent::Succeeded, 1);
    assert_eq!(run(&[well, well, well]), [Success, Success, Success]);
    assert_eq!(run(&[(TaskEvent::Erred, 1), well, well]), [Error, Success, Success]);
    assert_eq!(run(&[(TaskEvent::Erred, 0), well, well]), [Error, Cancelled, Cancelled]);
    assert_eq!(run(&[(TaskEvent::Failed, 0), well, well]), [Failure, Cancelled, Cancelled]);
    assert_eq!(run(&[(TaskEvent::Succeeded, 0), well, well]), [Success, Skipped, Skipped]);
}
