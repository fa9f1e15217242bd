//! Copies read back from where they lie (D1), and looked at again before anything is done on their word.

use std::sync::Arc;

use capstan_catalogue::Held;
use capstan_digest::{self as digest, BLOCK, BlockHasher, Value};
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::{Failure, Outcome};
use capstan_mover::backoff::{self, UNSEEN};
use capstan_mover::{Control, Digest, Item, Opened, Tree};
use futures::{StreamExt, TryStreamExt};

use crate::copies::{GoodCopy, item_of};
use crate::settings::Limits;

/// Recorded copies that are looked at together.
const LOOKS: usize = 32;

/// What each of these hashes to, in order. Some stores show what they took only a moment later.
pub(super) async fn hashes(tree: &Arc<dyn Tree>, items: &[Item], limit: u64) -> Vec<Outcome<Value>> {
    let mut read = tree.hash_small(items, limit).await;
    for wait in UNSEEN {
        let unseen = |read: &Outcome<(Item, Value)>| read.as_ref().is_err_and(|failure| failure.kind == Kind::NotFound);
        let again = read.iter_mut().zip(items).filter(|(read, _)| unseen(read));
        let (again, missing): (Vec<_>, Vec<_>) = again.map(|(read, item)| (read, item.clone())).unzip();
        if missing.is_empty() {
            break;
        }
        tokio::time::sleep(wait).await;
        for (read, now) in again.into_iter().zip(tree.hash_small(&missing, limit).await) {
            *read = now;
        }
    }
    read.into_iter().map(|read| read.map(|(_, value)| value).map_err(vanished)).collect()
}

/// A large file, block by block; fails with `Corrupt` at the first that is not what was stored.
pub(super) async fn read_back(
    tree: &Arc<dyn Tree>,
    item: &Item,
    expected: &Digest,
    limits: &Limits,
    control: &Control,
) -> Outcome<()> {
    let opened = open_stored(tree, item).await.map_err(vanished)?;
    if opened.item.size != item.size {
        return Err(differs());
    }
    let size = item.size;
    let blocks = futures::stream::iter(0..size.div_ceil(BLOCK)).map(|index| {
        let opened = opened.clone();
        let offset = index * BLOCK;
        let wanted = if size <= BLOCK {
            Some(expected.root)
        } else {
            usize::try_from(index).ok().and_then(|index| expected.subtrees.get(index)).copied()
        };
        async move {
            control.ready().await?;
            let value = backoff::patiently(control, limits.tries.max(1), || value(&opened, offset, size)).await?;
            if Some(value) == wanted { Ok(()) } else { Err(differs()) }
        }
    });
    blocks.buffer_unordered(limits.verify_streams.max(1)).try_collect().await
}

async fn open_stored(tree: &Arc<dyn Tree>, item: &Item) -> Outcome<Opened> {
    for wait in UNSEEN {
        match tree.open(item).await {
            Err(failure) if failure.kind == Kind::NotFound => tokio::time::sleep(wait).await,
            opened => return opened,
        }
    }
    tree.open(item).await
}

async fn value(opened: &Opened, offset: u64, size: u64) -> Outcome<Value> {
    let length = BLOCK.min(size - offset);
    let mut hasher = BlockHasher::new(offset);
    let mut body = opened.content.open(offset, length);
    let mut left = length;
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        left = left.checked_sub(chunk.len() as u64).ok_or_else(differs)?;
        hasher.update(&chunk);
    }
    match left {
        0 if size <= BLOCK => Ok(hasher.finish_alone()),
        0 => Ok(hasher.finish()),
        _ => Err(Failure::new(Kind::Unavailable, "The target ended the data before its end").with_code("short-read")),
    }
}

/// Of recorded copies that were verified, those that still stand there as they were stored. One that cannot be looked at now is not
/// among them.
pub(super) async fn still_there(tree: &Arc<dyn Tree>, held: Vec<Held>) -> Vec<(String, GoodCopy)> {
    let looks = futures::stream::iter(held).map(|held| async move {
        let copy = good_copy(&held)?;
        let opened = tree.open(&item_of(&copy.key, copy.size, copy.modified)).await.ok()?;
        let same = match (&copy.etag, &opened.item.identity.etag) {
            (Some(then), Some(now)) => then == now,
            _ => opened.item.modified == copy.modified,
        };
        (same && opened.item.size == copy.size).then_some((held.path, copy))
    });
    looks.buffer_unordered(LOOKS).filter_map(std::future::ready).collect().await
}

/// Whether a copy that was read a moment ago was not taken away since.
pub(crate) async fn is_there(tree: &Arc<dyn Tree>, copy: &GoodCopy) -> bool {
    let opened = tree.open(&item_of(&copy.key, copy.size, copy.modified)).await;
    opened.is_ok_and(|opened| opened.item.size == copy.size)
}

pub(crate) fn went(path: &str) -> Failure {
    Failure::new(Kind::Busy, format!("The copy of {path:?} was taken away as soon as it was there"))
        .with_retry(Retry::Later)
        .with_code("copy-went")
}

/// None: it was not read back, or its hashes are not in order.
pub(super) fn good_copy(held: &Held) -> Option<GoodCopy> {
    let replica = &held.replica;
    Some(GoodCopy {
        location: replica.location,
        key: replica.key.clone(),
        size: replica.size,
        modified: held.modified,
        etag: replica.etag.clone(),
        version: replica.version.clone(),
        blake3: Value::try_from(replica.blake3.as_slice()).ok()?,
        blocks: digest::from_bytes(&replica.subtrees)?,
        verified: replica.verified?,
    })
}

fn vanished(failure: Failure) -> Failure {
    match failure.kind {
        Kind::NotFound => Failure { kind: Kind::Corrupt, ..failure }.with_retry(Retry::Later).with_code("vanished"),
        _ => failure,
    }
}

pub(super) fn differs() -> Failure {
    Failure::new(Kind::Corrupt, "What the target gave back is not what it was given")
        .with_code("hash-mismatch")
        .with_retry(Retry::Later)
        .with_next_step("Nothing was freed. Look into the target: it does not keep what it is given.")
}
