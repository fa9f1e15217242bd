//! How a stub looks from outside: like its content.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::UNIX_EPOCH;

use capstan_stub::{RECORD_NAME, State};
use rustix::fs::{SeekFrom, XattrFlags};

use super::bringing::Manner;
use super::{CHANGED, PIECES, World, bytes};

#[test]
fn a_stub_shows_its_content_s_size_and_time_and_opening_it_brings_nothing_back() {
    let Some(world) = World::new() else { return };
    world.stub("file", &bytes(PIECES + 5, 1), 0);
    let file = File::open(world.at("file")).unwrap();
    let shown = file.metadata().unwrap();
    assert_eq!(shown.len(), PIECES as u64 + 5);
    assert_eq!(shown.modified().unwrap(), UNIX_EPOCH + CHANGED);
    assert!(shown.blocks() > 0 && shown.blocks() < 64, "few blocks, and never none: {}", shown.blocks());
    assert_eq!(world.recalls.calls(), 0);
    assert!(matches!(world.look("file").state, State::Migrated(_)));
}

#[test]
fn a_stub_has_no_holes() {
    let Some(world) = World::new() else { return };
    world.stub("file", &bytes(100_000, 2), 0);
    let file = File::open(world.at("file")).unwrap();
    assert_eq!(rustix::fs::seek(&file, SeekFrom::Data(10)).unwrap(), 10);
    assert_eq!(rustix::fs::seek(&file, SeekFrom::Hole(10)).unwrap(), 100_000);
    assert_eq!(world.recalls.calls(), 0);
}

#[test]
fn the_time_stays_while_a_file_is_recalled() {
    let Some(world) = World::new() else { return };
    world.stub("file", &bytes(2 * PIECES, 3), 0);
    world.recalls.set(Manner::Pieces(1));
    let file = File::open(world.at("file")).unwrap();
    file.read_exact_at(&mut [0; 10], 5).unwrap();
    std::thread::sleep(crate::FRESH);
    assert_eq!(file.metadata().unwrap().modified().unwrap(), UNIX_EPOCH + CHANGED);
    assert!(matches!(world.look("file").state, State::Recalling(_)));
}

#[test]
fn leading_bytes_are_read_without_a_recall() {
    let Some(world) = World::new() else { return };
    let content = bytes(1_000_000, 4);
    world.stub("file", &content, 300_000);
    let file = File::open(world.at("file")).unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
    let mut read = vec![0; 100_000];
    file.read_exact_at(&mut read, 4096).unwrap();
    assert!(read == content[4096..104_096]);
    assert_eq!(world.recalls.calls(), 0);
    file.read_exact_at(&mut read, 250_000).unwrap();
    assert!(read == content[250_000..350_000]);
    assert_eq!(world.recalls.calls(), 1);
}

#[test]
fn the_record_is_neither_shown_nor_set_nor_removed() {
    let Some(world) = World::new() else { return };
    world.stub("file", &bytes(5_000, 5), 0);
    let path = world.at("file");
    rustix::fs::setxattr(&path, "user.mine", b"value", XattrFlags::empty()).unwrap();
    let mut names = vec![0; 1000];
    let length = rustix::fs::listxattr(&path, names.as_mut_slice()).unwrap();
    assert_eq!(&names[..length], b"user.mine\0");
    let mut value = vec![0; 10_000];
    assert_eq!(rustix::fs::getxattr(&path, "user.mine", value.as_mut_slice()), Ok(5));
    assert_eq!(rustix::fs::getxattr(&path, RECORD_NAME, value.as_mut_slice()), Err(rustix::io::Errno::NODATA));
    assert_eq!(rustix::fs::setxattr(&path, RECORD_NAME, b"x", XattrFlags::empty()), Err(rustix::io::Errno::PERM));
    assert_eq!(rustix::fs::removexattr(&path, RECORD_NAME), Err(rustix::io::Errno::NODATA));
    rustix::fs::removexattr(&path, "user.mine").unwrap();
    assert!(matches!(world.look("file").state, State::Migrated(_)));
    assert_eq!(world.recalls.calls(), 0);
}

#[test]
fn names_of_the_host_are_neither_shown_nor_given() {
    let Some(world) = World::new() else { return };
    let temporary = ".capstan-0123456789abcdef.part";
    fs::write(world.raw(temporary), b"half").unwrap();
    fs::write(world.at("file"), b"x").unwrap();
    let names: Vec<_> = fs::read_dir(&world.view).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["file"]);
    assert_eq!(super::number(fs::metadata(world.at(temporary))), Some(2));
    assert_eq!(super::number(fs::write(world.at(".capstan-fedcba9876543210.part"), b"x")), Some(1));
    assert_eq!(super::number(fs::rename(world.at("file"), world.at(".capstan-removed"))), Some(1));
}

#[test]
fn the_time_of_a_stub_is_set_without_a_recall_and_stays_the_content_s() {
    let Some(world) = World::new() else { return };
    let content = bytes(50_000, 6);
    world.stub("file", &content, 0);
    let later = UNIX_EPOCH + CHANGED * 2;
    let set = std::process::Command::new("touch").arg("-d").arg("@1500000000.5").arg(world.at("file")).status().unwrap();
    assert!(set.success());
    assert_eq!(world.recalls.calls(), 0, "touch opens the file for writing and writes nothing");
    assert!(matches!(world.look("file").state, State::Migrated(_)));
    assert!(!world.look("file").unfinished);
    File::open(world.at("file")).unwrap().set_modified(later).unwrap();
    assert_eq!(fs::read(world.at("file")).unwrap(), content);
    assert_eq!(fs::metadata(world.at("file")).unwrap().modified().unwrap(), later);
}
