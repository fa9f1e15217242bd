//! A batch of small files into its bucket: stored, and what stands in the way compared.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use capstan_catalogue::Held;
use capstan_domain::failure::Kind;
use capstan_domain::ids::LocationId;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Item, ItemKind, Stored, Tree};

use super::super::lanes::One;
use super::Migrating;
use super::file::{File, arrival};
use super::prove;
use crate::copies::GoodCopy;
use crate::points::{Point, reached};

/// Names beside one that is taken that are tried; then the file fails.
pub(super) const NAMES: u32 = 100;

/// Answers the files that have a good copy in their bucket now; the others have ended.
pub(super) async fn store(work: &Migrating, files: Vec<File>, held: &[Held], ended: &mut Vec<(One, Outcome<()>)>) -> Vec<File> {
    let (mut good, mut by_location) = (Vec::new(), BTreeMap::<LocationId, Vec<File>>::new());
    for file in files {
        if file.bytes.is_none() {
            good.push(file);
        } else {
            by_location.entry(file.location).or_default().push(file);
        }
    }
    for (location, files) in by_location {
        match into(work, location, files, held).await {
            Ok(settled) => {
                for (file, outcome) in settled {
                    match outcome {
                        Ok(()) => good.push(file),
                        Err(failure) => ended.push((file.one, Err(failure))),
                    }
                }
            }
            Err((files, failure)) => ended.extend(files.into_iter().map(|file| (file.one, Err(failure.clone())))),
        }
    }
    good
}

type Settled = Vec<(File, Outcome<()>)>;

async fn into(work: &Migrating, location: LocationId, files: Vec<File>, held: &[Held]) -> Result<Settled, (Vec<File>, Failure)> {
    let tree = match work.tree(location).await {
        Ok(tree) => tree,
        Err(failure) => return Err((files, failure)),
    };
    let own = match replaceable(work, &tree, location, &files, held).await {
        Ok(own) => own,
        Err(failure) => return Err((files, failure)),
    };
    work.run.throttle.take(files.iter().map(|file| file.version.size).sum()).await;
    let (mut settled, mut stored, mut taken) = (Vec::new(), Vec::new(), Vec::new());
    let arrivals = files.iter().map(|file| put(work, file, file.path(), own.contains(file.path()))).collect();
    let results = tree.store_small(arrivals).await;
    for (file, result) in files.into_iter().zip(results) {
        match result {
            Ok(one) => stored.push((file, one)),
            Err(failure) if failure.kind == Kind::AlreadyExists => taken.push(file),
            Err(failure) => settled.push((file, Err(failure))),
        }
    }
    for (file, outcome) in in_the_way(work, &tree, location, taken).await {
        match outcome {
            Ok(one) => stored.push((file, one)),
            Err(failure) => settled.push((file, Err(failure))),
        }
    }
    settled.extend(proved(work, &tree, location, stored).await);
    Ok(settled)
}

fn put(work: &Migrating, file: &File, place: &str, overwrite: bool) -> (capstan_mover::Arrival, Bytes) {
    let arrival = arrival(&work.run, place, &file.version, file.attributes, Some(file.blake3), overwrite);
    (arrival, file.bytes.clone().unwrap_or_default())
}

/// Files of which an earlier content is stored under their own name, and no other file rests on that: it is theirs to replace.
async fn replaceable(
    work: &Migrating,
    tree: &Arc<dyn Tree>,
    location: LocationId,
    files: &[File],
    held: &[Held],
) -> Outcome<HashSet<String>> {
    let stale = files.iter().filter_map(|file| {
        let key = key_of(tree, file.path())?;
        let is_stale = |held: &&Held| {
            held.path == file.path()
                && held.replica.location == location
                && held.replica.key == key
                && held.replica.blake3 != file.blake3
        };
        held.iter().find(is_stale).map(|_| (file.path(), key))
    });
    let stale: Vec<(&str, String)> = stale.collect();
    free_of_others(work, location, &stale).await
}

/// Of these paths with the keys that they would take, those whose key no other file has a copy under, and no other site needs.
async fn free_of_others(work: &Migrating, location: LocationId, wanted: &[(&str, String)]) -> Outcome<HashSet<String>> {
    // A file that was renamed a moment ago still rests on the copy under its old name.
    if wanted.is_empty() || !work.may_replace() || !work.run.space.is_told().await {
        return Ok(HashSet::new());
    }
    let paths: Vec<String> = wanted.iter().map(|(path, _)| (*path).to_owned()).collect();
    let needed = work.stubs_at_home(&paths).await?;
    let keys: Vec<String> = wanted.iter().map(|(_, key)| key.clone()).collect();
    let copied = work.run.inner.catalogue.copied_from(location, &keys).await?;
    let is_free = |(path, key): &&(&str, String)| {
        let others =
            |from: &&capstan_catalogue::CopiedFrom| from.key == *key && (from.tree != work.run.space.tree || from.path != *path);
        !needed.contains(*path) && copied.iter().find(others).is_none()
    };
    Ok(wanted.iter().filter(is_free).map(|(path, _)| (*path).to_owned()).collect())
}

