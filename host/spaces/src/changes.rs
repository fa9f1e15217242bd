//! What was done to names and files of a space, carried over into the catalogue.
//!
//! The tree is the truth: a change says which paths to look at, and what stands there now is recorded, with what the record beside a file
//! says of its copies. So the same change may be told twice, and late. Copies of what was removed stay where they are, and the catalogue
//! goes on knowing them under the path that the file had.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use capstan_catalogue::{Held, NewReplica, Record};
use capstan_domain::file_state::FileState;
use capstan_domain::ids::LocationId;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Found, Item, ItemKind, Tree as _, names};
use capstan_space_view::{Change, Known};
use tokio::sync::mpsc;

use crate::on_disk::on_disk;
use crate::opened::{OpenSpace, known};
use crate::points::{Point, reached};
use crate::recorded::{Attributes, Whole, entry, from_the_file, state_of};
use crate::{Inner, manifest};

/// Paths that are looked at and recorded together.
const TOGETHER: usize = 1000;
/// Looks at a file that changes again and again while it is recorded; the next change tells of it.
const LOOKS: usize = 4;
/// Lists of found items between a walk and who records them.
const WALKED: usize = 4;

/// Durable when it answers.
pub(crate) async fn record(inner: &Arc<Inner>, space: &Arc<OpenSpace>, told: &[Change]) -> Outcome<()> {
    if !space.is_home {
        return Ok(());
    }
    let mut changed: Vec<String> = Vec::new();
    let removed = |change: &Change| match change {
        Change::Removed(gone) => gone.path.clone(),
        _ => None,
    };
    let removed: HashSet<String> = told.iter().filter_map(removed).collect();
    for change in told {
        match change {
            Change::Made { at, .. } | Change::Written { at } | Change::Attributes { at } | Change::Linked { at } => {
                changed.push(at.path.clone());
            }
            Change::Exchanged { one, other } => changed.extend([one, other].map(|known: &Known| known.path.clone())),
            Change::Removed(gone) => {
                seen_again(inner, space, std::mem::take(&mut changed), &removed).await?;
                changed.extend(gone.path.clone());
            }
            Change::Renamed { from, to, .. } => {
                seen_again(inner, space, std::mem::take(&mut changed), &removed).await?;
                moved(inner, space, from, &to.path).await?;
            }
            Change::Unsure => all(inner, space).await?,
        }
    }
    seen_again(inner, space, changed, &removed).await
}

/// What stands at these paths is recorded; what does not stand there any more is gone.
pub(crate) async fn look_again(inner: &Inner, space: &Arc<OpenSpace>, paths: Vec<String>) -> Outcome<()> {
    seen_again(inner, space, paths, &HashSet::new()).await
}

/// The same after somebody removed what stood at these paths: its copies go once the recycle window is over.
pub(crate) async fn removed(inner: &Inner, space: &Arc<OpenSpace>, paths: Vec<String>) -> Outcome<()> {
    let removed = paths.iter().cloned().collect();
    seen_again(inner, space, paths, &removed).await
}

async fn seen_again(inner: &Inner, space: &Arc<OpenSpace>, mut paths: Vec<String>, removed: &HashSet<String>) -> Outcome<()> {
    paths.sort();
    paths.dedup();
    for paths in paths.chunks(TOGETHER) {
        let mut paths = paths.to_vec();
        for _ in 0..LOOKS {
            let mut seen = seen(space, paths).await?;
            seen.removed = seen.gone.iter().filter(|path| removed.contains(*path)).cloned().collect();
            let told = manifest::Told::of(&seen);
            let recorded = seen.states.iter().map(|state| (state.path.clone(), state.state)).collect();
            seen.write(&inner.catalogue, true).await?;
            manifest::note(inner, space, told).await;
            paths = changed_since(space, recorded).await?;
            if paths.is_empty() {
                break;
            }
        }
    }
    Ok(())
}

