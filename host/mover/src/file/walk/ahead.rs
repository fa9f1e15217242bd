//! The first page of a folder, asked for before the walk comes to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use capstan_domain::{Failure, Outcome};
use tokio::task::JoinHandle;

use super::{Inner, Level};
use crate::item::Item;

/// A page that has waited so long may not be what is there any more, and is asked for anew: whoever takes the walk's report may be slow.
const FRESH: Duration = Duration::from_secs(30);

/// Under way, or there. Given up when it is dropped.
pub(super) struct Ahead(JoinHandle<(First, Instant)>);

/// A folder and what its first page holds.
pub(super) struct First {
    pub(super) folder: Item,
    pub(super) level: Level,
    pub(super) items: Outcome<Vec<Item>>,
}

impl Ahead {
    pub(super) fn ask(inner: &Arc<Inner>, folder: Item, native: String) -> Self {
        let inner = Arc::clone(inner);
        Self(tokio::spawn(async move {
            let first = First::read(&inner, folder, native).await;
            (first, Instant::now())
        }))
    }

    pub(super) async fn come(mut self, inner: &Inner) -> Outcome<First> {
        let (first, at) = (&mut self.0).await.map_err(|error| Failure::host("The host's own task broke off", error))?;
        if at.elapsed() < FRESH {
            return Ok(first);
        }
        Ok(First::read(inner, first.folder, first.level.native).await)
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl First {
    async fn read(inner: &Inner, folder: Item, native: String) -> Self {
        let mut level = Level::new(folder.path.clone(), native);
        let items = match inner.permit().await {
            Ok(_permit) => level.page(inner).await,
            Err(failure) => Err(failure),
        };
        Self { folder, level, items }
    }
}
