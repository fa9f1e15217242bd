//! An open folder: its pages are asked for as the listing gets on; one page is held.

use std::sync::Arc;

use capstan_domain::Outcome;
use capstan_mover::{Item, Tree};

/// Names asked for at a time.
const PAGE: u32 = 1000;

pub(crate) struct OpenFolder {
    tree: Arc<dyn Tree>,
    path: String,
    /// Place in the listing of the first of `items`.
    first: u64,
    items: Vec<Item>,
    next: Option<String>,
    began: bool,
}

impl OpenFolder {
    pub(crate) fn new(tree: Arc<dyn Tree>, path: String) -> Self {
        Self { tree, path, first: 0, items: Vec::new(), next: None, began: false }
    }

    /// What stands at `place` (from 0); none at the end. A place before the page that is held begins the listing anew.
    pub(crate) async fn at(&mut self, place: u64) -> Outcome<Option<&Item>> {
        if place < self.first {
            *self = Self::new(Arc::clone(&self.tree), std::mem::take(&mut self.path));
        }
        while place >= self.first + self.items.len() as u64 {
            if self.began && self.next.is_none() {
                return Ok(None);
            }
            let page = self.tree.children(&self.path, self.next.as_deref(), PAGE).await?;
            self.first += self.items.len() as u64;
            self.items = page.items;
            self.next = page.next;
            self.began = true;
        }
        let index = usize::try_from(place - self.first).unwrap_or(usize::MAX);
        Ok(self.items.get(index))
    }
}
