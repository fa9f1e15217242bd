//! What changed in a tree between two looks at it.
//!
//! Both looks come as streams of nodes in ascending order of their paths, byte by byte (`ORDER BY path` with a binary collation), and
//! are merged. What vanished here and appeared there under the same inode was moved: for that the caller looks inodes up in both looks
//! (`Inodes`), one or two look-ups for each path that came or went, so that neither look is ever held in memory. What is held grows
//! with the depth of the tree, not with its size.
//!
//! Inode numbers come back after a deletion. So a file counts as moved only if its size, its mtime and, where both are known, its hash
//! agree; one that was moved and written is a deletion and a creation, and its old content goes by the rule for deletions. Of a folder
//! the inode is enough: what it holds is compared by itself.
//!
//! **The order that leads from the old tree to the new one.** First, in descending order of the old paths (`Difference::clears`), what
//! was deleted is removed, never more than the path itself, and what was moved is taken aside with all that is left in it. Then, in
//! ascending order of the new paths (`Difference::fills`), what was taken aside is put in place, and what was created or updated is
//! made. Any other order meets names that are taken, as when two files change places. A path that stays although the folder around it
//! goes is a move from its path to the same path.

mod differences;
mod found;
mod links;
mod open_folders;
mod parent;
#[cfg(test)]
mod tests;

pub use capstan_domain::tree_snapshot::Node;

pub use self::differences::{Difference, Differences, Options};
pub use self::links::Inodes;
