//! Which directories and paths are taken.

use std::os::unix::fs::PermissionsExt;

use capstan_domain::entry::EntryKind;
use capstan_domain::failure::Kind;

use super::mounted::Mounted;
use super::{World, code};
use crate::{Access, RawTree};

#[test]
fn a_directory_that_others_may_enter_is_no_raw_tree() {
    let world = World::new();
    for mode in [0o755, 0o710, 0o701, 0o500] {
        std::fs::set_permissions(&world.directory, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(code(RawTree::open(&world.directory)), "not-private", "{mode:o}");
    }
    std::fs::set_permissions(&world.directory, PermissionsExt::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(&world.directory, world.directory.with_extension("link")).unwrap();
    assert!(RawTree::open(&world.directory.with_extension("link")).is_err(), "nor one behind a link");
    RawTree::open(&world.directory).unwrap();
}

#[test]
fn a_file_system_that_cannot_hold_stubs_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let Some(_mounted) = Mounted::over(directory.path(), &["-t", "ramfs", "ramfs"]) else { return };
    let failure = RawTree::create(&directory.path().join("space")).unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unsupported, Some("file-system-lacks")));
}

#[test]
fn paths_lead_to_files_of_the_tree_only() {
    let world = World::new();
    let outside = world.directory.with_extension("outside");
    std::fs::write(&outside, b"theirs").unwrap();
    std::fs::create_dir(world.path("folder")).unwrap();
    std::os::unix::fs::symlink(&outside, world.path("link")).unwrap();
    std::os::unix::fs::symlink(world.directory.parent().unwrap(), world.path("up")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, world.path("pipe"), rustix::fs::Mode::RWXU).unwrap();
    let name = outside.file_name().unwrap().to_str().unwrap();
    let wrong =
        ["", ".", "..", "/etc/passwd", "a//b", "link", "folder", "folder/..", "pipe", "a%!00b", "%!2E%!2E/x"].map(str::to_owned);
    for path in wrong.into_iter().chain([format!("../{name}"), format!("up/{name}")]) {
        assert_eq!(world.tree.look(&path).unwrap_err().kind, Kind::Invalid, "{path:?}");
        assert_eq!(world.tree.file(&path, Access::Write).unwrap_err().kind, Kind::Invalid, "{path:?}");
        assert_eq!(world.tree.repair(&path).unwrap_err().kind, Kind::Invalid, "{path:?}");
    }
    assert_eq!(world.tree.look("nothing").unwrap_err().kind, Kind::NotFound);
    world.write("a\u{fc}", b"x");
    assert!(world.tree.look("a%!C3%!BC").is_ok(), "escaped names are those of the disk");
}

#[test]
fn a_folder_is_listed_by_name_without_what_is_the_hosts_own() {
    let world = World::new();
    for folder in ["b", ".capstan-removed", "b/.capstan-mine"] {
        std::fs::create_dir(world.path(folder)).unwrap();
    }
    world.write("c", b"four");
    world.write(".capstan-0123456789abcdef.part", b"under way");
    std::os::unix::fs::symlink("nowhere", world.path("a")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, world.path("pipe"), rustix::fs::Mode::RWXU).unwrap();
    let shown = |folder| {
        let entries = world.tree.list(folder).unwrap();
        entries.into_iter().map(|entry| (entry.name, entry.kind, entry.size)).collect::<Vec<_>>()
    };
    let entry = |name: &str, kind, size| (name.to_owned(), kind, size);
    let expected = [entry("a", EntryKind::Link, 7), entry("b", EntryKind::Folder, 0), entry("c", EntryKind::File, 4)];
    assert_eq!(shown(""), expected);
    assert_eq!(shown("b"), [entry(".capstan-mine", EntryKind::Folder, 0)], "only the root has names of the host");
    let file = world.tree.listed("c").unwrap().unwrap();
    assert_eq!((file.kind, file.modified), (EntryKind::File, world.tree.look("c").unwrap().modified));
    assert_eq!(world.tree.listed("pipe").unwrap(), None);
    for path in ["a/x", "c", "../x"] {
        assert!(world.tree.list(path).is_err(), "{path}");
    }
    assert_eq!(world.tree.listed("nothing").unwrap_err().kind, Kind::NotFound);
}
