//! What stands in a store's table for a `content` resource that a plugin has borrowed.

use std::sync::{Arc, Mutex, PoisonError};

use capstan_domain::Failure;
use capstan_domain::content::Content;

/// Content lent to a plugin for one call. Streams opened from it outlive it, so what broke is shared with them.
#[derive(Clone)]
pub struct HeldContent {
    pub content: Content,
    /// Shared with every stream opened from it, which says here why it ended short.
    pub broken: Arc<Mutex<Option<Failure>>>,
}

impl HeldContent {
    pub fn new(content: Content) -> Self {
        Self { content, broken: Arc::default() }
    }

    /// Why the last opened stream ended short, if it did.
    pub fn why_broken(&self) -> Option<Failure> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
