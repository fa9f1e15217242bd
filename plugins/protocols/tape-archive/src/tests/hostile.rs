//! Tapes that hold anything: catalogues whose checksums are right and that lie, and noise from a generator that is the same in every run.

use super::*;
use crate::section::Section;
use crate::tar::{Member, Sink, Type};

const ROUNDS: usize = 3_000;

/// xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.roll() >> 33).unwrap() % most.max(1)
    }
}

fn head(full: bool, changes: usize) -> serde_json::Value {
    serde_json::json!({
        "format": FORMAT, "version": VERSION, "barcode": "TST001L6", "volume": label().volume, "formatted": NOW, "block": BLOCK,
        "generation": 1, "full": full, "at": {"section": 2, "object": 4}, "previous": null, "base": {"section": 2, "object": 4},
        "next-id": 9, "changes": changes,
    })
}

/// A tape with one catalogue of these lines, which ends as it should.
fn tape_of(lines: &[String]) -> Tape {
    let (mut tape, _) = formatted();
    let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    text.push_str(&format!("{{\"blake3\":\"{}\"}}\n", blake3::hash(text.as_bytes()).to_hex()));
    let mut section = Section::new(BLOCK);
    section.put(&tar::header(&Member::plain(".capstan/catalogue-1.jsonl", Type::File, u64::try_from(text.len()).unwrap(), 0)));
    section.put(text.as_bytes());
    section.end();
    let mut empty = Section::new(BLOCK);
    empty.end();
    tape.objects.extend(empty.take().map(Object::Block));
    tape.objects.push(Object::Filemark);
    tape.objects.extend(std::iter::from_fn(|| section.take()).map(Object::Block));
    tape.objects.push(Object::Filemark);
    tape
}

fn record(path: &str, kind: &str, more: serde_json::Value) -> String {
    let mut record = serde_json::json!({
        "op": "put", "id": 2, "path": path, "kind": kind, "modified": 0, "mode": 0o644, "uid": 0, "gid": 0,
        "header": {"section": 1, "object": 2, "offset": 0}, "data": {"section": 1, "object": 2, "offset": 512},
    });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    record.to_string()
}

#[test]
fn a_catalogue_that_is_right_is_believed() {
    let tape = tape_of(&[head(true, 1).to_string(), record("a", "file", serde_json::json!({"size": 5}))]);
    let (mounted, report) = mount(&tape).unwrap();
    assert!(report.is_sound() && mounted.tree().lookup("a").unwrap().file().unwrap().size == 5);
}

#[test]
fn a_head_that_lies_is_not_believed() {
    let lies = [
        serde_json::json!({"volume": "another"}),
        serde_json::json!({"barcode": "TST002L6"}),
        serde_json::json!({"block": 1 << 20}),
        serde_json::json!({"at": {"section": 4, "object": 4}}),
        serde_json::json!({"at": {"section": 2, "object": u64::MAX}, "base": {"section": 2, "object": u64::MAX}}),
        serde_json::json!({"base": {"section": 0, "object": 0}}),
        serde_json::json!({"base": {"section": 2, "object": 5}}),
        serde_json::json!({"full": false}),
        serde_json::json!({"full": false, "base": {"section": 8, "object": 3}, "previous": {"section": 8, "object": 3}}),
        serde_json::json!({"previous": {"section": 2, "object": 3}}),
        serde_json::json!({"changes": 0}),
        serde_json::json!({"changes": 2}),
        serde_json::json!({"changes": -1}),
        serde_json::json!({"next-id": u64::MAX}),
        serde_json::json!({"version": 2}),
        serde_json::json!({"generation": null}),
    ];
    for lie in lies {
        let mut head = head(true, 1);
        head.as_object_mut().unwrap().extend(lie.as_object().unwrap().clone());
        let tape = tape_of(&[head.to_string(), record("a", "file", serde_json::json!({}))]);
        let (mounted, report) = mount(&tape).unwrap();
        assert_eq!(report.damaged, [2], "{lie}");
        assert!(mounted.tree().is_empty());
    }
}

#[test]
fn lines_that_cannot_be_are_left_out_or_the_catalogue_is() {
    let left_out = [
        record("../a", "file", serde_json::json!({})),
        record("/etc/passwd", "file", serde_json::json!({})),
        record("a//b", "file", serde_json::json!({})),
        record(".capstan/x", "file", serde_json::json!({})),
        record("", "directory", serde_json::json!({})),
        record("a", "link", serde_json::json!({})),
        record("a", "link", serde_json::json!({"target": "\0"})),
        record("a", "file", serde_json::json!({"blake3": "xyz"})),
        record("a", "file", serde_json::json!({"xattrs": {"": "00"}})),
        record("a", "file", serde_json::json!({"xattrs": {"a": "0"}})),
        record("a", "file", serde_json::json!({"xattrs": {"a": "00".repeat(70_000)}})),
        r#"{"op":"remove","path":""}"#.to_owned(),
        r#"{"op":"rename","from":"","to":"a"}"#.to_owned(),
        r#"{"op":"set","path":"nothing"}"#.to_owned(),
        r#"{"op":"xattr","path":"","name":"a","value":"q"}"#.to_owned(),
    ];
    for line in left_out {
        let (mounted, report) = mount(&tape_of(&[head(true, 1).to_string(), line.clone()])).unwrap();
        assert_eq!((report.misfits, report.damaged), (1, vec![]), "{line}");
        assert!(mounted.tree().is_empty() && mounted.tree().node(ROOT).unwrap().xattrs.is_empty(), "{line}");
    }
    let refused = [
        record("a", "file", serde_json::json!({"data": {"section": 2, "object": 2, "offset": 0}})),
        record("a", "file", serde_json::json!({"data": {"section": 1, "object": 2, "offset": BLOCK}})),
        record("a", "file", serde_json::json!({"data": {"section": 1, "object": u64::MAX, "offset": 0}})),
        record("a", "file", serde_json::json!({"header": null})),
        record("a", "socket", serde_json::json!({})),
        record("a", "file", serde_json::json!({"size": -1})),
        record(&"a".repeat(600_000), "file", serde_json::json!({})),
        "[".repeat(100_000),
        String::new(),
        r#"{"op":"explode"}"#.to_owned(),
    ];
    for line in refused {
        let (mounted, report) = mount(&tape_of(&[head(true, 1).to_string(), line])).unwrap();
        assert_eq!(report.damaged, [2]);
        assert!(mounted.tree().is_empty());
    }
}

