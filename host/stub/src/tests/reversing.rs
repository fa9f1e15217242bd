//! Stubs for what is elsewhere only.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::UNIX_EPOCH;

use capstan_domain::failure::Kind;

use super::{CHANGED, World, bytes, code, content_of};
use crate::{Existing, NewStub, State};

#[test]
fn a_stub_is_made_for_a_content_that_is_elsewhere() {
    let world = World::new();
    let content = bytes(5_000_000, 1);
    let known = content_of(&content);
    let new = NewStub { content: &known, mode: 0o4751, owner: None };
    std::fs::create_dir(world.path("folder")).unwrap();
    let version = world.tree.reverse_stub("folder/file", &new, Existing::Keep).unwrap();
    let found = std::fs::metadata(world.path("folder/file")).unwrap();
    assert_eq!((found.ino(), found.len(), found.modified().unwrap()), (version.inode, 5_000_000, UNIX_EPOCH + CHANGED));
    assert_eq!(found.permissions().mode() & 0o7777, 0o751, "without the bit of another's owner");
    let look = world.tree.look("folder/file").unwrap();
    assert!(matches!(&look.state, State::Migrated(record) if record.content == known), "{look:?}");
    assert_eq!(std::fs::read_dir(world.path("folder")).unwrap().count(), 1, "nothing is left beside it");
    world.filled("folder/file", &content);
    assert!(world.read("folder/file") == content);
}

#[test]
fn an_empty_content_needs_no_recall() {
    let world = World::new();
    let new = NewStub { content: &content_of(b""), mode: 0o600, owner: None };
    world.tree.reverse_stub("file", &new, Existing::Keep).unwrap();
    assert!(matches!(world.tree.look("file").unwrap().state, State::Premigrated(_)));
}

#[test]
fn what_has_the_name_goes_by_the_callers_word_only() {
    let world = World::new();
    world.write("file", b"mine");
    let new = NewStub { content: &content_of(&bytes(100, 2)), mode: 0o600, owner: None };
    assert_eq!(world.tree.reverse_stub("file", &new, Existing::Keep).unwrap_err().kind, Kind::AlreadyExists);
    assert_eq!(world.read("file"), b"mine");
    assert_eq!(std::fs::read_dir(&world.directory).unwrap().count(), 1);
    world.tree.reverse_stub("file", &new, Existing::Replace).unwrap();
    assert!(matches!(world.tree.look("file").unwrap().state, State::Migrated(_)));
    assert_eq!(code(world.tree.reverse_stub(".capstan-0123456789abcdef.part", &new, Existing::Keep)), "reserved-name");
}
