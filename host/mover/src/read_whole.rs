//! A file read from its beginning to its end, once, for what it hashes to. One after the other in [`Tree::reading_order`], this is how
//! a tape is read.

use std::sync::Arc;

use capstan_domain::{Failure, Outcome};
use futures::StreamExt;

use crate::backoff;
use crate::control::Control;
use crate::digest::{self, BLOCK, BlockHasher, Value};
use crate::item::Item;
use crate::measured::Digest;
use crate::transfer::Limits;
use crate::tree::Tree;

/// Tries as often as `limits` say, where that may help. `Cancelled` once the control stops; of a file that is another than `item`, what it
/// hashes to now.
pub async fn read_whole(tree: &Arc<dyn Tree>, item: &Item, limits: &Limits, control: &Control) -> Outcome<Digest> {
    let most = limits.tries.max(1);
    backoff::patiently(control, most, || async move {
        if item.size <= limits.small_file { small(tree, item, limits.small_file).await } else { large(tree, item, control).await }
    })
    .await
}

async fn small(tree: &Arc<dyn Tree>, item: &Item, limit: u64) -> Outcome<Digest> {
    match tree.hash_small(std::slice::from_ref(item), limit).await.pop() {
        Some(read) => read.map(|(_, root)| Digest { root, subtrees: Vec::new() }),
        None => Err(Failure::host("A file was not read", &item.path)),
    }
}

async fn large(tree: &Arc<dyn Tree>, item: &Item, control: &Control) -> Outcome<Digest> {
    let opened = tree.open(item).await?;
    let size = opened.item.size;
    let mut body = opened.content.open(0, size);
    let (mut values, mut position, mut hasher): (Vec<Value>, u64, _) = (Vec::new(), 0, BlockHasher::new(0));
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk?;
        while !chunk.is_empty() {
            let end = (position / BLOCK + 1) * BLOCK;
            let room = usize::try_from(end - position).unwrap_or(usize::MAX).min(chunk.len());
            hasher.update(&chunk.split_to(room));
            position += room as u64;
            if position == end || position == size {
                values.push(if size <= BLOCK { hasher.finish_alone() } else { hasher.finish() });
                hasher = BlockHasher::new(if position == end { position } else { 0 });
                control.ready().await?;
            }
        }
    }
    let root = digest::root(&values, size, BLOCK).filter(|_| position == size);
    let root = root.ok_or_else(|| {
        Failure::new(capstan_domain::Kind::Unavailable, "The target gave another number of bytes than the file has")
            .with_code("short-read")
    })?;
    Ok(Digest { root, subtrees: if size > BLOCK { values } else { Vec::new() } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bytes, local};

    #[tokio::test]
    async fn a_file_of_any_size_hashes_to_its_blake3() {
        let directory = tempfile::tempdir().unwrap();
        let tree = local(directory.path());
        let sizes = [0, 1, 1 << 20, (1 << 20) + 1, BLOCK as usize, BLOCK as usize + 1, 2 * BLOCK as usize];
        for (seed, size) in sizes.into_iter().enumerate() {
            let content = bytes(size, seed as u64);
            std::fs::write(directory.path().join("file"), &content).unwrap();
            let item = tree.stat("file").await.unwrap().unwrap();
            let digest = read_whole(&tree, &item, &Limits::default(), &Control::default()).await.unwrap();
            assert_eq!(digest.root, digest::of(&content), "{size}");
            assert_eq!(digest.subtrees.len() as u64, if size as u64 > BLOCK { digest::blocks_in(size as u64, BLOCK) } else { 0 });
        }
    }

    #[tokio::test]
    async fn a_stop_ends_the_reading() {
        let directory = tempfile::tempdir().unwrap();
        let tree = local(directory.path());
        std::fs::write(directory.path().join("file"), bytes(2 << 20, 1)).unwrap();
        let item = tree.stat("file").await.unwrap().unwrap();
        let control = Control::default();
        control.set(crate::Command::Stop);
        let failure = read_whole(&tree, &item, &Limits::default(), &control).await.unwrap_err();
        assert_eq!(failure.kind, capstan_domain::Kind::Cancelled);
    }
}
