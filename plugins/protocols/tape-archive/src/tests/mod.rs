//! A volume and a tape in memory.

mod damage;
mod gnu_tar;
mod hostile;
mod power;
mod round_trips;
mod tape;

use std::collections::BTreeMap;

use crate::tree::Walk;
use crate::*;
use tape::{Object, Tape};

const BLOCK: u32 = 64 << 10;
const NOW: i64 = 1_700_000_000_123_456_789;

const ABILITIES: [Abilities; 3] = [
    Abilities { locate: true, backwards: true },
    Abilities { locate: false, backwards: true },
    Abilities { locate: false, backwards: false },
];

fn label() -> Label {
    Label::new("TST001L6", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", NOW, BLOCK).unwrap()
}

fn metadata(mode: u32) -> Metadata {
    Metadata { attributes: Attributes { modified: NOW, mode, uid: 1_000, gid: 3_000_000 }, xattrs: BTreeMap::new() }
}

/// Bytes that say where they are.
fn bytes(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at.wrapping_mul(31).wrapping_add(seed) >> 3) & 0xff).unwrap()).collect()
}

/// A formatted tape and its volume.
fn formatted() -> (Tape, Volume) {
    let mut tape = Tape::default();
    label().format().into_iter().for_each(|step| tape.write(step));
    (tape, Volume::new(label()))
}

fn drain(tape: &mut Tape, volume: &mut Volume) {
    while let Some(step) = volume.take() {
        tape.write(step);
        assert_eq!(u64::try_from(tape.objects.len()).unwrap(), volume.next_object());
    }
}

fn write(tape: &mut Tape, volume: &mut Volume, path: &str, data: &[u8]) {
    let blake3 = *blake3::hash(data).as_bytes();
    volume.begin_file(path, u64::try_from(data.len()).unwrap(), &metadata(0o640), None).unwrap();
    let mut rest = data;
    while !rest.is_empty() {
        drain(tape, volume);
        rest = &rest[volume.fill(rest).unwrap()..];
    }
    volume.end_file(blake3).unwrap();
    drain(tape, volume);
}

fn sync(tape: &mut Tape, volume: &mut Volume, form: Form) {
    volume.finish(form, NOW).unwrap();
    drain(tape, volume);
    volume.finished().unwrap();
}

fn read(tape: &Tape, volume: &Volume, path: &str) -> Vec<u8> {
    let file = *volume.tree().lookup(path).unwrap().file().unwrap();
    let extent = Extent::of(&file, BLOCK, 0, u64::MAX).unwrap();
    let mut cutter = Cutter::new(&extent, BLOCK);
    let mut data = Vec::new();
    let first = usize::try_from(extent.object).unwrap();
    for object in &tape.objects[first..first + usize::try_from(extent.blocks).unwrap()] {
        let Object::Block(block) = object else { panic!("{object:?}") };
        data.extend_from_slice(cutter.cut(block).unwrap());
    }
    assert_eq!(cutter.left(), 0);
    if let Some(blake3) = file.blake3 {
        assert_eq!(blake3, *blake3::hash(&data).as_bytes(), "{path}");
    }
    data
}

/// Everything that a volume holds, but where.
fn contents(volume: &Volume) -> Vec<(String, Node)> {
    let mut walk = Walk::default();
    std::iter::from_fn(|| walk.next(volume.tree()).map(|(path, node)| (path, node.clone()))).collect()
}

/// With every kind of drive the same comes out.
fn mount(tape: &Tape) -> Result<(Volume, Report), MountFailure> {
    let mut answers = ABILITIES.into_iter().map(|abilities| tape.clone().mount(abilities));
    let first = answers.next().unwrap();
    for other in answers {
        match (&first, other) {
            (Ok((volume, report)), Ok((other, told))) => {
                assert_eq!((report, contents(volume)), (&told, contents(&other)));
                assert_eq!((volume.append_at(), volume.generation()), (other.append_at(), other.generation()));
            }
            (Err(failure), Err(other)) => assert_eq!(*failure, other),
            (first, other) => panic!("{first:?} and {other:?}"),
        }
    }
    first
}
