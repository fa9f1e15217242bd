//! The kit itself, for drives: each lie is found by the cases that are there to find it, and without a lie they pass.

use capstan_conformance::target_file::TargetFile;
use serde_json::json;

use super::liars::each_is_found;

/// A lie of `fixtures/drives-mutant`, and cases that must fail for it.
const LIES: &[(&str, &[&str])] = &[
    ("create-forgets-the-attempt", &["drives/create-again", "drives/create-again-keeps-bytes"]),
    ("create-replaces", &["drives/create-taken", "drives/create-at-once"]),
    ("create-takes-any-step", &["drives/create-off-step"]),
    ("create-takes-any-size", &["drives/create-out-of-limits", "drives/resize-too-large"]),
    ("create-rounds-up", &["drives/create-larger", "drives/create-zeros"]),
    ("create-takes-any-name", &["drives/create-wrong-names"]),
    ("create-again-empties", &["drives/create-again-keeps-bytes"]),
    ("create-leaves-old-bytes", &["drives/delete-then-create"]),
    ("get-finds-anything", &["drives/get-absent", "drives/delete-gone"]),
    ("get-tells-less", &["drives/create-found", "drives/create-zeros"]),
    ("list-skips-at-the-page", &["drives/list-pages"]),
    ("list-is-reversed", &["drives/list-pages"]),
    ("list-marker-must-be-there", &["drives/list-deleted-meanwhile"]),
    ("locations-are-open", &["drives/limits-absent-location", "drives/list-absent-location", "drives/delete-absent-location"]),
    ("resize-cuts", &["drives/resize-shrinks"]),
    ("resize-only-says-so", &["drives/resize-grows"]),
    ("resize-fills-with-ones", &["drives/resize-grows", "drives/clone-grows"]),
    ("resize-moves-the-end", &["drives/resize-after-writing-the-end"]),
    ("resize-takes-any-step", &["drives/resize-off-step", "drives/resize-too-large"]),
    ("write-swallows", &["drives/write-then-read", "drives/write-large"]),
    ("write-moves-by-a-block", &["drives/write-then-read", "drives/write-one-block"]),
    ("write-fills-its-page", &["drives/write-one-block"]),
    ("write-grows", &["drives/write-beyond"]),
    ("write-takes-any-offset", &["drives/write-off-block"]),
    ("write-keeps-the-first", &["drives/write-over"]),
    ("write-believes-broken-sources", &["drives/write-broken-source"]),
    ("read-is-shifted", &["drives/read-pieces", "drives/write-then-read"]),
    ("read-beyond-is-zero", &["drives/read-beyond"]),
    ("read-takes-any-offset", &["drives/read-off-block"]),
    ("discard-only-says-so", &["drives/discard-zeros", "drives/discard-again"]),
    ("discard-takes-the-rest", &["drives/discard-zeros"]),
    ("discard-goes-beyond", &["drives/discard-beyond"]),
    ("extents-forget", &["drives/extents-hold-what-was-written"]),
    ("extents-stop-at-the-page", &["drives/extents-paged"]),
    ("clones-are-empty", &["drives/clone-same-bytes", "drives/clone-outlives-its-source"]),
    ("clones-share", &["drives/clone-apart", "drives/clone-grows"]),
    ("clones-hold-their-source", &["drives/clone-outlives-its-source", "drives/clone-of-a-clone"]),
    ("clones-are-made-again", &["drives/clone-again"]),
    ("clones-replace", &["drives/clone-taken"]),
    ("snapshots-show-now", &["drives/snapshot-cloned"]),
    ("snapshots-are-sorted", &["drives/snapshot-listed"]),
    ("snapshots-forget-the-attempt", &["drives/snapshot-again"]),
    ("snapshots-go-together", &["drives/snapshot-deleted"]),
    ("restore-shrinks", &["drives/snapshot-restored-after-growth"]),
    ("restore-eats-the-snapshot", &["drives/snapshot-restored"]),
    ("restore-only-says-so", &["drives/snapshot-restored", "drives/snapshot-again"]),
    ("snapshots-outlive-the-drive", &["drives/snapshots-go-with-their-drive"]),
    ("attach-is-elsewhere-each-time", &["drives/attach-again"]),
    ("attach-writes-anyway", &["drives/attach-for-reading-first"]),
    ("attach-finds-anything", &["drives/attach-absent"]),
    ("detach-once", &["drives/detach-again"]),
    ("delete-only-says-so", &["drives/delete-gone", "drives/delete-then-create"]),
    ("delete-misses-absent", &["drives/delete-absent", "drives/delete-again"]),
    ("delete-takes-the-prefix", &["drives/delete-gone"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_about_drives_is_found_by_the_cases_that_are_there_for_it() {
    let target = |lie: Option<&str>| TargetFile::plain(lie.map_or(json!({}), |lie| json!({ "lie": lie })), "main");
    each_is_found("drives-mutant", target, LIES).await;
}

/// Every case of drives, and all that are about any target.
#[tokio::test(flavor = "multi_thread")]
async fn drives_in_memory_keep_the_contract() {
    let fixture = capstan_conformance::host::staged("fixtures", "drives-mutant");
    let file = TargetFile::plain(json!({}), "main");
    let report = capstan_conformance::check::small(&fixture, file, &["target/*", "drives/*"]).await.unwrap();
    report.passed().unwrap();
}
