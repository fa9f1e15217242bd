//! The whole manifest of a space, written anew into each bucket that holds copies of it.
//!
//! | dies after | is there then |
//! |---|---|
//! | some batches of the whole | what was there before, and some of it twice |
//! | the last one, which says what it replaces | the whole, and what it replaces, which counts no longer |
//! | the removal | the whole |

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use capstan_domain::failure::Kind;
use capstan_domain::ids::{LocationId, Number};
use capstan_domain::{Failure, Outcome};
use capstan_mover::Tree;

use super::batch::{self, FULL_BYTES, FULL_LINES, Head};
use super::line::Line;
use super::shelf::{self, Standing};
use super::tell::line;
use crate::Inner;
use crate::changes::replica_at;
use crate::on_disk::on_disk;
use crate::opened::OpenSpace;

/// Files that are read from the catalogue together.
const TOGETHER: u32 = 1000;

/// What an export did in one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    pub location: LocationId,
    /// Files with a copy there.
    pub files: u64,
    /// Batches that the whole has.
    pub written: u64,
    /// Batches that it replaced.
    pub removed: u64,
    /// Files that the catalogue has and the tree has not. With any, nothing is removed: what was written before may be all that is known
    /// of them.
    pub missing: u64,
}

/// A whole manifest on its way into one bucket.
struct Writing {
    exported: Exported,
    tree: Arc<dyn Tree>,
    writer: String,
    head: Head,
    number: u64,
    /// What is there of this manifest, and is replaced.
    before: Vec<Standing>,
    lines: Vec<Line>,
    bytes: usize,
}

/// Into one bucket, or every one that the catalogue knows copies of the space in. Fails with `Busy` while another one, or a rebuild, is
/// under way, with `Unsupported` on a site whose states the catalogue does not keep.
pub(crate) async fn export(inner: &Inner, space: &OpenSpace, only: Option<LocationId>) -> Outcome<Vec<Exported>> {
    let _alone = alone(space)?;
    let locations = match only {
        Some(location) => vec![location],
        None => inner.catalogue.holding_under(space.tree, "").await?,
    };
    let mut writing = HashMap::new();
    for location in locations {
        writing.insert(location, Writing::begin(inner, space, location).await?);
    }
    let mut last: Number = 0;
    while let Some((newest, held)) = inner.catalogue.stored_copies(space.tree, last, TOGETHER).await? {
        last = newest;
        let good = held
            .into_iter()
            .filter(|held| held.replica.verified.is_some() && held.entry_blake3.as_ref() == Some(&held.replica.blake3));
        let copies: Vec<_> = good.map(|held| replica_at(&held.path.clone(), held)).collect();
        let raw = space.raw.clone();
        let looked = on_disk(move || {
            let look = |copy: capstan_catalogue::NewReplica| (copy.location, line(&raw, copy.clone(), false), copy.path);
            copies.into_iter().map(look).collect::<Vec<_>>()
        })
        .await?;
        for (location, line, path) in looked {
            let Some(writing) = writing.get_mut(&location) else { continue };
            match line? {
                Some(line) => writing.add(line).await?,
                None if is_there(space, &path).await? => {}
                None => writing.exported.missing += 1,
            }
        }
    }
    let mut exported = Vec::new();
    for (_, writing) in writing.into_iter().collect::<BTreeMap<_, _>>() {
        exported.push(writing.end().await?);
    }
    Ok(exported)
}

/// Fails where somebody else is at the manifests as a whole, or it is another site's to be.
pub(super) fn alone(space: &OpenSpace) -> Outcome<tokio::sync::MutexGuard<'_, ()>> {
    if !space.is_home {
        return Err(Failure::unsupported("The manifests of a space are exported and read at its first site")
            .with_code("not-home")
            .with_next_step("Ask a host of that site."));
    }
    space.manifests.whole.try_lock().map_err(|_| {
        Failure::new(Kind::Busy, "The manifests of the space are being exported or read")
            .with_code("manifest-busy")
            .with_next_step("Wait until that is done.")
    })
}

async fn is_there(space: &OpenSpace, path: &str) -> Outcome<bool> {
    Ok(capstan_mover::Tree::stat(space.names.as_ref(), path).await?.is_some())
}

impl Writing {
    /// Numbered and listed before anything is read from the catalogue: what is written from here on is newer.
    async fn begin(inner: &Inner, space: &OpenSpace, location: LocationId) -> Outcome<Self> {
        let tree = inner.buckets.tree(location).await?;
        let journal = space.manifests.journal(location);
        let (number, after) = journal.number(&tree).await?;
        let before: Vec<Standing> =
            shelf::list(&tree, space.id).await?.into_iter().filter(|standing| standing.number < number).collect();
        let mut head = Head::new(space.id, space.manifests.name(), after);
        for standing in &before {
            replace(&mut head, standing);
        }
        for other in head.after.clone() {
            let standing = shelf::list(&tree, other).await?;
            standing.iter().for_each(|standing| replace(&mut head, standing));
        }
        let exported = Exported { location, files: 0, written: 0, removed: 0, missing: 0 };
        let writer = journal.writer().to_owned();
        Ok(Self { exported, tree, writer, head, number, before, lines: Vec::new(), bytes: 0 })
    }

    async fn add(&mut self, line: Line) -> Outcome<()> {
        self.bytes += line.weight();
        self.lines.push(line);
        self.exported.files += 1;
        if self.bytes >= FULL_BYTES || self.lines.len() >= FULL_LINES { self.write(false).await } else { Ok(()) }
    }

    async fn write(&mut self, is_last: bool) -> Outcome<()> {
        let plain = Head::new(self.head.space, &self.head.name, self.head.after.clone());
        let bytes = batch::encode(if is_last { &self.head } else { &plain }, &self.lines)?;
        let part = u32::try_from(self.exported.written).unwrap_or(u32::MAX);
        shelf::store(&self.tree, shelf::path(self.head.space, self.number, &self.writer, part), bytes).await?;
        (self.lines, self.bytes) = (Vec::new(), 0);
        self.exported.written += 1;
        Ok(())
    }

    async fn end(mut self) -> Outcome<Exported> {
        if self.exported.missing > 0 {
            self.head.replaces.clear();
            self.before.clear();
        }
        self.write(true).await?;
        self.exported.removed = shelf::remove(&self.tree, &self.before).await?;
        Ok(self.exported)
    }
}

fn replace(head: &mut Head, standing: &Standing) {
    let number = head.replaces.entry(standing.writer.clone()).or_default();
    *number = (*number).max(standing.number);
}