/// Whether no other file has a copy under the key that this path takes.
pub(super) async fn is_free_of_others(work: &Migrating, location: LocationId, path: &str, tree: &Arc<dyn Tree>) -> Outcome<bool> {
    let wanted: Vec<(&str, String)> = key_of(tree, path).map(|key| (path, key)).into_iter().collect();
    Ok(free_of_others(work, location, &wanted).await?.contains(path))
}

/// Something stands where these are to go: the same content is theirs, from an earlier run; what differs stays, unless the step says
/// otherwise.
async fn in_the_way(
    work: &Migrating,
    tree: &Arc<dyn Tree>,
    location: LocationId,
    files: Vec<File>,
) -> Vec<(File, Outcome<Stored>)> {
    if files.is_empty() {
        return Vec::new();
    }
    let paths: Vec<String> = files.iter().map(|file| file.path().to_owned()).collect();
    let looked = tree.stat_many(&paths).await;
    let wanted: Vec<(&str, String)> = files.iter().filter_map(|file| Some((file.path(), key_of(tree, file.path())?))).collect();
    let free = if work.step.overwrite { free_of_others(work, location, &wanted).await } else { Ok(HashSet::new()) };
    let mut settled = Vec::with_capacity(files.len());
    for (file, looked) in files.into_iter().zip(looked) {
        let outcome = match (&looked, &free) {
            (Ok(Some(there)), Ok(free)) => beside_or_over(work, tree, &file, there, free.contains(file.path())).await,
            // It went meanwhile: the next try stores it.
            (Ok(None), _) => Err(Failure::new(Kind::Busy, format!("What stood at {:?} went meanwhile", file.path()))),
            (Err(failure), _) | (_, Err(failure)) => Err(failure.clone()),
        };
        settled.push((file, outcome));
    }
    settled
}

async fn beside_or_over(work: &Migrating, tree: &Arc<dyn Tree>, file: &File, there: &Item, may_replace: bool) -> Outcome<Stored> {
    if is_same(work, tree, file, there).await? {
        return stored(tree, there);
    }
    if work.step.fail_on_mismatch {
        return Err(mismatch(file.path()));
    }
    if may_replace && there.kind == ItemKind::File {
        return only(tree.store_small(vec![put(work, file, file.path(), true)]).await);
    }
    work.check_nobody_needs(file.path()).await?;
    for number in 1..=NAMES {
        let place = capstan_mover::numbered(file.path(), number);
        match only(tree.store_small(vec![put(work, file, &place, false)]).await) {
            Err(failure) if failure.kind == Kind::AlreadyExists => {
                if let Some(there) = tree.stat(&place).await?
                    && is_same(work, tree, file, &there).await?
                {
                    return stored(tree, &there);
                }
            }
            other => return other,
        }
    }
    Err(mismatch(file.path()))
}

async fn is_same(work: &Migrating, tree: &Arc<dyn Tree>, file: &File, there: &Item) -> Outcome<bool> {
    if there.kind != ItemKind::File || there.size != file.version.size {
        return Ok(false);
    }
    let limit = work.run.inner.settings.limits.small_file;
    Ok(only(prove::hashes(tree, std::slice::from_ref(there), limit).await)? == file.blake3)
}

/// Reads back what was stored.
async fn proved(work: &Migrating, tree: &Arc<dyn Tree>, location: LocationId, stored: Vec<(File, Stored)>) -> Settled {
    reached(Point::Stored);
    let items: Vec<Item> = stored.iter().map(|(_, stored)| stored.item.clone()).collect();
    let values = prove::hashes(tree, &items, work.run.inner.settings.limits.small_file).await;
    let mut settled = Vec::with_capacity(stored.len());
    for ((mut file, stored), value) in stored.into_iter().zip(values) {
        let outcome = match value {
            Ok(value) if value == file.blake3 && stored.item.size == file.version.size => {
                let copy = good_copy(location, stored, &file);
                file.copies.insert(0, copy);
                Ok(())
            }
            Ok(_) => Err(prove::differs()),
            Err(failure) => Err(failure),
        };
        settled.push((file, outcome));
    }
    settled
}

pub(super) fn good_copy(location: LocationId, stored: Stored, file: &File) -> GoodCopy {
    GoodCopy {
        location,
        key: stored.key,
        size: file.version.size,
        modified: stored.item.modified,
        etag: stored.item.identity.etag,
        version: stored.item.identity.version,
        blake3: file.blake3,
        blocks: file.blocks.clone(),
        verified: Timestamp::now(),
    }
}

fn stored(tree: &Arc<dyn Tree>, there: &Item) -> Outcome<Stored> {
    Ok(Stored { key: tree.key(there)?, item: there.clone() })
}

pub(super) fn key_of(tree: &Arc<dyn Tree>, path: &str) -> Option<String> {
    tree.key(&Item::file(path, 0, Timestamp::default())).ok()
}

fn only<T>(mut answers: Vec<Outcome<T>>) -> Outcome<T> {
    answers.pop().unwrap_or_else(|| Err(Failure::host("A file got no answer", "the tree answered for none")))
}

pub(super) fn mismatch(path: &str) -> Failure {
    Failure::new(Kind::AlreadyExists, format!("Something else is stored at {path:?} already"))
        .with_code("differs")
        .with_next_step("Let the step overwrite, or store it in another bucket.")
}