/// To be called after states were recorded of files that others may be at: what is another by now is looked at again. Whoever changes a
/// file records it after that and looks again, too, so the last word is that of the file.
pub(crate) async fn confirm(inner: &Inner, space: &Arc<OpenSpace>, recorded: Vec<(String, FileState)>) -> Outcome<()> {
    if !space.is_home || recorded.is_empty() {
        return Ok(());
    }
    let changed = changed_since(space, recorded).await?;
    if changed.is_empty() { Ok(()) } else { look_again(inner, space, changed).await }
}

/// Those of these files that are not what was recorded of them; one that went is told of by whoever removed it.
async fn changed_since(space: &Arc<OpenSpace>, recorded: Vec<(String, FileState)>) -> Outcome<Vec<String>> {
    let raw = space.raw.clone();
    let is_another = move |(path, state): (String, FileState)| match raw.look(&path) {
        Ok(look) if state_of(&look).0 != state => Some(path),
        _ => None,
    };
    on_disk(move || recorded.into_iter().filter_map(is_another).collect()).await
}

async fn seen(space: &Arc<OpenSpace>, paths: Vec<String>) -> Outcome<Whole> {
    let found = space.names.stat_many(&paths).await;
    let space = Arc::clone(space);
    on_disk(move || {
        let mut record = Whole::of(space.tree);
        for (path, found) in paths.into_iter().zip(found) {
            match found {
                Ok(Some(item)) => add(&space, &mut record, &item),
                Ok(None) => record.gone.push(path),
                Err(failure) if failure.code.as_deref() == Some("not-a-folder") => record.gone.push(path),
                Err(failure) => tracing::warn!(%failure, path, "what became of a path could not be looked at"),
            }
        }
        record
    })
    .await
}

fn add(space: &OpenSpace, record: &mut Whole, item: &Item) {
    if known(&item.path).is_err() {
        return;
    }
    if item.kind != ItemKind::File {
        record.entries.extend(entry(space.tree, item));
        return;
    }
    // It may have gone since: then that is told, too.
    let Ok(look) = space.raw.look(&item.path) else { return };
    let attributes = Attributes {
        mode: item.mode.unwrap_or_default(),
        uid: item.uid.unwrap_or_default(),
        gid: item.gid.unwrap_or_default(),
        changed: item.changed.unwrap_or_default(),
    };
    from_the_file(record, &item.path, &look, attributes);
}

/// Something stands under another name now, with all that is below it.
pub(crate) async fn moved(inner: &Arc<Inner>, space: &Arc<OpenSpace>, from: &str, to: &str) -> Outcome<()> {
    let Some(item) = space.names.stat(to).await? else { return look_again(inner, space, vec![from.to_owned()]).await };
    if !matches!(item.kind, ItemKind::Folder { .. }) {
        return rename(inner, space, vec![(from.to_owned(), to.to_owned())]).await;
    }
    let mut pairs = Vec::new();
    let mut walk = Walk::of(space, to);
    while let Some(found) = walk.next().await {
        for item in found {
            let Some(below) = names::below(&item.path, to) else { continue };
            pairs.push((names::join(from, below), item.path));
        }
        if pairs.len() >= TOGETHER {
            rename(inner, space, std::mem::take(&mut pairs)).await?;
        }
    }
    walk.end().await?;
    rename(inner, space, pairs).await?;
    look_again(inner, space, vec![from.to_owned()]).await
}

