//! Before a change: what becomes of the record.

use std::time::{Duration, UNIX_EPOCH};

use capstan_domain::time::Timestamp;

use super::{CHANGED, World, bytes, code, patiently};
use crate::{Access, ForWriting, State};

#[test]
fn a_premigrated_file_is_resident_before_the_first_write() {
    let world = World::new();
    world.write("file", &bytes(10_000, 1));
    let writer = || world.tree.file("file", Access::Write).unwrap();
    assert_eq!(writer().invalidate(), Ok(ForWriting::Ready(None)));
    let proof = world.proof("file");
    patiently(|| world.tree.premigrate("file", &proof)).unwrap();
    let file = writer();
    let Ok(ForWriting::Ready(Some(record))) = file.invalidate() else { panic!("it was premigrated") };
    assert_eq!(record.content, *proof.content());
    assert_eq!(world.tree.look("file").unwrap().state, State::Resident);
    assert_eq!(
        code(world.tree.premigrate("file", &proof)),
        "file-in-use",
        "nor becomes it premigrated while it is open for writing"
    );
    assert!(world.tree.file("file", Access::Read).unwrap().invalidate().is_err(), "who reads writes nothing");
}

#[test]
fn a_stub_is_recalled_before_it_is_written() {
    let world = World::new();
    world.stub("file", &bytes(10_000, 2), 0);
    let file = world.tree.file("file", Access::Write).unwrap();
    assert_eq!(file.invalidate(), Ok(ForWriting::RecallFirst));
    world.filled("file", &bytes(10_000, 2));
    assert!(matches!(file.invalidate(), Ok(ForWriting::Ready(Some(_)))));
    assert!(world.read("file") == bytes(10_000, 2));
}

#[test]
fn a_stub_whose_content_nobody_wants_is_emptied_without_a_recall() {
    let world = World::new();
    world.stub("file", &bytes(10_000, 3), 0);
    let record = world.tree.file("file", Access::Write).unwrap().empty().unwrap();
    assert_eq!(record.unwrap().content.size, 10_000);
    let look = world.tree.look("file").unwrap();
    assert_eq!((look.state, look.size), (State::Resident, 0));
}

#[test]
fn another_time_is_kept_with_the_content() {
    let world = World::new();
    let content = bytes(10_000, 4);
    let later = UNIX_EPOCH + CHANGED + Duration::from_secs(5);
    world.write("here", &content);
    patiently(|| world.tree.premigrate("here", &world.proof("here"))).unwrap();
    world.stub("gone", &content, 0);
    for name in ["here", "gone"] {
        world.tree.file(name, Access::Read).unwrap().set_modified(later.into()).unwrap();
        let look = world.tree.look(name).unwrap();
        assert_eq!((look.modified, look.unfinished), (Timestamp::from(later), false), "{name}");
        assert!(!matches!(look.state, State::Resident), "{name}");
    }
    world.filled("gone", &content);
    assert_eq!(world.modified("gone"), later);
}
