//! The kit itself, for tape libraries: each lie is found by the cases that are there to find it, and without a lie they pass.

use capstan_conformance::target_file::TargetFile;
use serde_json::json;

use super::liars::each_is_found;

/// The kit's cartridge in the fixture's library.
const CARTRIDGE: &str = "MUT001L9";

/// A lie of `fixtures/media-mutant`, and cases that must fail for it.
const LIES: &[(&str, &[&str])] = &[
    ("elements-repeat-at-the-page", &["media/elements-paged"]),
    ("elements-skip-at-the-page", &["media/elements-paged"]),
    ("elements-are-reversed", &["media/elements-paged"]),
    ("elements-are-overfull", &["media/elements-paged"]),
    ("elements-of-nowhere", &["media/elements-absent-library"]),
    ("elements-lie-twice", &["media/elements-hold-one", "media/load-shown"]),
    ("elements-hide-labels", &["media/elements-hold-one", "media/locations-lie-somewhere"]),
    ("elements-are-empty-with-labels", &["media/elements-hold-one"]),
    ("elements-name-no-drives", &["media/drives-stand", "media/load-shown"]),
    ("locations-forget-what-is-in-a-drive", &["media/locations-lie-somewhere"]),
    ("drives-stand-elsewhere", &["media/drives-stand", "media/load-shown"]),
    ("drives-are-ready-when-empty", &["media/drives-stand", "media/unload-empties"]),
    ("drives-tell-what-was-in", &["media/drives-stand", "media/unload-empties"]),
    ("move-only-says-so", &["media/move-to-a-slot"]),
    ("move-leaves-one-behind", &["media/move-to-a-slot"]),
    ("move-answers-where-it-was", &["media/move-to-a-slot"]),
    ("move-fails-where-it-lies", &["media/move-again"]),
    ("move-pushes-out", &["media/move-to-full"]),
    ("move-takes-what-is-in-use", &["media/move-in-use"]),
    ("move-of-absent-is-invalid", &["media/move-absent", "media/eject-absent"]),
    ("eject-answers-another-element", &["media/eject-and-admit"]),
    ("eject-only-says-so", &["media/eject-and-admit"]),
    ("eject-goes-on-to-the-next", &["media/eject-again"]),
    ("eject-takes-what-is-in-use", &["media/eject-in-use"]),
    ("admit-only-says-so", &["media/eject-and-admit"]),
    ("admit-of-nothing-is-done", &["media/admit-empty"]),
    ("inventory-forgets-labels", &["media/inventory-stays"]),
    ("inventory-of-nowhere", &["media/inventory-absent-library"]),
    ("load-takes-the-next-cartridge", &["media/load-shown", "media/inspect-what-is-in"]),
    ("load-takes-any-drive", &["media/load-named"]),
    ("load-moves-to-another-drive", &["media/load-elsewhere"]),
    ("load-again-rewinds", &["media/load-again-stays"]),
    ("load-is-not-wound-back", &["media/load-at-the-beginning"]),
    ("load-is-not-ready", &["media/load-shown", "media/load-again"]),
    ("load-of-absent-is-offline", &["media/load-absent"]),
    ("load-finds-any-drive", &["media/load-absent-drive"]),
    ("unload-leaves-it", &["media/unload-empties"]),
    ("unload-goes-elsewhere", &["media/unload-home"]),
    ("unload-works-once", &["media/unload-empties"]),
    ("unload-forgets-the-buffer", &["media/unload-lasts"]),
    ("inspect-of-empty-is-not-found", &["media/drive-empty", "media/unload-empties"]),
    ("inspect-tells-another-label", &["media/inspect-what-is-in"]),
    ("inspect-hides-the-tab", &["media/inspect-protection"]),
    ("inspect-sees-a-tab", &["media/inspect-protection"]),
    ("counters-are-words", &["media/inspect-counters", "media/examine-counters"]),
    ("counters-fall", &["media/inspect-counters"]),
    ("alerts-repeat", &["media/examine-each"]),
    ("examine-finds-anybody", &["media/examine-each"]),
    ("empty-drives-are-at-the-beginning", &["media/drive-empty"]),
    ("absent-drives-are-invalid", &["media/drive-absent", "media/unload-absent"]),
    ("plan-is-no-permutation", &["media/plan-absent"]),
    ("plan-finds-anything", &["media/plan-absent"]),
    ("plan-takes-any-number", &["media/plan-too-many"]),
    ("locate-answers-the-next", &["media/locate-stands", "media/locate-beyond"]),
    ("locate-lands-on-the-next", &["media/locate-stands"]),
    ("locate-beyond-stops-at-the-end", &["media/locate-beyond"]),
    ("locate-beyond-has-no-code", &["media/locate-beyond"]),
    ("met-is-forgotten", &["media/space-over-marks", "media/read-at-the-end"]),
    ("met-is-always-a-mark", &["media/read-ends-before", "media/locate-stands"]),
    ("space-ignores-marks", &["media/space-over-blocks"]),
    ("space-stands-before-marks", &["media/space-over-marks"]),
    ("space-back-stands-behind-marks", &["media/space-over-marks"]),
    ("space-counts-marks-in-a-row-as-one", &["media/space-marks-in-a-row"]),
    ("space-beyond-fails", &["media/space-over-marks"]),
    ("space-nowhere-goes-on", &["media/space-nowhere"]),
    ("read-goes-past-marks", &["media/write-then-read", "media/write-marks"]),
    ("read-stops-a-byte-short", &["media/write-then-read"]),
    ("read-cuts-blocks", &["media/read-ends-before"]),
    ("read-stays-where-it-began", &["media/write-then-read", "media/read-ends-before"]),
    ("read-of-a-longer-block-is-empty", &["media/read-ends-before"]),
    ("read-behind-the-end-fails", &["media/read-at-the-end"]),
    ("write-drops-the-last-short-block", &["media/write-then-read", "media/write-without-marks"]),
    ("write-pads-the-last-block", &["media/write-then-read", "media/write-without-marks"]),
    ("write-again-appends", &["media/write-again", "media/write-again-anew"]),
    ("write-again-cuts", &["media/write-again-leaves"]),
    ("write-adds-a-mark", &["media/write-without-marks"]),
    ("write-answers-one-mark", &["media/write-marks", "media/write-nothing"]),
    ("write-forgets-marks", &["media/write-marks", "media/write-nothing"]),
    ("write-cuts-unasked", &["media/write-not-at-end"]),
    ("write-takes-long-blocks", &["media/write-wrong-block"]),
    ("write-believes-broken-sources", &["media/write-broken-source"]),
    ("truncate-keeps-the-rest", &["media/write-truncates"]),
    ("truncate-goes-to-the-end", &["media/write-truncates"]),
    ("marks-do-not-last", &["media/marks-last"]),
    ("synchronize-is-too-early", &["media/synchronize-lasts"]),
    ("synchronize-rewinds", &["media/synchronize-stays"]),
    ("format-keeps-the-old-data", &["media/format-takes-all"]),
    ("format-writes-no-mark", &["media/format-label"]),
    ("format-labels-another", &["media/format-label"]),
    ("format-again-empties", &["media/format-again"]),
    ("format-takes-any-label", &["media/format-wrong-label"]),
    ("format-rewinds", &["media/format-label"]),
];

fn target(lie: Option<&str>) -> TargetFile {
    TargetFile::plain(lie.map_or(json!({}), |lie| json!({ "lie": lie })), CARTRIDGE)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_about_tapes_is_found_by_the_cases_that_are_there_for_it() {
    each_is_found("media-mutant", target, LIES).await;
}

/// Every case of tape libraries, and all that are about any target.
#[tokio::test(flavor = "multi_thread")]
async fn tapes_in_memory_keep_the_contract() {
    let fixture = capstan_conformance::host::staged("fixtures", "media-mutant");
    let report = capstan_conformance::check::small(&fixture, target(None), &["target/*", "media/*"]).await.unwrap();
    report.passed().unwrap();
}
