//! Volumes that were not unmounted, are damaged, or are no volumes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "everything here is a test")]

mod tape;

use capstan_ltfs::{Commit, HASH, Index, NewFile, Packer, Partition, Run, Time, Times, Unmountable, Volume, runs};
use tape::{BLOCK, Object, Tape, format, formatted};

/// Files are written behind the last block of the data partition.
fn write(tape: &mut Tape, index: &mut Index, names: &[&str], bytes: usize) {
    let end = tape.partitions[1].len();
    tape.locate(1, end);
    let mut packer = Packer::new(Partition::B, BLOCK, end as u64);
    for name in names {
        packer.begin();
        let content = name.as_bytes().repeat(bytes);
        let mut rest = content.as_slice();
        while let Some(block) = packer.push(&mut rest) {
            tape.write(Object::Block(block));
        }
        let (length, extents) = packer.finish();
        let attributes = vec![(HASH.to_owned(), name.as_bytes().to_vec())];
        let file = NewFile { length, extents, times: Times::all(Time::EPOCH), attributes };
        index.put_file(name, file, Time::EPOCH).unwrap();
    }
    if let Some(block) = packer.flush() {
        tape.write(Object::Block(block));
    }
}

fn commit(tape: &mut Tape, index: &mut Index, volume: &mut Volume, both: bool) -> Commit {
    index.next_generation("Capstan - test", Time::EPOCH);
    let commit = Commit::append(volume, index, tape.partitions[1].len() as u64, both).unwrap();
    tape.run(&commit.steps, index, BLOCK);
    *volume = commit.volume;
    commit
}

fn content(tape: &Tape, index: &Index, path: &str) -> Vec<u8> {
    let file = index.lookup(path).unwrap().file().unwrap();
    let mut out = Vec::new();
    for run in runs(file.extents(), file.length, 0, u64::MAX, BLOCK) {
        let Run::Data { block, skip, bytes, .. } = run else { panic!("a hole") };
        let blocks = tape.partitions[1][usize::try_from(block).unwrap()..].iter();
        let flat = blocks.flat_map(|object| match object {
            Object::Block(block) => block.clone(),
            _ => Vec::new(),
        });
        out.extend(flat.skip(skip as usize).take(usize::try_from(bytes).unwrap()));
    }
    out
}

/// What a plugin does with a volume that is not consistent; answers the index.
fn repaired(tape: &mut Tape) -> Index {
    let mut mounted = tape.mount().unwrap();
    assert!(!mounted.read_only);
    let steps = if mounted.decision.append_to_data {
        mounted.index.next_generation("Capstan - test", Time::EPOCH);
        Commit::append(&mounted.volume, &mounted.index, mounted.data_end.unwrap(), true).unwrap().steps
    } else if mounted.decision.copy_to_index {
        Commit::copy(&mounted.volume, &mounted.index).unwrap().steps
    } else {
        Vec::new()
    };
    tape.run(&steps, &mounted.index, BLOCK);
    // Now it is, also for who does not believe the memory.
    for coherency in [tape.coherency.clone(), [None, None]] {
        tape.coherency = coherency;
        let again = tape.mount().unwrap();
        assert!(again.decision.is_consistent() && again.lost_generation.is_none());
        assert_eq!(again.index.generation, mounted.index.generation);
        assert_eq!(again.index.walk().count(), mounted.index.walk().count());
    }
    mounted.index
}

#[test]
fn a_fresh_volume_is_consistent_and_its_memory_saves_the_search() {
    let (mut tape, index, volume) = formatted();
    let mounted = tape.mount().unwrap();
    assert_eq!((mounted.volume, mounted.volume_label.identifier.as_str()), (volume, "TST001"));
    assert_eq!((mounted.index.generation, mounted.index.volume, mounted.data_end), (1, index.volume, None));
    assert!(mounted.decision.is_consistent() && !mounted.read_only && mounted.lost_generation.is_none());
    let quick = std::mem::take(&mut tape.reads);
    tape.coherency = [None, None];
    let mounted = tape.mount().unwrap();
    assert_eq!((mounted.volume, mounted.data_end), (volume, Some(7)));
    assert!(mounted.decision.is_consistent() && tape.reads > quick + 6);
}

#[test]
fn files_are_there_after_a_commit_and_the_index_partition_may_wait() {
    let (mut tape, mut index, mut volume) = formatted();
    write(&mut tape, &mut index, &["a", "b"], 3000);
    commit(&mut tape, &mut index, &mut volume, false);
    write(&mut tape, &mut index, &["c"], 20_000);
    commit(&mut tape, &mut index, &mut volume, false);
    let mounted = tape.mount().unwrap();
    assert_eq!((mounted.index.generation, mounted.decision.append_to_data, mounted.decision.copy_to_index), (3, false, true));
    assert_eq!(mounted.volume.in_data, volume.in_data);
    let index = repaired(&mut tape);
    for (name, bytes) in [("a", 3000), ("b", 3000), ("c", 20_000)] {
        assert_eq!(content(&tape, &index, name), name.as_bytes().repeat(bytes));
        assert_eq!(index.lookup(name).unwrap().hash(), Some(name));
    }
}

