//! Everything in the tree, one after the other.

use std::collections::btree_map::Iter;

use super::{Entry, Index};

/// Entries with their paths, a directory before what is in it, by name. The root is not among them.
pub struct Walk<'a> {
    open: Vec<Open<'a>>,
    path: String,
}

/// What is still to come of a directory, and the bytes of its path.
type Open<'a> = (Iter<'a, Box<str>, Box<Entry>>, usize);

impl Index {
    pub fn walk(&self) -> Walk<'_> {
        let open = self.root.directory().map(|root| (root.children.iter(), 0)).into_iter().collect();
        Walk { open, path: String::new() }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = (String, &'a Entry);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (children, base) = self.open.last_mut()?;
            self.path.truncate(*base);
            let Some((name, entry)) = children.next() else {
                self.open.pop();
                continue;
            };
            if !self.path.is_empty() {
                self.path.push('/');
            }
            self.path.push_str(name);
            if let Some(directory) = entry.directory() {
                self.open.push((directory.children.iter(), self.path.len()));
            }
            return Some((self.path.clone(), entry));
        }
    }
}
