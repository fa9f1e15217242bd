//! Where the content of a stub is to be had: the copies that its record names, then those that the catalogue knows.

use std::sync::Arc;

use bytes::Bytes;
use capstan_digest::{self as digest, Value};
use capstan_domain::failure::{Blame, Kind, Retry};
use capstan_domain::ids::LocationId;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Item, Opened, Tree};
use capstan_stub::Content;
use tokio::sync::OnceCell;

use crate::Inner;
use crate::copies::item_of;
use crate::opened::OpenSpace;

/// Copies of one file that are tried.
const MOST: usize = 64;

/// What a stub's record says of its content.
pub(crate) struct Known {
    pub(crate) content: Content,
    /// There are copies that the record has no room for.
    pub(crate) unnamed: bool,
}

/// The copies of one content, the first choice first.
pub(crate) struct Copies {
    sources: Vec<Source>,
    blocks: Vec<Value>,
}

pub(super) struct Source {
    inner: Arc<Inner>,
    location: LocationId,
    item: Item,
    tree: OnceCell<Arc<dyn Tree>>,
    opened: OnceCell<Opened>,
}

impl Copies {
    /// `path`: where the file stands; empty for one that has no name any more. `from_catalogue`: the hashes of its blocks are wanted, which
    /// the record has not.
    pub(crate) async fn of(
        inner: &Arc<Inner>,
        space: &OpenSpace,
        path: &str,
        known: Known,
        first: &[LocationId],
        from_catalogue: bool,
    ) -> Outcome<Self> {
        let Known { content, unnamed } = known;
        let mut places: Vec<(LocationId, String)> =
            content.places.iter().map(|place| (place.location, place.name.clone())).collect();
        let mut blocks = content.blocks.clone();
        if !path.is_empty() && (from_catalogue || unnamed || places.is_empty()) {
            for held in inner.catalogue.replicas_at(space.tree, &[path.to_owned()]).await? {
                if held.replica.blake3 != content.blake3 {
                    continue;
                }
                if blocks.is_empty() {
                    blocks = digest::from_bytes(&held.replica.subtrees).unwrap_or_default();
                }
                let place = (held.replica.location, held.replica.key);
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        places.sort_by_key(|(location, _)| first.iter().position(|wanted| wanted == location).unwrap_or(usize::MAX));
        let source = |(location, key): (LocationId, String)| Source {
            inner: Arc::clone(inner),
            location,
            item: item_of(&key, content.size, content.modified),
            tree: OnceCell::new(),
            opened: OnceCell::new(),
        };
        Ok(Self { sources: places.into_iter().take(MOST).map(source).collect(), blocks })
    }

    /// Subtree values of each 16 MiB, where anybody knows them.
    pub(super) fn blocks(&self) -> &[Value] {
        &self.blocks
    }

    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }
}

impl Source {
    async fn tree(&self) -> Outcome<&Arc<dyn Tree>> {
        self.tree.get_or_try_init(|| self.inner.buckets.tree(self.location)).await
    }

    /// Open for reading in any order.
    pub(super) async fn opened(&self) -> Outcome<&Opened> {
        self.opened.get_or_try_init(|| self.open()).await
    }

    async fn open(&self) -> Outcome<Opened> {
        let tree = self.tree().await?;
        let opened = match tree.open(&self.item).await {
            Ok(opened) => opened,
            Err(failure) => return Err(self.explained(tree, failure).await),
        };
        if opened.item.size == self.item.size { Ok(opened) } else { Err(another_size(self.item.size, opened.item.size)) }
    }

    /// A small file, whole.
    pub(super) async fn whole(&self, limit: u64) -> Outcome<Bytes> {
        let tree = self.tree().await?;
        match tree.read_small(std::slice::from_ref(&self.item), limit).await.pop() {
            Some(Ok(small)) => Ok(small.bytes),
            Some(Err(failure)) => Err(self.explained(tree, failure).await),
            None => Err(Failure::host("A copy was not read", &self.item.path)),
        }
    }

    async fn explained(&self, tree: &Arc<dyn Tree>, failure: Failure) -> Failure {
        explained(tree, &self.item, failure).await
    }
}

/// What it means that a copy cannot be read. One that lies in cold storage is asked for.
pub(crate) async fn explained(tree: &Arc<dyn Tree>, item: &Item, failure: Failure) -> Failure {
    if failure.kind == Kind::NotFound {
        return Failure { kind: Kind::Corrupt, ..failure }
            .with_blame(Blame::Target)
            .with_retry(Retry::Never)
            .with_code("copy-missing")
            .with_next_step("The bucket no longer has the copy: restore it there, or look for another one.");
    }
    if failure.kind == Kind::Offline && matches!(tree.recall(item, &item.path).await, Ok(true)) {
        return failure
            .with_retry(Retry::Never)
            .with_code("asked-for")
            .with_next_step("The copy lies in cold storage and was asked for: recall the file again when it is there.");
    }
    failure
}

fn another_size(recorded: u64, found: u64) -> Failure {
    Failure::new(Kind::Corrupt, format!("The copy has {found} bytes, and {recorded} were stored"))
        .with_code("copy-differs")
        .with_next_step("Nothing of it was released. Recall it from another copy, and verify this one.")
}
