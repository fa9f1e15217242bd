//! Nodes of file trees.

use capstan_domain::ports;

use super::{named, pairs};
use crate::v0_1::types as wit;

impl From<wit::Kind> for ports::NodeKind {
    fn from(kind: wit::Kind) -> Self {
        match kind {
            wit::Kind::File => Self::File,
            wit::Kind::Directory => Self::Directory,
            wit::Kind::Symlink => Self::Symlink,
            wit::Kind::Other => Self::Other,
        }
    }
}

impl From<wit::Node> for ports::Node {
    fn from(node: wit::Node) -> Self {
        Self {
            name: node.name,
            kind: node.kind.into(),
            size: node.size,
            modified: node.modified,
            mode: node.mode,
            owner: node.owner,
            group: node.group,
            id: node.id,
            link: node.link,
            extras: pairs(node.extras),
        }
    }
}

impl From<wit::NodePage> for ports::NodePage {
    fn from(page: wit::NodePage) -> Self {
        Self { nodes: page.nodes.into_iter().map(Into::into).collect(), next: page.next }
    }
}

impl From<ports::Attributes> for wit::Attributes {
    fn from(attributes: ports::Attributes) -> Self {
        Self {
            modified: attributes.modified,
            mode: attributes.mode,
            owner: attributes.owner,
            group: attributes.group,
            extras: named(attributes.extras),
        }
    }
}
