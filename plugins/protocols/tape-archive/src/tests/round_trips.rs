//! What was written is there when the cartridge is mounted again.

use super::*;

#[test]
fn a_formatted_cartridge_is_an_empty_volume() {
    let (tape, volume) = formatted();
    let (mounted, report) = mount(&tape).unwrap();
    assert_eq!((mounted.append_at(), mounted.label()), (volume.append_at(), &label()));
    assert!(mounted.tree().is_empty() && report.is_sound() && !report.trailing);
    assert_eq!(mount(&Tape::default()).unwrap_err(), MountFailure::Blank);
}

#[test]
fn files_of_every_size_are_there_again_with_their_hashes() {
    let (mut tape, mut volume) = formatted();
    let sizes = [0, 1, 511, 512, 513, 40_000, 65_536, 65_537, 300_000, 1_000_000];
    for (seed, size) in sizes.into_iter().enumerate() {
        write(&mut tape, &mut volume, &format!("d/ä {seed}/{size}"), &bytes(seed, size));
    }
    sync(&mut tape, &mut volume, Form::Due);
    let (mounted, report) = mount(&tape).unwrap();
    assert_eq!(contents(&mounted), contents(&volume));
    assert!(report.is_sound() && report.generation == 1 && report.catalogues == 1);
    for (seed, size) in sizes.into_iter().enumerate() {
        assert_eq!(read(&tape, &mounted, &format!("d/ä {seed}/{size}")), bytes(seed, size));
    }
}

#[test]
fn small_files_share_a_block() {
    let (mut tape, mut volume) = formatted();
    for file in 0..100 {
        write(&mut tape, &mut volume, &format!("{file}"), &bytes(file, 1_000));
    }
    sync(&mut tape, &mut volume, Form::Due);
    // Label, filemark, 100 × (1,024 of headers with 512 more, 1,024 of data) in 64 KiB, filemark, catalogue, filemark.
    assert_eq!(tape.objects.len(), 2 + 4 + 1 + 1 + 1);
    let blocks = tape.objects.iter().filter(|object| matches!(object, Object::Block(block) if block.len() == 64 << 10)).count();
    assert_eq!(blocks, 5);
}

#[test]
fn changes_of_every_kind_are_there_again() {
    let (mut tape, mut volume) = formatted();
    write(&mut tape, &mut volume, "a/1", b"one");
    write(&mut tape, &mut volume, "a/2", b"two");
    write(&mut tape, &mut volume, "b/3", b"three");
    sync(&mut tape, &mut volume, Form::Due);
    volume.make_directory("c/d/e", &metadata(0o700)).unwrap();
    volume.make_link("c/l", "../a/1", &metadata(0o777)).unwrap();
    volume.remove("a/2").unwrap();
    volume.rename("a", "c/a", false).unwrap();
    volume.set("c/a/1", &Setting { modified: Some(-5), mode: Some(0o7777), uid: Some(u32::MAX), gid: None }).unwrap();
    volume.set_xattr("c/a/1", "user.x", Some(&[0, 255, b'\n'])).unwrap();
    volume.set_xattr("b/3", "user.y", Some(b"")).unwrap();
    volume.set_xattr("b/3", "user.y", None).unwrap();
    // In place of what is there.
    write(&mut tape, &mut volume, "b/3", b"another three");
    sync(&mut tape, &mut volume, Form::Due);
    volume.rename("b/3", "c/a/1", true).unwrap();
    sync(&mut tape, &mut volume, Form::Due);
    let (mounted, report) = mount(&tape).unwrap();
    assert_eq!(contents(&mounted), contents(&volume));
    assert_eq!((report.catalogues, report.generation, report.is_sound()), (3, 3, true));
    assert_eq!(read(&tape, &mounted, "c/a/1"), b"another three");
    // Nothing is ever called what another node was.
    assert_eq!(mounted.tree().next_id(), volume.tree().next_id());
}

#[test]
fn a_mounted_volume_is_appended_to() {
    let (mut tape, mut volume) = formatted();
    for round in 0..5 {
        write(&mut tape, &mut volume, &format!("r{round}"), &bytes(round, 70_000));
        sync(&mut tape, &mut volume, Form::Due);
        volume = mount(&tape).unwrap().0;
        assert_eq!(volume.next_object(), u64::try_from(tape.objects.len()).unwrap());
    }
    for round in 0..5 {
        assert_eq!(read(&tape, &volume, &format!("r{round}")), bytes(round, 70_000));
    }
    assert_eq!(volume.generation(), 5);
}

#[test]
fn only_the_newest_full_catalogue_and_those_behind_it_are_read() {
    let (mut tape, mut volume) = formatted();
    for round in 0..FULL_EVERY * 2 + 5 {
        write(&mut tape, &mut volume, &format!("{round}"), b"x");
        sync(&mut tape, &mut volume, Form::Due);
    }
    let (mounted, report) = mount(&tape).unwrap();
    assert_eq!(contents(&mounted), contents(&volume));
    // The first one is full, the 34th and the 67th too.
    assert_eq!(report.catalogues, 3);
    sync(&mut tape, &mut volume, Form::Full);
    let (mounted, report) = mount(&tape).unwrap();
    assert_eq!((report.catalogues, contents(&mounted)), (1, contents(&volume)));
    let mut tape = tape.clone();
    (tape.actions, tape.bytes_read) = (0, 0);
    tape.mount(ABILITIES[0]).unwrap();
    assert!(tape.actions < 12 && tape.bytes_read < 200_000, "{} {}", tape.actions, tape.bytes_read);
}

