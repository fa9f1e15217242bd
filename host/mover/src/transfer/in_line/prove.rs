//! What a sync has made durable, read back in the order it lies in.

use std::sync::Arc;

use capstan_domain::failure::{Kind, Retry};
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;

use super::super::large::prove::{expected, finish};
use super::super::plan::Run;
use super::super::small::{Ended, copied};
use super::Entry;
use super::write::Laid;
use crate::backoff;
use crate::digest::{BLOCK, BlockHasher};
use crate::item::{Item, ItemKind};
use crate::measured::{Digest, not_what_was_stored};
use crate::tree::Tree;

/// Answers the entries whose copy is there, and right where that is asked for; the others have ended.
pub(super) async fn all(
    run: &Run,
    at: (usize, usize),
    tree: &Arc<dyn Tree>,
    laid: Vec<Laid>,
    ended: &mut Vec<Ended>,
) -> Vec<Entry> {
    let (laid, rest) = if run.transfer.read_back() { (laid, Vec::new()) } else { (Vec::new(), laid) };
    let (mut files, others): (Vec<Laid>, Vec<Laid>) = laid.into_iter().partition(|laid| laid.entry.is_file());
    let mut good = there(run, at, tree, others.into_iter().chain(rest).collect(), ended).await;
    // As written, unless all tell where they lie.
    if files.iter().all(|laid| place(laid).is_some()) {
        files.sort_by_key(place);
    }
    for mut laid in files {
        if run.fate.has_ended() {
            break;
        }
        let Some(stored) = laid.stored.take() else { continue };
        let proved = match &laid.entry.digest {
            Some(digest) => reads_as(run, tree, &stored.item, digest).await,
            None => Err(Failure::host("A file has no hash to compare with", &laid.entry.task.item.path)),
        };
        match proved {
            Ok(()) => {
                laid.entry.copies.push(copied(at, tree.location(), stored, true));
                good.push(laid.entry);
            }
            Err(failure) if failure.kind == Kind::NotFound => ended.push((laid.entry.task, Err(vanished(failure.message)))),
            Err(failure) => ended.push((laid.entry.task, Err(failure))),
        }
    }
    good
}

fn place(laid: &Laid) -> Option<u64> {
    laid.stored.as_ref()?.item.place
}

/// A look at what is not read back: after a lost session a sync may be good although what was appended before is gone.
async fn there(run: &Run, at: (usize, usize), tree: &Arc<dyn Tree>, laid: Vec<Laid>, ended: &mut Vec<Ended>) -> Vec<Entry> {
    let mut good = Vec::with_capacity(laid.len());
    let mut laid = laid.into_iter();
    loop {
        let some: Vec<Laid> = laid.by_ref().take(run.transfer.limits.batch_files.max(1)).collect();
        if some.is_empty() {
            return good;
        }
        let paths: Vec<String> = some.iter().map(|laid| laid.entry.task.place.clone()).collect();
        for (mut laid, looked) in some.into_iter().zip(tree.stat_many(&paths).await) {
            match looked {
                Ok(Some(item)) if is(&item, &laid.entry) => {
                    laid.entry.copies.extend(laid.stored.map(|stored| copied(at, tree.location(), stored, false)));
                    good.push(laid.entry);
                }
                Ok(_) => {
                    let message = format!("{:?} is not there after a sync", laid.entry.task.place);
                    ended.push((laid.entry.task, Err(vanished(message))));
                }
                Err(failure) => ended.push((laid.entry.task, Err(failure))),
            }
        }
    }
}

fn is(there: &Item, entry: &Entry) -> bool {
    match entry.item.kind {
        ItemKind::Folder { .. } => matches!(there.kind, ItemKind::Folder { .. }),
        _ => there.kind == entry.item.kind && there.size == entry.item.size,
    }
}

/// Its session was lost before the sync; written again, it will be there.
fn vanished(message: String) -> Failure {
    Failure::new(Kind::Corrupt, message).with_code("vanished").with_retry(Retry::Later)
}

/// Fails with `Corrupt`, code "hash-mismatch", if the file is another. One reader, from the beginning to the end.
pub(super) async fn reads_as(run: &Run, tree: &Arc<dyn Tree>, item: &Item, digest: &Digest) -> Outcome<()> {
    let mut tries = 1;
    loop {
        let read = if item.size <= run.transfer.limits.small_file {
            small(run, tree, item, digest).await
        } else {
            large(tree, item, digest).await
        };
        let Err(failure) = read else { return Ok(()) };
        // A tape that reads wrong once does so again; what was not read at all may be.
        match backoff::wait_after(&failure, tries, run.transfer.limits.tries) {
            Some(wait) if failure.kind != Kind::Corrupt => tokio::time::sleep(wait).await,
            _ => return Err(failure),
        }
        tries += 1;
    }
}

async fn small(run: &Run, tree: &Arc<dyn Tree>, item: &Item, digest: &Digest) -> Outcome<()> {
    let read = tree.hash_small(std::slice::from_ref(item), run.transfer.limits.small_file).await.pop();
    match read {
        Some(Ok((_, value))) if value == digest.root => Ok(()),
        Some(Ok(_)) => Err(not_what_was_stored(0)),
        Some(Err(failure)) => Err(failure),
        None => Err(Failure::host("A file was not read back", &item.path)),
    }
}

async fn large(tree: &Arc<dyn Tree>, item: &Item, digest: &Digest) -> Outcome<()> {
    let opened = tree.open(item).await?;
    let mut body = opened.content.open(0, item.size);
    let (mut position, mut hasher) = (0, BlockHasher::new(0));
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk?;
        while !chunk.is_empty() {
            let end = ((position / BLOCK + 1) * BLOCK).min(item.size);
            let room = usize::try_from(end - position).unwrap_or(usize::MAX).min(chunk.len());
            if room == 0 {
                return Err(not_what_was_stored(position));
            }
            hasher.update(&chunk.split_to(room));
            position += room as u64;
            if position == end {
                let begin = (end - 1) / BLOCK * BLOCK;
                if finish(&hasher, item.size) != expected(digest, item.size, begin)? {
                    return Err(not_what_was_stored(begin));
                }
                // Behind the last block nothing follows.
                hasher = BlockHasher::new(if position < item.size { position } else { 0 });
            }
        }
    }
    if position < item.size {
        return Err(Failure::new(Kind::Unavailable, "The target ended the data before its end").with_code("short-read"));
    }
    Ok(())
}
