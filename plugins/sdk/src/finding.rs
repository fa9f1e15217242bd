//! What a probe found out about a target, for the calls after it: kept by the instance, and in the target's state for those to come.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::state;

/// A word under a key of the target's state. Made to stand in a `static`.
#[derive(Debug)]
pub struct Finding {
    key: &'static str,
    word: Mutex<Option<String>>,
}

impl Finding {
    pub const fn new(key: &'static str) -> Self {
        Self { key, word: Mutex::new(None) }
    }

    fn word(&self) -> MutexGuard<'_, Option<String>> {
        self.word.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The word, if there is one yet. A state that cannot be read counts as none.
    pub async fn get(&self) -> Option<String> {
        let word = self.word().clone();
        if word.is_some() {
            return word;
        }
        let stored = state::get(self.key.to_owned()).await.ok().flatten();
        let word = stored.and_then(|value| String::from_utf8(value.data).ok());
        self.word().clone_from(&word);
        word
    }

    /// Until it is found out, or this instance ends.
    pub fn assume(&self, word: &str) {
        *self.word() = Some(word.to_owned());
    }

    /// What cannot be kept is logged, and found out again by the next instance.
    pub async fn remember(&self, word: &str) {
        self.assume(word);
        if let Err(failure) = state::set(self.key.to_owned(), word.as_bytes().to_vec(), None).await {
            crate::log!(warn, "what was found of the target could not be kept", "key" => self.key, "why" => failure.fault().message);
        }
    }
}
