//! Blocks that cannot be read.

use super::*;

/// Five sections of data, and the index of the first object of each section.
fn five() -> (Tape, Volume, Vec<usize>) {
    let (mut tape, mut volume) = formatted();
    for round in 0..5 {
        volume.make_link(&format!("d{round}/l"), "x", &metadata(0o777)).unwrap();
        write(&mut tape, &mut volume, &format!("d{round}/small"), &bytes(round, 100));
        write(&mut tape, &mut volume, &format!("d{round}/large"), &bytes(round, 500_000));
        sync(&mut tape, &mut volume, Form::Due);
    }
    let marks = tape.objects.iter().enumerate().filter(|(_, object)| **object == Object::Filemark);
    let sections = [0].into_iter().chain(marks.map(|(at, _)| at + 1)).collect();
    (tape, volume, sections)
}

fn check(tape: &Tape, volume: &Volume) {
    for round in 0..5 {
        assert_eq!(read(tape, volume, &format!("d{round}/small")), bytes(round, 100));
        assert_eq!(read(tape, volume, &format!("d{round}/large")), bytes(round, 500_000));
    }
}

#[test]
fn any_catalogue_may_be_lost() {
    let (tape, volume, sections) = five();
    for lost in 1_u32..32 {
        let mut tape = tape.clone();
        let damaged: Vec<u32> = (0..5).filter(|bit| lost & (1 << bit) != 0).map(|bit| 2 * bit + 2).collect();
        for section in &damaged {
            tape.objects[sections[usize::try_from(*section).unwrap()]] = Object::Unreadable;
        }
        let (mut mounted, mut report) = mount(&tape).unwrap();
        report.damaged.sort_unstable();
        assert_eq!((report.damaged, report.misfits, &report.cut[..]), (damaged.clone(), 0, &[][..]), "{lost}");
        // With the numbers of their headers, even.
        let ids = |volume: &Volume| contents(volume).into_iter().map(|(path, node)| (path, node.id)).collect::<Vec<_>>();
        assert_eq!(ids(&mounted), ids(&volume));
        assert_eq!(mounted.append_at(), volume.append_at());
        check(&tape, &mounted);
        // The next catalogue is full: what was lost is not missed again.
        mounted.remove("d0/l").unwrap();
        sync(&mut tape, &mut mounted, Form::Due);
        let (again, report) = mount(&tape).unwrap();
        assert!(report.is_sound() && report.catalogues == 1);
        assert_eq!(contents(&again), contents(&mounted));
        assert_eq!(again.generation(), 6);
    }
}

#[test]
fn a_catalogue_with_one_wrong_bit_is_not_believed() {
    let (tape, _, sections) = five();
    for at in [0, 500, 700, 1_100, 1_600, 1_700, 2_000] {
        let mut tape = tape.clone();
        let Object::Block(block) = &mut tape.objects[sections[4]] else { panic!() };
        block[at] ^= 1;
        let (mounted, report) = mount(&tape).unwrap();
        // What the extended header is filled up with says nothing.
        assert!(report.damaged == [4] || (report.is_sound() && at == 700), "{at} {report:?}");
        check(&tape, &mounted);
    }
}

#[test]
fn the_label_may_be_lost_too() {
    let (mut tape, volume, _) = five();
    tape.objects[0] = Object::Unreadable;
    let (mounted, report) = mount(&tape).unwrap();
    assert!(report.label_damaged && !report.is_sound());
    assert_eq!((mounted.label(), contents(&mounted)), (&label(), contents(&volume)));
    let (mut tape, _) = formatted();
    tape.objects[0] = Object::Unreadable;
    assert_eq!(mount(&tape).unwrap_err(), MountFailure::Damaged);
}

#[test]
fn data_that_cannot_be_read_does_not_hide_the_files_around_it() {
    let (mut tape, volume, sections) = five();
    tape.objects[sections[10]] = Object::Unreadable;
    // In the middle of the large file, which is gone over.
    tape.objects[sections[9] + 3] = Object::Unreadable;
    let (mounted, report) = mount(&tape).unwrap();
    assert_eq!((report.rebuilt, report.cut), (4, vec![]));
    assert_eq!(contents(&mounted).len(), contents(&volume).len());
    // Where headers are, what is behind is not found.
    tape.objects[sections[9]] = Object::Unreadable;
    let (mounted, report) = mount(&tape).unwrap();
    assert_eq!((report.rebuilt, report.cut), (0, vec![9]));
    assert_eq!(contents(&mounted).len(), contents(&volume).len() - 4);
    assert_eq!(mounted.append_at(), volume.append_at());
}

#[test]
fn changes_without_a_header_are_lost_with_their_catalogue() {
    let (mut tape, mut volume, _) = five();
    volume.rename("d1", "e1", false).unwrap();
    volume.remove("d0/small").unwrap();
    sync(&mut tape, &mut volume, Form::Due);
    let lost = tape.objects.len() - 2;
    volume.remove("e1/small").unwrap();
    write(&mut tape, &mut volume, "e1/new", b"new");
    sync(&mut tape, &mut volume, Form::Due);
    tape.objects[lost] = Object::Unreadable;
    let (mounted, report) = mount(&tape).unwrap();
    // There is no e1/small to be removed.
    assert_eq!((report.misfits, report.damaged), (1, vec![12]));
    assert_eq!(read(&tape, &mounted, "e1/new"), b"new");
    assert_eq!(read(&tape, &mounted, "d1/small"), bytes(1, 100));
    assert_eq!(read(&tape, &mounted, "d0/small"), bytes(0, 100));
}
