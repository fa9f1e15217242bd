//! A person mounts a container by the command line, where they like.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::fs;
use std::process::Command;

use capstan_e2e::{Host, PASSWORD, USER, binaries};
use serde_json::json;

use crate::mount_table::{self, has_fuse, without_fuse};

#[test]
fn a_person_mounts_a_container_by_the_command_line_and_a_host_that_dies_gives_no_zeros() {
    if !has_fuse() {
        return without_fuse("nothing is mounted by the command line");
    }
    let (host, room) = Host::fresh().unwrap();
    host.client().post("/api/v2/containers", &json!({"name": "c"})).unwrap();
    let directory = room.path().join("there");
    fs::create_dir(&directory).unwrap();
    let capstan = |arguments: &[&str]| {
        let output = Command::new(binaries().unwrap().join("capstan"))
            .args(arguments)
            .env("CAPSTAN_URL", host.base())
            .env("CAPSTAN_USER", USER)
            .env("CAPSTAN_PASSWORD", PASSWORD)
            .output()
            .unwrap();
        (
            output.status.success(),
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        )
    };
    let at = directory.to_str().unwrap();
    let (refused, told) = capstan(&["mount", "c", "/etc"]);
    assert!(!refused && told.contains("not empty"), "{told}");
    let (good, told) = capstan(&["mount", "c", at]);
    assert!(good, "{told}");
    let script = "mkdir d; seq 100000 > d/f; cmp d/f <(seq 100000)";
    let output = Command::new("bash").args(["-euc", script]).current_dir(&directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(host.container("c").join("d/f").is_file());
    let (_, list) = capstan(&["mount"]);
    assert!(list.contains(at) && list.contains("rw"), "{list}");
    // What the host tells of a mount is what the kernel tells of it.
    let mount = host.client().get("/capstan/v1/mounts").unwrap()["mounts"][0].clone();
    let line = mount_table::at(at).unwrap();
    for (member, found) in [("directory", &line.target), ("source", &line.source), ("type", &line.kind), ("device", &line.device)]
    {
        assert_eq!(mount[member], found.as_str(), "{member}: {mount} and {line:?}");
        assert!(member == "device" || list.contains(found.as_str()), "{found} in {list}");
    }
    assert!(line.kind == "fuse" || line.kind == "fuse.capstan", "{line:?}");
    assert_eq!((line.source.as_str(), mount["space"].as_str()), ("c", Some("c")));
    let (good, told) = capstan(&["unmount", at]);
    assert!(good && fs::read_dir(&directory).unwrap().count() == 0, "{told}");
    assert!(mount_table::at(at).is_none(), "the view still stands");
    let (good, told) = capstan(&["mount", "c", at, "--read-only"]);
    assert!(good, "{told}");
    let open = fs::File::open(directory.join("d/f")).unwrap();
    drop(host);
    let mut bytes = vec![0; 100];
    let failed = std::os::unix::fs::FileExt::read_at(&open, &mut bytes, 300_000).unwrap_err();
    assert!(matches!(failed.raw_os_error(), Some(5 | 103 | 107)), "{failed}");
    assert!(fs::read(directory.join("d/f")).is_err());
    let _ = Command::new("umount").arg("-l").arg(&directory).status();
}
