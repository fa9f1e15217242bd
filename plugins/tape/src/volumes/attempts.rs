//! Which attempt did what, so that the same one, made again, finds what it did. As far as the mount goes: what is lost with it was not durable.

use std::collections::{BTreeMap, VecDeque};

/// Attempts that are remembered.
const REMEMBERED: usize = 4_096;

#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// The node that came of it.
    done: BTreeMap<String, String>,
    order: VecDeque<String>,
}

impl Attempts {
    fn key(attempt: &str, path: &str) -> String {
        format!("{attempt}\0{path}")
    }

    /// `id`: of the node, as it is told.
    pub(crate) fn remember(&mut self, attempt: &str, path: &str, id: &str) {
        if attempt.is_empty() {
            return;
        }
        let key = Self::key(attempt, path);
        if self.done.insert(key.clone(), id.to_owned()).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.done.remove(&oldest);
        }
    }

    pub(crate) fn did(&self, attempt: &str, path: &str) -> Option<&str> {
        self.done.get(&Self::key(attempt, path)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempts_are_remembered_and_no_more() {
        let mut attempts = Attempts::default();
        for number in 0..=REMEMBERED {
            attempts.remember(&number.to_string(), "a", "7");
        }
        attempts.remember("", "a", "7");
        assert_eq!((attempts.did("0", "a"), attempts.did("1", "a"), attempts.did("1", "b")), (None, Some("7"), None));
        assert!(attempts.did("", "a").is_none() && attempts.done.len() == REMEMBERED);
    }
}
