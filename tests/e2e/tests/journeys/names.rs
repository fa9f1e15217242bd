//! Names nobody would choose, and that are there all the same: they come back byte for byte, or are told to be impossible.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use capstan_e2e::{Harbour, Outcomes, Route, Tree};
use capstan_test_servers::{Rgw, server_or_skip};

const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of a path, as the kernel takes one at most, its closing zero included.
const PATH_MAX: usize = 4096;

/// Every control character, quotes and escapes of others, invalid and overlong UTF-8, 255 bytes.
fn odd_names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = (1..32).chain([127]).map(|byte| vec![b'c', byte, b'c']).collect();
    let more: [&[u8]; 12] = [
        b"\xff\xfe",
        b"half \xe2\x82",
        b"overlong \xc0\xaf",
        b"surrogate \xed\xa0\x80",
        b"...",
        b"..a",
        b"%!FF",
        b"%2e%2e",
        b" ",
        b"-rf",
        b"con\\..\\x",
        b"\xe2\x80\xaegnp.exe",
    ];
    names.extend(more.iter().map(|name| name.to_vec()));
    names.push(vec![b'n'; 255]);
    // Escaped, a key of such bytes is four times as long.
    names.push(vec![0xff; 200]);
    names
}

#[test]
fn every_name_comes_back_and_no_link_leads_out() {
    let rgw = server_or_skip!(Rgw::get());
    let harbour = Harbour::open("odd-names", &rgw.s3).unwrap();
    let folder = harbour.outbound().join(OsStr::from_bytes(b"folder \xff\n"));
    fs::create_dir_all(&folder).unwrap();
    for (index, name) in odd_names().iter().enumerate() {
        fs::write(folder.join(OsStr::from_bytes(name)), vec![index as u8; index]).unwrap();
    }
    let links = [("out", "/etc/passwd"), ("up", "../../../../../../etc"), ("nowhere", "not/there"), ("itself", "itself")];
    for (name, to) in links {
        symlink(to, harbour.outbound().join(name)).unwrap();
    }
    harbour.cargo.run(harbour.upward("copy").unwrap(), PATIENCE).unwrap();
    for key in rgw.s3.list(&harbour.bucket).unwrap() {
        let stored = rgw.s3.get(&harbour.bucket, &key).unwrap();
        assert!(!stored.windows(5).any(|bytes| bytes == b"root:"), "{key} holds what a link leads to");
    }
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    let arrived = harbour.inbound().join(OsStr::from_bytes(b"folder \xff\n"));
    for (index, name) in odd_names().iter().enumerate() {
        assert_eq!(fs::read(arrived.join(OsStr::from_bytes(name))).unwrap(), vec![index as u8; index], "{name:?}");
    }
    assert_eq!(fs::read_dir(&arrived).unwrap().count(), odd_names().len());
    for (name, to) in links {
        assert_eq!(fs::read_link(harbour.inbound().join(name)).unwrap(), PathBuf::from(to), "{name} is the link it was");
    }
    harbour.close().unwrap();
}

#[test]
fn a_path_as_long_as_paths_get_is_copied_or_told_to_be_too_long_and_holds_up_no_other() {
    let rgw = server_or_skip!(Rgw::get());
    let harbour = Harbour::open("long-paths", &rgw.s3).unwrap();
    let mut path = harbour.outbound();
    while path.as_os_str().len() + 202 < PATH_MAX {
        path.push("d".repeat(200));
    }
    fs::create_dir_all(&path).unwrap();
    path.push("f".repeat(PATH_MAX - 2 - path.as_os_str().len()));
    assert_eq!(path.as_os_str().len(), PATH_MAX - 1);
    fs::write(&path, b"deep").unwrap();
    fs::write(harbour.outbound().join("beside"), b"plain").unwrap();

    // Between directories of the host it goes as far as the host itself goes; the copy's root is as long as the source's.
    harbour.cargo.container("sideways").unwrap();
    let across = harbour.cargo.task("across", "copy", Route::Between { from: "/outbound", to: "/sideways" }).unwrap();
    harbour.cargo.run(across, PATIENCE).unwrap();
    let (before, after) = (Tree::read(&harbour.outbound()).unwrap(), Tree::read(&harbour.host.container("sideways")).unwrap());
    before.same_as(&after).unwrap();

    // S3 has keys of 1,024 bytes: that path has an outcome of its own, the other file goes.
    let up = harbour.upward("copy").unwrap();
    harbour.cargo.act(up, "run").unwrap();
    let run = harbour.cargo.watch(up, PATIENCE, |_| false).unwrap();
    assert_eq!(run.status, "finished_with_warnings", "{}", run.whole);
    let outcomes = Outcomes::of(&harbour.cargo, &run).unwrap();
    let long = outcomes.paths.keys().find(|path| path.len() > 1_024).unwrap();
    assert_eq!((outcomes.state(long), outcomes.kind(long)), (Some("failed"), Some("invalid")));
    let beside = outcomes.paths.keys().find(|path| path.ends_with("beside")).unwrap();
    assert_eq!(outcomes.state(beside), Some("done"));
    assert_eq!(rgw.s3.list(&harbour.bucket).unwrap(), ["beside"]);
    harbour.close().unwrap();
}

#[test]
fn a_path_that_leads_out_of_its_container_is_refused_wherever_it_is_said() {
    let rgw = server_or_skip!(Rgw::get());
    let harbour = Harbour::open("leading-out", &rgw.s3).unwrap();
    let client = &harbour.cargo.client;
    let task = harbour.upward("copy").unwrap();
    for path in [
        "/outbound/../inbound",
        "/outbound/../../../etc",
        "/../etc/passwd",
        "/outbound/./x",
        "/outbound/a/..",
        "/outbound/a\u{0}b",
    ] {
        let lists = [("task_sources", "file_path"), ("task_destinations", "folder_path")];
        for (list, member) in lists {
            let answer =
                client.send("POST", &format!("/api/v2/tasks/{task}/{list}"), &serde_json::json!({ member: path })).unwrap();
            assert_eq!(answer.status, 422, "{list} {path:?}: {}", answer.text);
        }
    }
    // An object whose key would lead out of the container it is copied into.
    for key in ["../outside", "a/../../outside", "/absolute", "a//b", "./dot"] {
        rgw.s3.put(&harbour.bucket, key, b"x").unwrap();
    }
    rgw.s3.put(&harbour.bucket, "plain", b"x").unwrap();
    let down = harbour.downward().unwrap();
    harbour.cargo.act(down, "run").unwrap();
    let run = harbour.cargo.watch(down, PATIENCE, |_| false).unwrap();
    assert!(harbour.inbound().join("plain").is_file(), "{}", run.whole);
    assert!(!harbour.host.data().join("spaces/outside").exists() && !harbour.host.data().join("outside").exists());
    assert!(run.status == "finished_with_warnings" || run.status == "done", "{}", run.whole);
    harbour.close().unwrap();
}
