//! What a cartridge holds, told from memory once it was mounted.

use capstan_sdk::Outcome;
use capstan_sdk::types::{Consumption, Node, NodePage};

use super::enter::mount;
use super::{Inside, drive_of, paths};

/// Nodes of a page.
const PAGE: usize = 1_000;
/// Extra of a node: where its data begins.
pub(crate) const PLACE: &str = "place";
/// The extended attribute that shows a file's BLAKE3, as digits.
pub(crate) const HASH: &str = "user.capstan.blake3";

pub(crate) async fn stat(cartridge: &str, path: &str) -> Outcome<Node> {
    paths::check(path)?;
    mount(cartridge).await?.volume.borrow().files().node(path)
}

pub(crate) async fn page(cartridge: &str, path: &str, after: Option<&str>, limit: u32) -> Outcome<NodePage> {
    paths::check(path)?;
    let limit = usize::try_from(limit).unwrap_or(PAGE).clamp(1, PAGE);
    mount(cartridge).await?.volume.borrow().files().page(path, after, limit)
}

pub(crate) async fn xattrs(cartridge: &str, path: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
    paths::check(path)?;
    mount(cartridge).await?.volume.borrow().files().xattrs(path)
}

/// As far as it is known without moving anything.
pub(crate) fn usage(cartridge: &str) -> Consumption {
    let Some((_, Inside::Files(mount))) = drive_of(cartridge) else {
        return Consumption { used: None, capacity: None, objects: None, extras: Vec::new() };
    };
    let room = mount.room.borrow();
    let (capacity, left) = (room.capacity(), room.left());
    let used = capacity.zip(left).and_then(|(capacity, left)| capacity.checked_sub(left));
    let objects = Some(mount.volume.borrow().files().objects());
    Consumption { used, capacity, objects, extras: Vec::new() }
}
