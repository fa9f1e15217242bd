//! The kit itself: each lie is found by the cases that are there to find it, and the same plugin without the lie passes them.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use capstan_conformance::kit::Kit;
use capstan_conformance::size::Size;
use capstan_conformance::target_file::TargetFile;
use capstan_conformance::{check, host};
use serde_json::json;

/// A lie of `fixtures/memory-mutant`, and cases that must fail for it.
const LIES: &[(&str, &[&str])] = &[
    ("put-swallows", &["objects/put-every-size", "calls/crowd-of-puts", "objects/key-plain"]),
    ("put-cuts-the-last-byte", &["objects/put-every-size", "calls/crowd-at-one-key"]),
    ("put-changes-a-byte", &["objects/put-every-size", "calls/attempt-ten-times"]),
    ("put-shows-too-early", &["objects/put-unseen-until-whole", "objects/put-broken-source"]),
    ("put-keeps-what-broke", &["objects/put-broken-source", "objects/put-broken-source-keeps"]),
    ("put-drops-metadata", &["objects/metadata", "objects/metadata-odd-values"]),
    ("put-ignores-if-absent", &["objects/put-if-absent-occupied", "objects/put-if-absent-at-once"]),
    ("put-ignores-if-match", &["objects/put-if-match-other", "objects/put-if-match-at-once"]),
    ("put-forgets-the-attempt", &["objects/put-if-absent-again", "objects/put-if-match-again"]),
    ("put-takes-empty-keys", &["objects/put-empty-key", "calls/failure-words"]),
    ("put-makes-locations", &["objects/put-absent-location"]),
    ("put-answers-another-key", &["objects/put-answers-key-and-size"]),
    ("etag-is-always-the-same", &["objects/put-new-tag"]),
    ("checksums-are-believed", &["calls/checksum-wrong", "calls/checksum-wrong-keeps", "calls/checksum-large"]),
    ("checksums-of-one-algorithm", &["calls/checksum-wrong", "calls/checksum-wrong-keeps"]),
    ("checksums-are-always-wrong", &["calls/checksum-right", "calls/checksum-large"]),
    ("checksums-fail-as-invalid", &["calls/checksum-wrong", "calls/checksum-wrong-keeps"]),
    ("checksums-fail-too-late", &["calls/checksum-wrong", "calls/checksum-wrong-keeps", "calls/checksum-large"]),
    ("checksums-unknown-fail", &["calls/checksum-unknown"]),
    ("checksums-are-made-up", &["objects/checksums-told"]),
    ("parts-make-up-checksums", &["uploads/checksums-told"]),
    ("keys-fold-case", &["objects/key-case-pairs", "objects/put-leaves-neighbours"]),
    ("keys-are-trimmed", &["objects/key-trailing-space"]),
    ("keys-are-composed", &["objects/key-composed-and-decomposed"]),
    ("keys-collapse-slashes", &["objects/key-empty-parts"]),
    ("keys-resolve-dots", &["objects/key-dot-parts"]),
    ("keys-take-plus-for-space", &["objects/key-signs", "objects/delete-only-those"]),
    ("keys-are-decoded", &["objects/key-signs"]),
    ("range-is-off-by-one", &["objects/range-middle", "objects/range-in-parallel"]),
    ("range-beyond-is-empty", &["objects/range-beyond", "objects/range-at-the-end", "calls/failure-of-the-caller"]),
    ("range-is-ignored", &["objects/range-first-byte", "objects/range-beyond"]),
    ("range-tells-its-own-size", &["objects/range-size-of-the-whole"]),
    ("head-tells-less", &["objects/head-as-get", "objects/key-plain"]),
    ("head-finds-folders", &["objects/head-of-a-folder"]),
    ("get-ignores-if-match", &["objects/get-if-match-other"]),
    ("moment-is-in-seconds", &["objects/head-moment"]),
    ("absent-is-denied", &["objects/head-absent", "objects/get-absent-location", "calls/failure-tells-more"]),
    ("absent-is-worth-another-try", &["calls/failure-of-the-caller"]),
    ("absent-is-the-targets-fault", &["calls/failure-of-the-caller"]),
    ("failures-say-nothing", &["calls/failure-words"]),
    ("failures-may-be-done", &["calls/failure-is-certain"]),
    ("empty-keys-trap", &["objects/put-empty-key", "calls/failure-is-no-trap"]),
    ("list-skips-at-the-page", &["objects/page-of-one", "objects/page-long-listing"]),
    ("list-repeats-at-the-page", &["objects/page-limit", "objects/page-put-meanwhile"]),
    ("list-is-overfull", &["objects/page-limit"]),
    ("list-ignores-the-prefix", &["objects/list-prefix", "objects/list-odd-prefix"]),
    ("list-ignores-the-delimiter", &["objects/list-folds", "objects/page-many-folders"]),
    ("list-is-reversed", &["objects/list-order"]),
    ("list-of-absent-is-empty", &["objects/list-absent-location"]),
    ("list-tells-other-sizes", &["objects/list-tells"]),
    ("marker-is-huge", &["objects/page-marker-length"]),
    ("marker-counts", &["objects/page-deleted-meanwhile"]),
    ("delete-only-says-so", &["objects/delete-one", "calls/attempt-removal-after-put"]),
    ("delete-takes-the-prefix", &["objects/delete-only-those"]),
    ("delete-misses-absent", &["objects/delete-absent", "objects/delete-again"]),
    ("delete-answers-too-few", &["objects/delete-mixed"]),
    ("copy-drops-metadata", &["objects/copy-metadata"]),
    ("copy-moves", &["objects/copy", "objects/copy-again"]),
    ("locations-are-made-once", &["objects/location-made-again"]),
    ("locations-are-removed-full", &["objects/location-removed-full"]),
    ("locations-hide", &["objects/locations-listed", "target/probe-agrees"]),
    ("usage-of-absent", &["target/usage-absent-location"]),
    ("probe-forgets", &["target/probe", "target/probe-agrees"]),
    ("begin-is-visible", &["uploads/begin-unseen", "uploads/abort"]),
    ("begin-forgets-the-attempt", &["uploads/begin-again"]),
    ("abort-only-says-so", &["uploads/abort", "uploads/abort-then-begin"]),
    ("abort-misses-unknown", &["uploads/abort-again", "uploads/abort-unknown"]),
    ("complete-skips-missing", &["uploads/complete-missing-part"]),
    ("complete-once", &["uploads/complete-again"]),
    ("complete-takes-nothing", &["uploads/complete-nothing"]),
    ("complete-drops-metadata", &["uploads/complete-metadata"]),
    ("parts-are-reversed", &["uploads/list-parts", "uploads/list-parts-pages"]),
    ("parts-ignore-the-marker", &["uploads/list-parts-pages"]),
];

