//! A space made anew from what a bucket says of it: stubs in the tree, rows in the catalogue.
//!
//! Batches are read from the newest to the oldest, and of a path the first line counts, so nothing is made that would have to go again.
//! Which paths were met is kept as hashes; of a manifest so large that these would not fit, one part of the paths after the other is
//! rebuilt, each with a reading of the whole.
//!
//! What is there stays: a file of another content is told, and one of the same content is recorded, and gets those of its attributes that
//! it has not, if a rebuild that died had not come to that. So it may be run again, and buckets after one another.

mod make;
mod manifests;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use capstan_digest as digest;
use capstan_domain::failure::Kind;
use capstan_domain::ids::{LocationId, SpaceId};
use capstan_domain::{Failure, Outcome};
use capstan_mover::Tree;
use futures::StreamExt;

use super::batch::Head;
use super::export::alone;
use super::line::{FileLine, Line};
use super::shelf::{self, Standing};
use crate::Inner;
use crate::opened::OpenSpace;

/// Files that are made and recorded together.
const TOGETHER: usize = 256;
/// Batches that are read ahead.
const AHEAD: usize = 2;
/// Bytes of batches whose paths are kept in mind together: one or two million of them, as a rule.
const PART_BYTES: u64 = 512 << 20;
/// Paths that are kept in mind together, however short they are.
const MOST_PATHS: usize = 16_000_000;
/// Paths and batches that are told one by one; the others are only counted.
const MOST_LEFT: usize = 100;

/// What a rebuild did from one bucket.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    pub location: LocationId,
    /// The spaces that the manifests were of; the one that was rebuilt among them, once it has one of its own.
    pub from: Vec<SpaceId>,
    /// Batches that were read.
    pub batches: u64,
    /// Batches that are torn, and of which nothing was believed.
    pub torn: u64,
    /// Files that were made, as stubs.
    pub made: u64,
    /// Files that were there with the same content.
    pub there: u64,
    /// Files that were there with another content, and stayed.
    pub kept: u64,
    /// Files that could not be made.
    pub failed: u64,
    /// The first of what is torn, kept and failed.
    pub left: Vec<Left>,
}

/// A path of the space, or of a batch in the bucket, and why nothing was made of it.
#[derive(Clone, Debug)]
pub struct Left {
    pub path: String,
    pub why: Failure,
}

impl Rebuilt {
    fn leave(&mut self, path: &str, why: Failure) {
        if self.left.len() < MOST_LEFT {
            self.left.push(Left { path: path.to_owned(), why });
        }
    }
}

/// `from`: the space whose manifest it is, where the bucket has several that it could be. Fails with `NotFound` (`no-manifest`), with
/// `Conflict` (`which-manifest`) that names them, and as [`super::export()`] does.
pub(crate) async fn rebuild(
    inner: &Arc<Inner>,
    space: &Arc<OpenSpace>,
    location: LocationId,
    from: Option<SpaceId>,
) -> Outcome<Rebuilt> {
    let _alone = alone(space)?;
    let tree = inner.buckets.tree(location).await?;
    let from = manifests::chosen(&tree, space, from).await?;
    let mut standing = Vec::new();
    for manifest in &from {
        standing.extend(shelf::list(&tree, *manifest).await?);
    }
    standing.sort_by(|one, other| other.order().cmp(&one.order()));
    let bytes: u64 = standing.iter().map(|standing| standing.item.size).sum();
    // Said before anything is made: a rebuild that died goes on from all of them.
    let journal = space.manifests.journal(location);
    journal.goes_on_from(&tree, &from).await?;
    let is_own = from == [space.id];
    let rebuilt = Rebuilt { location, from, batches: 0, torn: 0, made: 0, there: 0, kept: 0, failed: 0, left: Vec::new() };
    let mut rebuilding = Rebuilding { inner, space, tree, is_own, standing, rebuilt };
    let parts = 1 + bytes / PART_BYTES;
    for part in 0..parts {
        rebuilding.part(part, parts).await?;
    }
    Ok(rebuilding.rebuilt)
}

struct Rebuilding<'r> {
    inner: &'r Arc<Inner>,
    space: &'r Arc<OpenSpace>,
    tree: Arc<dyn Tree>,
    /// What is read is the manifest of this very space, and nobody else's.
    is_own: bool,
    /// Newest first.
    standing: Vec<Standing>,
    rebuilt: Rebuilt,
}

impl Rebuilding<'_> {
    async fn part(&mut self, part: u64, parts: u64) -> Outcome<()> {
        let mut met: HashSet<[u8; 16]> = HashSet::new();
        let mut replaced: BTreeMap<String, u64> = BTreeMap::new();
        let mut files: Vec<FileLine> = Vec::new();
        let (tree, standing) = (Arc::clone(&self.tree), self.standing.clone());
        let read = futures::stream::iter(standing).map(|standing| {
            let tree = Arc::clone(&tree);
            async move {
                let read = shelf::read(&tree, &standing).await;
                (standing, read)
            }
        });
        let mut read = std::pin::pin!(read.buffered(AHEAD));
        while let Some((standing, read)) = read.next().await {
            if replaced.get(&standing.writer).is_some_and(|number| standing.number <= *number) {
                continue;
            }
            let Some((head, lines)) = self.believed(part == 0, &standing, read)? else { continue };
            for (writer, number) in head.replaces {
                let known = replaced.entry(writer).or_default();
                *known = (*known).max(number);
            }
            for line in lines.into_iter().rev() {
                let (hash, number) = mark(line.path());
                if number % parts != part || !met.insert(hash) {
                    continue;
                }
                if met.len() > MOST_PATHS {
                    return Err(Failure::unsupported(format!("The manifest names more than {MOST_PATHS} paths in one part"))
                        .with_code("too-many"));
                }
                if let Line::File(file) = line {
                    files.push(*file);
                }
                if files.len() >= TOGETHER {
                    self.make(std::mem::take(&mut files)).await?;
                }
            }
        }
        self.make(files).await
    }

    /// None, and told, for a batch that is torn or went. `is_first`: it is read for the first time.
    fn believed(
        &mut self,
        is_first: bool,
        standing: &Standing,
        read: Outcome<(Head, Vec<Line>)>,
    ) -> Outcome<Option<(Head, Vec<Line>)>> {
        match read {
            Ok(read) => {
                self.rebuilt.batches += u64::from(is_first);
                Ok(Some(read))
            }
            Err(failure) if matches!(failure.kind, Kind::Corrupt | Kind::Unsupported | Kind::NotFound) => {
                if is_first {
                    tracing::warn!(%failure, path = standing.item.path, "a batch of a manifest is left out");
                    self.rebuilt.torn += 1;
                    self.rebuilt.leave(&standing.item.path, failure);
                }
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Two of a path in different parts of its hash: one to know it again by, and one that says which part it is of.
fn mark(path: &str) -> ([u8; 16], u64) {
    let hash = digest::of(path.as_bytes());
    let (first, rest) = (hash.first_chunk::<16>(), hash.last_chunk::<8>());
    (first.copied().unwrap_or_default(), rest.copied().map_or(0, u64::from_le_bytes))
}