#[test]
fn nothing_is_written_where_nothing_changed() {
    let (mut tape, mut volume) = formatted();
    sync(&mut tape, &mut volume, Form::Due);
    assert_eq!(tape.objects.len(), 2);
    write(&mut tape, &mut volume, "a", b"");
    sync(&mut tape, &mut volume, Form::Due);
    let length = tape.objects.len();
    sync(&mut tape, &mut volume, Form::Due);
    sync(&mut tape, &mut volume, Form::Short);
    assert_eq!(tape.objects.len(), length);
    volume.remove("a").unwrap();
    assert!(volume.is_dirty() && volume.finished() == Err(Refused::MustFinish));
    sync(&mut tape, &mut volume, Form::Due);
    // An empty tar, and a catalogue of one change.
    assert_eq!(tape.objects.len(), length + 4);
    assert!(mount(&tape).unwrap().0.tree().is_empty());
}

#[test]
fn closing_takes_no_more_than_was_told() {
    let (mut tape, mut volume) = formatted();
    for file in 0..500 {
        write(&mut tape, &mut volume, &format!("{file}"), b"x");
    }
    for form in [Form::Short, Form::Full] {
        volume.set("1", &Setting { mode: Some(0), ..Setting::default() }).unwrap();
        let (told, before) = (volume.closing_bytes(form).unwrap(), tape.objects.len());
        sync(&mut tape, &mut volume, form);
        let blocks = u64::try_from(tape.objects.len() - before - 2).unwrap();
        assert!(blocks * u64::from(BLOCK) <= told && told <= (blocks + 3) * u64::from(BLOCK), "{blocks} {told}");
    }
}

#[test]
fn a_file_that_was_given_up_is_nowhere() {
    let (mut tape, mut volume) = formatted();
    write(&mut tape, &mut volume, "a", b"old");
    volume.begin_file("a", 1_000, &metadata(0o600), None).unwrap();
    assert_eq!(volume.fill(b"new").unwrap(), 3);
    assert_eq!(volume.end_file([0; 32]).unwrap_err(), Refused::WrongSize);
    assert_eq!(volume.begin_file("b", 1, &metadata(0), None).unwrap_err(), Refused::FileOpen);
    volume.give_up_file();
    write(&mut tape, &mut volume, "b", b"behind it");
    volume.begin_file("c", 10_000_000, &metadata(0o600), None).unwrap();
    volume.fill(b"new").unwrap();
    volume.give_up_file();
    assert!(volume.must_finish());
    assert_eq!(volume.begin_file("d", 1, &metadata(0), None).unwrap_err(), Refused::MustFinish);
    sync(&mut tape, &mut volume, Form::Due);
    write(&mut tape, &mut volume, "d", b"next section");
    sync(&mut tape, &mut volume, Form::Due);
    let (mounted, _) = mount(&tape).unwrap();
    assert_eq!(contents(&mounted).len(), 3);
    for (path, data) in [("a", &b"old"[..]), ("b", b"behind it"), ("d", b"next section")] {
        assert_eq!(read(&tape, &mounted, path), data);
    }
    // Not even for who reads headers alone.
    let first = tape.objects.iter().position(|object| *object == Object::Filemark).unwrap();
    let second = first + 1 + tape.objects[first + 1..].iter().position(|object| *object == Object::Filemark).unwrap();
    tape.objects[second + 1] = Object::Unreadable;
    let (mounted, report) = mount(&tape).unwrap();
    assert_eq!((contents(&mounted).len(), report.damaged, report.cut, report.rebuilt), (3, vec![2], vec![1], 2));
    assert_eq!(read(&tape, &mounted, "a"), b"old");
}

#[test]
fn a_hash_that_is_not_what_was_told_is_refused() {
    let (_, mut volume) = formatted();
    volume.begin_file("a", 0, &metadata(0), Some([1; 32])).unwrap();
    assert_eq!(volume.end_file([2; 32]).unwrap_err(), Refused::WrongHash);
    volume.give_up_file();
    assert!(volume.tree().is_empty());
    assert_eq!(volume.fill(b"x").unwrap_err(), Refused::NoFile);
}

#[test]
fn nothing_new_is_begun_while_blocks_wait_or_the_section_ends() {
    let (mut tape, mut volume) = formatted();
    let waits = (0..).map(|n| volume.make_directory(&format!("{n}"), &metadata(0o755))).find_map(Result::err);
    assert_eq!(waits, Some(Refused::BlocksWaiting));
    drain(&mut tape, &mut volume);
    volume.finish(Form::Due, NOW).unwrap();
    for refused in [
        volume.make_directory("x", &metadata(0)).unwrap_err(),
        volume.remove("1").unwrap_err(),
        volume.rename("1", "x", false).unwrap_err(),
        volume.finish(Form::Due, NOW).unwrap_err(),
    ] {
        assert_eq!(refused, Refused::Finishing);
    }
    assert_eq!(volume.finished(), Err(Refused::BlocksWaiting));
    drain(&mut tape, &mut volume);
    volume.finished().unwrap();
    assert_eq!(contents(&mount(&tape).unwrap().0), contents(&volume));
}
