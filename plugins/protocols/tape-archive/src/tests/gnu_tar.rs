//! Sections as plain `tar` reads them.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use super::*;

/// The image of a section: its blocks.
fn image(tape: &Tape, section: usize) -> Vec<u8> {
    let sections: Vec<&[Object]> = tape.objects.split(|object| *object == Object::Filemark).collect();
    let blocks =
        sections[section].iter().flat_map(|object| if let Object::Block(block) = object { block.clone() } else { panic!() });
    blocks.collect()
}

/// Its output, and what it complained of.
fn tar(arguments: &[&str], image: &Path, into: &Path) -> (String, String) {
    let mut command = Command::new("tar");
    command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").args(arguments).arg("-f").arg(image).arg("-C").arg(into);
    let output = command.output().unwrap();
    let (out, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{errors}");
    (out, errors)
}

#[test]
fn gnu_tar_reads_a_section() {
    let (mut tape, mut volume) = formatted();
    let long = format!("{}/{}", "directory".repeat(20), "ü".repeat(100));
    let files = [("plain", 5_usize), ("sub/empty", 0), ("sub/large", 300_000), (&long[..], 513)];
    for (seed, (path, size)) in files.into_iter().enumerate() {
        write(&mut tape, &mut volume, path, &bytes(seed, size));
    }
    let known = *blake3::hash(b"known").as_bytes();
    let xattrs = BTreeMap::from([("user.x".to_owned(), b"a\nb".to_vec())]);
    let attributes = Attributes { modified: -1_500_000_000, mode: 0o4750, uid: u32::MAX - 1, gid: 7 };
    volume.begin_file("known", 5, &Metadata { attributes, xattrs }, Some(known)).unwrap();
    volume.fill(b"known").unwrap();
    volume.end_file(known).unwrap();
    volume.make_directory("sub/dir", &metadata(0o711)).unwrap();
    volume.make_link("sub/link", "../plain", &metadata(0o777)).unwrap();
    volume.make_link("sub/far", &"x/".repeat(80), &metadata(0o777)).unwrap();
    sync(&mut tape, &mut volume, Form::Due);

    let directory = tempfile::tempdir().unwrap();
    let (file, into) = (directory.path().join("image"), directory.path().join("into"));
    std::fs::create_dir(&into).unwrap();
    std::fs::write(&file, image(&tape, 1)).unwrap();
    let (listed, _) = tar(&["-tv", "--full-time", "-b", "128"], &file, &into);
    assert!(listed.contains("-rw-r----- 1000/3000000      5 2023-11-14 22:13:20.123456789 plain\n"), "{listed}");
    assert!(listed.contains("lrwxrwxrwx") && listed.contains("sub/link -> ../plain\n"), "{listed}");
    assert!(listed.contains("-rwsr-x--- 4294967294/7") && listed.contains(" sub/dir/\n"), "{listed}");
    let (_, errors) = tar(&["-xp", "--no-same-owner", "--warning=no-unknown-keyword"], &file, &into);
    assert_eq!(errors.lines().filter(|line| !line.contains("implausibly old")).count(), 0, "{errors}");
    for (seed, (path, size)) in files.into_iter().enumerate() {
        assert_eq!(std::fs::read(into.join(path)).unwrap(), bytes(seed, size), "{path}");
        let there = std::fs::metadata(into.join(path)).unwrap();
        assert_eq!((there.mtime(), there.mtime_nsec()), (1_700_000_000, 123_456_789));
        assert_eq!(there.permissions().mode() & 0o7777, 0o640);
    }
    let there = std::fs::metadata(into.join("known")).unwrap();
    assert_eq!((there.mtime(), there.mtime_nsec()), (-2, 500_000_000));
    assert_eq!(std::fs::metadata(into.join("sub/dir")).unwrap().permissions().mode() & 0o7777, 0o711);
    assert_eq!(std::fs::read_link(into.join("sub/link")).unwrap(), Path::new("../plain"));
    assert_eq!(std::fs::read_link(into.join("sub/far")).unwrap(), Path::new(&"x/".repeat(80)));
}

#[test]
fn gnu_tar_reads_labels_and_catalogues() {
    let (mut tape, mut volume) = formatted();
    for file in 0..1_000 {
        write(&mut tape, &mut volume, &format!("{file}"), b"x");
    }
    sync(&mut tape, &mut volume, Form::Due);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("image");
    for section in [0, 2] {
        std::fs::write(&file, image(&tape, section)).unwrap();
        let (_, errors) = tar(&["-x", "--no-same-owner"], &file, directory.path());
        assert_eq!(errors, "");
    }
    let read = |name: &str| std::fs::read_to_string(directory.path().join(".capstan").join(name)).unwrap();
    let told: serde_json::Value = serde_json::from_str(&read("label.json")).unwrap();
    assert_eq!((&told["barcode"], &told["block"]), (&serde_json::json!("TST001L6"), &serde_json::json!(BLOCK)));
    let catalogue = read("catalogue-1.jsonl");
    assert_eq!(catalogue.lines().count(), 1_002);
    let one: serde_json::Value = serde_json::from_str(catalogue.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&one["path"], &one["op"], &one["blake3"]),
        (&"0".into(), &"put".into(), &blake3::hash(b"x").to_hex().as_str().into())
    );
    assert_eq!(one["data"], serde_json::json!({"section": 1, "object": 2, "offset": 1_536}));
}

#[test]
fn a_file_in_a_section_that_was_cut_is_read_up_to_the_cut() {
    let (mut tape, mut volume) = formatted();
    write(&mut tape, &mut volume, "whole", b"whole");
    volume.begin_file("cut", 10_000_000, &metadata(0o600), None).unwrap();
    volume.give_up_file();
    sync(&mut tape, &mut volume, Form::Due);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("image");
    std::fs::write(&file, image(&tape, 1)).unwrap();
    let output = Command::new("tar")
        .arg("-x")
        .arg("-f")
        .arg(&file)
        .arg("-C")
        .arg(directory.path())
        .arg("--no-same-owner")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(std::fs::read(directory.path().join("whole")).unwrap(), b"whole");
}
