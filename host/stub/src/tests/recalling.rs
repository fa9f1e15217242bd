//! From a stub back to data: nothing unproved is read, and what fails leaves a stub.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use capstan_domain::failure::Kind;
use rustix::io::Errno;

use super::mounted::Mounted;
use super::{World, bring, bring_all, bytes, code, content_of, values};
use crate::steps::{self, Step};
use crate::{Access, Existing, Filling, ForWriting, NewStub, PIECE, Repaired, State};

const PIECES: usize = PIECE as usize;

fn read(filling: &Filling, offset: usize, length: usize) -> Option<Vec<u8>> {
    let mut room = vec![0; length];
    let read = filling.read_at(offset as u64, &mut room).unwrap()?;
    room.truncate(read);
    Some(room)
}

fn is_stub(world: &World, name: &str) -> bool {
    let look = world.tree.look(name).unwrap();
    matches!(look.state, State::Migrated(_)) && !look.unfinished && look.allocated <= 8192
}

#[test]
fn pieces_come_in_any_order_and_are_read_as_soon_as_they_are_proved() {
    let world = World::new();
    let content = bytes(2 * PIECES + 12_345, 1);
    world.stub("file", &content, 0);
    let filling = world.tree.recall("file", &[]).unwrap();
    assert!(matches!(world.tree.look("file").unwrap().state, State::Recalling(_)));
    assert_eq!((filling.pieces(), filling.missing(0)), (3, Some(0)));
    bring(&filling, 2, &content).unwrap();
    let end = 2 * PIECES;
    assert_eq!(read(&filling, end + 10, 20_000), Some(content[end + 10..].to_vec()));
    assert_eq!(read(&filling, end - 1, 10), None);
    assert_eq!(read(&filling, content.len(), 10), Some(Vec::new()));
    assert!(filling.is_present(PIECE * 2, u64::MAX) && !filling.is_present(PIECE, PIECE));
    assert_eq!(code(filling.finish()), "incomplete");
    let mut piece = filling.piece(1).unwrap().unwrap();
    piece.write(&content[PIECES..PIECES + 5_000]).unwrap();
    assert_eq!(read(&filling, PIECES, 10), None, "it is not proved yet");
    assert_eq!(code(filling.piece(1).map(drop)), "file-in-use");
    assert_eq!(filling.missing(0), Some(0));
    piece.write(&content[PIECES + 5_000..end]).unwrap();
    piece.finish().unwrap();
    assert_eq!(read(&filling, end - 5, 10), Some(content[end - 5..end + 5].to_vec()), "across pieces");
    bring(&filling, 0, &content).unwrap();
    assert!(filling.piece(0).unwrap().is_none() && filling.missing(0).is_none());
    filling.finish().unwrap();
    assert_eq!(read(&filling, 7, 100), Some(content[7..107].to_vec()), "also when it is whole");
    assert!(world.read("file") == content);
    assert_eq!(code(world.tree.recall("file", &[]).map(drop)), "not-a-stub");
}

#[test]
fn a_piece_that_is_not_what_was_stored_is_released_to_nobody() {
    let world = World::new();
    let content = bytes(PIECES + 500_000, 2);
    world.stub("file", &content, 0);
    let filling = world.tree.recall("file", &[]).unwrap();
    let mut wrong = content.clone();
    wrong[PIECES + 400_000] ^= 1;
    let failure = bring(&filling, 1, &wrong).unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Corrupt, Some("copy-differs")));
    assert_eq!(read(&filling, PIECES, 10), None);
    let mut short = filling.piece(1).unwrap().unwrap();
    short.write(&content[PIECES..PIECES + 400_000]).unwrap();
    assert_eq!(code(short.finish()), "copy-differs");
    let mut long = filling.piece(1).unwrap().unwrap();
    assert_eq!(code(long.write(&content[PIECES - 1..])), "copy-differs");
    drop(long);
    assert!(world.allocated("file") <= 8192, "what was wrong is freed");
    bring_all(&filling, &content).unwrap();
    assert!(world.read("file") == content);
}

