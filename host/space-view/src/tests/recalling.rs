//! Reads bring back what they want, and nobody gets what was not proved.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use capstan_domain::failure::Kind;
use capstan_stub::State;

use super::bringing::Manner;
use super::{PIECES, World, bytes, number, until};
use crate::Settings;

/// Of `open(2)` on Linux.
const O_DIRECT: i32 = 0o40000;
const EIO: i32 = 5;
const EAGAIN: i32 = 11;
const ETIMEDOUT: i32 = 110;

fn read_at(file: &File, offset: usize, length: usize) -> Vec<u8> {
    let mut read = vec![0; length];
    file.read_exact_at(&mut read, offset as u64).unwrap();
    read
}

/// Lets those go that wait, also when a test fails.
struct Ending<'w>(&'w World, &'w AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.1.store(true, SeqCst);
        self.0.recalls.set(Manner::AtOnce);
    }
}

#[test]
fn a_file_that_was_read_is_premigrated_again() {
    let Some(world) = World::new() else { return };
    let content = bytes(PIECES + 100_000, 1);
    world.stub("file", &content, 0);
    assert!(fs::read(world.at("file")).unwrap() == content);
    until("it is whole", || matches!(world.look("file").state, State::Premigrated(_)));
    assert!(fs::read(world.at("file")).unwrap() == content);
    assert!(fs::read(world.raw("file")).unwrap() == content);
    assert_eq!(world.recalls.calls(), 1);
    let (path, reader) = world.recalls.readers.lock().unwrap()[0].clone();
    assert_eq!((path.as_str(), reader.user), ("file", 0));
}

#[test]
fn the_pieces_that_a_read_touches_come_first_and_are_read_before_the_others_are_there() {
    let Some(world) = World::new() else { return };
    let content = bytes(4 * PIECES, 2);
    world.stub("file", &content, 0);
    world.recalls.set(Manner::Pieces(1));
    let file = File::open(world.at("file")).unwrap();
    let at = 2 * PIECES + 1000;
    assert!(read_at(&file, at, 5000) == content[at..at + 5000]);
    assert_eq!(*world.recalls.brought.lock().unwrap(), [2]);
    world.recalls.set(Manner::AtOnce);
    assert!(read_at(&file, 10, 5000) == content[10..5010]);
    let brought = world.recalls.brought.lock().unwrap().clone();
    assert!(brought.starts_with(&[2, 3]) || brought.starts_with(&[2, 0]), "what is wanted, what follows, the rest: {brought:?}");
    assert_eq!(world.recalls.calls(), 1);
}

#[test]
fn pieces_that_come_out_of_order_are_read_in_order() {
    let Some(world) = World::new() else { return };
    let content = bytes(3 * PIECES + 77, 3);
    world.stub("file", &content, 0);
    world.recalls.set(Manner::Backwards);
    assert!(fs::read(world.at("file")).unwrap() == content);
}

#[test]
fn many_readers_share_one_recall() {
    let Some(world) = World::new() else { return };
    let content = bytes(2 * PIECES, 4);
    world.stub("file", &content, 0);
    world.recalls.set(Manner::Slowly(Duration::from_millis(100)));
    std::thread::scope(|scope| {
        for reader in 0..40 {
            let (world, content) = (&world, &content);
            scope.spawn(move || {
                let file = File::open(world.at("file")).unwrap();
                let at = reader * 800_000;
                assert!(read_at(&file, at, 10_000) == content[at..at + 10_000]);
            });
        }
    });
    assert_eq!(world.recalls.calls(), 1);
}

#[test]
fn wrong_bytes_are_an_error_and_the_stub_stays() {
    let Some(world) = World::new() else { return };
    let content = bytes(200_000, 5);
    world.stub("file", &content, 0);
    world.recalls.set(Manner::Wrong);
    assert_eq!(number(fs::read(world.at("file"))), Some(EIO));
    assert!(matches!(world.look("file").state, State::Migrated(_)));
    world.recalls.set(Manner::AtOnce);
    assert!(fs::read(world.at("file")).unwrap() == content, "opened anew it is recalled anew");
}

#[test]
fn a_recall_that_the_host_refuses_is_an_error_of_its_kind() {
    let Some(world) = World::new() else { return };
    world.stub("file", &bytes(200_000, 6), 0);
    for (kind, wanted) in [(Kind::NotFound, EIO), (Kind::Busy, EAGAIN), (Kind::TimedOut, ETIMEDOUT), (Kind::NoSpace, 28)] {
        world.recalls.set(Manner::Fails(kind));
        assert_eq!(number(fs::read(world.at("file"))), Some(wanted), "{kind}");
    }
}

#[test]
fn a_read_that_waits_too_long_is_told_so_and_the_recall_goes_on() {
    let settings = Settings { recall_wait: Duration::from_millis(500), ..Settings::default() };
    let Some(world) = World::with(settings) else { return };
    let content = bytes(100_000, 7);
    world.stub("file", &content, 0);
    for manner in [Manner::Hangs, Manner::Pieces(0)] {
        world.recalls.set(manner);
        let since = Instant::now();
        assert_eq!(number(fs::read(world.at("file"))), Some(ETIMEDOUT), "{manner:?}");
        assert!(since.elapsed() < Duration::from_secs(2), "once, not twice: {:?}", since.elapsed());
    }
    let file = File::open(world.at("file")).unwrap();
    world.recalls.set(Manner::AtOnce);
    until("it goes on", || {
        let mut read = vec![0; content.len()];
        file.read_exact_at(&mut read, 0).is_ok_and(|()| read == content)
    });
}

