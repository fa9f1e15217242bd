//! Walking a raw tree: each folder before what is in it, names in order, so that a walk can go on where another ended.

use std::cmp::Ordering;

use capstan_domain::entry::EntryKind;
use capstan_domain::failure::Kind;
use capstan_domain::tree_snapshot::Node;
use capstan_domain::{Failure, Outcome};
use capstan_stub::{Listed, RawTree};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Nodes that are told of together.
const REPORT: usize = 256;
/// Reports that wait for whoever listens.
const AHEAD: usize = 16;

/// All that is below a folder, empty for the whole tree, in the order of the names on the way; `after`: without what came up to that path.
/// A listener that goes away ends the walk.
pub(super) struct Walk {
    reports: mpsc::Receiver<Vec<Node>>,
    walk: JoinHandle<Outcome<()>>,
}

impl Walk {
    pub(super) fn begin(tree: RawTree, folder: String, after: Option<String>) -> Self {
        let (sender, reports) = mpsc::channel(AHEAD);
        let walk = tokio::task::spawn_blocking(move || walk(&tree, &folder, after.as_deref(), &sender));
        Self { reports, walk }
    }

    /// None at the end.
    pub(super) async fn next(&mut self) -> Outcome<Option<Vec<Node>>> {
        if let Some(report) = self.reports.recv().await {
            return Ok(Some(report));
        }
        (&mut self.walk).await.map_err(|cause| Failure::host("the walk broke off", cause))?.map(|()| None)
    }
}

/// A path, and what stands there.
pub(super) fn node(path: String, listed: Listed) -> Node {
    let Listed { kind, inode, size, modified, changed, .. } = listed;
    Node { path, inode, kind, size, modified, changed, blake3: None }
}

/// In the order of a walk.
fn order(path: &str, other: &str) -> Ordering {
    path.split('/').cmp(other.split('/'))
}

fn walk(tree: &RawTree, folder: &str, after: Option<&str>, reports: &mpsc::Sender<Vec<Node>>) -> Outcome<()> {
    // Each level is what is left of a folder, the next entry last. No recursion: a path may be two thousand folders deep.
    let mut levels = vec![(folder.to_owned(), reversed(tree.list(folder)?))];
    let mut report = Vec::new();
    while let Some((above, rest)) = levels.last_mut() {
        let Some(listed) = rest.pop() else {
            levels.pop();
            continue;
        };
        let path = if above.is_empty() { listed.name.clone() } else { format!("{above}/{}", listed.name) };
        let told = after.is_some_and(|after| order(&path, after) != Ordering::Greater);
        // What was told may have more in it.
        let is_around = after.is_some_and(|after| super::call::is_within(after, &path));
        if told && !is_around {
            continue;
        }
        if listed.kind == EntryKind::Folder {
            match tree.list(&path) {
                Ok(entries) => levels.push((path.clone(), reversed(entries))),
                // It went, or another took its place, while the walk was on its way.
                Err(failure) if failure.kind == Kind::NotFound => continue,
                Err(failure) if failure.code.as_deref() == Some("not-a-folder") => continue,
                Err(failure) => return Err(failure),
            }
        }
        if !told {
            report.push(node(path, listed));
        }
        if report.len() >= REPORT && reports.blocking_send(std::mem::take(&mut report)).is_err() {
            return Ok(());
        }
    }
    if !report.is_empty() {
        // Nobody listens any more: there is nothing left to tell anyway.
        let _ = reports.blocking_send(report);
    }
    Ok(())
}

fn reversed(mut entries: Vec<Listed>) -> Vec<Listed> {
    entries.reverse();
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn walked(tree: &RawTree, folder: &str, after: Option<&str>) -> Vec<String> {
        let mut walk = Walk::begin(tree.clone(), folder.to_owned(), after.map(str::to_owned));
        let mut paths = Vec::new();
        while let Some(nodes) = walk.next().await.unwrap() {
            paths.extend(nodes.into_iter().map(|node| node.path));
        }
        paths
    }

    fn tree() -> (tempfile::TempDir, RawTree) {
        let beside = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let kept = tempfile::Builder::new().prefix("walk-").tempdir_in(beside).unwrap();
        let root = kept.path().join("space");
        let tree = RawTree::create(&root).unwrap();
        for folder in ["a/c", "a-b", ".capstan-moving-1", "a/.capstan-mine", "empty"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in ["a/x", "a/c/y", "a-b/z", "b", ".capstan-moving-1/q", ".capstan-0123456789abcdef.part"] {
            std::fs::write(root.join(file), file).unwrap();
        }
        std::os::unix::fs::symlink("a", root.join("link")).unwrap();
        std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        (kept, tree)
    }

    const ALL: [&str; 10] = ["a", "a/.capstan-mine", "a/c", "a/c/y", "a/x", "a-b", "a-b/z", "b", "empty", "link"];

    #[tokio::test]
    async fn a_walk_goes_through_folders_in_order_and_passes_over_what_is_the_hosts_own() {
        let (_kept, tree) = tree();
        assert_eq!(walked(&tree, "", None).await, ALL);
        assert_eq!(walked(&tree, "a", None).await, ["a/.capstan-mine", "a/c", "a/c/y", "a/x"]);
    }

    #[tokio::test]
    async fn a_walk_goes_on_after_any_path() {
        let (_kept, tree) = tree();
        for (index, path) in ALL.iter().enumerate() {
            assert_eq!(walked(&tree, "", Some(path)).await, ALL[index + 1..], "{path}");
        }
        assert_eq!(walked(&tree, "", Some("a/d/gone")).await, ALL[4..], "one that is not there any more");
    }

    #[tokio::test]
    async fn a_folder_that_is_none_is_a_failure() {
        let (_kept, tree) = tree();
        for folder in ["nothing", "b", "link", "../x"] {
            let mut walk = Walk::begin(tree.clone(), folder.to_owned(), None);
            assert!(walk.next().await.is_err(), "{folder}");
        }
    }
}