/// Each from its old path to its new one. The copies of a file go with it; a copy that another file counts on stays known under its own.
async fn rename(inner: &Arc<Inner>, space: &Arc<OpenSpace>, pairs: Vec<(String, String)>) -> Outcome<()> {
    for pairs in pairs.chunks(TOGETHER) {
        let (from, to): (Vec<String>, Vec<String>) = pairs.iter().cloned().unzip();
        // Looked at first: once their old names are forgotten, the records beside them are what is known of their copies.
        let mut now = seen(space, to.clone()).await?;
        let held = inner.catalogue.replicas_at(space.tree, &from).await?;
        let mut keys: BTreeMap<LocationId, Vec<String>> = BTreeMap::new();
        for held in &held {
            keys.entry(held.replica.location).or_default().push(held.replica.key.clone());
        }
        let left: Vec<(LocationId, String)> = held.iter().map(|held| (held.replica.location, held.path.clone())).collect();
        let mut forgotten = Vec::new();
        for (location, mut keys) in keys {
            let others = inner.catalogue.copied_from(location, &keys).await?;
            keys.retain(|key| {
                !others.iter().any(|other| other.key == *key && (other.tree != space.tree || !from.contains(&other.path)))
            });
            // Only those that the files under their new names still name.
            keys.retain(|key| now.beside.iter().any(|copy| copy.location == location && copy.key == *key));
            forgotten.push((location, keys));
        }
        let names: HashMap<&str, &String> = from.iter().map(String::as_str).zip(&to).collect();
        for held in held {
            let is_going = |(location, keys): &(LocationId, Vec<String>)| {
                *location == held.replica.location && keys.contains(&held.replica.key)
            };
            if let Some(to) = names.get(held.path.as_str()).filter(|_| forgotten.iter().any(is_going)) {
                now.replicas.push(replica_at(to, held));
            }
        }
        let record = Record { forgotten, gone: vec![(space.tree, from)], ..Record::default() };
        inner.catalogue.record(record).await?;
        reached(Point::OldNameForgotten);
        let told = manifest::Told::of(&now).and_gone(left);
        let recorded = now.states.iter().map(|state| (state.path.clone(), state.state)).collect();
        now.write(&inner.catalogue, true).await?;
        manifest::note(inner, space, told).await;
        // It was looked at before its old name was forgotten; somebody may have recalled or migrated it since.
        confirm(inner, space, recorded).await?;
    }
    Ok(())
}

/// A copy as it was recorded, of the same file under another name.
pub(crate) fn replica_at(path: &str, held: Held) -> NewReplica {
    let replica = held.replica;
    NewReplica {
        path: path.to_owned(),
        location: replica.location,
        key: replica.key,
        size: replica.size,
        modified: held.modified,
        etag: replica.etag,
        version: replica.version,
        blake3: replica.blake3,
        subtrees: replica.subtrees,
        verified: replica.verified,
    }
}

/// Everything that stands in the tree. What is not there any more is found by the next look at what is recorded.
async fn all(inner: &Inner, space: &Arc<OpenSpace>) -> Outcome<()> {
    let mut walk = Walk::of(space, "");
    while let Some(found) = walk.next().await {
        let at = Arc::clone(space);
        let record = on_disk(move || {
            let mut record = Whole::of(at.tree);
            found.iter().filter(|item| !item.path.is_empty()).for_each(|item| add(&at, &mut record, item));
            record
        })
        .await?;
        if !record.is_empty() {
            record.write(&inner.catalogue, true).await?;
        }
    }
    walk.end().await
}

/// What stands at and below a path, folders before what is in them.
pub(crate) struct Walk {
    found: mpsc::Receiver<Vec<Found>>,
    walking: tokio::task::JoinHandle<Outcome<()>>,
    /// Of the first path that could not be looked at.
    missed: Option<Failure>,
}

impl Walk {
    pub(crate) fn of(space: &OpenSpace, start: &str) -> Self {
        let (send, found) = mpsc::channel(WALKED);
        let (tree, start) = (Arc::clone(&space.names), start.to_owned());
        Self { found, walking: tokio::spawn(async move { tree.walk(&start, send).await }), missed: None }
    }

    pub(crate) async fn next(&mut self) -> Option<Vec<Item>> {
        let found = self.found.recv().await?;
        let missed = &mut self.missed;
        let item = |found| match found {
            Found::Item(item) => Some(item),
            Found::Failed { path, failure } => {
                tracing::warn!(%failure, path, "a path of a space could not be looked at");
                missed.get_or_insert(failure);
                None
            }
        };
        Some(found.into_iter().filter_map(item).collect())
    }

    /// After the last; fails, too, when not everything could be looked at.
    pub(crate) async fn end_of_all(mut self) -> Outcome<()> {
        let missed = self.missed.take();
        self.end().await?;
        missed.map_or(Ok(()), Err)
    }

    /// After the last.
    pub(crate) async fn end(self) -> Outcome<()> {
        self.walking.await.map_err(|error| Failure::host("A walk through a space broke off", error))?
    }
}
