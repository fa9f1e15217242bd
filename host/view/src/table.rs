//! Which inode number stands for which path. The kernel says when it has forgotten one; then it is forgotten here.
//!
//! A number comes from the path, so that listings and look-ups agree without asking each other. Where a file was renamed or removed
//! that the kernel still holds, its number goes with it, and what comes to the path after it gets another one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The root's number, by the protocol.
pub(crate) const ROOT: u64 = 1;

/// Where something stands: which of the trees shown, and its path there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Spot {
    /// The view's root, above the trees.
    Top,
    In {
        tree: usize,
        path: String,
    },
    /// It was removed and is still held.
    Gone,
}

#[derive(Default)]
pub(crate) struct Table {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// With how often the kernel holds it.
    known: HashMap<u64, (Spot, u64)>,
    numbers: HashMap<Spot, u64>,
}

impl Table {
    /// The number a path has as long as nothing else is held under it.
    pub(crate) fn usual(tree: usize, path: &str) -> u64 {
        let hash = blake3::Hasher::new().update(&tree.to_le_bytes()).update(path.as_bytes()).finalize();
        let mut short = [0; 8];
        short.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(short).max(ROOT + 1)
    }

    pub(crate) fn spot(&self, ino: u64) -> Option<Spot> {
        self.lock().known.get(&ino).map(|(spot, _)| spot.clone())
    }

    pub(crate) fn hold_root(&self, spot: Spot) {
        let mut state = self.lock();
        state.numbers.insert(spot.clone(), ROOT);
        state.known.insert(ROOT, (spot, 1));
    }

    /// Answers the number under which the kernel is to hold it once more.
    pub(crate) fn hold(&self, tree: usize, path: &str) -> u64 {
        let mut state = self.lock();
        let spot = Spot::In { tree, path: path.to_owned() };
        let number = match state.numbers.get(&spot) {
            Some(number) => *number,
            None => {
                let mut number = Self::usual(tree, path);
                while state.known.contains_key(&number) {
                    number = number.wrapping_add(1).max(ROOT + 1);
                }
                state.numbers.insert(spot.clone(), number);
                number
            }
        };
        state.known.entry(number).or_insert((spot, 0)).1 += 1;
        number
    }

    pub(crate) fn forget(&self, ino: u64, times: u64) {
        let mut state = self.lock();
        let Some((spot, held)) = state.known.get_mut(&ino) else { return };
        *held = held.saturating_sub(times);
        if *held == 0 && ino != ROOT {
            let spot = spot.clone();
            state.known.remove(&ino);
            if state.numbers.get(&spot) == Some(&ino) {
                state.numbers.remove(&spot);
            }
        }
    }

    /// What stood at the path was removed, with all that is known below it.
    pub(crate) fn removed(&self, tree: usize, path: &str) {
        self.change(tree, path, |_| Spot::Gone);
    }

    /// What stood at `from` stands at `to`; what stood there is gone.
    pub(crate) fn renamed(&self, tree: usize, from: &str, to: &str) {
        self.removed(tree, to);
        self.change(tree, from, |below| Spot::In { tree, path: capstan_mover::names::join(to, below) });
    }

    fn change(&self, tree: usize, path: &str, new: impl Fn(&str) -> Spot) {
        let mut state = self.lock();
        let State { known, numbers } = &mut *state;
        for (number, (spot, _)) in known.iter_mut() {
            let Spot::In { tree: of, path: at } = &*spot else { continue };
            let Some(below) = capstan_mover::names::below(at, path).filter(|_| *of == tree) else { continue };
            let changed = new(below);
            if numbers.get(spot) == Some(number) {
                numbers.remove(spot);
            }
            if changed != Spot::Gone {
                numbers.insert(changed.clone(), *number);
            }
            *spot = changed;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Option<Spot> {
        Some(Spot::In { tree: 0, path: path.to_owned() })
    }

    #[test]
    fn a_number_stays_with_a_file_that_is_renamed_and_its_old_path_gets_another() {
        let table = Table::default();
        let first = table.hold(0, "a/b");
        assert_eq!((first, table.hold(0, "a/b")), (Table::usual(0, "a/b"), first));
        table.renamed(0, "a", "c");
        assert_eq!(table.spot(first), at("c/b"));
        assert_eq!(table.hold(0, "c/b"), first);
        let second = table.hold(0, "a/b");
        assert_ne!(second, first);
        table.forget(first, 3);
        assert_eq!(table.spot(first), None);
        assert_eq!(table.spot(second), at("a/b"));
    }

    #[test]
    fn what_was_removed_is_never_taken_for_what_comes_after_it() {
        let table = Table::default();
        let first = table.hold(0, "a");
        table.removed(0, "a");
        assert_eq!(table.spot(first), Some(Spot::Gone));
        assert_ne!(table.hold(0, "a"), first);
        let other = table.hold(0, "b");
        table.renamed(0, "a", "b");
        assert_eq!(table.spot(other), Some(Spot::Gone));
    }
}