fn target(lie: Option<&str>) -> TargetFile {
    let configuration = lie.map_or(json!({ "locations": ["main"] }), |lie| json!({ "locations": ["main"], "lie": lie }));
    TargetFile::making(configuration)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_is_found_by_the_cases_that_are_there_for_it() {
    each_is_found("memory-mutant", target, LIES).await;
}

/// The fixture passes the cases of all its lies without one, and fails those of each with it.
pub(crate) async fn each_is_found(fixture: &str, target: impl Fn(Option<&str>) -> TargetFile, lies: &[(&str, &[&str])]) {
    let honest = check::load(&host::staged("fixtures", fixture), target(None), Size::Small).await.unwrap();
    let mut all: Vec<&str> = lies.iter().flat_map(|(_, cases)| *cases).copied().collect();
    all.sort_unstable();
    all.dedup();
    check::run(&honest, &all, 4).await.unwrap().passed().unwrap();
    let mut missed = Vec::new();
    for (lie, cases) in lies {
        let kit = Kit::beside(&honest, target(Some(lie))).await.unwrap();
        let report = check::run(&kit, cases, 4).await.unwrap();
        let failed = report.failed_ids();
        missed.extend(cases.iter().filter(|case| !failed.contains(case)).map(|case| format!("{lie}: {case}")));
    }
    assert!(missed.is_empty(), "lies that were believed: {missed:#?}");
}

/// Fixtures that were made for other tests: one that traps in every call for data, one that answers overfull pages, one whose target
/// is away.
#[tokio::test(flavor = "multi_thread")]
async fn plugins_that_misbehave_fail_the_right_cases() {
    for (fixture, cases, holds) in [
        ("memory-broken", ["objects/put-every-size", "objects/head-absent", "calls/failure-is-no-trap"], "target/probe"),
        ("memory-lying", ["objects/page-limit", "objects/list-prefix", "objects/list-nothing"], "objects/put-empty"),
        ("memory-stranded", ["objects/put-every-size", "objects/list-nothing", "calls/crowd-of-puts"], "target/probe"),
    ] {
        let file = TargetFile::plain(json!({}), "main");
        let patterns: Vec<&str> = cases.into_iter().chain([holds]).collect();
        let report = check::small(&host::staged("fixtures", fixture), file, &patterns).await.unwrap();
        assert_eq!(report.failed_ids().len(), 3, "{fixture}: {:?}", report.failed_ids());
        assert!(!report.failed_ids().contains(&holds), "{fixture}");
        assert!(report.passed().is_err());
    }
}