#[test]
fn without_the_values_of_blocks_nothing_is_read_before_all_is_proved() {
    let world = World::new();
    let content = bytes(PIECES + 100_000, 3);
    let mut known = content_of(&content);
    known.blocks.clear();
    let new = NewStub { content: &known, mode: 0o600, owner: None };
    for wrong in [true, false] {
        if wrong {
            world.tree.reverse_stub("file", &new, Existing::Keep).unwrap();
        }
        let filling = world.tree.recall("file", &[]).unwrap();
        let mut brought = content.clone();
        brought[9] ^= u8::from(wrong);
        (0..2).for_each(|number| bring(&filling, number, &brought).unwrap());
        assert_eq!(read(&filling, 0, 10), None);
        if wrong {
            assert_eq!(code(filling.finish()), "copy-differs");
            assert!(is_stub(&world, "file"));
            assert_eq!(code(filling.read_at(0, &mut [0; 10])), "recall-given-up");
        } else {
            filling.finish().unwrap();
            assert!(world.read("file") == content);
        }
    }
    assert_eq!(code(world.tree.recall("file", &[]).map(drop)), "not-a-stub");
}

#[test]
fn a_file_without_a_name_is_recalled_by_its_handle() {
    let world = World::new();
    let content = bytes(70_000, 12);
    world.stub("file", &content, 0);
    let file = world.tree.file("file", Access::Write).unwrap();
    let reader = std::fs::File::open(world.path("file")).unwrap();
    std::fs::remove_file(world.path("file")).unwrap();
    bring_all(&file.recall(&[]).unwrap(), &content).unwrap();
    let mut read = Vec::new();
    std::io::Read::read_to_end(&mut &reader, &mut read).unwrap();
    assert!(read == content);
    assert!(file.look().unwrap().is_data());
}

#[test]
fn values_that_are_not_of_the_content_are_refused() {
    let world = World::new();
    let content = bytes(PIECES + 1, 4);
    world.stub("file", &content, 0);
    let (_, mut blocks) = values(&content);
    blocks[1][0] ^= 1;
    assert_eq!(code(world.tree.recall("file", &blocks).map(drop)), "wrong-block-values");
    assert!(is_stub(&world, "file"));
}

#[test]
fn holes_of_the_content_are_holes_again() {
    let world = World::new();
    let mut content = vec![0; 8 << 20];
    content[..100_000].copy_from_slice(&bytes(100_000, 5));
    content[5 << 20..(5 << 20) + 100_000].copy_from_slice(&bytes(100_000, 6));
    world.stub("file", &content, 0);
    world.filled("file", &content);
    assert!(world.read("file") == content);
    assert!(world.allocated("file") < 1 << 20, "{} bytes of disk", world.allocated("file"));
}

#[test]
fn what_is_dropped_or_given_up_is_a_stub_again() {
    let world = World::new();
    let content = bytes(PIECES + 1_000_000, 7);
    world.stub("file", &content, 0);
    let filling = world.tree.recall("file", &[]).unwrap();
    bring(&filling, 1, &content).unwrap();
    drop(filling);
    assert!(is_stub(&world, "file"));
    let filling = world.tree.recall("file", &[]).unwrap();
    let mut piece = filling.piece(0).unwrap().unwrap();
    piece.write(&content[..1000]).unwrap();
    filling.abandon().unwrap();
    assert!(is_stub(&world, "file"));
    // The file is another's to fill now.
    let second = world.tree.recall("file", &[]).unwrap();
    bring(&second, 0, &content).unwrap();
    assert_eq!(code(piece.write(&content[1000..2000])), "recall-given-up");
    drop(piece);
    assert_eq!(code(filling.piece(0).map(drop)), "recall-given-up");
    assert_eq!(code(filling.finish()), "recall-given-up");
    drop(filling);
    bring_all(&second, &content).unwrap();
    assert!(world.read("file") == content);
}

