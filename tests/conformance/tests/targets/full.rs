//! Targets that have no room, or may not be written: services in the cloud, in the words of each, and a directory of the host.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails here says where")]

use capstan_conformance::content::{counting, same};
use capstan_conformance::gcs::{WAYS, Way};
use capstan_conformance::host::{Host, built};
use capstan_conformance::{azure, gcs};
use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::ports::PutOptions;
use capstan_test_servers::{Azurite, BlobFront, Gcs, SmallDisk, TurnedAway, server_or_skip};
use serde_json::json;

use super::objects::{holds, put};

const BUCKET: &str = "full";
/// A service that is full, or a proxy that says so, with words or without any.
const FULL: TurnedAway = TurnedAway { status: "507 Insufficient Storage", code: None, retry_after: Some(1) };

/// No room, for good, by the target's fault; nothing was made; and somebody is told what to do.
fn full<T>(outcome: Outcome<T>, code: Option<&str>) -> Failure {
    let Err(failure) = outcome else { panic!("{code:?} was a success") };
    assert_eq!((failure.kind, failure.retry, failure.blame), (Kind::NoSpace, Retry::Never, Blame::Target), "{failure:?}");
    assert_eq!((failure.code.as_deref(), failure.maybe_done), (code, false), "{failure:?}");
    assert!(failure.next_step.is_some(), "{failure:?}");
    failure
}

#[tokio::test]
async fn an_azure_account_that_is_full_says_so_and_is_not_asked_again() {
    let server = server_or_skip!(Azurite::start());
    let front = BlobFront::start(&server.blob).unwrap();
    let host = azure::host(&front.blob, json!({ "checksum": "none" })).await.unwrap();
    let (port, parts) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap());
    let container = azure::container("full");
    server.blob.create_container(&container).unwrap();
    put(&*port, &container, "there", 10_000).await;
    let begun = parts.begin(&container, "parts", 6 << 20, "begin", PutOptions::default()).await.unwrap();
    let capacity = TurnedAway { status: "403 Forbidden", code: Some("StorageAccountCapacityExceeded"), retry_after: None };
    for (how, code) in [(FULL, "HTTP 507"), (capacity, "StorageAccountCapacityExceeded")] {
        let before = front.seen("PUT", &container);
        front.turn_away(3, "PUT", how);
        full(port.put(&container, "new", counting(10_000), "new", PutOptions::default()).await, Some(code));
        full(parts.put_part(&container, "parts", &begun.id, 1, counting(6 << 20), (0, begun.part_size)).await, Some(code));
        let copied = port.copy((&container, "there"), (&container, "copied"), "copy", PutOptions::default()).await;
        full(copied, Some(code));
        assert_eq!(front.seen("PUT", &container) - before, 3, "{code}");
        holds(&*port, &container, "there", 10_000).await;
    }
    // Too much at once is no lack of room.
    let ingress = TurnedAway { status: "503 Service Unavailable", code: Some("IngressOverAccountLimit"), retry_after: None };
    front.turn_away(1, "PUT", ingress);
    let failure = port.put(&container, "new", counting(10_000), "new", PutOptions::default()).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (Kind::Busy, Retry::Later), "{failure:?}");
    put(&*port, &container, "new", 10_000).await;
    holds(&*port, &container, "new", 10_000).await;
}

#[tokio::test]
async fn a_google_quota_that_is_used_up_is_told_from_a_rate_that_is_too_high() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket(BUCKET).unwrap();
    for way in WAYS {
        let host = gcs::host(&server, way, json!({})).await.unwrap();
        let port = host.connection.objects().unwrap();
        // A token first: asking for one is a POST.
        host.connection.probe().await.unwrap();
        put(&*port, BUCKET, "there", 10_000).await;
        let quota = |code| TurnedAway { status: "403 Forbidden", code: Some(code), retry_after: None };
        for (how, code) in [(quota("QuotaExceeded"), "QuotaExceeded"), (FULL, "HTTP 507")] {
            // In one request, and through a session.
            for size in [10_000, 9 << 20] {
                let before = server.turned_away();
                server.turn_away(1, "PUT", how);
                full(port.put(BUCKET, "new", counting(size), "new", PutOptions::default()).await, Some(code));
                assert_eq!(server.turned_away() - before, 1, "{way:?} {code}");
            }
        }
        assert!(!server.keys(BUCKET).unwrap().contains(&"new".to_owned()));
        // A copy is asked for in the JSON API by an account, in the XML API with a key; in each the service has words of its own.
        let (method, code, slow) = match way {
            Way::Account => ("POST", "quotaExceeded", "rateLimitExceeded"),
            Way::Key => ("PUT", "QuotaExceeded", "SlowDown"),
        };
        let copy = || port.copy((BUCKET, "there"), (BUCKET, "copied"), "copy", PutOptions::default());
        let before = server.turned_away();
        server.turn_away(1, method, quota(code));
        full(copy().await, Some(code));
        assert_eq!(server.turned_away() - before, 1, "{way:?}: nobody asks again what has no room for good");
        server.turn_away(1, method, TurnedAway { status: "429 Too Many Requests", code: Some(slow), retry_after: Some(1) });
        assert_eq!(copy().await.unwrap().size, 10_000, "{way:?}: too fast is asked again later");
        assert_eq!(server.turned_away() - before, 2, "{way:?}");
        holds(&*port, BUCKET, "copied", 10_000).await;
    }
}

#[tokio::test]
async fn a_directory_on_a_full_disk_says_so_and_takes_the_same_file_when_there_is_room() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let disk = server_or_skip!(SmallDisk::over(directory.path(), 8));
    let host = Host::start(&built("posix"), json!({ "path": directory.path() }), &[]).await.unwrap();
    let port = host.connection.files().unwrap();
    port.write("root", "first", counting(3 << 20), "first", PutOptions::default()).await.unwrap();
    let size = 12 << 20;
    let failure = full(port.write("root", "large", counting(size), "large", PutOptions::default()).await, None);
    assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("room")), "{failure:?}");
    assert_eq!(disk.names().unwrap(), ["first"]);
    disk.grow(64).unwrap();
    port.write("root", "large", counting(size), "large", PutOptions::default()).await.unwrap();
    let (_, body) = port.read("root", "large", None).await.unwrap();
    same(body, 0, size).await.unwrap();

    // Sealed, it is read and not changed.
    disk.seal().unwrap();
    let (_, body) = port.read("root", "first", None).await.unwrap();
    same(body, 0, 3 << 20).await.unwrap();
    for (what, outcome) in [
        ("a write", port.write("root", "new", counting(5), "new", PutOptions::default()).await.map(drop)),
        ("a directory", port.make_directory("root", "new", "new").await.map(drop)),
        ("a removal", port.remove("root", "first", "away").await),
        ("a rename", port.rename("root", "first", "second", true, "rename").await),
    ] {
        let failure = outcome.unwrap_err();
        assert_eq!(
            (failure.kind, failure.retry, failure.blame),
            (Kind::Denied, Retry::Never, Blame::Target),
            "{what}: {failure:?}"
        );
        assert!(failure.next_step.is_some(), "{what}: {failure:?}");
    }
    let mut names = disk.names().unwrap();
    names.sort();
    assert_eq!(names, ["first", "large"]);
}
