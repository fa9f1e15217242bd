//! What is written to is data first, and its copies are told to be stale before.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering::SeqCst;

use capstan_stub::State;

use super::bringing::Manner;
use super::{PIECES, World, bytes, number, until};
use crate::Change;

fn open(world: &World, name: &str) -> File {
    OpenOptions::new().read(true).write(true).open(world.at(name)).unwrap()
}

fn is_resident(world: &World, name: &str) -> bool {
    let look = world.look(name);
    look.state == State::Resident && !look.stale
}

#[test]
fn writing_to_a_stub_recalls_it_and_makes_its_copies_stale() {
    let Some(world) = World::new() else { return };
    let mut content = bytes(PIECES + 9_000, 1);
    world.stub("file", &content, 0);
    let file = open(&world, "file");
    assert_eq!(world.recalls.calls(), 0, "opening brings nothing back");
    file.write_all_at(b"changed", 4_000).unwrap();
    content[4_000..4_007].copy_from_slice(b"changed");
    assert_eq!((world.recalls.calls(), world.told.stale()), (1, 1));
    assert!(is_resident(&world, "file"));
    file.write_all_at(b"again", PIECES as u64).unwrap();
    content[PIECES..PIECES + 5].copy_from_slice(b"again");
    drop(file);
    assert!(fs::read(world.at("file")).unwrap() == content);
    assert!(fs::read(world.raw("file")).unwrap() == content);
    assert_eq!(world.told.stale(), 1);
    until("it is told", || world.told.has(|change| matches!(change, Change::Written { at } if at.path == "file")));
}

#[test]
fn appending_to_a_stub_keeps_what_was_in_it() {
    let Some(world) = World::new() else { return };
    let content = bytes(70_001, 2);
    world.stub("file", &content, 0);
    OpenOptions::new().append(true).open(world.at("file")).unwrap().write_all(b"more").unwrap();
    assert!(fs::read(world.at("file")).unwrap() == [content.as_slice(), b"more"].concat());
}

#[test]
fn a_premigrated_file_is_written_to_when_it_is_and_not_when_it_is_opened() {
    for world in [World::new(), World::plain()] {
        let Some(world) = world else { return };
        world.premigrated("file", &bytes(70_000, 3));
        let file = open(&world, "file");
        assert!(matches!(world.look("file").state, State::Premigrated(_)));
        file.write_all_at(b"x", 5).unwrap();
        assert!(is_resident(&world, "file"));
        assert_eq!((world.told.stale(), world.recalls.calls()), (1, 0));
    }
}

#[test]
fn a_premigrated_file_that_the_kernel_reads_itself_is_taken_for_written_when_it_is_opened_for_that() {
    let Some(world) = World::new() else { return };
    world.premigrated("file", &bytes(70_000, 4));
    let reader = File::open(world.at("file")).unwrap();
    let writer = open(&world, "file");
    writer.write_all_at(b"x", 5).unwrap();
    assert!(is_resident(&world, "file") && world.told.stale() == 1);
    let mut read = [0];
    reader.read_exact_at(&mut read, 5).unwrap();
    assert_eq!(&read, b"x");
}

#[test]
fn a_file_whose_stale_copies_cannot_be_recorded_is_not_written_to() {
    let Some(world) = World::new() else { return };
    let content = bytes(70_000, 5);
    world.stub("file", &content, 0);
    world.told.fails.store(true, SeqCst);
    let file = open(&world, "file");
    assert_eq!(number(file.write_all_at(b"x", 5)), Some(5));
    assert_eq!(number(file.set_len(10)), Some(5));
    assert_eq!(number(file.set_len(0)), Some(5));
    drop(file);
    world.told.fails.store(false, SeqCst);
    assert!(fs::read(world.at("file")).unwrap() == content);
    assert!(world.look("file").record().is_some());
}

#[test]
fn a_stub_that_is_emptied_is_not_recalled() {
    let Some(world) = World::new() else { return };
    for (number, empty) in [
        |world: &World, name: &str| fs::write(world.at(name), b"new").unwrap(),
        |world: &World, name: &str| {
            let mut file = open(world, name);
            file.set_len(0).unwrap();
            file.seek(SeekFrom::Start(0)).unwrap();
            file.write_all(b"new").unwrap();
        },
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("file-{number}");
        world.stub(&name, &bytes(PIECES + 5, 6), 0);
        empty(&world, &name);
        assert_eq!(fs::read(world.at(&name)).unwrap(), b"new");
        assert_eq!((world.recalls.calls(), world.told.stale()), (0, number + 1));
        assert!(is_resident(&world, &name));
    }
}

