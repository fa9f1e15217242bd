//! What files have beside their bytes.

use capstan_sdk::failure::invalid;
use capstan_sdk::files::{self, Kind, Status, Times};
use capstan_sdk::types::{self, Attributes, Node};
use capstan_sdk::{Outcome, named};

use crate::backend::{Place, ROOT};

/// Marks which attempt wrote a file that had to be the first of its name.
pub(crate) const ATTEMPT_XATTR: &str = "user.capstan.attempt";

pub(crate) fn node(name: &str, status: &Status, link: Option<String>) -> Node {
    Node {
        name: name.to_owned(),
        kind: match status.kind {
            Kind::File => types::Kind::File,
            Kind::Directory => types::Kind::Directory,
            Kind::Symlink => types::Kind::Symlink,
            Kind::Other => types::Kind::Other,
        },
        size: status.size,
        modified: status.modified,
        mode: Some(status.mode & 0o7777),
        owner: Some(status.uid.to_string()),
        group: Some(status.gid.to_string()),
        // An inode alone repeats on another filesystem below the same directory.
        id: Some(format!("{:x}:{:x}", status.device, status.inode)),
        link,
        extras: match status.kind {
            Kind::File if status.links > 1 => vec![named("links", status.links.to_string())],
            Kind::Directory => vec![named("changed", status.changed.to_string())],
            _ => Vec::new(),
        },
    }
}

/// The node with where it points, if it is a link.
pub(crate) async fn full_node(place: &Place, status: &Status) -> Outcome<Node> {
    let link = match status.kind {
        Kind::Symlink => Some(files::read_link(ROOT.to_owned(), place.path.clone()).await?),
        _ => None,
    };
    Ok(node(place.name(), status, link))
}

fn identity(text: Option<&String>, what: &str) -> Outcome<Option<u32>> {
    text.map(|text| text.parse().map_err(|_| invalid(format!("this target knows a file's {what} by number, not {text:?}"))))
        .transpose()
}

pub(crate) async fn set(place: &Place, attributes: &Attributes) -> Outcome<Node> {
    let times = Times {
        modified: attributes.modified,
        mode: attributes.mode,
        uid: identity(attributes.owner.as_ref(), "owner")?,
        gid: identity(attributes.group.as_ref(), "group")?,
    };
    let status = files::set_attributes(ROOT.to_owned(), place.path.clone(), times).await?;
    full_node(place, &status).await
}

pub(crate) async fn xattrs(place: &Place) -> Outcome<Vec<(String, Vec<u8>)>> {
    let mut all = files::get_xattrs(ROOT.to_owned(), place.path.clone()).await?;
    all.retain(|(name, _)| name != ATTEMPT_XATTR);
    Ok(all)
}

pub(crate) async fn set_xattr(place: &Place, name: String, value: Option<Vec<u8>>) -> Outcome<()> {
    if name == ATTEMPT_XATTR {
        return Err(invalid(format!("{name} is this target's own")));
    }
    files::set_xattr(ROOT.to_owned(), place.path.clone(), name, value).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_shows_permissions_without_the_file_type_and_names_hard_links() {
        let status = Status {
            kind: Kind::File,
            size: 5,
            modified: 1,
            changed: 2,
            mode: 0o100_644,
            uid: 7,
            gid: 8,
            device: 1,
            inode: 255,
            links: 2,
            allocated: 0,
        };
        let node = node("a", &status, None);
        assert_eq!((node.mode, node.owner.as_deref(), node.id.as_deref()), (Some(0o644), Some("7"), Some("1:ff")));
        assert_eq!(node.extras, [named("links", "2")]);
    }

    #[test]
    fn owners_are_numbers() {
        assert_eq!(identity(Some(&"12".to_owned()), "owner").unwrap(), Some(12));
        assert!(identity(Some(&"root".to_owned()), "owner").is_err());
    }
}
