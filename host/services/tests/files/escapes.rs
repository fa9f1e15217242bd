//! One test an attack.

use std::os::unix::fs::{PermissionsExt, symlink};

use bytes::Bytes;
use capstan_domain::content::Body;
use capstan_domain::{Failure, Kind};
use capstan_services::files::{Changes, Creation, FileKind};

use crate::{Ground, granted, ground};

fn bytes(text: &'static str) -> Body {
    Box::pin(futures::stream::iter([Ok(Bytes::from_static(text.as_bytes()))]))
}

/// Every call that takes a path, tried on one that must not lead anywhere.
async fn refused_everywhere(ground: &Ground, path: &str, kinds: &[Kind]) {
    let directory = &ground.directory;
    let failures: Vec<(&str, Option<Failure>)> = vec![
        ("read", directory.read(path, 0, None).await.err()),
        ("read-directory", directory.read_directory(path, None, 10).await.err()),
        ("write", directory.write(path, Creation::Truncate, 0, bytes("x")).await.err()),
        ("write new", directory.write(&format!("{path}/new"), Creation::Exclusive, 0, bytes("x")).await.err()),
        ("stat below", directory.stat(&format!("{path}/secret")).await.err()),
        ("make-directory", directory.make_directory(&format!("{path}/new")).await.err()),
        ("remove", directory.remove(&format!("{path}/secret")).await.err()),
        ("rename away", directory.rename(&format!("{path}/secret"), "stolen", true).await.err()),
        ("rename into", directory.rename("mine", &format!("{path}/planted"), true).await.err()),
        (
            "set-attributes",
            directory.set_attributes(&format!("{path}/secret"), Changes { mode: Some(0o777), ..Changes::default() }).await.err(),
        ),
        ("read-link", directory.read_link(&format!("{path}/link")).await.err()),
        ("make-link", directory.make_link(&format!("{path}/link"), "x").await.err()),
        ("copy from", directory.copy(&format!("{path}/secret"), "stolen").await.err()),
        ("copy to", directory.copy("mine", &format!("{path}/planted")).await.err()),
        ("get-xattrs", directory.get_xattrs(&format!("{path}/secret")).await.err()),
        ("set-xattr", directory.set_xattr(&format!("{path}/secret"), "user.x", Some(b"y".to_vec())).await.err()),
        ("sync", directory.sync(&format!("{path}/secret")).await.err()),
    ];
    for (call, failure) in failures {
        let failure = failure.unwrap_or_else(|| panic!("{call} of {path} went through"));
        assert!(kinds.contains(&failure.kind), "{call} of {path}: {failure:?}");
    }
    assert_eq!(std::fs::read(ground.outside.join("secret")).unwrap(), b"secret");
    assert_eq!(std::fs::read_dir(&ground.outside).unwrap().count(), 1, "something was planted");
    assert!(!ground.inside.join("stolen").exists());
}

fn with_mine() -> Ground {
    let ground = ground();
    std::fs::write(ground.inside.join("mine"), "mine").unwrap();
    ground
}

#[tokio::test]
async fn dot_dot_does_not_lead_out() {
    refused_everywhere(&with_mine(), "../outside", &[Kind::Denied]).await;
}

#[tokio::test]
async fn dot_dot_behind_a_directory_does_not_lead_out() {
    let ground = with_mine();
    std::fs::create_dir(ground.inside.join("a")).unwrap();
    refused_everywhere(&ground, "a/../../outside", &[Kind::Denied]).await;
}

#[tokio::test]
async fn an_escaped_dot_dot_does_not_lead_out() {
    refused_everywhere(&with_mine(), "%!2E%!2E/outside", &[Kind::Denied]).await;
}

#[tokio::test]
async fn an_escaped_slash_does_not_lead_out() {
    refused_everywhere(&with_mine(), "..%!2Foutside", &[Kind::Denied]).await;
}

#[tokio::test]
async fn an_absolute_path_does_not_lead_out() {
    let ground = with_mine();
    let path = ground.outside.to_str().unwrap().to_owned();
    refused_everywhere(&ground, &path, &[Kind::Denied]).await;
}

#[tokio::test]
async fn an_absolute_link_does_not_lead_out() {
    let ground = with_mine();
    symlink(&ground.outside, ground.inside.join("way")).unwrap();
    refused_everywhere(&ground, "way", &[Kind::Denied]).await;
}

#[tokio::test]
async fn a_relative_link_does_not_lead_out() {
    let ground = with_mine();
    symlink("../outside", ground.inside.join("way")).unwrap();
    refused_everywhere(&ground, "way", &[Kind::Denied]).await;
}

