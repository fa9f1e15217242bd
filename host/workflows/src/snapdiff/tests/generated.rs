//! Generated trees, changed at random: the differences lead from the old one to the new one.

use capstan_domain::entry::EntryKind;

use super::applied::applied;
use super::model::{CONDENSED, Tree, differences, is_in, lines};
use crate::snapdiff::{Difference, Options};

/// SplitMix64: its seed names a case.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        (!of.is_empty()).then(|| &of[self.below(of.len())])
    }

    /// Few names, so that they meet; some sort between a folder and what is in it.
    fn name(&mut self) -> &'static str {
        self.pick(&["a", "a-", "a.b", "b", "c!", "d"]).unwrap()
    }

    fn path_of(&mut self, tree: &Tree, wanted: impl Fn(EntryKind) -> bool) -> Option<String> {
        let paths: Vec<_> = tree.nodes.values().filter(|node| wanted(node.kind)).map(|node| node.path.clone()).collect();
        self.pick(&paths).cloned()
    }

    /// In a folder or at the top, there or not.
    fn place(&mut self, tree: &Tree) -> String {
        let folder = if self.below(3) == 0 { None } else { self.path_of(tree, |kind| kind == EntryKind::Folder) };
        let name = self.name();
        folder.map_or_else(|| name.to_owned(), |folder| format!("{folder}/{name}"))
    }

    fn change(&mut self, tree: &mut Tree) {
        let place = self.place(tree);
        let free = !tree.nodes.contains_key(&place);
        match self.below(10) {
            0 | 1 if free => tree.make(&place, EntryKind::File),
            2 if free => tree.make(&place, EntryKind::Folder),
            3 if free => tree.make(&place, EntryKind::Link),
            4 => {
                if let Some(path) = self.path_of(tree, |kind| kind == EntryKind::File) {
                    tree.write(&path);
                }
            }
            5 => {
                if let Some(path) = self.path_of(tree, |_| true) {
                    tree.remove(&path);
                }
            }
            6 if free => {
                if let Some(path) = self.path_of(tree, |kind| kind == EntryKind::File) {
                    tree.link(&path, &place);
                }
            }
            _ => {
                if let Some(path) = self.path_of(tree, |_| true)
                    && !is_in(&place, &path)
                    && !is_in(&path, &place)
                {
                    tree.rename(&path, &place);
                }
            }
        }
    }
}

/// An old tree and a new one.
fn pair(seed: u64) -> (Tree, Tree) {
    let mut random = Random(seed);
    let mut old = Tree::default();
    for _ in 0..random.below(40) {
        random.change(&mut old);
    }
    let mut new = old.clone();
    for _ in 0..random.below(25) {
        random.change(&mut new);
    }
    (old, new)
}

const CASES: u64 = 20_000;

#[test]
fn differences_lead_from_the_old_tree_to_the_new_one() {
    for seed in 0..CASES {
        let (old, new) = pair(seed);
        for condense_moves in [true, false] {
            let options = Options { condense_moves, ..CONDENSED };
            let found = differences(&old, &new, options);
            let lines = lines(&found);
            assert_eq!(applied(&old, &found).contents(), new.contents(), "seed {seed}, condensed {condense_moves}: {lines:?}");
        }
    }
}

#[test]
fn they_do_so_without_hashes_too() {
    for seed in CASES..2 * CASES {
        let (old, new) = pair(seed);
        let (old, new) = (old.without_hashes(), new.without_hashes());
        assert_eq!(applied(&old, &differences(&old, &new, CONDENSED)).contents(), new.contents(), "seed {seed}");
    }
}

#[test]
fn a_tree_does_not_differ_from_itself_and_the_first_run_is_everything_created() {
    for seed in 0..CASES / 20 {
        let (tree, _) = pair(seed);
        assert_eq!(differences(&tree, &tree, CONDENSED), []);
        let first = differences(&Tree::default(), &tree, CONDENSED);
        let all: Vec<_> = tree.nodes.values().cloned().map(Difference::Created).collect();
        assert_eq!(first, all);
    }
}

#[test]
fn condensing_leaves_out_moves_and_nothing_else() {
    for seed in 0..CASES / 20 {
        let (old, new) = pair(seed);
        let condensed = differences(&old, &new, CONDENSED);
        let mut all = differences(&old, &new, Options { condense_moves: false, ..CONDENSED });
        all.retain(|difference| condensed.contains(difference) || !matches!(difference, Difference::Moved { .. }));
        assert_eq!(condensed, all, "seed {seed}");
    }
}
