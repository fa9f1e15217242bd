//! Names: order, pages, odd bytes, renames.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use capstan_domain::Kind;
use capstan_services::files::{Changes, FileKind};

use crate::ground;

#[tokio::test]
async fn a_directory_is_paged_in_bytewise_order_without_gaps_or_repeats() {
    let ground = ground();
    let mut expected: Vec<String> =
        (0..257).map(|number| format!("f{number}")).chain(["Z", "a b", "é"].map(String::from)).collect();
    for name in &expected {
        std::fs::write(ground.inside.join(name), "x").unwrap();
    }
    expected.sort_unstable();
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = ground.directory.read_directory("", after, 50).await.unwrap();
        assert!(page.entries.len() <= 50);
        found.extend(page.entries.into_iter().map(|(name, _)| name));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_name_that_vanishes_between_two_pages_is_left_out() {
    let ground = ground();
    for name in ["a", "b", "c", "d"] {
        std::fs::write(ground.inside.join(name), "x").unwrap();
    }
    let first = ground.directory.read_directory("", None, 2).await.unwrap();
    std::fs::remove_file(ground.inside.join("c")).unwrap();
    let second = ground.directory.read_directory("", first.next, 2).await.unwrap();
    assert_eq!(second.entries.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["d"]);
}

#[tokio::test]
async fn names_that_are_not_utf8_are_escaped_and_can_be_used() {
    let ground = ground();
    for name in [&b"a\xff"[..], b"100%!x"] {
        std::fs::write(ground.inside.join(OsStr::from_bytes(name)), "abc").unwrap();
    }
    let page = ground.directory.read_directory("", None, 10).await.unwrap();
    assert_eq!(page.escaped, 1);
    assert_eq!(page.entries.len(), 2);
    for (name, _) in &page.entries {
        assert_eq!(ground.directory.stat(name).await.unwrap().size, 3, "{name}");
        ground.directory.remove(name).await.unwrap();
    }
    assert_eq!(std::fs::read_dir(&ground.inside).unwrap().count(), 0);
}

#[tokio::test]
async fn a_rename_without_replace_never_replaces() {
    let ground = ground();
    std::fs::write(ground.inside.join("a"), "a").unwrap();
    std::fs::write(ground.inside.join("b"), "b").unwrap();
    assert_eq!(ground.directory.rename("a", "b", false).await.unwrap_err().kind, Kind::AlreadyExists);
    assert_eq!(std::fs::read(ground.inside.join("b")).unwrap(), b"b");
    ground.directory.rename("a", "b", true).await.unwrap();
    assert_eq!(std::fs::read(ground.inside.join("b")).unwrap(), b"a");
    ground.directory.rename("b", "c", false).await.unwrap();
    assert!(ground.inside.join("c").exists());
}

#[tokio::test]
async fn directories_and_links_are_made_and_removed() {
    let ground = ground();
    let directory = &ground.directory;
    directory.make_directory("d").await.unwrap();
    assert_eq!(directory.make_directory("d").await.unwrap_err().kind, Kind::AlreadyExists);
    directory.make_link("d/l", "../anything at all").await.unwrap();
    assert_eq!(directory.read_link("d/l").await.unwrap(), "../anything at all");
    assert_eq!(directory.stat("d/l").await.unwrap().kind, FileKind::Symlink);
    assert_eq!(directory.remove("d").await.unwrap_err().kind, Kind::Conflict);
    directory.remove("d/l").await.unwrap();
    directory.remove("d").await.unwrap();
    assert_eq!(directory.remove("d").await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(directory.remove("").await.unwrap_err().kind, Kind::Invalid);
}

#[tokio::test]
async fn times_modes_and_extended_attributes_are_kept() {
    let ground = ground();
    std::fs::write(ground.inside.join("f"), "x").unwrap();
    let changes = Changes { modified: Some(1_234_567_890_123_456_789), mode: Some(0o640), ..Changes::default() };
    let status = ground.directory.set_attributes("f", changes).await.unwrap();
    assert_eq!((status.modified, status.mode), (1_234_567_890_123_456_789, 0o640));
    match ground.directory.set_xattr("f", "user.color", Some(b"blue".to_vec())).await {
        Ok(()) => {
            assert_eq!(ground.directory.get_xattrs("f").await.unwrap(), [("user.color".to_owned(), b"blue".to_vec())]);
            ground.directory.set_xattr("f", "user.color", None).await.unwrap();
            ground.directory.set_xattr("f", "user.color", None).await.unwrap();
            assert!(ground.directory.get_xattrs("f").await.unwrap().is_empty());
        }
        // tmpfs of older kernels has none.
        Err(failure) => assert_eq!(failure.kind, Kind::Unsupported),
    }
}

#[tokio::test]
async fn space_of_the_file_system_is_known() {
    let (used, free) = ground().directory.space().await.unwrap();
    assert!(used > 0 && free > 0);
}
