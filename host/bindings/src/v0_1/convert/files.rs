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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_every_member() {
        for (kind, wanted) in [
            (wit::Kind::File, ports::NodeKind::File),
            (wit::Kind::Directory, ports::NodeKind::Directory),
            (wit::Kind::Symlink, ports::NodeKind::Symlink),
            (wit::Kind::Other, ports::NodeKind::Other),
        ] {
            let text = |text: &str| Some(text.to_owned());
            let node = wit::Node {
                name: "n".to_owned(),
                kind,
                size: 1,
                modified: -2,
                mode: Some(0o644),
                owner: text("o"),
                group: text("g"),
                id: text("i"),
                link: text("l"),
                extras: Vec::new(),
            };
            let wanted = ports::Node {
                name: "n".to_owned(),
                kind: wanted,
                size: 1,
                modified: -2,
                mode: Some(0o644),
                owner: text("o"),
                group: text("g"),
                id: text("i"),
                link: text("l"),
                extras: Vec::new(),
            };
            let page = ports::NodePage::from(wit::NodePage { nodes: vec![node], next: text("m") });
            assert_eq!(page, ports::NodePage { nodes: vec![wanted], next: text("m") });
        }
    }

    #[test]
    fn attributes_that_are_not_given_stay_so() {
        let given = wit::Attributes::from(ports::Attributes { mode: Some(0o600), ..ports::Attributes::default() });
        assert_eq!((given.mode, given.modified), (Some(0o600), None));
        assert!(given.owner.is_none() && given.group.is_none() && given.extras.is_empty());
    }
}
