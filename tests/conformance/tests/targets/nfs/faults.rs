//! Servers that restart, forget, and lose answers.

use std::time::Duration;

use capstan_conformance::content::{bytes, counting, same};
use capstan_domain::failure::Kind;
use capstan_domain::ports::PutOptions;
use capstan_test_servers::{Ganesha, NfsFront, Trick, server_or_skip};
use serde_json::json;

use super::{files, host, with};
use capstan_conformance::nfs::configuration;

const CREATE: u32 = 8;
const MKDIR: u32 = 9;
const SYMLINK: u32 = 10;
const WRITE: u32 = 7;
const REMOVE: u32 = 12;
const RMDIR: u32 = 13;
const RENAME: u32 = 14;
const LINK: u32 = 15;

/// Names in the open export.
fn left(server: &Ganesha, directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(server.export("open").join(directory)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn handles_are_looked_up_anew_after_a_restart_and_when_others_replace_what_they_named() {
    let mut server = server_or_skip!(Ganesha::start());
    let (host, others) = (host(configuration(&server, "open")).await, host(configuration(&server, "open")).await);
    let (port, other) = (files(&host), files(&others));
    port.write("share", "a/b/c/one", counting(1000), "1", PutOptions::default()).await.unwrap();
    server.restart().unwrap();
    assert_eq!(port.stat("share", "a/b/c/one").await.unwrap().size, 1000);
    port.write("share", "a/b/c/two", counting(2000), "2", PutOptions::default()).await.unwrap();
    // Somebody else puts other directories in their place.
    other.rename("share", "a/b", "moved", true, "4").await.unwrap();
    other.make_directory("share", "a/b/c", "5").await.unwrap();
    assert_eq!(port.stat("share", "a/b/c/one").await.unwrap_err().kind, Kind::NotFound);
    port.write("share", "a/b/c/three", counting(3000), "3", PutOptions::default()).await.unwrap();
    assert_eq!(left(&server, "a/b/c"), ["three"]);
    assert_eq!(left(&server, "moved/c"), ["one", "two"]);
    for path in ["a/b/c/three", "a/b/c", "a/b", "a"] {
        other.remove("share", path, "6").await.unwrap();
    }
    port.write("share", "a/b/c/four", counting(4000), "4", PutOptions::default()).await.unwrap();
    assert_eq!(left(&server, "a/b/c"), ["four"]);
}

#[tokio::test]
async fn what_a_server_forgot_before_it_committed_is_written_again() {
    let server = server_or_skip!(Ganesha::start());
    let front = NfsFront::start(server.port, Trick::Forgets, 1).unwrap();
    let host = host(with(configuration(&server, "open"), json!({ "port": front.port() }))).await;
    let port = files(&host);
    let size = (5 << 20) + 3;
    port.write("share", "large", counting(size), "1", PutOptions::default()).await.unwrap();
    assert_eq!(std::fs::read(server.export("open").join("large")).unwrap(), bytes(0, size));
    let once = front.calls(WRITE) / 2;
    assert!(once > 0 && front.calls(WRITE) == 2 * once, "{} writes", front.calls(WRITE));
}

#[tokio::test]
async fn a_server_that_forgets_for_ever_fails_the_write_and_nothing_is_left() {
    let server = server_or_skip!(Ganesha::start());
    let front = NfsFront::start(server.port, Trick::Forgets, usize::MAX).unwrap();
    let host = host(with(configuration(&server, "open"), json!({ "port": front.port() }))).await;
    let failure = files(&host).write("share", "large", counting(3 << 20), "1", PutOptions::default()).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unavailable, Some("write-verifier")), "{failure:?}");
    assert!(left(&server, "").is_empty());
}

