//! Two looks, merged by path.

use std::cmp::Ordering;
use std::iter::Peekable;

use capstan_domain::tree_snapshot::Node;
use capstan_domain::{Failure, Outcome};

/// A path of either look, or of both.
#[derive(Debug)]
pub(super) enum Found {
    Vanished(Node),
    Appeared(Node),
    Both { before: Node, after: Node },
}

/// One look, watched for its order: out of order, paths would pass for deleted.
pub(super) struct Look<I: Iterator> {
    nodes: Peekable<I>,
    last: Option<String>,
}

impl<I: Iterator<Item = Outcome<Node>>> Look<I> {
    pub(super) fn new(nodes: I) -> Self {
        Self { nodes: nodes.peekable(), last: None }
    }

    fn take(&mut self) -> Outcome<Option<Node>> {
        let Some(node) = self.nodes.next().transpose()? else { return Ok(None) };
        if self.last.as_ref().is_some_and(|last| *last >= node.path) {
            return Err(Failure::host("A listing of the tree is not in order", format!("{:?} after {:?}", node.path, self.last)));
        }
        self.last = Some(node.path.clone());
        Ok(Some(node))
    }
}

/// The next path in ascending order; none at the end of both.
pub(super) fn next<O, N>(old: &mut Look<O>, new: &mut Look<N>) -> Outcome<Option<Found>>
where
    O: Iterator<Item = Outcome<Node>>,
    N: Iterator<Item = Outcome<Node>>,
{
    let order = match (old.nodes.peek(), new.nodes.peek()) {
        (Some(Ok(before)), Some(Ok(after))) => before.path.cmp(&after.path),
        // A failure is taken first, wherever it stands.
        (Some(_), None) | (Some(Err(_)), _) => Ordering::Less,
        (None, Some(_)) | (_, Some(Err(_))) => Ordering::Greater,
        (None, None) => return Ok(None),
    };
    Ok(match order {
        Ordering::Less => old.take()?.map(Found::Vanished),
        Ordering::Greater => new.take()?.map(Found::Appeared),
        Ordering::Equal => old.take()?.zip(new.take()?).map(|(before, after)| Found::Both { before, after }),
    })
}