#[test]
fn a_failed_sync_leaves_a_stub() {
    let world = World::new();
    let content = bytes(1_000_000, 8);
    world.stub("file", &content, 0);
    for last in [Step::ContentSynced, Step::PremigratedWritten, Step::PremigratedSynced] {
        let filling = world.tree.recall("file", &[]).unwrap();
        let fail = move |step: Step| if step == last { Err(Errno::IO) } else { Ok(()) };
        let failed = steps::with(fail, || bring_all(&filling, &content));
        assert_eq!(failed.unwrap_err().kind, Kind::Corrupt, "{last:?}");
        assert!(is_stub(&world, "file"), "{last:?}");
        assert_eq!(code(filling.finish()), "recall-given-up", "it is not tried again as if nothing had been");
    }
    world.filled("file", &content);
    assert!(world.read("file") == content);
}

#[test]
fn a_full_disk_leaves_a_stub() {
    let directory = tempfile::tempdir().unwrap();
    let small = directory.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let Some(_mounted) = Mounted::over(&small, &["-t", "tmpfs", "-o", "size=2m", "tmpfs"]) else { return };
    let world = World::at(&small.join("space"));
    let content = bytes(8 << 20, 9);
    let new = NewStub { content: &content_of(&content), mode: 0o600, owner: None };
    world.tree.reverse_stub("file", &new, Existing::Keep).unwrap();
    let filling = world.tree.recall("file", &[]).unwrap();
    let failure = bring(&filling, 0, &content).unwrap_err();
    assert_eq!(failure.kind, Kind::NoSpace);
    assert!(failure.next_step.is_some());
    drop(filling);
    assert!(is_stub(&world, "file"));
}

#[test]
fn many_bring_and_many_read_at_a_time() {
    let world = World::new();
    let content = bytes(4 * PIECES, 10);
    world.stub("file", &content, 0);
    let filling = world.tree.recall("file", &[]).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let bringers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(number) = filling.missing(0) {
                        let brought = bring(&filling, number, &content);
                        assert!(brought.is_ok() || code(brought) == "file-in-use");
                    }
                })
            })
            .collect();
        for reader in 0..3 {
            let (filling, content, over) = (&filling, &content, &over);
            scope.spawn(move || {
                let mut at = reader * 1_000_003;
                while !over.load(SeqCst) {
                    at = (at + 7_654_321) % content.len();
                    if let Some(read) = read(filling, at, 100_000) {
                        assert!(read == content[at..at + read.len()]);
                    }
                }
            });
        }
        bringers.into_iter().for_each(|bringer| bringer.join().unwrap());
        // The last may still have been on their way when the others found nothing missing.
        filling.finish().unwrap();
        over.store(true, SeqCst);
    });
    assert!(world.read("file") == content);
}

/// What the other process runs.
#[test]
#[ignore = "is started by another, to be killed"]
fn other_process() {
    let Some(directory) = std::env::var_os("CAPSTAN_STUB_OTHER") else { return };
    let world = World::at(Path::new(&directory));
    let filling = world.tree.recall("file", &[]).unwrap();
    bring(&filling, 0, &bytes(PIECES + 1_000, 11)).unwrap();
    writeln!(std::io::stderr(), "there").unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_file_that_another_process_recalls_is_left_alone_until_that_dies() {
    let world = World::new();
    let content = bytes(PIECES + 1_000, 11);
    world.stub("file", &content, 0);
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::recalling::other_process", "--ignored", "--nocapture"])
        .env("CAPSTAN_STUB_OTHER", &world.directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(other.stderr.take().unwrap()).lines().map_while(Result::ok).any(|line| line == "there");
    assert!(told);
    assert!(matches!(world.tree.look("file").unwrap().state, State::Recalling(_)));
    assert_eq!(code(world.tree.recall("file", &[]).map(drop)), "file-in-use");
    assert_eq!(code(world.tree.repair("file")), "file-in-use");
    assert_eq!(world.tree.file("file", Access::Write).unwrap().invalidate(), Ok(ForWriting::RecallFirst));
    assert_eq!(code(world.tree.file("file", Access::Write).unwrap().empty()), "file-in-use");
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(world.tree.repair("file"), Ok(Repaired::StubAgain));
    assert!(is_stub(&world, "file"));
    world.filled("file", &content);
    assert!(world.read("file") == content);
}
