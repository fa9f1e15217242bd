//! Where the batches of a manifest stand in a bucket: their names, listed, stored, read, removed.
//!
//! A name is a number that only grows, of microseconds since 1970 where the clock is ahead of it, the writer, and for one of several that
//! share a number, which.

use std::sync::Arc;

use bytes::Bytes;
use capstan_digest as digest;
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ids::SpaceId;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::backoff::UNSEEN;
use capstan_mover::{Arrival, Item, ItemKind, Tree};

use super::FOLDER;
use super::batch::{self, Head, MOST_BYTES};
use super::line::Line;

/// Names listed at a time.
const PAGE: u32 = 1000;
/// Batches of a manifest that are listed; with more it must be exported where its catalogue is.
const MOST_BATCHES: usize = 1_000_000;
/// Manifests in one bucket.
const MOST_SPACES: usize = 10_000;
/// Digits of a number.
const DIGITS: usize = 20;
const ENDING: &str = ".jsonl";
/// Permission bits of a batch, where a bucket has such.
const MODE: u32 = 0o600;

/// A batch that stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) item: Item,
    pub(super) number: u64,
    pub(super) writer: String,
    part: u32,
}

impl Standing {
    /// The newest of several is the greatest.
    pub(super) fn order(&self) -> (u64, &str, u32) {
        (self.number, &self.writer, self.part)
    }
}

/// The number after `last`, as the clock says, or the next one where it went back.
pub(super) fn number_after(last: u64) -> u64 {
    let now = u64::try_from(Timestamp::now().0.div_euclid(1000)).unwrap_or_default();
    now.max(last.saturating_add(1))
}

pub(super) fn path(space: SpaceId, number: u64, writer: &str, part: u32) -> String {
    format!("{FOLDER}/{space}/{number:020}-{writer}-{part:06}{ENDING}")
}

fn read_name(item: Item) -> Option<Standing> {
    let name = capstan_mover::names::below(&item.path, FOLDER)?.split_once('/')?.1.strip_suffix(ENDING)?;
    let (number, rest) = name.split_at_checked(DIGITS)?;
    let (writer, part) = rest.strip_prefix('-')?.split_once('-')?;
    let (number, part) = (number.parse().ok()?, part.parse().ok()?);
    Some(Standing { number, writer: writer.to_owned(), part, item })
}

/// The batches of a space's manifest, oldest first. Names that are none are passed over.
pub(super) async fn list(tree: &Arc<dyn Tree>, space: SpaceId) -> Outcome<Vec<Standing>> {
    let items = children(tree, &format!("{FOLDER}/{space}"), MOST_BATCHES).await?;
    let mut found: Vec<Standing> = items.into_iter().filter(|item| item.kind == ItemKind::File).filter_map(read_name).collect();
    found.sort_by(|one, other| one.order().cmp(&other.order()));
    Ok(found)
}

/// The spaces that have a manifest in the bucket, in the order in which they were made.
pub(super) async fn spaces(tree: &Arc<dyn Tree>) -> Outcome<Vec<SpaceId>> {
    let items = children(tree, FOLDER, MOST_SPACES).await?;
    let folders = items.into_iter().filter(|item| matches!(item.kind, ItemKind::Folder { .. }));
    let mut spaces: Vec<SpaceId> =
        folders.filter_map(|item| capstan_mover::names::below(&item.path, FOLDER)?.parse().ok()).collect();
    spaces.sort();
    Ok(spaces)
}

/// Empty where there is no such folder.
async fn children(tree: &Arc<dyn Tree>, folder: &str, most: usize) -> Outcome<Vec<Item>> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = match tree.children(folder, after.as_deref(), PAGE).await {
            Ok(page) => page,
            Err(failure) if failure.kind == Kind::NotFound => return Ok(items),
            Err(failure) => return Err(failure),
        };
        items.extend(page.items);
        if items.len() > most {
            return Err(Failure::unsupported(format!("{folder:?} holds more than {most} things")).with_code("too-many"));
        }
        if page.next.is_none() || page.next == after {
            return Ok(items);
        }
        after = page.next;
    }
}

