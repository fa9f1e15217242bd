//! In which order differences are worked on, so that the old tree becomes the new one at any other place too (`capstan_workflows::snapdiff`).
//!
//! Tasks run beside each other, so the order is one of rounds: the tasks of one begin when those of the one before have ended. First the
//! old paths are cleared, from the bottom up: files and links, which nothing stands in, and then folders, the deepest first. After that
//! the new ones are filled from the top down: folders as deep as a moved one comes to stand, the highest first, then all folders that
//! were made, then everything else. A tree in which no folder went or moved takes two rounds, one that only grew a single one.

use std::collections::BTreeSet;

use capstan_domain::entry::EntryKind;
use capstan_domain::workflow::TaskPath;
use capstan_workflows::snapdiff::Difference;
use serde::{Deserialize, Serialize};

use super::layout::Part;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Round {
    /// Old paths of files and links.
    ClearLeaves,
    /// Old paths of folders, so many names long.
    ClearFolders(usize),
    /// New paths of folders, so many names long.
    FillFolders(usize),
    /// New paths of folders that no round before filled.
    FillOtherFolders,
    /// All that is left.
    FillRest,
}

/// What the differences of a run need, gathered in a pass over them.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    clears_leaves: bool,
    fills_moved_leaves: bool,
    clears_folders: BTreeSet<usize>,
    fills_moved_folders: BTreeSet<usize>,
    any: bool,
}

impl Needs {
    pub(super) fn add(&mut self, difference: &Difference) {
        self.any = true;
        let is_folder = difference.node().kind == EntryKind::Folder;
        if let Some(old) = difference.clears() {
            match is_folder {
                true => _ = self.clears_folders.insert(depth(old)),
                false => self.clears_leaves = true,
            }
        }
        if let Difference::Moved { to, .. } = difference {
            match is_folder {
                true => _ = self.fills_moved_folders.insert(depth(&to.path)),
                false => self.fills_moved_leaves = true,
            }
        }
    }

    pub(super) fn rounds(&self) -> Vec<Round> {
        let mut rounds = Vec::new();
        rounds.extend(self.clears_leaves.then_some(Round::ClearLeaves));
        rounds.extend(self.clears_folders.iter().rev().map(|depth| Round::ClearFolders(*depth)));
        let deepest = self.fills_moved_folders.last().copied().unwrap_or(0);
        rounds.extend((1..=deepest).map(Round::FillFolders));
        rounds.extend(self.fills_moved_leaves.then_some(Round::FillOtherFolders));
        rounds.extend(self.any.then_some(Round::FillRest));
        rounds
    }
}

/// Of all rounds of a run, those before this one.
pub(super) struct Turn<'r> {
    round: Round,
    before: &'r [Round],
}

impl<'r> Turn<'r> {
    pub(super) fn of(rounds: &'r [Round], index: usize) -> Option<Self> {
        let (before, rest) = rounds.split_at_checked(index)?;
        Some(Self { round: *rest.first()?, before })
    }

    /// What of its chain a difference goes down in this round; none: nothing.
    pub(super) fn part(&self, difference: &Difference) -> Option<Part> {
        let is_folder = difference.node().kind == EntryKind::Folder;
        let clears = match self.round {
            Round::ClearLeaves => !is_folder,
            Round::ClearFolders(round) => is_folder && difference.clears().map(depth) == Some(round),
            Round::FillFolders(_) | Round::FillOtherFolders | Round::FillRest => false,
        };
        let fills = match self.round {
            Round::ClearLeaves | Round::ClearFolders(_) => false,
            Round::FillFolders(round) => is_folder && difference.fills().map(depth) == Some(round),
            Round::FillOtherFolders => is_folder && difference.fills().is_some() && !self.was_filled(difference),
            Round::FillRest => difference.fills().is_none() || !(is_folder && self.was_filled(difference)),
        };
        match difference {
            Difference::Moved { .. } if clears => Some(Part::Aside),
            Difference::Deleted(_) if clears => Some(Part::Deletion),
            Difference::Moved { .. } if fills => Some(Part::Place),
            Difference::Deleted(_) if fills => Some(Part::Other),
            Difference::Created(_) | Difference::Updated { .. } if fills => Some(Part::Whole),
            _ => None,
        }
    }

