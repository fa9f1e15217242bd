//! The names of one inode, and which of them were moved.

use capstan_domain::Outcome;
use capstan_domain::tree_snapshot::Node;

use crate::limits::MOST_LINKS;

/// Looks an inode up in both looks: all nodes that have it, in any order. More than `limits::MOST_LINKS` need not be given.
pub trait Inodes {
    /// # Errors
    /// What keeps it from looking.
    fn before(&self, inode: u64) -> Outcome<Vec<Node>>;

    /// # Errors
    /// What keeps it from looking.
    fn after(&self, inode: u64) -> Outcome<Vec<Node>>;
}

/// Where a node that was not there was before; none: it is new.
pub(super) fn moved_from(inodes: &impl Inodes, node: &Node) -> Outcome<Option<String>> {
    let before = inodes.before(node.inode)?;
    if before.is_empty() {
        return Ok(None);
    }
    let pairs = pairs(&before, &inodes.after(node.inode)?);
    Ok(pairs.into_iter().find(|(_, to)| *to == node.path).map(|(from, _)| from))
}

/// Where a node that is not there any more is now; none: it is gone.
pub(super) fn moved_to(inodes: &impl Inodes, node: &Node) -> Outcome<Option<String>> {
    let after = inodes.after(node.inode)?;
    if after.is_empty() {
        return Ok(None);
    }
    let pairs = pairs(&inodes.before(node.inode)?, &after);
    Ok(pairs.into_iter().find(|(from, _)| *from == node.path).map(|(_, to)| to))
}

/// The moves among the names of one inode. It depends on nothing else, so that both ends of a move come to the same answer. Of several
/// names, the first that went is taken for the first that came.
fn pairs(before: &[Node], after: &[Node]) -> Vec<(String, String)> {
    let [Some(old), Some(new)] = [before.first(), after.first()] else { return Vec::new() };
    if before.len().max(after.len()) > MOST_LINKS || !old.agrees_with(new) {
        return Vec::new();
    }
    let only_in = |one: &[Node], other: &[Node]| {
        let mut paths: Vec<_> = one.iter().map(|node| node.path.clone()).collect();
        paths.retain(|path| !other.iter().any(|node| node.path == *path));
        paths.sort_unstable();
        paths
    };
    only_in(before, after).into_iter().zip(only_in(after, before)).collect()
}