#[tokio::test]
async fn a_chain_of_links_does_not_lead_out() {
    let ground = with_mine();
    std::fs::create_dir(ground.inside.join("d")).unwrap();
    symlink("d/two", ground.inside.join("one")).unwrap();
    symlink("../three", ground.inside.join("d/two")).unwrap();
    symlink("d/../../outside", ground.inside.join("three")).unwrap();
    refused_everywhere(&ground, "one", &[Kind::Denied]).await;
}

#[tokio::test]
async fn a_link_through_proc_does_not_lead_out() {
    let ground = with_mine();
    symlink("/proc/self/cwd", ground.inside.join("way")).unwrap();
    refused_everywhere(&ground, "way", &[Kind::Denied]).await;
}

#[tokio::test]
async fn a_circle_of_links_ends() {
    let ground = with_mine();
    symlink("b", ground.inside.join("a")).unwrap();
    symlink("a", ground.inside.join("b")).unwrap();
    refused_everywhere(&ground, "a", &[Kind::Invalid, Kind::Denied]).await;
}

#[tokio::test]
async fn a_link_in_the_last_place_is_itself_not_what_it_points_to() {
    let ground = ground();
    symlink(ground.outside.join("secret"), ground.inside.join("way")).unwrap();
    let directory = &ground.directory;
    assert_eq!(directory.stat("way").await.unwrap().kind, FileKind::Symlink);
    let times = Changes { modified: Some(1), mode: Some(0o777), ..Changes::default() };
    assert!(directory.set_attributes("way", times).await.is_err());
    assert!(directory.set_xattr("way", "user.x", Some(b"y".to_vec())).await.is_err());
    assert!(directory.copy("way", "stolen").await.is_err());
    directory.remove("way").await.unwrap();
    let secret = std::fs::metadata(ground.outside.join("secret")).unwrap();
    assert_ne!(secret.permissions().mode() & 0o777, 0o777);
}

#[tokio::test]
async fn a_link_that_stays_inside_is_followed() {
    let ground = ground();
    std::fs::create_dir(ground.inside.join("d")).unwrap();
    std::fs::write(ground.inside.join("d/f"), "abc").unwrap();
    symlink("d", ground.inside.join("way")).unwrap();
    assert_eq!(ground.directory.stat("way/f").await.unwrap().size, 3);
}

#[tokio::test]
async fn a_root_that_is_replaced_by_a_link_keeps_meaning_the_old_directory() {
    let ground = ground();
    std::fs::write(ground.inside.join("mine"), "mine").unwrap();
    std::fs::rename(&ground.inside, ground.inside.with_extension("old")).unwrap();
    symlink(&ground.outside, &ground.inside).unwrap();
    assert!(ground.directory.stat("mine").await.is_ok());
    assert_eq!(ground.directory.stat("secret").await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn rights_of_others_cannot_be_put_on_a_file() {
    let ground = with_mine();
    for mode in [0o4755, 0o2755] {
        let changes = Changes { mode: Some(mode), ..Changes::default() };
        assert_eq!(ground.directory.set_attributes("mine", changes).await.unwrap_err().kind, Kind::Denied);
    }
    assert_eq!(ground.directory.set_xattr("mine", "security.capability", Some(vec![1])).await.unwrap_err().kind, Kind::Denied);
}

#[tokio::test]
async fn a_pipe_or_a_device_does_not_hold_a_thread() {
    let ground = ground();
    let pipe = ground.inside.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for failure in [
        ground.directory.read("pipe", 0, None).await.err(),
        ground.directory.write("pipe", Creation::Existing, 0, bytes("x")).await.err(),
        ground.directory.sync("pipe").await.err(),
    ] {
        assert!(matches!(failure.unwrap().kind, Kind::Invalid | Kind::Unsupported));
    }
}

#[tokio::test]
async fn a_directory_granted_for_reading_is_not_changed() {
    let ground = granted(false);
    std::fs::write(ground.inside.join("mine"), "mine").unwrap();
    let directory = &ground.directory;
    for failure in [
        directory.write("new", Creation::Exclusive, 0, bytes("x")).await.err(),
        directory.make_directory("new").await.err(),
        directory.remove("mine").await.err(),
        directory.rename("mine", "new", false).await.err(),
        directory.make_link("new", "mine").await.err(),
        directory.copy("mine", "new").await.err(),
        directory.set_attributes("mine", Changes::default()).await.err(),
        directory.set_xattr("mine", "user.x", None).await.err(),
    ] {
        let failure = failure.unwrap();
        assert_eq!(failure.kind, Kind::Denied);
        assert!(failure.next_step.unwrap().contains("--write"));
    }
    assert!(directory.read("mine", 0, None).await.is_ok());
    assert_eq!(std::fs::read_dir(&ground.inside).unwrap().count(), 1);
}