    /// Of a folder.
    fn was_filled(&self, difference: &Difference) -> bool {
        self.before.iter().any(|round| match round {
            Round::FillOtherFolders => true,
            Round::FillFolders(round) => difference.fills().map(depth) == Some(*round),
            Round::ClearLeaves | Round::ClearFolders(_) | Round::FillRest => false,
        })
    }
}

/// Names of a path.
fn depth(path: &str) -> usize {
    path.split('/').count()
}

pub(super) fn task_path(difference: &Difference) -> TaskPath {
    let node = difference.node();
    let from = match difference {
        Difference::Moved { from, .. } => Some(from.clone()),
        Difference::Created(_) | Difference::Updated { .. } | Difference::Deleted(_) => None,
    };
    TaskPath { path: node.path.clone(), kind: node.kind, size: node.size, state: difference.state().to_owned(), from }
}

#[cfg(test)]
mod tests {
    use capstan_domain::time::Timestamp;
    use capstan_domain::tree_snapshot::Node;

    use super::*;

    fn node(path: &str, kind: EntryKind) -> Node {
        Node { path: path.to_owned(), inode: 1, kind, size: 1, modified: Timestamp(0), changed: Timestamp(0), blake3: None }
    }

    fn file(path: &str) -> Node {
        node(path, EntryKind::File)
    }

    fn folder(path: &str) -> Node {
        node(path, EntryKind::Folder)
    }

    fn moved(from: &str, to: Node) -> Difference {
        Difference::Moved { from: from.to_owned(), to }
    }

    fn all() -> Vec<Difference> {
        vec![
            Difference::Created(file("a")),
            Difference::Created(folder("new")),
            moved("old/deep/d", folder("new/d")),
            Difference::Created(folder("new/d/made/more")),
            moved("f", file("new/d/made/more/f")),
            Difference::Deleted(folder("old")),
            Difference::Deleted(folder("old/deep")),
            Difference::Deleted(file("old/deep/d/x")),
            Difference::Updated { before: file("u"), after: file("u") },
        ]
    }

    fn rounds(differences: &[Difference]) -> Vec<Round> {
        let mut needs = Needs::default();
        differences.iter().for_each(|difference| needs.add(difference));
        needs.rounds()
    }

    #[test]
    fn clears_go_up_and_fills_go_down() {
        use Round::{ClearFolders, ClearLeaves, FillFolders, FillOtherFolders, FillRest};
        let expected = vec![
            (ClearLeaves, vec!["new/d/made/more/f", "old/deep/d/x"]),
            (ClearFolders(3), vec!["new/d"]),
            (ClearFolders(2), vec!["old/deep"]),
            (ClearFolders(1), vec!["old"]),
            (FillFolders(1), vec!["new"]),
            (FillFolders(2), vec!["new/d"]),
            (FillOtherFolders, vec!["new/d/made/more"]),
            (FillRest, vec!["a", "new/d/made/more/f", "old", "old/deep", "old/deep/d/x", "u"]),
        ];
        let differences = all();
        let rounds = rounds(&differences);
        let told = |index| {
            let turn = Turn::of(&rounds, index).unwrap();
            let mine = differences.iter().filter(|difference| turn.part(difference).is_some());
            mine.map(|difference| difference.node().path.as_str()).collect::<Vec<_>>()
        };
        let all: Vec<_> = (0..rounds.len()).map(|index| (rounds[index], told(index))).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn every_difference_is_filled_once_and_a_move_is_cleared_once() {
        let differences = all();
        let rounds = rounds(&differences);
        for difference in &differences {
            let parts: Vec<_> =
                (0..rounds.len()).filter_map(|index| Turn::of(&rounds, index).unwrap().part(difference)).collect();
            let expected = match difference {
                Difference::Moved { .. } => vec![Part::Aside, Part::Place],
                Difference::Deleted(_) => vec![Part::Deletion, Part::Other],
                Difference::Created(_) | Difference::Updated { .. } => vec![Part::Whole],
            };
            assert_eq!(parts, expected, "{difference:?}");
        }
    }

    #[test]
    fn a_tree_that_only_grew_is_one_round() {
        assert_eq!(rounds(&[Difference::Created(folder("a/b")), Difference::Created(file("a/b/c"))]), [Round::FillRest]);
        assert_eq!(rounds(&[]), []);
    }
}
