//! Handles of directories as they were when they were last seen: guesses, to be checked by whoever uses them.
//!
//! In two generations, so that memory has a bound and a walk over more directories than that does not forget those it is in: what is
//! used comes into the young one, and when that is full the old one is forgotten.

use std::collections::HashMap;

/// Directories of one generation: a few hundred bytes each.
const GENERATION: usize = 2048;

/// By path from the export's root, names joined by `/`.
pub(crate) struct Directories<H> {
    young: HashMap<Vec<u8>, H>,
    old: HashMap<Vec<u8>, H>,
}

impl<H> Default for Directories<H> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<H: Clone> Directories<H> {
    pub(crate) fn get(&mut self, path: &[u8]) -> Option<H> {
        if let Some(handle) = self.young.get(path) {
            return Some(handle.clone());
        }
        let (path, handle) = self.old.remove_entry(path)?;
        self.put(path, handle.clone());
        Some(handle)
    }

    pub(crate) fn put(&mut self, path: Vec<u8>, handle: H) {
        if self.young.len() >= GENERATION && !self.young.contains_key(&path) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(path, handle);
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(number: usize) -> Vec<u8> {
        format!("directory {number}").into_bytes()
    }

    #[test]
    fn what_is_used_stays_however_many_come_and_memory_has_a_bound() {
        let mut directories = Directories::default();
        directories.put(b"in use".to_vec(), 0);
        for number in 1..10 * GENERATION {
            directories.put(path(number), number);
            assert_eq!(directories.get(b"in use"), Some(0), "{number}");
            assert!(directories.young.len() + directories.old.len() <= 2 * GENERATION);
        }
        assert_eq!(directories.get(&path(10 * GENERATION - 1)), Some(10 * GENERATION - 1));
        assert_eq!(directories.get(&path(1)), None);
        directories.clear();
        assert_eq!(directories.get(b"in use"), None);
    }
}