#[test]
fn numbers_of_nodes_that_are_had_already_are_not_had_twice() {
    let same = [record("a", "file", serde_json::json!({})), record("b", "file", serde_json::json!({"id": 2}))];
    let lines =
        [head(true, 3).to_string(), same[0].clone(), same[1].clone(), record("c", "file", serde_json::json!({"id": u64::MAX}))];
    let (mounted, report) = mount(&tape_of(&lines)).unwrap();
    assert!(report.is_sound());
    let mut ids: Vec<u64> = contents(&mounted).iter().map(|(_, node)| node.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_tape_of_something_else_is_not_ours() {
    let block = |bytes: Vec<u8>| Tape { objects: vec![Object::Block(bytes), Object::Filemark], ..Tape::default() };
    let mut other = Section::new(10_240);
    other.put(&tar::header(&Member::plain("etc/passwd", Type::File, 0, 0)));
    other.end();
    for bytes in [vec![0; 10_240], b"VOL1".to_vec(), vec![0xff; 80], vec![7; 10_240], other.take().unwrap()] {
        assert_eq!(mount(&block(bytes)).unwrap_err(), MountFailure::NotOurs);
    }
    let marks = Tape { objects: vec![Object::Filemark; 9], ..Tape::default() };
    assert_eq!(mount(&marks).unwrap_err(), MountFailure::NotOurs);
    // A label, and nothing else but marks.
    let (mut tape, _) = formatted();
    tape.objects.extend(vec![Object::Filemark; 9]);
    let (mounted, report) = mount(&tape).unwrap();
    assert!(mounted.tree().is_empty() && report.damaged.len() == 4);
}

/// Nobody; what it is told it counts.
#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    fn begins(&mut self, member: &Member, header: u64, data: u64) -> Result<(), Malformed> {
        assert!(header < data && member.xattrs.len() <= 256 << 10);
        Ok(())
    }
    fn data(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.0 += u64::try_from(bytes.len()).unwrap();
        Ok(())
    }
    fn ended(&mut self) -> Result<(), Malformed> {
        Ok(())
    }
    fn void(&mut self, _id: u64) -> Result<(), Malformed> {
        Ok(())
    }
}

#[test]
fn damaged_tars_are_read_within_bounds_or_refused() {
    let (mut tape, mut volume) = formatted();
    for file in 0..20 {
        let metadata = Metadata { xattrs: BTreeMap::from([("user.x".to_owned(), bytes(file, 300))]), ..metadata(0o644) };
        volume.begin_file(&format!("ä{file}"), 0, &metadata, Some([0; 32])).unwrap();
        volume.end_file([0; 32]).unwrap();
    }
    volume.finish(Form::Due, NOW).unwrap();
    drain(&mut tape, &mut volume);
    let Object::Block(good) = &tape.objects[2] else { panic!() };
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..ROUNDS {
        let mut block = good.clone();
        for _ in 0..dice.below(4) + 1 {
            let at = dice.below(24 * 2_048);
            block[at] = u8::try_from(dice.roll() >> 56).unwrap();
        }
        let (mut reader, mut count) = (tar::Reader::default(), Count::default());
        let _ = reader.push(&block, &mut count);
        let _ = reader.pass(reader.passable().min(1 << 40), &mut count);
        let _ = reader.push(&block, &mut count);
        assert!(count.0 <= 2 * u64::from(BLOCK));
    }
    assert!(tar::Reader::default().push(&good[..700], &mut Count::default()).is_err());
}

#[test]
fn tapes_with_anything_changed_mount_or_are_refused() {
    let (mut tape, mut volume) = formatted();
    for round in 0..4 {
        write(&mut tape, &mut volume, &format!("d/{round}"), &bytes(round, 3_000));
        volume.set_xattr(&format!("d/{round}"), "user.x", Some(b"x")).unwrap();
        sync(&mut tape, &mut volume, Form::Due);
    }
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for _ in 0..ROUNDS / 10 {
        let mut tape = tape.clone();
        for _ in 0..dice.below(4) + 1 {
            let at = dice.below(tape.objects.len());
            match (dice.below(5), &mut tape.objects[at]) {
                (0, object) => *object = Object::Unreadable,
                (1, object) => *object = Object::Filemark,
                (2, Object::Block(block)) => block.truncate(dice.below(100) * 512),
                (_, Object::Block(block)) => {
                    let at = dice.below(block.len().min(4_000));
                    block.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << dice.below(8));
                }
                (3, _) => drop(tape.objects.remove(at)),
                _ => {}
            }
        }
        for abilities in ABILITIES {
            if let Ok((volume, _)) = tape.clone().mount(abilities) {
                assert!(contents(&volume).len() <= 5);
            }
        }
    }
}
