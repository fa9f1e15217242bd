//! Reading a stored file back from its target, block by block, and comparing it with what was sent.

use std::sync::Arc;

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use futures::{StreamExt, TryStreamExt};

use super::super::plan::Run;
use crate::backoff;
use crate::digest::{BLOCK, BlockHasher, Value};
use crate::item::Item;
use crate::local::direct::Piece;
use crate::local::{LocalFile, on_disk};
use crate::measured::{Digest, not_what_was_stored};
use crate::tree::{Opened, Tree};

/// Of what was stored just now.
pub(super) async fn read_back(run: &Run, tree: &Arc<dyn Tree>, item: &Item, digest: &Digest) -> Outcome<()> {
    let opened = open_stored(tree, item).await?;
    compare(run, &opened, item, digest).await
}

/// Fails with `Corrupt` at the first block that is not what it should be.
async fn compare(run: &Run, opened: &Opened, item: &Item, digest: &Digest) -> Outcome<()> {
    // What went past the page cache is not in it; and where the source is to go, only the disk's own answer counts.
    if let Some(file) = opened.file.as_ref().filter(|_| run.transfer.options.remove_source || item.size > BLOCK) {
        file.ask_the_disk();
    }
    let blocks = futures::stream::iter(blocks(item.size)).map(|(offset, length)| {
        let opened = opened.clone();
        async move {
            run.transfer.control.ready().await?;
            let value = value_with_retries(run, &opened, offset, length, item.size).await?;
            let expected = expected(digest, item.size, offset)?;
            if value == expected { Ok(()) } else { Err(not_what_was_stored(offset)) }
        }
    });
    blocks.buffer_unordered(run.transfer.limits.verify_streams.max(1)).try_collect().await
}

/// Some stores show what they took only a moment later.
async fn open_stored(tree: &Arc<dyn Tree>, item: &Item) -> Outcome<Opened> {
    for wait in backoff::UNSEEN {
        match tree.open(item).await {
            Err(failure) if failure.kind == Kind::NotFound => tokio::time::sleep(wait).await,
            opened => return opened,
        }
    }
    tree.open(item).await
}

/// The same as a question, of what stood there before.
pub(super) async fn matches(run: &Run, tree: &Arc<dyn Tree>, item: &Item, digest: &Digest) -> Outcome<bool> {
    let opened = tree.open(item).await?;
    match compare(run, &opened, item, digest).await {
        Ok(()) => Ok(true),
        Err(failure) if failure.kind == Kind::Corrupt && failure.code.as_deref() == Some("hash-mismatch") => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn blocks(size: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..size.div_ceil(BLOCK)).map(move |index| (index * BLOCK, BLOCK.min(size - index * BLOCK)))
}

/// The value that the block at `offset` must have.
pub(in super::super) fn expected(digest: &Digest, size: u64, offset: u64) -> Outcome<Value> {
    if size <= BLOCK {
        return Ok(digest.root);
    }
    let index = usize::try_from(offset / BLOCK).unwrap_or(usize::MAX);
    digest.subtrees.get(index).copied().ok_or_else(|| Failure::host("A block has no hash to compare with", offset))
}

async fn value_with_retries(run: &Run, opened: &Opened, offset: u64, length: u64, size: u64) -> Outcome<Value> {
    let mut tries = 1;
    loop {
        let failure = match value(opened, offset, length, size).await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        match backoff::wait_after(&failure, tries, run.transfer.limits.tries) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(failure),
        }
        tries += 1;
    }
}

async fn value(opened: &Opened, offset: u64, length: u64, size: u64) -> Outcome<Value> {
    if let Some(file) = &opened.file {
        let file = Arc::clone(file);
        return on_disk(move || local_value(&file, offset, length, size)).await?;
    }
    let mut hasher = BlockHasher::new(offset);
    let mut body = opened.content.open(offset, length);
    let mut left = length;
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        left = left.checked_sub(chunk.len() as u64).ok_or_else(|| not_what_was_stored(offset))?;
        hasher.update(&chunk);
    }
    if left > 0 {
        return Err(Failure::new(Kind::Unavailable, "The target ended the data before its end").with_code("short-read"));
    }
    Ok(finish(&hasher, size))
}

fn local_value(file: &LocalFile, offset: u64, length: u64, size: u64) -> Outcome<Value> {
    let mut hasher = BlockHasher::new(offset);
    let mut piece = Piece::new();
    let mut done = 0;
    while done < length {
        file.read_piece(offset + done, &mut piece, usize::try_from(length - done).unwrap_or(usize::MAX))?;
        if piece.bytes().is_empty() {
            return Err(not_what_was_stored(offset));
        }
        hasher.update(piece.bytes());
        done += piece.bytes().len() as u64;
    }
    Ok(finish(&hasher, size))
}

/// The value of a block of a file of `size` bytes.
pub(in super::super) fn finish(hasher: &BlockHasher, size: u64) -> Value {
    if size <= BLOCK { hasher.finish_alone() } else { hasher.finish() }
}
