//! Small files that are read again and again, which the kernel reads from its memory.

use std::io::{Read, Write};
use std::time::{Duration, SystemTime};

use super::*;
use crate::open_file::Way;

const NAME: &str = "small";

impl World {
    /// Read until the kernel keeps it: the first time lets it at the raw file, which stamps that it was read.
    fn kept(&self, content: &[u8]) {
        std::fs::write(self.raw(NAME), content).unwrap();
        File::open(self.raw(NAME)).unwrap().set_modified(UNIX_EPOCH + CHANGED).unwrap();
        until("it is kept", || {
            let mut open = File::open(self.at(NAME)).unwrap();
            let mut read = Vec::new();
            open.read_to_end(&mut read).unwrap();
            assert_eq!(read, content);
            self.is_kept()
        });
    }

    /// Somebody has it open.
    fn is_kept(&self) -> bool {
        let number = std::fs::metadata(self.raw(NAME)).unwrap().ino();
        let file = self.mounted.as_ref().unwrap().inner.opens.get(number).unwrap();
        matches!(file.kernel.lock().unwrap().way, Way::Cached)
    }

    /// Once it shows: a change around the view does when the kernel asks again.
    fn shows(&self, content: &[u8]) {
        until("it shows", || std::fs::read(self.at(NAME)).is_ok_and(|read| read == content));
    }

    fn read(&self) -> Vec<u8> {
        std::fs::read(self.at(NAME)).unwrap()
    }
}

#[test]
fn what_is_written_through_the_view_is_read_at_once() {
    for world in [World::new(), World::plain()] {
        let Some(world) = world else { return };
        for seed in 0..20 {
            let content = bytes(50_000, seed);
            world.kept(&content);
            let changed = bytes(50_000, seed + 100);
            std::fs::write(world.at(NAME), &changed).unwrap();
            assert_eq!(world.read(), changed);
            File::options().write(true).open(world.at(NAME)).unwrap().write_all(b"begins").unwrap();
            assert_eq!(world.read(), [b"begins", &changed[6..]].concat());
            File::options().append(true).open(world.at(NAME)).unwrap().write_all(b"ends").unwrap();
            assert_eq!(world.read(), [b"begins", &changed[6..], b"ends"].concat());
            File::options().write(true).open(world.at(NAME)).unwrap().set_len(10).unwrap();
            assert_eq!(world.read(), [b"begins", &changed[6..10]].concat());
        }
    }
}

#[test]
fn what_somebody_writes_while_it_is_open_is_read_by_whoever_has_it_open() {
    let Some(world) = World::new() else { return };
    let content = bytes(50_000, 1);
    world.kept(&content);
    let mut reader = File::open(world.at(NAME)).unwrap();
    assert!(world.is_kept());
    let mut writer = File::options().write(true).open(world.at(NAME)).unwrap();
    writer.write_all(b"begins").unwrap();
    let mut read = vec![0; 6];
    reader.read_exact(&mut read).unwrap();
    assert_eq!(read, b"begins");
    drop((reader, writer));
    assert_eq!(world.read(), [b"begins", &content[6..]].concat());
    assert_eq!(std::fs::read(world.raw(NAME)).unwrap(), world.read());
}

#[test]
fn what_the_host_makes_of_it_is_read_when_it_is_opened_anew() {
    let Some(world) = World::new() else { return };
    for seed in 0..5 {
        world.kept(&bytes(50_000, seed));
        let changed = bytes(50_000, seed + 100);
        std::fs::write(world.raw(NAME), &changed).unwrap();
        // As if it had been read since.
        let soon = SystemTime::now() + Duration::from_millis(40);
        File::open(world.raw(NAME)).unwrap().set_times(std::fs::FileTimes::new().set_accessed(soon)).unwrap();
        std::thread::sleep(Duration::from_millis(80));
        assert_eq!(world.read(), changed);
        world.kept(&changed);
        let replaced = bytes(50_000, seed + 200);
        std::fs::write(world.raw("other"), &replaced).unwrap();
        std::fs::rename(world.raw("other"), world.raw(NAME)).unwrap();
        world.shows(&replaced);
    }
}

#[test]
fn what_was_migrated_is_recalled_when_it_is_read() {
    let Some(world) = World::new() else { return };
    let content = bytes(100_000, 1);
    world.kept(&content);
    patiently(|| world.migrate(NAME, 0)).unwrap();
    assert!(!world.look(NAME).is_data());
    assert_eq!(world.read(), content);
    until("it is data again", || world.look(NAME).is_data());
    assert_eq!(world.read(), content);
}

/// As the file system below would stamp it by itself: one that is mounted without times of reading stamps nothing.
#[test]
fn a_file_that_was_not_read_for_a_day_is_stamped_when_it_is_read_as_the_raw_file_would_be() {
    let Some(world) = World::new() else { return };
    let content = bytes(1000, 1);
    world.kept(&content);
    std::fs::write(world.raw("beside"), &content).unwrap();
    let before = SystemTime::now() - Duration::from_secs(25 * 60 * 60);
    let age = |name| File::open(world.raw(name)).unwrap().set_times(std::fs::FileTimes::new().set_accessed(before)).unwrap();
    let is_stamped = |name| std::fs::metadata(world.raw(name)).unwrap().accessed().unwrap() > before;
    age("beside");
    age(NAME);
    assert_eq!(std::fs::read(world.raw("beside")).unwrap(), content);
    assert_eq!(world.read(), content);
    assert_eq!(is_stamped(NAME), is_stamped("beside"));
}
