//! The differences, path by path.

use std::collections::VecDeque;

use capstan_domain::Outcome;
use capstan_domain::entry::EntryKind;
use capstan_domain::time::Timestamp;
use capstan_domain::tree_snapshot::Node;

use super::found::{self, Found, Look};
use super::links::{Inodes, moved_from, moved_to};
use super::open_folders::OpenFolders;
use super::parent::parent_and_name;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    Created(Node),
    /// Content or attributes of a file or a link; never a folder.
    Updated {
        before: Node,
        after: Node,
    },
    /// With the same content. A folder with all in it that is not told of by itself.
    Moved {
        from: String,
        to: Node,
    },
    /// The node as it was.
    Deleted(Node),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A folder that was moved stands for all that moved with it; else each path is told as well.
    pub condense_moves: bool,
    /// What is new or changed, but has a ctime before this, is passed over: the time of the older look, for `skip_old_ctimes`.
    pub skip_changed_before: Option<Timestamp>,
}

/// An iterator over all differences, in the order of paths: the old one of what was deleted, the new one of all else. It ends after a
/// failure.
pub struct Differences<O: Iterator, N: Iterator, I> {
    old: Look<O>,
    new: Look<N>,
    inodes: I,
    options: Options,
    /// Folders that came by a move, and from where.
    moved: OpenFolders<String>,
    /// Folders that are of another inode than before, whose old one goes or is gone.
    displaced: OpenFolders<()>,
    ready: VecDeque<Difference>,
    ended: bool,
}

impl Difference {
    /// The state that rules ask for.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Updated { .. } => "updated",
            Self::Moved { .. } => "moved",
            Self::Deleted(_) => "deleted",
        }
    }

    /// The old path that it clears: removed, or taken aside. These come first, in descending order.
    pub fn clears(&self) -> Option<&str> {
        match self {
            Self::Deleted(node) => Some(&node.path),
            Self::Moved { from, .. } => Some(from),
            Self::Created(_) | Self::Updated { .. } => None,
        }
    }

    /// The new path that it fills: made, written, or put in place. These come second, in ascending order.
    pub fn fills(&self) -> Option<&str> {
        match self {
            Self::Created(node) | Self::Updated { after: node, .. } | Self::Moved { to: node, .. } => Some(&node.path),
            Self::Deleted(_) => None,
        }
    }

    /// The node as it is now; as it was, if it is gone.
    pub fn node(&self) -> &Node {
        match self {
            Self::Created(node) | Self::Updated { after: node, .. } | Self::Moved { to: node, .. } | Self::Deleted(node) => node,
        }
    }
}

impl<O, N, I> Differences<O, N, I>
where
    O: Iterator<Item = Outcome<Node>>,
    N: Iterator<Item = Outcome<Node>>,
    I: Inodes,
{
    /// `old` and `new` in ascending order of paths. Without an old look, everything was created: the first run.
    pub fn new(old: O, new: N, inodes: I, options: Options) -> Self {
        Self {
            old: Look::new(old),
            new: Look::new(new),
            inodes,
            options,
            moved: OpenFolders::default(),
            displaced: OpenFolders::default(),
            ready: VecDeque::new(),
            ended: false,
        }
    }

    fn tell(&mut self, found: Found) -> Outcome<()> {
        match found {
            Found::Appeared(node) => {
                self.advance(&node.path);
                match moved_from(&self.inodes, &node)? {
                    Some(from) => self.tell_move(from, node),
                    None if self.is_too_old(&node) => {}
                    None => self.ready.push_back(Difference::Created(node)),
                }
            }
            Found::Vanished(node) => {
                if moved_to(&self.inodes, &node)?.is_none() {
                    self.ready.push_back(Difference::Deleted(node));
                }
            }
            Found::Both { before, after } => {
                self.advance(&after.path);
                if before.inode == after.inode && before.kind == after.kind {
                    self.tell_same(before, after);
                } else {
                    self.tell_other(before, after)?;
                }
            }
        }
        Ok(())
    }

    /// The same inode at the same path.
    fn tell_same(&mut self, before: Node, after: Node) {
        let stays = before.kind == EntryKind::Folder || before.agrees_with(&after);
        if self.displaced.around(&after.path).is_some() {
            if stays {
                self.tell_move(after.path.clone(), after);
            } else {
                self.replace(before, after);
            }
        } else if before.kind != EntryKind::Folder && !(stays && is_untouched(&before, &after)) {
            self.tell_update(before, after);
        }
    }

    /// Another inode, or another kind, at the same path.
    fn tell_other(&mut self, before: Node, after: Node) -> Outcome<()> {
        let both_are_folders = before.kind == EntryKind::Folder && after.kind == EntryKind::Folder;
        let from = moved_from(&self.inodes, &after)?;
        let goes = moved_to(&self.inodes, &before)?.is_some();
        let displaced = self.displaced.around(&after.path).is_some();
        if from.is_none() && !goes && before.kind == after.kind && !displaced {
            // A file that was written anew and renamed to its old name; a folder that was made anew is as good as the old one.
            if !both_are_folders {
                self.tell_update(before, after);
            }
            return Ok(());
        }
        if both_are_folders {
            self.displaced.open(&after.path, ());
        }
        match from {
            Some(from) => {
                if !goes {
                    self.ready.push_back(Difference::Deleted(before));
                }
                self.tell_move(from, after);
            }
            None if goes => self.ready.push_back(Difference::Created(after)),
            None => self.replace(before, after),
        }
        Ok(())
    }

    fn tell_update(&mut self, before: Node, after: Node) {
        if !self.is_too_old(&after) {
            self.ready.push_back(Difference::Updated { before, after });
        }
    }

    /// Told in any case, however old it is: the one would be lost without the other.
    fn replace(&mut self, before: Node, after: Node) {
        self.ready.extend([Difference::Deleted(before), Difference::Created(after)]);
    }

    fn tell_move(&mut self, from: String, to: Node) {
        let (from_folder, from_name) = parent_and_name(&from);
        let (_, to_name) = parent_and_name(&to.path);
        let with_its_folder = from_name == to_name && self.moved.around(&to.path).is_some_and(|folder| folder == from_folder);
        if to.kind == EntryKind::Folder {
            self.moved.open(&to.path, from.clone());
        }
        if !(with_its_folder && self.options.condense_moves) {
            self.ready.push_back(Difference::Moved { from, to });
        }
    }

    fn advance(&mut self, path: &str) {
        self.moved.advance(path);
        self.displaced.advance(path);
    }

    fn is_too_old(&self, node: &Node) -> bool {
        self.options.skip_changed_before.is_some_and(|time| node.changed < time)
    }
}

/// Of two looks at one content. The ctime also tells of a record that was written beside the file, by the host itself; where the hash is
/// known of both, it says more.
fn is_untouched(before: &Node, after: &Node) -> bool {
    before.changed == after.changed || (before.blake3.is_some() && after.blake3.is_some())
}

impl<O, N, I> Iterator for Differences<O, N, I>
where
    O: Iterator<Item = Outcome<Node>>,
    N: Iterator<Item = Outcome<Node>>,
    I: Inodes,
{
    type Item = Outcome<Difference>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.ended {
            match found::next(&mut self.old, &mut self.new) {
                Ok(Some(found)) => {
                    if let Err(failure) = self.tell(found) {
                        self.ended = true;
                        return Some(Err(failure));
                    }
                }
                Ok(None) => self.ended = true,
                Err(failure) => {
                    self.ended = true;
                    return Some(Err(failure));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
