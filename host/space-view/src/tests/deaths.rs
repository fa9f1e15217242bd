//! A host that dies takes its views along: nothing is read through them any more, and the next one takes their place.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::bringing::Manner;
use super::{PIECES, World, bytes, number};

const NOT_CONNECTED: i32 = 107;

/// What the other process runs.
#[test]
#[ignore = "is started by another, to be killed"]
fn other_process() {
    if std::env::var_os("CAPSTAN_SPACE_VIEW_OTHER").is_none() {
        return;
    }
    let world = World::new().unwrap();
    world.stub("file", &bytes(2 * PIECES, 1), 0);
    fs::write(world.raw("resident"), b"here").unwrap();
    world.recalls.set(Manner::Pieces(1));
    assert!(fs::read(world.at("resident")).is_ok());
    writeln!(std::io::stderr(), "there {}", world.view.display()).unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn reads_fail_when_the_host_died_and_a_new_view_takes_the_dead_one_s_place() {
    let Some(mut world) = World::new() else { return };
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::deaths::other_process", "--ignored", "--nocapture"])
        .env("CAPSTAN_SPACE_VIEW_OTHER", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(other.stderr.take().unwrap()).lines().map_while(Result::ok);
    let view = lines.into_iter().find_map(|line| line.strip_prefix("there ").map(std::path::PathBuf::from)).unwrap();
    let open = fs::File::open(view.join("file")).unwrap();
    let mut read = vec![0; 10];
    std::os::unix::fs::FileExt::read_exact_at(&open, &mut read, 0).unwrap();
    let waiting = std::thread::spawn(move || {
        let mut read = vec![7; 10];
        let answer = std::os::unix::fs::FileExt::read_exact_at(&open, &mut read, PIECES as u64 + 5);
        (number(answer), read)
    });
    std::thread::sleep(std::time::Duration::from_millis(200));
    other.kill().unwrap();
    other.wait().unwrap();
    let (answer, read) = waiting.join().unwrap();
    assert!(answer.is_some(), "no bytes, and no zeros: {read:?}");
    for name in ["file", "resident"] {
        assert_eq!(number(fs::read(view.join(name))), Some(NOT_CONNECTED), "{name}");
    }
    world.unmount();
    world.view = view.clone();
    fs::write(world.raw("new"), b"new").unwrap();
    world.mount();
    assert_eq!(fs::read(view.join("new")).unwrap(), b"new");
    world.unmount();
    fs::remove_dir_all(view.parent().unwrap()).unwrap();
}
