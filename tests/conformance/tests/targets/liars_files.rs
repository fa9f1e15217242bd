//! The kit's cases about files: each lie of `fixtures/posix-mutant` is found by those that are there to find it.

use capstan_conformance::target_file::TargetFile;
use serde_json::json;

use super::liars::each_is_found;

/// A lie, and cases that must fail for it.
const LIES: &[(&str, &[&str])] = &[
    ("write-goes-in-place", &["files/write-broken-source", "files/write-broken-source-keeps"]),
    ("write-does-not-cut", &["files/write-replaces"]),
    ("write-makes-no-directories", &["files/write-makes-directories"]),
    ("write-ignores-if-absent", &["files/write-if-absent", "files/write-if-absent-at-once"]),
    ("write-forgets-the-attempt", &["files/write-if-absent-again"]),
    ("write-replaces-directories", &["files/write-over-a-directory"]),
    ("write-keeps-the-old-moment", &["files/write-keeps-no-old-moment"]),
    ("write-answers-the-path", &["files/write-answers"]),
    ("ranged-write-goes-elsewhere", &["files/ranged-write-in-place", "files/ranged-writes-at-once"]),
    ("ranged-write-replaces", &["files/ranged-write-in-place", "files/ranged-write-beyond-the-end"]),
    ("sync-takes-anything", &["files/sync-absent"]),
    ("range-is-off-by-one", &["files/read-range-edges", "files/read-parallel"]),
    ("range-tells-its-own-size", &["files/read-range-edges"]),
    ("stat-tells-less", &["files/stat-file", "files/read-directory"]),
    ("ids-are-names", &["files/stat-ids"]),
    ("paths-are-cleaned", &["files/path-empty-parts"]),
    ("make-directory-only-once", &["files/make-directory-again"]),
    ("make-directory-alone", &["files/make-directory"]),
    ("directories-keep-their-times", &["files/directory-times"]),
    ("list-leaves-out-the-last", &["files/read-directory", "files/read-directory-pages"]),
    ("list-repeats", &["files/read-directory", "files/read-directory-pages"]),
    ("list-skips-at-the-page", &["files/read-directory-pages"]),
    ("list-is-overfull", &["files/read-directory-pages"]),
    ("list-is-reversed", &["files/read-directory-order"]),
    ("list-tells-other-sizes", &["files/read-directory"]),
    ("marker-counts", &["files/read-directory-deleted-meanwhile"]),
    ("remove-takes-all", &["files/remove-a-full-directory"]),
    ("remove-misses-absent", &["files/remove-again"]),
    ("remove-takes-what-a-link-points-to", &["files/link-removed"]),
    ("rename-always-replaces", &["files/rename-onto-a-file"]),
    ("rename-never-replaces", &["files/rename-replaces"]),
    ("rename-removes-first", &["files/rename-replaces-at-once"]),
    ("rename-leaves-the-old-name", &["files/rename", "files/rename-replaces"]),
    ("rename-is-never-maybe-done", &["files/rename-again"]),
    ("set-drops-the-moment", &["files/set-modified", "files/set-again"]),
    ("set-drops-the-mode", &["files/set-mode"]),
    ("set-touches-the-rest", &["files/set-nothing"]),
    ("moments-are-in-milliseconds", &["files/set-modified"]),
    ("xattrs-are-text", &["files/xattrs"]),
    ("xattrs-lose-empty-ones", &["files/xattrs-several"]),
    ("xattrs-show-the-attempt", &["files/xattrs-hide-the-attempt"]),
    ("links-are-files", &["files/link", "files/link-in-a-directory"]),
    ("links-point-elsewhere", &["files/link-odd-targets"]),
    ("link-only-once", &["files/link-again"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_about_files_is_found_by_the_cases_that_are_there_for_it() {
    // Not under /tmp, where extended attributes of users may be missing.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::create_dir(directory.path().join("share")).unwrap();
    let path = directory.path().to_str().unwrap();
    let target = |lie: Option<&str>| {
        let mut configuration = json!({ "path": path, "shares": ["share"] });
        if let Some(lie) = lie {
            configuration["lie"] = json!(lie);
        }
        TargetFile::plain(configuration, "share")
    };
    each_is_found("posix-mutant", target, LIES).await;
}