#[test]
fn power_that_goes_at_any_step_of_a_commit_costs_nothing_that_was_durable() {
    let (mut tape, mut index, mut volume) = formatted();
    write(&mut tape, &mut index, &["old"], 5000);
    commit(&mut tape, &mut index, &mut volume, true);
    let names: Vec<String> = (0..30).map(|number| format!("new {number}")).collect();
    write(&mut tape, &mut index, &names.iter().map(String::as_str).collect::<Vec<_>>(), 100);
    index.next_generation("Capstan - test", Time::EPOCH);
    let commit = Commit::append(&volume, &index, tape.partitions[1].len() as u64, true).unwrap();
    for done in 0..=commit.steps.len() {
        for blocks in 0..3 {
            let mut cut = tape.clone();
            cut.run(&commit.steps[..done], &index, BLOCK);
            if let Some(step) = commit.steps.get(done).filter(|_| blocks > 0) {
                cut.step(step, &index, BLOCK, Some(blocks));
            }
            let found = repaired(&mut cut);
            assert_eq!(content(&cut, &found, "old"), b"old".repeat(5000), "{done}");
            if done >= commit.durable_after {
                assert_eq!(content(&cut, &found, "new 29"), b"new 29".repeat(100), "{done}");
            }
        }
    }
}

#[test]
fn power_that_goes_at_any_step_of_a_format_leaves_nothing_or_an_empty_volume() {
    let format = format();
    let (index, steps) = (format.index(), format.steps());
    let mut volumes = 0;
    for done in 1..steps.len() {
        let mut tape = Tape::default();
        tape.run(&steps[..done], &index, BLOCK);
        match tape.mount() {
            Ok(mounted) => {
                assert_eq!(mounted.index.walk().count(), 0);
                volumes += 1;
            }
            Err(why) => assert!(matches!(why, Unmountable::Blank | Unmountable::Foreign | Unmountable::NoIndex), "{done} {why}"),
        }
    }
    assert!(volumes > 5);
}

#[test]
fn an_index_that_cannot_be_read_is_replaced_by_the_one_before_it() {
    let (mut tape, mut index, mut volume) = formatted();
    for name in ["a", "b", "c"] {
        write(&mut tape, &mut index, &[name], 100);
        commit(&mut tape, &mut index, &mut volume, name != "c");
    }
    let last = usize::try_from(volume.in_data.unwrap().block).unwrap();
    let mut damaged = tape.clone();
    damaged.partitions[1][last] = Object::Damaged;
    let mounted = damaged.mount().unwrap();
    // That of the index partition is of the generation before.
    assert_eq!((mounted.index.generation, mounted.lost_generation), (3, Some(4)));
    assert!(mounted.index.lookup("b").is_some() && mounted.index.lookup("c").is_none());
    assert!(mounted.decision.append_to_data && mounted.decision.copy_to_index);
    damaged.partitions[0][5] = Object::Damaged;
    let mounted = damaged.mount().unwrap();
    assert_eq!((mounted.index.generation, mounted.volume.in_data.unwrap().generation), (3, 3));
    repaired(&mut damaged);
    // Rubbish instead of blocks is no different.
    for rubbish in [&b"<ltfsindex version=\"2.4.0\"><a>"[..], &[0xff; 4096], b""] {
        let mut damaged = tape.clone();
        damaged.partitions[1][last] = Object::Block(rubbish.to_vec());
        damaged.coherency = [None, None];
        assert_eq!(damaged.mount().unwrap().index.generation, 3);
    }
}

#[test]
fn a_damaged_index_still_says_where_the_one_before_it_is() {
    let (mut tape, mut index, mut volume) = formatted();
    let names: Vec<String> = (0..50).map(|number| format!("file {number}")).collect();
    write(&mut tape, &mut index, &names.iter().map(String::as_str).collect::<Vec<_>>(), 10);
    commit(&mut tape, &mut index, &mut volume, false);
    let before = volume.in_data.unwrap();
    write(&mut tape, &mut index, &["last"], 10);
    commit(&mut tape, &mut index, &mut volume, false);
    let last = usize::try_from(volume.in_data.unwrap().block).unwrap();
    tape.partitions[1][last + 2] = Object::Damaged;
    // Nothing but the pointer leads over this.
    let closed =
        tape.partitions[1].iter().skip(usize::try_from(before.block).unwrap()).position(|object| *object == Object::Filemark);
    let between = usize::try_from(before.block).unwrap() + closed.unwrap() + 1..last - 1;
    tape.partitions[1][between].iter_mut().for_each(|object| *object = Object::Filemark);
    let mounted = tape.mount().unwrap();
    assert_eq!((mounted.index.generation, mounted.volume.in_data.map(|held| held.block)), (2, Some(before.block)));
    assert_eq!(mounted.lost_generation, Some(3));
}