#[tokio::test]
async fn a_write_survives_a_server_that_restarts_in_its_middle() {
    let mut server = server_or_skip!(Ganesha::start());
    let host = host(configuration(&server, "open")).await;
    let port = files(&host);
    let size = 300 << 20;
    let (writer, content) = (port.clone(), counting(size));
    let write = tokio::spawn(async move { writer.write("share", "large", content, "1", PutOptions::default()).await });
    let part = loop {
        tokio::time::sleep(Duration::from_millis(2)).await;
        if let Some(part) = left(&server, "").first() {
            break part.clone();
        }
    };
    assert!(part.starts_with(".capstan-part-"), "the restart came too late: {part}");
    server.restart().unwrap();
    let mut outcome = write.await.unwrap();
    if let Err(failure) = &outcome {
        // The host asks again.
        assert!(matches!(failure.kind, Kind::Unavailable | Kind::TimedOut), "{failure:?}");
        outcome = port.write("share", "large", counting(size), "1", PutOptions::default()).await;
    }
    assert_eq!(outcome.unwrap().size, size);
    let (_, body) = port.read("share", "large", None).await.unwrap();
    same(body, 0, size).await.unwrap();
    assert_eq!(left(&server, ""), ["large"]);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_made_once() {
    let server = server_or_skip!(Ganesha::start());
    let new = PutOptions { if_absent: true, ..PutOptions::default() };
    for lost in [CREATE, WRITE, MKDIR, SYMLINK, REMOVE, RMDIR, RENAME, LINK] {
        let front = NfsFront::start(server.port, Trick::Loses(lost), 1).unwrap();
        let host = host(with(configuration(&server, "open"), json!({ "port": front.port() }))).await;
        let port = files(&host);
        let told = |what: &str| format!("procedure {lost}, {what}");
        port.make_directory("share", "d/deep", "1").await.unwrap_or_else(|failure| panic!("{}: {failure:?}", told("directory")));
        port.write("share", "d/over", counting(10), "2", PutOptions::default()).await.unwrap();
        port.write("share", "d/over", counting(200_000), "3", PutOptions::default()).await.unwrap();
        let first = port.write("share", "d/new", counting(50), "4", new.clone()).await;
        assert_eq!(first.unwrap_or_else(|failure| panic!("{}: {failure:?}", told("new"))).size, 50);
        port.make_link("share", "d/link", "over", "5").await.unwrap();
        port.rename("share", "d/over", "d/moved", true, "6").await.unwrap();
        port.rename("share", "d/new", "d/deep/new", false, "7").await.unwrap();
        port.remove("share", "d/link", "8").await.unwrap();
        assert_eq!(left(&server, "d"), ["deep", "moved"], "{}", told("the end"));
        assert_eq!(left(&server, "d/deep"), ["new"], "{}", told("the end"));
        for path in ["d/deep/new", "d/deep", "d/moved", "d"] {
            port.remove("share", path, "9").await.unwrap();
        }
        assert!(left(&server, "").is_empty());
    }
}

#[tokio::test]
async fn an_attempt_at_a_new_file_made_twice_is_made_once_and_another_is_not() {
    let server = server_or_skip!(Ganesha::start());
    let host = host(configuration(&server, "open")).await;
    let port = files(&host);
    let new = PutOptions { if_absent: true, ..PutOptions::default() };
    let first = port.write("share", "once", counting(70), "attempt", new.clone()).await.unwrap();
    let again = port.write("share", "once", counting(70), "attempt", new.clone()).await.unwrap();
    assert_eq!(first.id, again.id);
    let other = port.write("share", "once", counting(70), "another", new.clone()).await.unwrap_err();
    assert_eq!(other.kind, Kind::AlreadyExists);
    // Many at once: one of them is the first.
    let racing = (0..8).map(|number| {
        let (port, new) = (port.clone(), new.clone());
        async move { port.write("share", "race", counting(40_000), &format!("racer {number}"), new).await }
    });
    let outcomes = futures::future::join_all(racing).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|failure| failure.kind == Kind::AlreadyExists));
    assert_eq!(left(&server, ""), ["once", "race"]);
}

/// A rename to a free name is LINK and REMOVE. Ganesha counts a file's names from memory and now and then tells one too few: a rename
/// that lost takes its name back only if it is told of another one, so two may be made, and both say so; none is lost.
#[tokio::test]
async fn of_many_renames_of_one_file_at_once_those_are_made_that_say_so() {
    let server = server_or_skip!(Ganesha::start());
    let host = host(configuration(&server, "open")).await;
    let port = files(&host);
    for round in 0..5 {
        port.write("share", "from", counting(7), &format!("{round}"), PutOptions::default()).await.unwrap();
        let renames = (0..8).map(|number| {
            let port = port.clone();
            async move { port.rename("share", "from", &format!("to {number}"), false, &format!("{round} {number}")).await }
        });
        let outcomes = futures::future::join_all(renames).await;
        let made: Vec<String> = (0..8).filter(|number| outcomes[*number].is_ok()).map(|number| format!("to {number}")).collect();
        assert!(!made.is_empty(), "{outcomes:?}");
        assert_eq!(left(&server, ""), made, "{outcomes:?}");
        let refusals = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        assert!(refusals.map(|refusal| refusal.kind).all(|kind| kind == Kind::NotFound), "{outcomes:?}");
        for name in made {
            assert_eq!(std::fs::read(server.export("open").join(&name)).unwrap(), bytes(0, 7));
            port.remove("share", &name, "away").await.unwrap();
        }
    }
}
