//! A folder as two looks found it, and what changed in between, read in pages from the catalogue.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use capstan_catalogue::Catalogue;
use capstan_domain::entry::{EntryKind, Tree};
use capstan_domain::ids::{Number, SpaceId};
use capstan_domain::time::Timestamp;
use capstan_domain::tree_snapshot::Node;
use capstan_domain::{Failure, Outcome};
use capstan_stub::RawTree;
use capstan_workflows::limits::MOST_LINKS;
use capstan_workflows::snapdiff::{Difference, Differences, Inodes, Options};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Discovering, blocking};
use crate::workflow::walk::Walk;

/// Nodes that are written together.
const WRITTEN_TOGETHER: usize = 4_096;
/// Nodes of a page.
const PAGE: u32 = 4_096;
/// Differences that are told of together.
const REPORT: usize = 256;
/// Reports that wait for whoever listens.
const AHEAD: usize = 16;

/// Two looks at a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pair {
    /// Empty for the whole space.
    pub(super) folder: String,
    /// Number of the look of this run.
    pub(super) new: Number,
    /// It has all nodes.
    pub(super) whole: bool,
    /// The one before, and when it began; none: this is the first.
    pub(super) old: Option<(Number, Timestamp)>,
}

/// Takes the look of this run: all that is below the folder.
pub(super) async fn take(discovering: &Discovering<'_>, pair: &Pair) -> Outcome<()> {
    let catalogue = &discovering.engine.catalogue;
    let mut walk = Walk::begin(discovering.tree.clone(), pair.folder.clone(), None);
    let mut nodes = Vec::new();
    while let Some(report) = walk.next().await? {
        discovering.go_on()?;
        nodes.extend(with_hashes(discovering.tree.clone(), report).await?);
        if nodes.len() >= WRITTEN_TOGETHER {
            catalogue.add_to_tree_snapshot(pair.new, std::mem::take(&mut nodes)).await?;
        }
    }
    if nodes.is_empty() { Ok(()) } else { catalogue.add_to_tree_snapshot(pair.new, nodes).await }
}

/// With the hashes of files that have a record beside them, which says what they hold for as long as that is true.
async fn with_hashes(tree: RawTree, mut nodes: Vec<Node>) -> Outcome<Vec<Node>> {
    let add = move || {
        for node in nodes.iter_mut().filter(|node| node.kind == EntryKind::File) {
            // It may have gone since.
            let Ok(look) = tree.look(&node.path) else { continue };
            let is_same = look.identity.inode == node.inode && look.size == node.size && look.modified == node.modified;
            node.blake3 = look.record().filter(|_| is_same).map(|record| record.content.blake3);
        }
        Ok(nodes)
    };
    blocking(add).await
}

/// What the steps of the run that the look was taken for stored, they read: from then on it is known what was looked at. Without it a
/// file would pass for changed, since the record that a step writes beside a file changes the file's ctime.
pub(super) async fn learn_hashes(catalogue: &Catalogue, space: SpaceId, look: Number) -> Outcome<()> {
    // Nothing is read of a look that was settled before.
    catalogue.hash_in_tree_snapshot(look, Vec::new()).await?;
    let mut after = None;
    loop {
        let nodes = catalogue.tree_snapshot_nodes(look, after.as_deref(), PAGE).await?;
        let Some(last) = nodes.last() else { return Ok(()) };
        after = Some(last.path.clone());
        let unknown: HashMap<String, Node> = nodes
            .into_iter()
            .filter(|node| node.kind == EntryKind::File && node.blake3.is_none())
            .map(|node| (node.path.clone(), node))
            .collect();
        let paths: Vec<String> = unknown.keys().cloned().collect();
        let held = catalogue.replicas_at(Tree::Space(space), &paths).await?;
        let mut hashes = HashMap::new();
        for held in held {
            let is_same = |node: &&Node| {
                node.size == held.entry_size && node.modified == held.entry_modified && Some(node.inode) == held.entry_inode
            };
            let hash = held.entry_blake3.as_ref().and_then(|hash| <[u8; 32]>::try_from(hash.as_slice()).ok());
            if let Some((hash, _)) = hash.zip(unknown.get(&held.path).filter(is_same)) {
                hashes.insert(held.path, hash);
            }
        }
        catalogue.hash_in_tree_snapshot(look, hashes.into_iter().collect()).await?;
    }
}

/// Nodes that a pass over two looks has read.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    old: Arc<AtomicU64>,
    new: Arc<AtomicU64>,
}