#[test]
fn a_file_that_is_emptied_while_it_is_recalled_is_empty() {
    let Some(world) = World::new() else { return };
    world.stub("file", &bytes(3 * PIECES, 7), 0);
    world.recalls.set(Manner::Pieces(1));
    let file = open(&world, "file");
    file.read_exact_at(&mut [0; 10], 0).unwrap();
    let path = world.at("file");
    let waits = std::thread::spawn(move || {
        let file = File::open(path).unwrap();
        let mut room = vec![1; 10];
        file.read_at(&mut room, 2 * PIECES as u64).map(|read| room[..read].to_vec())
    });
    std::thread::sleep(std::time::Duration::from_millis(100));
    file.set_len(0).unwrap();
    assert_eq!(fs::read(world.at("file")).unwrap(), b"");
    assert!(waits.join().unwrap().is_ok_and(|read| read.is_empty()), "the end of the file, and no zeros");
    file.write_all_at(b"new", 0).unwrap();
    assert_eq!(fs::read(world.at("file")).unwrap(), b"new");
}

#[test]
fn a_stub_that_is_cut_or_grown_is_recalled_first() {
    let Some(world) = World::new() else { return };
    let content = bytes(100_000, 8);
    for size in [40_000, 100_000, 150_000] {
        world.stub("file", &content, 0);
        open(&world, "file").set_len(size).unwrap();
        let mut wanted = content.clone();
        wanted.resize(size as usize, 0);
        assert!(fs::read(world.at("file")).unwrap() == wanted, "{size}");
        fs::remove_file(world.at("file")).unwrap();
    }
    assert_eq!(world.recalls.calls(), 3);
}

#[test]
fn a_hole_that_is_punched_into_a_stub_leaves_the_rest() {
    let Some(world) = World::new() else { return };
    let mut content = bytes(100_000, 9);
    world.stub("file", &content, 0);
    let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(open(&world, "file"), flags, 8192, 8192).unwrap();
    content[8192..16384].fill(0);
    assert!(fs::read(world.at("file")).unwrap() == content);
    assert_eq!(world.told.stale(), 1);
}

#[test]
fn writing_to_a_stub_that_cannot_be_recalled_fails_and_leaves_it() {
    let Some(world) = World::new() else { return };
    let content = bytes(100_000, 10);
    world.stub("file", &content, 0);
    world.recalls.set(Manner::Wrong);
    assert_eq!(number(open(&world, "file").write_all_at(b"x", 0)), Some(5));
    assert!(matches!(world.look("file").state, State::Migrated(_)));
    assert_eq!(world.told.stale(), 0);
    world.recalls.set(Manner::AtOnce);
    assert!(fs::read(world.at("file")).unwrap() == content);
}

#[test]
fn many_write_to_one_stub_and_nothing_is_lost() {
    let Some(world) = World::new() else { return };
    let mut content = bytes(2_000_000, 11);
    world.stub("file", &content, 0);
    std::thread::scope(|scope| {
        for writer in 0..20_usize {
            let world = &world;
            scope.spawn(move || open(world, "file").write_all_at(&[writer as u8; 1000], writer as u64 * 100_000).unwrap());
        }
    });
    for writer in 0..20 {
        content[writer * 100_000..writer * 100_000 + 1000].fill(writer as u8);
    }
    assert!(fs::read(world.at("file")).unwrap() == content);
    assert_eq!((world.recalls.calls(), world.told.stale()), (1, 1));
}

#[test]
fn a_file_that_was_written_and_synced_is_migrated_and_recalled_as_it_was_written() {
    let Some(world) = World::new() else { return };
    let first = bytes(200_000, 12);
    let file = File::create(world.at("file")).unwrap();
    file.write_all_at(&first, 0).unwrap();
    file.sync_all().unwrap();
    assert!(world.migrate("file", 0).is_err(), "it is open");
    drop(file);
    super::patiently(|| world.migrate("file", 0)).unwrap();
    assert!(fs::read(world.at("file")).unwrap() == first);
    open(&world, "file").write_all_at(b"second", 0).unwrap();
    super::patiently(|| world.migrate("file", 0)).unwrap();
    assert!(fs::read(world.at("file")).unwrap() == [b"second".as_slice(), &first[6..]].concat());
}
