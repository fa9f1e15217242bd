//! How fast the view is against the plain directory, told and not judged: the machine does other things too.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::World;

const STREAMED: usize = 1 << 30;
const BUFFER: usize = 1 << 20;
const FILES: usize = 20_000;
const SMALL: usize = 4096;
const ROUNDS: usize = 5;

fn timed(work: impl FnOnce()) -> Duration {
    let since = Instant::now();
    work();
    since.elapsed()
}

fn read(path: &Path, buffer: &mut [u8]) {
    let mut file = File::open(path).unwrap();
    while file.read(buffer).unwrap() > 0 {}
}

fn write(path: &Path, buffer: &[u8]) {
    let mut file = File::create(path).unwrap();
    (0..STREAMED / buffer.len()).for_each(|_| file.write_all(buffer).unwrap());
}

fn open_all(root: &Path) {
    let mut buffer = [0; SMALL];
    for number in 0..FILES {
        assert_eq!(File::open(root.join(format!("small/{number}"))).unwrap().read(&mut buffer).unwrap(), SMALL);
    }
}

/// The best of each of both, in turns.
fn compare(what: &str, mut plain: impl FnMut(), mut view: impl FnMut()) {
    let (mut best_plain, mut best_view) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        best_plain = best_plain.min(timed(&mut plain));
        best_view = best_view.min(timed(&mut view));
    }
    let ratio = best_plain.as_secs_f64() / best_view.as_secs_f64();
    eprintln!("{what}: plain {best_plain:?}, view {best_view:?}, {ratio:.2} of the plain directory's speed");
}

#[test]
#[ignore = "measures"]
fn figures() {
    for (way, world) in [("passthrough", World::new()), ("plain", World::plain())] {
        let Some(world) = world else { return };
        eprintln!("{way}: {:?}", world.mounted.as_ref().unwrap().passthrough());
        let (plain, view) = (world.raw.clone(), world.view.clone());
        let mut buffer = vec![1; BUFFER];
        compare("streaming writes", || write(&plain.join("plain"), &buffer), || write(&view.join("view"), &buffer));
        let small = vec![1; SMALL];
        compare("streaming writes of 4 KiB", || write(&plain.join("plain"), &small), || write(&view.join("view"), &small));
        let mut other = vec![0; BUFFER];
        compare("streaming reads", || read(&plain.join("plain"), &mut buffer), || read(&view.join("plain"), &mut other));
        fs::create_dir(plain.join("small")).unwrap();
        (0..FILES).for_each(|number| fs::write(plain.join(format!("small/{number}")), &small).unwrap());
        compare("opening and reading 20,000 files", || open_all(&plain), || open_all(&view));
        let list = |root: &Path| {
            let found = fs::read_dir(root.join("small")).unwrap().filter(|entry| entry.as_ref().unwrap().metadata().is_ok());
            assert_eq!(found.count(), FILES);
        };
        compare("listing 20,000 files with attributes", || list(&plain), || list(&view));
        let making = |root: &Path| {
            let folder = root.join(format!("made-{:?}", Instant::now()));
            fs::create_dir(&folder).unwrap();
            (0..FILES / 10).for_each(|number| fs::write(folder.join(number.to_string()), &small).unwrap());
        };
        compare("making 2,000 files", || making(&plain), || making(&view));
    }
}
