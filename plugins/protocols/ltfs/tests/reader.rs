//! What is written is read by who knows the published format alone: `tests/clients/ltfs/ltfs_reader.py`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

mod tape;

use std::path::Path;
use std::process::Command;

use capstan_ltfs::{Commit, NewFile, Packer, Partition, Time, Times};
use tape::{BLOCK, Object, Tape, formatted};

const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/clients/ltfs/ltfs_reader.py");

/// The tape as the images that the reader takes.
fn save(tape: &Tape, directory: &Path) {
    for (number, objects) in tape.partitions.iter().enumerate() {
        let (mut data, mut index) = (Vec::new(), Vec::new());
        for object in objects {
            let record = match object {
                Object::Block(block) => {
                    data.extend_from_slice(block);
                    block.len() as u64
                }
                Object::Filemark | Object::Damaged => 1 << 63,
            };
            index.extend_from_slice(&record.to_le_bytes());
        }
        std::fs::write(directory.join(format!("{number}.data")), data).unwrap();
        std::fs::write(directory.join(format!("{number}.index")), index).unwrap();
    }
}

fn read(tape: &Tape, what: &[&str]) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    save(tape, directory.path());
    let output = Command::new("python3").arg(READER).arg(directory.path()).args(what).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), text + &String::from_utf8(output.stderr).unwrap())
}

fn volume() -> Tape {
    let (mut tape, mut index, mut volume) = formatted();
    let time = Time::new(1_700_000_000, 7);
    for round in 0..3_u8 {
        let end = tape.partitions[1].len();
        tape.locate(1, end);
        let mut packer = Packer::new(Partition::B, BLOCK, end as u64);
        index.make_directories(&format!("round {round}/sub"), time).unwrap();
        for number in 0..20_u8 {
            packer.begin();
            let content = vec![number; usize::from(number) * 700];
            packer.hole(u64::from(number % 3));
            let mut rest = content.as_slice();
            while let Some(block) = packer.push(&mut rest) {
                tape.write(Object::Block(block));
            }
            packer.hole(u64::from(number % 5));
            let (length, extents) = packer.finish();
            let whole = [vec![0; usize::from(number % 3)], content, vec![0; usize::from(number % 5)]].concat();
            let digest = <sha2::Sha256 as sha2::Digest>::digest(&whole);
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let attributes = vec![("ltfs.hash.sha256sum".to_owned(), digest.into_bytes()), ("odd".to_owned(), vec![0xff, 0])];
            let file = NewFile { length, extents, times: Times::all(time), attributes };
            index.put_file(&format!("round {round}/sub/a: {number} & <b>\n日"), file, time).unwrap();
        }
        if let Some(block) = packer.flush() {
            tape.write(Object::Block(block));
        }
        index.put_link("link", "round 0/sub", time).unwrap();
        index.next_generation("Capstan - test", time);
        let commit = Commit::append(&volume, &index, tape.partitions[1].len() as u64, round == 2).unwrap();
        tape.run(&commit.steps, &index, BLOCK);
        volume = commit.volume;
    }
    tape
}

#[test]
fn an_independent_reader_finds_every_file_and_every_generation() {
    let (is_sound, report) = read(&volume(), &["check"]);
    assert!(is_sound, "{report}");
    assert_eq!(report.matches("\"kind\": \"file\"").count(), 60);
    assert_eq!(report.matches("\"hash_checked\": [\n    \"ltfs.hash.sha256sum\"").count(), 60);
    assert_eq!(report.matches("\"generation\": ").count(), 6, "{report}");
    let out = tempfile::tempdir().unwrap();
    assert!(read(&volume(), &["extract", out.path().to_str().unwrap()]).0);
    let path = out.path().join("round 1/sub/a: 4 & <b>\n日");
    assert_eq!(std::fs::read(path).unwrap(), [&[0][..], &[4; 2800], &[0; 4]].concat());
    assert_eq!(std::fs::read_link(out.path().join("link")).unwrap(), Path::new("round 0/sub"));
}

#[test]
fn the_reader_sees_what_is_wrong() {
    let mut wrong = volume();
    if let Object::Block(block) = &mut wrong.partitions[1][8] {
        block[17] ^= 1;
    }
    let (is_sound, report) = read(&wrong, &["check"]);
    assert!(!is_sound && report.contains("ltfs.hash.sha256sum is"), "{report}");
    let mut old = volume();
    old.partitions[1].pop();
    let (is_sound, report) = read(&old, &["list"]);
    assert!(!is_sound && report.contains("does not end with a filemark"), "{report}");
}
