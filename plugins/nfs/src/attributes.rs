//! What files have beside their bytes.

use capstan_nfs3::procedures::{GetAttributes, ReadLink, SetFileAttributes};
use capstan_nfs3::{Attributes, FileKind, SetAttributes};
use capstan_sdk::failure::invalid;
use capstan_sdk::types::{self, Kind, Node};
use capstan_sdk::{Outcome, named, names};

use crate::lane::{Lane, change};
use crate::link::done;
use crate::path::{Found, Place, find};

const NANOSECONDS: i64 = 1_000_000_000;

/// Nanoseconds since 1970; the protocol's seconds end in 2106.
pub(crate) fn moment((seconds, nanoseconds): (u32, u32)) -> i64 {
    i64::from(seconds) * NANOSECONDS + i64::from(nanoseconds)
}

fn protocol_time(moment: i64) -> Outcome<(u32, u32)> {
    let seconds = u32::try_from(moment.div_euclid(NANOSECONDS));
    let nanoseconds = u32::try_from(moment.rem_euclid(NANOSECONDS));
    match (seconds, nanoseconds) {
        (Ok(seconds), Ok(nanoseconds)) => Ok((seconds, nanoseconds)),
        _ => Err(invalid("NFS version 3 holds times from 1970 to 2106")),
    }
}

pub(crate) fn node(name: &str, attributes: &Attributes, link: Option<String>) -> Node {
    let mut extras = vec![named("changed", moment(attributes.changed).to_string())];
    if attributes.links > 1 && attributes.kind == FileKind::File {
        extras.push(named("links", attributes.links.to_string()));
    }
    Node {
        name: name.to_owned(),
        kind: match attributes.kind {
            FileKind::File => Kind::File,
            FileKind::Directory => Kind::Directory,
            FileKind::Symlink => Kind::Symlink,
            FileKind::Other => Kind::Other,
        },
        size: attributes.size,
        modified: moment(attributes.modified),
        mode: Some(attributes.mode & 0o7777),
        owner: Some(attributes.uid.to_string()),
        group: Some(attributes.gid.to_string()),
        // A number alone repeats on another filesystem of the same server.
        id: Some(format!("{:x}:{:x}", attributes.fsid, attributes.fileid)),
        link,
        extras,
    }
}

/// The node with where it points, if it is a link.
pub(crate) async fn full_node(lane: &mut Lane, place: &Place, found: &Found) -> Outcome<Node> {
    let link = match found.attributes.kind {
        FileKind::Symlink => {
            let target = done(lane.link.ask(&ReadLink { link: found.handle.clone() }).await?, &place.subject())?;
            Some(names::escape(&target))
        }
        _ => None,
    };
    Ok(node(place.name(), &found.attributes, link))
}

fn identity(text: Option<&String>, what: &str) -> Outcome<Option<u32>> {
    text.map(|text| text.parse().map_err(|_| invalid(format!("this target knows a file's {what} by number, not {text:?}"))))
        .transpose()
}

pub(crate) async fn set(place: &Place, attributes: &types::Attributes) -> Outcome<Node> {
    let set = SetAttributes {
        mode: attributes.mode.map(|mode| mode & 0o7777),
        uid: identity(attributes.owner.as_ref(), "owner")?,
        gid: identity(attributes.group.as_ref(), "group")?,
        modified: attributes.modified.map(protocol_time).transpose()?,
        ..SetAttributes::default()
    };
    let subject = place.subject();
    change(async |lane: &mut Lane| {
        let Found { handle, .. } = find(lane, place).await?;
        // The change tells what it left; a server need not.
        let attributes = match done(lane.link.ask(&SetFileAttributes { file: handle.clone(), set }).await?, &subject)? {
            Some(attributes) => attributes,
            None => done(lane.link.ask(&GetAttributes { file: handle.clone() }).await?, &subject)?,
        };
        full_node(lane, place, &Found { handle, attributes }).await
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_survive_the_way_and_those_the_protocol_cannot_hold_are_refused() {
        for time in [0, 1_000_000_000_123_456_789, 4_294_967_295_999_999_999] {
            assert_eq!(moment(protocol_time(time).unwrap()), time);
        }
        for time in [-1, 4_294_967_296_000_000_000, i64::MIN] {
            assert!(protocol_time(time).is_err(), "{time}");
        }
    }

    #[test]
    fn a_node_tells_its_change_and_its_other_names() {
        let attributes = Attributes {
            kind: FileKind::File,
            mode: 0o100_644,
            links: 2,
            uid: 7,
            gid: 8,
            size: 5,
            fsid: 1,
            fileid: 255,
            accessed: (0, 0),
            modified: (1, 2),
            changed: (3, 4),
        };
        let node = node("a", &attributes, None);
        assert_eq!((node.mode, node.owner.as_deref(), node.id.as_deref()), (Some(0o644), Some("7"), Some("1:ff")));
        assert_eq!((node.modified, node.extras), (1_000_000_002, vec![named("changed", "3000000004"), named("links", "2")]));
    }
}