/// Durable, and read back (D1): on it rests that a stub can be found again.
pub(super) async fn store(tree: &Arc<dyn Tree>, path: String, bytes: Bytes) -> Outcome<()> {
    let blake3 = digest::of(&bytes);
    let arrival = Arrival {
        size: bytes.len() as u64,
        modified: Timestamp::now(),
        mode: Some(MODE),
        uid: None,
        gid: None,
        blake3: Some(blake3),
        attempt: format!("manifest-{}", hex::encode(blake3.get(..8).unwrap_or_default())),
        // Nobody else has its name; what a lost answer left of it is the same.
        overwrite: true,
        storage_class: None,
        path,
    };
    let stored = tree.store_small(vec![(arrival, bytes)]).await.pop().unwrap_or_else(unanswered)?;
    let mut waits = UNSEEN.iter();
    let read = loop {
        let read = tree.hash_small(std::slice::from_ref(&stored.item), MOST_BYTES).await.pop().unwrap_or_else(unanswered);
        match (read, waits.next()) {
            (Err(failure), Some(wait)) if failure.kind == Kind::NotFound => tokio::time::sleep(*wait).await,
            (read, _) => break read,
        }
    };
    if read?.1 == blake3 {
        return Ok(());
    }
    Err(Failure::new(Kind::Corrupt, "What the target gave back of a manifest is not what it was given")
        .with_code("hash-mismatch")
        .with_retry(Retry::Later)
        .with_next_step("Nothing was freed. Look into the target: it does not keep what it is given."))
}

/// Fails as [`batch::decode`] does for what is not whole, and as the target does where it cannot be read.
pub(super) async fn read(tree: &Arc<dyn Tree>, standing: &Standing) -> Outcome<(Head, Vec<Line>)> {
    let small = tree.read_small(std::slice::from_ref(&standing.item), MOST_BYTES).await.pop().unwrap_or_else(unanswered);
    let small = small.map_err(|failure| match failure.code.as_deref() {
        Some("grown") => Failure { kind: Kind::Corrupt, ..failure }.with_code("bad-manifest"),
        _ => failure,
    })?;
    batch::decode(&small.bytes)
}

/// Answers how many went.
pub(super) async fn remove(tree: &Arc<dyn Tree>, old: &[Standing]) -> Outcome<u64> {
    for some in old.chunks(PAGE as usize) {
        let items: Vec<Item> = some.iter().map(|standing| standing.item.clone()).collect();
        tree.remove(&items, false, "manifest-replaced").await.into_iter().collect::<Outcome<()>>()?;
    }
    if !old.is_empty() {
        tree.sync().await?;
    }
    Ok(old.len() as u64)
}

fn unanswered<T>() -> Outcome<T> {
    Err(Failure::host("A manifest got no answer", "the tree answered for none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_number_and_writer_back_and_the_order() {
        let space = SpaceId::new();
        let at = |number, part| {
            let path = path(space, number, "ab12", part);
            read_name(Item::file(path, 0, Timestamp::default())).unwrap()
        };
        let one = at(9, 2);
        assert_eq!((one.number, one.writer.as_str(), one.part), (9, "ab12", 2));
        assert!(at(9, 2).order() < at(10, 0).order() && at(9, 2).order() < at(9, 10).order());
        for other in ["", "x.jsonl", "00000000000000000009-ab12.jsonl", "00000000000000000009-ab12-1.json"] {
            assert!(read_name(Item::file(format!("{FOLDER}/{space}/{other}"), 0, Timestamp::default())).is_none(), "{other}");
        }
    }

    #[test]
    fn numbers_grow_also_when_the_clock_goes_back() {
        let far = u64::MAX / 2;
        assert_eq!(number_after(far), far + 1);
        assert!(number_after(0) > 1_600_000_000_000_000);
    }
}