impl Read {
    pub(super) fn of_old(&self) -> u64 {
        self.old.load(Ordering::Relaxed)
    }

    pub(super) fn of_new(&self) -> u64 {
        self.new.load(Ordering::Relaxed)
    }
}

/// All differences of some folders, one after the other; the same in every pass.
pub(super) struct Pass {
    reports: mpsc::Receiver<Vec<Difference>>,
    pass: JoinHandle<Outcome<()>>,
    pub(super) read: Read,
}

impl Pass {
    pub(super) fn begin(catalogue: &Catalogue, pairs: &[Pair], condense_moves: bool, skip_old_ctimes: bool) -> Self {
        let (sender, reports) = mpsc::channel(AHEAD);
        let (catalogue, pairs, read) = (catalogue.clone(), pairs.to_vec(), Read::default());
        let (handle, counted) = (Handle::current(), read.clone());
        let pass = tokio::task::spawn_blocking(move || {
            for pair in &pairs {
                let page = |look, count: &Arc<AtomicU64>| Pages {
                    catalogue: catalogue.clone(),
                    handle: handle.clone(),
                    look,
                    page: Vec::new().into_iter(),
                    last: None,
                    count: count.clone(),
                };
                let inodes = Names {
                    catalogue: catalogue.clone(),
                    handle: handle.clone(),
                    old: pair.old.map(|(old, _)| old),
                    new: pair.new,
                };
                let options =
                    Options { condense_moves, skip_changed_before: pair.old.map(|(_, taken)| taken).filter(|_| skip_old_ctimes) };
                let (old, new) = (page(pair.old.map(|(old, _)| old), &counted.old), page(Some(pair.new), &counted.new));
                if !tell(Differences::new(old, new, inodes, options), &sender)? {
                    break;
                }
            }
            Ok(())
        });
        Self { reports, pass, read }
    }

    /// None at the end.
    pub(super) async fn next(&mut self) -> Outcome<Option<Vec<Difference>>> {
        if let Some(report) = self.reports.recv().await {
            return Ok(Some(report));
        }
        (&mut self.pass).await.map_err(|cause| Failure::host("a comparison of looks broke off", cause))?.map(|()| None)
    }
}

/// False: nobody listens any more.
fn tell(differences: impl Iterator<Item = Outcome<Difference>>, sender: &mpsc::Sender<Vec<Difference>>) -> Outcome<bool> {
    let mut report = Vec::new();
    for difference in differences {
        report.push(difference?);
        if report.len() >= REPORT && sender.blocking_send(std::mem::take(&mut report)).is_err() {
            return Ok(false);
        }
    }
    Ok(report.is_empty() || sender.blocking_send(report).is_ok())
}

/// The nodes of a look in the order of their paths.
struct Pages {
    catalogue: Catalogue,
    handle: Handle,
    /// None once it is read to its end.
    look: Option<Number>,
    page: std::vec::IntoIter<Node>,
    last: Option<String>,
    count: Arc<AtomicU64>,
}

impl Iterator for Pages {
    type Item = Outcome<Node>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.as_slice().is_empty() {
            let look = self.look?;
            let page = self.handle.block_on(self.catalogue.tree_snapshot_nodes(look, self.last.as_deref(), PAGE));
            match page {
                Err(failure) => {
                    self.look = None;
                    return Some(Err(failure));
                }
                Ok(page) => {
                    self.last = page.last().map(|node| node.path.clone());
                    self.look = self.look.filter(|_| !page.is_empty());
                    self.page = page.into_iter();
                }
            }
        }
        let node = self.page.next()?;
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(Ok(node))
    }
}

struct Names {
    catalogue: Catalogue,
    handle: Handle,
    old: Option<Number>,
    new: Number,
}

impl Names {
    fn of(&self, look: Option<Number>, inode: u64) -> Outcome<Vec<Node>> {
        // One more than counts, so that too many are seen to be.
        let most = u32::try_from(MOST_LINKS).unwrap_or(u32::MAX).saturating_add(1);
        match look {
            Some(look) => self.handle.block_on(self.catalogue.tree_snapshot_inode(look, inode, most)),
            None => Ok(Vec::new()),
        }
    }
}

impl Inodes for Names {
    fn before(&self, inode: u64) -> Outcome<Vec<Node>> {
        self.of(self.old, inode)
    }

    fn after(&self, inode: u64) -> Outcome<Vec<Node>> {
        self.of(Some(self.new), inode)
    }
}
