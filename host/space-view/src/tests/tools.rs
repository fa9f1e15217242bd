//! Ordinary programs find stubs like files.

use std::fs;
use std::path::Path;
use std::process::Command;

use capstan_stub::State;

use super::{PIECES, World, bytes};

fn run(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = match Command::new(program).args(arguments).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED: {program}: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A tree of stubs, and the same tree as plain files.
fn trees() -> Option<(World, tempfile::TempDir)> {
    let world = World::new()?;
    let plain = tempfile::tempdir().unwrap();
    fs::create_dir(world.raw("sub")).unwrap();
    fs::create_dir(plain.path().join("sub")).unwrap();
    let files = [("large", PIECES + 70_000), ("small", 300), ("sub/middle", 2_000_000), ("sub/none", 0)];
    for (seed, (name, length)) in files.into_iter().enumerate() {
        let content = bytes(length, seed as u64);
        fs::write(plain.path().join(name), &content).unwrap();
        match length {
            0 => fs::write(world.raw(name), b"").unwrap(),
            _ => world.stub(name, &content, 0),
        }
    }
    Some((world, plain))
}

fn check(copy: &Path, plain: &Path) {
    run("diff", &["-r", text(copy), text(plain)]);
}

#[test]
fn cp_and_diff_read_stubs() {
    let Some((world, plain)) = trees() else { return };
    let to = tempfile::tempdir().unwrap();
    run("cp", &["-a", "--sparse=auto", text(&world.view), text(&to.path().join("copy"))]);
    check(&to.path().join("copy"), plain.path());
    check(&world.view, plain.path());
}

#[test]
fn tar_takes_a_stub_for_no_hole() {
    let Some((world, plain)) = trees() else { return };
    let to = tempfile::tempdir().unwrap();
    let archive = to.path().join("archive.tar");
    run("tar", &["-cSf", text(&archive), "-C", text(&world.view), "."]);
    fs::create_dir(to.path().join("out")).unwrap();
    run("tar", &["-xf", text(&archive), "-C", text(&to.path().join("out"))]);
    check(&to.path().join("out"), plain.path());
}

#[test]
fn sha256sum_and_git_read_stubs_by_reading_and_by_mapping() {
    let Some((world, plain)) = trees() else { return };
    for name in ["large", "small", "sub/middle"] {
        let hash = |root: &Path| run("sha256sum", &[text(&root.join(name))]).map(|line| line[..64].to_vec());
        assert_eq!(hash(&world.view), hash(plain.path()), "{name}");
    }
    let Some((world, plain)) = trees() else { return };
    // Maps what it hashes.
    for name in ["large", "sub/middle"] {
        let hash = |root: &Path| run("git", &["-C", "/", "hash-object", "--no-filters", text(&root.join(name))]);
        assert_eq!(hash(&world.view), hash(plain.path()), "{name}");
    }
    assert!(world.recalls.calls() == 2);
}

#[test]
fn rsync_finds_nothing_to_do_by_size_and_time_and_reads_when_it_must() {
    let Some((world, plain)) = trees() else { return };
    for name in ["large", "small", "sub/middle"] {
        let time = fs::metadata(world.at(name)).unwrap().modified().unwrap();
        fs::File::open(plain.path().join(name)).unwrap().set_modified(time).unwrap();
    }
    let (from, to) = (format!("{}/", text(plain.path())), format!("{}/", text(&world.view)));
    run("rsync", &["-rt", &from, &to]);
    assert_eq!(world.recalls.calls(), 0);
    assert!(matches!(world.look("small").state, State::Migrated(_)));
    run("rsync", &["-rtc", &from, &to]);
    check(&world.view, plain.path());
    let copy = tempfile::tempdir().unwrap();
    run("rsync", &["-aX", "--inplace", &to, text(copy.path())]);
    check(copy.path(), plain.path());
}