#[test]
fn others_are_answered_at_once_while_a_thousand_reads_wait_and_one_too_many_is_refused() {
    const WAITING: usize = 1000;
    let settings = Settings { most_waiting: WAITING, ..Settings::default() };
    let Some(world) = World::with(settings) else { return };
    for stub in 0..10 {
        world.stub(&format!("stub-{stub}"), &bytes(2 * PIECES, 8), 0);
    }
    world.stub("late", &bytes(5000, 9), 0);
    fs::write(world.raw("resident"), b"here").unwrap();
    world.recalls.set(Manner::Pieces(0));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ending = Ending(&world, &over);
        for reader in 0..WAITING {
            let (world, over) = (&world, &over);
            let read = move || {
                // Past the page cache, or those that want the same page are one question.
                let mut how = OpenOptions::new();
                let file = how.read(true).custom_flags(O_DIRECT).open(world.at(&format!("stub-{}", reader % 10))).unwrap();
                let answer = number(file.read_exact_at(&mut [0; 4096], (reader as u64 + 1) * 8192));
                assert!(answer.is_none() || over.load(SeqCst), "{answer:?}");
            };
            std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, read).unwrap();
        }
        let inner = world.mounted.as_ref().unwrap().inner.clone();
        until("all wait", || inner.waiting.available_permits() == 0);
        let since = Instant::now();
        for round in 0..50 {
            assert_eq!(fs::read(world.at("resident")).unwrap(), b"here");
            assert_eq!(fs::metadata(world.at(&format!("stub-{}", round % 10))).unwrap().len(), 2 * PIECES as u64);
            assert_eq!(fs::read_dir(&world.view).unwrap().count(), 12);
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
        assert_eq!(number(fs::read(world.at("late"))), Some(EAGAIN));
        drop(ending);
    });
    assert_eq!(world.recalls.calls(), 10);
}

#[test]
fn a_file_is_renamed_and_removed_while_it_is_recalled_and_read_on() {
    let Some(world) = World::new() else { return };
    let content = bytes(3 * PIECES, 10);
    world.stub("file", &content, 0);
    world.recalls.set(Manner::Pieces(1));
    let file = File::open(world.at("file")).unwrap();
    assert!(read_at(&file, 0, 100) == content[..100]);
    fs::rename(world.at("file"), world.at("other")).unwrap();
    fs::create_dir(world.at("folder")).unwrap();
    fs::rename(world.at("other"), world.at("folder/file")).unwrap();
    fs::remove_file(world.at("folder/file")).unwrap();
    assert_eq!(number(fs::metadata(world.at("folder/file"))), Some(2));
    fs::remove_dir(world.at("folder")).unwrap();
    world.recalls.set(Manner::AtOnce);
    let at = 3 * PIECES - 5000;
    assert!(read_at(&file, at, 5000) == content[at..]);
}

#[test]
fn a_stub_that_was_removed_is_recalled_by_whoever_has_it_open() {
    let Some(world) = World::new() else { return };
    let content = bytes(90_000, 11);
    world.stub("file", &content, 0);
    let file = File::open(world.at("file")).unwrap();
    fs::remove_file(world.at("file")).unwrap();
    assert!(read_at(&file, 0, content.len()) == content);
}

#[test]
fn unmounting_ends_the_waiting_of_those_that_read() {
    let Some(mut world) = World::new() else { return };
    world.stub("file", &bytes(100_000, 12), 0);
    world.recalls.set(Manner::Hangs);
    let path = world.at("file");
    let reading = std::thread::spawn(move || fs::read(path));
    until("it waits", || world.recalls.calls() == 1);
    let since = Instant::now();
    world.unmount();
    assert!(reading.join().unwrap().is_err());
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert_eq!(fs::read_dir(&world.view).unwrap().count(), 0, "the bare directory");
}

#[test]
fn what_is_being_migrated_is_opened_and_read_in_time() {
    let Some(world) = World::new() else { return };
    let content = bytes(300_000, 13);
    let names: Vec<String> = (0..20).map(|number| format!("file-{number}")).collect();
    for name in &names {
        fs::write(world.raw(name), &content).unwrap();
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ending = Ending(&world, &over);
        scope.spawn(|| {
            while !over.load(SeqCst) {
                for name in &names {
                    // Whatever comes of it.
                    let _ = world.migrate(name, 0);
                }
            }
        });
        // Until one was caught as a stub, too.
        for round in (0..5000).take_while(|round| *round < 60 || world.recalls.calls() == 0) {
            assert!(fs::read(world.at(&names[round % 20])).unwrap() == content, "round {round}");
        }
    });
    assert!(world.recalls.calls() > 0);
}
