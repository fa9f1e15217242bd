//! From resident to a stub: what stays, and who keeps a file from becoming one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::time::{Duration, UNIX_EPOCH};

use capstan_domain::failure::{Kind, Retry};
use rustix::fs::XattrFlags;
use rustix::io::Errno;

use super::{CHANGED, World, bytes, code, copies, patiently, values};
use crate::steps::{self, Step};
use crate::{Access, MIGRATE_TOGETHER, Migrated, Proof, State, Version, Wanted};

/// `user::rw- user:1:r-- group::r-- mask::r-- other::---`, as the kernel has it (`linux/posix_acl_xattr.h`).
const ACL: [u8; 44] = [
    2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 1, 0, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 4, 0, 255, 255,
    255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
];

/// `cap_net_bind_service=ep`, as the kernel has it (`linux/capability.h`, version 2).
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn attribute(world: &World, name: &str) -> Vec<u8> {
    let mut room = vec![0; 256];
    let length = rustix::fs::getxattr(world.path("file"), name, room.as_mut_slice()).unwrap();
    room.truncate(length);
    room
}

#[test]
fn a_stub_keeps_everything_but_its_blocks() {
    let world = World::new();
    let content = bytes(3_000_001, 1);
    world.write("file", &content);
    let path = world.path("file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o4640)).unwrap();
    rustix::fs::setxattr(&path, "user.theirs", b"stays", XattrFlags::empty()).unwrap();
    rustix::fs::setxattr(&path, "system.posix_acl_access", &ACL, XattrFlags::empty()).unwrap();
    // Capabilities are for those who may give them away.
    let capability = rustix::fs::setxattr(&path, "security.capability", &CAPABILITY, XattrFlags::empty()).is_ok();
    std::fs::hard_link(&path, world.path("other name")).unwrap();
    let before = std::fs::metadata(&path).unwrap();
    let proof = world.proof("file");
    let accessed = std::fs::metadata(&path).unwrap().accessed().unwrap();
    let migrated = patiently(|| world.tree.migrate("file", &proof, 0)).unwrap();
    assert!(matches!(migrated, Migrated::Freed(freed) if freed >= 2_990_000), "{migrated:?}");
    let check = || {
        let after = std::fs::metadata(&path).unwrap();
        assert_eq!((after.ino(), after.len(), after.mode(), after.nlink()), (before.ino(), before.len(), before.mode(), 2));
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_eq!((after.modified().unwrap(), after.accessed().unwrap()), (UNIX_EPOCH + CHANGED, accessed));
        assert_eq!(attribute(&world, "user.theirs"), b"stays");
        assert_eq!(attribute(&world, "system.posix_acl_access"), ACL);
        assert!(!capability || attribute(&world, "security.capability") == CAPABILITY);
    };
    check();
    assert_eq!(world.allocated("file") / 8192, 0, "at most a block for attributes");
    let look = world.tree.look("other name").unwrap();
    assert!(matches!(&look.state, State::Migrated(record) if record.content == *proof.content()), "{look:?}");
    assert_eq!((look.size, look.modified), (3_000_001, (UNIX_EPOCH + CHANGED).into()));
    world.filled("other name", &content);
    check();
    assert!(world.read("file") == content);
    assert!(matches!(world.tree.look("file").unwrap().state, State::Premigrated(_)));
    assert_eq!(world.tree.migrate("file", &world.proof("file"), 0).map(drop), Ok(()), "and out again");
    assert_eq!(world.tree.migrate("file", &proof, 0), Ok(Migrated::Already));
}

#[test]
fn leading_bytes_stay_readable() {
    let world = World::new();
    let content = bytes(1_000_000, 2);
    world.stub("file", &content, 70_000);
    let held = world.read("file");
    assert!(held[..70_000] == content[..70_000] && held[70_000..].iter().all(|byte| *byte == 0));
    let filling = world.tree.recall("file", &[]).unwrap();
    assert!(filling.is_present(0, 70_000) && !filling.is_present(0, 70_001));
    let mut room = vec![0; 100_000];
    assert_eq!(filling.read_at(60_000, &mut room), Ok(Some(10_000)));
    assert!(room[..10_000] == content[60_000..70_000]);
    assert_eq!(filling.read_at(70_000, &mut room), Ok(None));
}

#[test]
fn a_file_that_is_all_leading_bytes_stays_whole() {
    let world = World::new();
    for (name, size, leading) in [("empty", 0, 0), ("small", 4_000, 4_000), ("smaller", 10, 1 << 40)] {
        let content = bytes(size, 3);
        world.write(name, &content);
        assert_eq!(patiently(|| world.tree.migrate(name, &world.proof(name), leading)), Ok(Migrated::NothingToFree), "{name}");
        assert!(world.read(name) == content);
        assert!(matches!(world.tree.look(name).unwrap().state, State::Premigrated(_)), "{name}");
    }
}

#[test]
fn a_file_that_somebody_has_open_is_left_alone() {
    let world = World::new();
    world.write("file", &bytes(100_000, 4));
    let proof = world.proof("file");
    let reader = File::open(world.path("file")).unwrap();
    let busy = world.tree.migrate("file", &proof, 0).unwrap_err();
    assert_eq!((busy.kind, busy.retry, busy.code.as_deref()), (Kind::Busy, Retry::Later, Some("file-in-use")));
    patiently(|| world.tree.premigrate("file", &proof)).unwrap();
    drop(reader);
    let writer = OpenOptions::new().write(true).open(world.path("file")).unwrap();
    assert_eq!(code(world.tree.premigrate("file", &proof)), "file-in-use");
    assert_eq!(code(world.tree.migrate("file", &proof, 0)), "file-in-use");
    drop(writer);
    assert!(world.read("file") == bytes(100_000, 4));
    assert!(patiently(|| world.tree.migrate("file", &proof, 0)).is_ok());
}

#[test]
fn a_writer_that_comes_before_the_hole_finds_the_file_as_it_was() {
    let content = bytes(100_000, 5);
    for last in [Step::Leased, Step::MigratedWritten, Step::MigratedSynced] {
        for was_premigrated in [false, true] {
            let world = World::new();
            world.write("file", &content);
            let proof = world.proof("file");
            if was_premigrated {
                patiently(|| world.tree.premigrate("file", &proof)).unwrap();
            }
            let before = world.tree.look("file").unwrap().state;
            let path = world.path("file");
            let (came, writer) = std::sync::mpsc::channel();
            let let_in = move |step: Step| {
                if step == last {
                    let path = path.clone();
                    let write = move || OpenOptions::new().write(true).open(path).unwrap().write_all(b"new").unwrap();
                    came.send(std::thread::spawn(write)).unwrap();
                    std::thread::sleep(Duration::from_millis(100));
                }
                Ok(())
            };
            let migrated = steps::with(let_in, || world.tree.migrate("file", &proof, 0));
            assert_eq!(code(migrated), "file-in-use", "{last:?}");
            if was_premigrated {
                // Read before the writer may have written.
                assert!(matches!(before, State::Premigrated(_)));
            }
            writer.recv().unwrap().join().unwrap();
            let held = world.read("file");
            assert!(held.starts_with(b"new") && held[3..] == content[3..], "{last:?}");
            assert_eq!(world.tree.look("file").unwrap().state, State::Resident, "{last:?}: its record is of an earlier content");
        }
    }
}

#[test]
fn a_writer_that_comes_after_the_last_look_finds_a_stub() {
    let world = World::new();
    let content = bytes(100_000, 6);
    world.write("file", &content);
    let proof = world.proof("file");
    let (path, tree) = (world.path("file"), world.tree.clone());
    let (came, writer) = std::sync::mpsc::channel();
    let let_in = move |step: Step| {
        if step == Step::Punched {
            let (path, tree) = (path.clone(), tree.clone());
            let open = move || {
                let file = OpenOptions::new().write(true).open(path).unwrap();
                let state = tree.look("file").unwrap().state;
                drop(file);
                state
            };
            came.send(std::thread::spawn(open)).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    };
    steps::with(let_in, || patiently(|| world.tree.migrate("file", &proof, 0))).unwrap();
    assert!(matches!(writer.recv().unwrap().join().unwrap(), State::Migrated(_)));
    assert_eq!(world.modified("file"), UNIX_EPOCH + CHANGED);
}

#[test]
fn a_file_that_changed_after_it_was_read_is_left_alone() {
    let world = World::new();
    let content = bytes(100_000, 7);
    world.write("file", &content);
    let proof = world.proof("file");
    let check = |what: &str| {
        assert_eq!(code(patiently(|| world.tree.premigrate("file", &proof))), "source-changed", "{what}");
        assert_eq!(code(patiently(|| world.tree.migrate("file", &proof, 0))), "source-changed", "{what}");
        assert_eq!(world.tree.look("file").unwrap().state, State::Resident, "{what}");
    };
    let open = || OpenOptions::new().write(true).open(world.path("file")).unwrap();
    open().write_all_at(b"x", 5).unwrap();
    check("written");
    open().set_len(99_999).unwrap();
    open().set_modified(UNIX_EPOCH + CHANGED).unwrap();
    check("shortened, and its time set back");
    world.write("new", &content);
    std::fs::rename(world.path("new"), world.path("file")).unwrap();
    check("replaced by another of the same size and time");
    assert!(world.read("file") == content);
}

#[test]
fn a_file_changed_within_the_last_tick_is_not_read_yet() {
    let world = World::new();
    std::fs::write(world.path("file"), b"new").unwrap();
    let file = world.tree.file("file", Access::Read).unwrap();
    assert_eq!(code(Version::settled(&file)), "file-in-use");
    std::thread::sleep(Duration::from_millis(40));
    patiently(|| Version::settled(&file)).unwrap();
    let writer = world.tree.file("file", Access::Write).unwrap();
    assert_eq!(code(Version::settled(&file)), "file-in-use", "nor one that is open for writing");
    assert!(Version::settled(&writer).is_err());
}

#[test]
fn a_proof_takes_as_many_copies_in_different_places_as_are_wanted() {
    let version = Version { inode: 1, size: 5, modified: (UNIX_EPOCH + CHANGED).into() };
    let (blake3, _) = values(b"hello");
    let wanted = |number| NonZeroUsize::new(number).unwrap();
    let good = copies(blake3, 5);
    assert!(Proof::new(version, blake3, &[], &good, wanted(2)).is_ok());
    assert_eq!(code(Proof::new(version, blake3, &[], &good, wanted(3))), "too-few-copies");
    assert_eq!(code(Proof::new(version, blake3, &[], &[good[0].clone(), good[0].clone()], wanted(2))), "too-few-copies");
    assert_eq!(code(Proof::new(version, blake3, &[], &copies(blake3, 6), wanted(1))), "too-few-copies");
    assert_eq!(code(Proof::new(version, blake3, &[], &copies([0; 32], 5), wanted(1))), "too-few-copies");
    assert_eq!(code(Proof::new(version, blake3, &[[1; 32]], &good, wanted(1))), "wrong-block-values");
}

#[test]
fn a_failed_sync_of_the_record_leaves_the_file_as_it_was() {
    let world = World::new();
    let content = bytes(100_000, 8);
    world.write("file", &content);
    let proof = world.proof("file");
    let fail = |step: Step| if step == Step::MigratedSynced { Err(Errno::IO) } else { Ok(()) };
    let failed = steps::with(fail, || patiently(|| world.tree.migrate("file", &proof, 0)));
    assert_eq!(failed.unwrap_err().kind, Kind::Corrupt);
    assert_eq!(world.tree.look("file").unwrap().state, State::Resident);
    assert!(world.read("file") == content);
}

#[test]
fn many_files_share_a_sync_and_the_rest_wait() {
    let world = World::new();
    let names: Vec<String> = (0..MIGRATE_TOGETHER + 3).map(|number| format!("file {number}")).collect();
    let proofs: Vec<Proof> = names
        .iter()
        .map(|name| {
            world.write(name, &bytes(20_000, 9));
            world.proof(name)
        })
        .collect();
    let wanted: Vec<_> = names.iter().zip(&proofs).map(|(path, proof)| Wanted { path, proof, leading: 0 }).collect();
    let held = File::open(world.path("file 1")).unwrap();
    let answers = world.tree.migrate_all(&wanted);
    assert_eq!(code(answers[1].clone()), "file-in-use");
    drop(held);
    for (at, answer) in answers.iter().enumerate() {
        let is_stub = matches!(world.tree.look(&names[at]).unwrap().state, State::Migrated(_));
        assert_eq!(answer.is_ok(), is_stub, "{at}: {answer:?}");
        assert!(at < MIGRATE_TOGETHER || !is_stub, "{at}");
    }
    let fillings: Vec<_> = (0..50).filter_map(|at| world.tree.recall(&names[at], &[]).ok()).collect();
    for filling in fillings.iter().skip(1) {
        super::bring(filling, 0, &bytes(20_000, 9)).unwrap();
    }
    let finished = world.tree.finish_all(&fillings.iter().collect::<Vec<_>>());
    assert_eq!(code(finished[0].clone()), "incomplete");
    assert!(finished[1..].iter().all(Result::is_ok), "{finished:?}");
    assert!(matches!(world.tree.look(&names[10]).unwrap().state, State::Premigrated(_)));
    assert!(world.read(&names[10]) == bytes(20_000, 9));
}

#[test]
fn times_long_before_and_after_now_come_back() {
    let world = World::new();
    for (name, time) in
        [("early", UNIX_EPOCH - Duration::new(1_000_000_000, 7)), ("late", UNIX_EPOCH + Duration::new(8_000_000_000, 5))]
    {
        let content = bytes(50_000, 10);
        world.write(name, &content);
        File::open(world.path(name)).unwrap().set_modified(time).unwrap();
        let time = world.modified(name);
        patiently(|| world.tree.migrate(name, &world.proof(name), 0)).unwrap();
        assert_eq!(world.modified(name), time, "{name}");
        world.filled(name, &content);
        assert_eq!(world.modified(name), time, "{name}");
        assert!(world.read(name) == content);
    }
}

#[test]
fn a_copy_of_a_stub_with_its_attributes_is_no_stub_of_the_original() {
    let world = World::new();
    let content = bytes(90_000, 11);
    world.stub("file", &content, 0);
    let mut room = vec![0; 4096];
    let length = rustix::fs::getxattr(world.path("file"), crate::RECORD_NAME, room.as_mut_slice()).unwrap();
    world.write("copy", &vec![0; 90_000]);
    rustix::fs::setxattr(world.path("copy"), crate::RECORD_NAME, &room[..length], XattrFlags::empty()).unwrap();
    let look = world.tree.look("copy").unwrap();
    assert!(matches!(look.state, State::Foreign(_)) && !look.is_data());
    assert_eq!(code(world.tree.recall("copy", &[]).map(drop)), "unclear-record");
    assert_eq!(code(world.tree.file("copy", Access::Write).unwrap().invalidate()), "unclear-record");
    let known = super::content_of(&content);
    world.tree.settle("copy", crate::Verdict::Stub(&known)).unwrap();
    world.filled("copy", &content);
    assert!(world.read("copy") == content, "the catalogue knew what it was");
    // One that took the record of a premigrated file along is a file like any other.
    let length = rustix::fs::getxattr(world.path("copy"), crate::RECORD_NAME, room.as_mut_slice()).unwrap();
    world.write("second", &content);
    rustix::fs::setxattr(world.path("second"), crate::RECORD_NAME, &room[..length], XattrFlags::empty()).unwrap();
    assert_eq!(world.tree.look("second").unwrap().state, State::Resident);
    assert_eq!(world.tree.repair("second"), Ok(crate::Repaired::Forgotten));
}