#[test]
fn a_file_that_holds_an_index_is_not_taken_for_one() {
    let (mut tape, mut index, mut volume) = formatted();
    write(&mut tape, &mut index, &["a"], 10);
    commit(&mut tape, &mut index, &mut volume, true);
    let at = usize::try_from(volume.in_data.unwrap().block).unwrap();
    let copy = tape.partitions[1][at].clone();
    let end = tape.partitions[1].len();
    tape.locate(1, end);
    tape.write(copy);
    tape.write(Object::Filemark);
    let mounted = tape.mount().unwrap();
    assert!(mounted.decision.append_to_data && mounted.volume.in_data.unwrap().block == at as u64);
    assert_eq!(mounted.data_end, Some(end as u64 + 2));
    repaired(&mut tape);
}

#[test]
fn without_an_end_or_with_one_label_nothing_is_written() {
    let (mut tape, mut index, mut volume) = formatted();
    write(&mut tape, &mut index, &["a"], 10);
    commit(&mut tape, &mut index, &mut volume, true);
    tape.change_reference += 1;
    let mut lost = Tape { lost_end: [false, true], ..tape.clone() };
    let mounted = lost.mount().unwrap();
    assert!(mounted.read_only && mounted.index.lookup("a").is_some());
    tape.partitions[0][2] = Object::Damaged;
    let mounted = tape.mount().unwrap();
    assert!(mounted.read_only && mounted.index.lookup("a").is_some() && mounted.volume.layout == format().layout);
}

#[test]
fn what_is_no_volume_is_told_apart() {
    assert_eq!(Tape::default().mount().unwrap_err(), Unmountable::Blank);
    let mut tape = Tape::default();
    tape.write(Object::Block(b"tar".to_vec()));
    assert_eq!(tape.mount().unwrap_err(), Unmountable::Foreign);
    tape.partitions[0][0] = Object::Damaged;
    assert_eq!(tape.mount().unwrap_err(), Unmountable::Damaged);
    let (mut one, ..) = formatted();
    let mut other = format();
    other.volume = capstan_ltfs::Uuid([3; 16]);
    let mut second = Tape::default();
    second.run(&other.steps(), &other.index(), BLOCK);
    one.partitions[1] = second.partitions[1].clone();
    assert_eq!(one.mount().unwrap_err(), Unmountable::TwoVolumes);
    let (mut bare, ..) = formatted();
    bare.partitions.iter_mut().for_each(|objects| objects.truncate(4));
    assert_eq!(bare.mount().unwrap_err(), Unmountable::NoIndex);
}

#[test]
fn what_was_done_since_the_last_generation_is_not_written_as_that() {
    let (_, mut index, volume) = formatted();
    assert!(Commit::copy(&volume, &index).is_some());
    index.make_directory("a", Time::EPOCH).unwrap();
    assert_eq!((Commit::append(&volume, &index, 7, true), Commit::copy(&volume, &index)), (None, None));
    index.next_generation("Capstan - test", Time::EPOCH);
    assert!(Commit::append(&volume, &index, 7, true).is_some() && Commit::copy(&volume, &index).is_none());
}

#[test]
fn a_tape_with_anything_anywhere_ends_the_mount() {
    let (mut tape, mut index, mut volume) = formatted();
    for name in ["a", "b"] {
        write(&mut tape, &mut index, &[name], 9000);
        commit(&mut tape, &mut index, &mut volume, name == "a");
    }
    let mut seed = 7_u64;
    let mut roll = |most: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % most
    };
    let mut mounted = 0;
    for _ in 0..2000 {
        let mut odd = tape.clone();
        odd.change_reference += roll(2) as u64;
        for _ in 0..=roll(4) {
            let objects = &mut odd.partitions[roll(2)];
            let (at, from) = (roll(objects.len()), roll(objects.len()));
            match roll(5) {
                0 => objects[at] = Object::Damaged,
                1 => objects[at] = Object::Filemark,
                2 => objects[at] = objects[from].clone(),
                3 => objects.truncate(at + 1),
                _ => {
                    if let Object::Block(block) = &mut objects[at] {
                        let byte = roll(block.len());
                        block[byte] ^= 1 << roll(8);
                    }
                }
            }
        }
        if let Ok(found) = odd.mount() {
            mounted += 1;
            assert!(found.index.walk().count() <= 2);
        }
    }
    assert!(mounted > 1000, "{mounted}");
}
