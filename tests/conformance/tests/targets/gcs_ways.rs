//! What goes wrong on the way to Google Cloud Storage: busy services, cut sessions, lost answers, spoiled data, killed uploads.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails here says where")]

use capstan_conformance::content::{bytes, counting};
use capstan_conformance::fails;
use capstan_conformance::gcs::{WAYS, Way, host};
use capstan_conformance::host::Host;
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ports::{GetOptions, ListOptions, Part, PutOptions, Uploads};
use capstan_test_servers::{Cut, Gcs, TurnedAway, server_or_skip};
use futures::future::join_all;
use serde_json::json;

use super::objects::{holds, put};

const BUCKET: &str = "ways";
/// More than the 64 calls that one instance takes.
const AT_ONCE: usize = 96;
const SLOW_DOWN: TurnedAway = TurnedAway { status: "503 Slow Down", code: Some("SlowDown"), retry_after: Some(1) };
const TOO_MANY: TurnedAway = TurnedAway { status: "429 Too Many Requests", code: None, retry_after: Some(1) };
const AWAY: TurnedAway = TurnedAway { status: "503 Service Unavailable", code: None, retry_after: None };
const TIMED_OUT: TurnedAway = TurnedAway { status: "408 Request Timeout", code: None, retry_after: None };
const BROKEN: TurnedAway = TurnedAway { status: "500 Internal Server Error", code: Some("InternalError"), retry_after: None };

fn if_absent() -> PutOptions {
    PutOptions { if_absent: true, ..PutOptions::default() }
}

#[tokio::test]
async fn a_busy_service_is_asked_again_and_data_is_the_hosts_to_send_again() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket(BUCKET).unwrap();
    for way in WAYS {
        let host = host(&server, way, json!({})).await.unwrap();
        let port = host.connection.objects().unwrap();
        put(&*port, BUCKET, "there", 10_000).await;
        for how in [SLOW_DOWN, TOO_MANY, AWAY, BROKEN, TIMED_OUT] {
            server.turn_away(2, "HEAD", how);
            port.head(BUCKET, "there", GetOptions::default()).await.unwrap();
        }
        for (how, wait) in [(SLOW_DOWN, Some(1_000)), (TOO_MANY, Some(1_000)), (AWAY, None)] {
            server.turn_away(1, "PUT", how);
            let failure = port.put(BUCKET, "busy", counting(10_000), "busy", PutOptions::default()).await.unwrap_err();
            assert_eq!((failure.kind, failure.retry, failure.retry_after_ms), (Kind::Busy, Retry::Later, wait), "{failure:?}");
            server.turn_away(1, "GET", how);
            let Err(failure) = port.get(BUCKET, "there", None, GetOptions::default()).await else {
                panic!("{how:?} was a success")
            };
            assert_eq!((failure.kind, failure.retry, failure.retry_after_ms), (Kind::Busy, Retry::Later, wait), "{failure:?}");
        }
        // A service that stays busy is not asked for ever.
        let before = server.turned_away();
        server.turn_away(3, "HEAD", AWAY);
        fails(port.head(BUCKET, "there", GetOptions::default()).await, Kind::Busy, "busy for good").unwrap();
        assert_eq!(server.turned_away() - before, 3);
    }
}

#[tokio::test]
async fn a_session_that_was_cut_goes_on_where_it_was() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket(BUCKET).unwrap();
    let size = 20 << 20;
    for way in WAYS {
        let host = host(&server, way, json!({})).await.unwrap();
        let port = host.connection.objects().unwrap();
        for (name, cuts) in [
            ("incomplete", vec![Cut::Incomplete(6 << 20), Cut::Incomplete(3 << 20)]),
            ("busy", vec![Cut::Busy(12 << 20), Cut::Busy(0)]),
            ("broken", vec![Cut::Broken(15 << 20)]),
            ("all of them", vec![Cut::Broken(1 << 20), Cut::Incomplete(5 << 20), Cut::Busy(5 << 20)]),
        ] {
            server.cut_sessions(&cuts);
            let before = server.sent_to_sessions();
            put(&*port, BUCKET, name, size).await;
            holds(&*port, BUCKET, name, size).await;
            let again = server.sent_to_sessions() - before - size;
            // What had arrived by a cut is not sent once more: of each cut piece only what was behind the cut.
            let behind: u64 = match name {
                "incomplete" => (14 << 20) + (11 << 20),
                "busy" => (8 << 20) + (8 << 20),
                "broken" => 5 << 20,
                _ => (19 << 20) + (14 << 20) + (9 << 20),
            };
            assert_eq!(again, behind, "{way:?} {name}");
        }
    }
}

#[tokio::test]
async fn a_session_that_takes_nothing_more_is_given_up() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket(BUCKET).unwrap();
    let host = host(&server, Way::Account, json!({})).await.unwrap();
    let port = host.connection.objects().unwrap();
    server.cut_sessions(&[Cut::Incomplete(0); 8]);
    let failure = port.put(BUCKET, "stuck", counting(10 << 20), "put", PutOptions::default()).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (Kind::Unavailable, Retry::Later), "{failure:?}");
    fails(port.head(BUCKET, "stuck", GetOptions::default()).await, Kind::NotFound, "what was given up").unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_doubt_and_the_same_attempt_finds_what_it_made() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket(BUCKET).unwrap();
    for way in WAYS {
        let host = host(&server, way, json!({})).await.unwrap();
        let port = host.connection.objects().unwrap();
        let key = format!("lost {way:?}");
        // A token first: asking for one is a POST, and this is about the PUT.
        host.connection.probe().await.unwrap();
        server.fall_silent(1, "PUT");
        let failure = port.put(BUCKET, &key, counting(1_000), "attempt 1", if_absent()).await.unwrap_err();
        assert!(failure.maybe_done, "{failure:?}");
        port.put(BUCKET, &key, counting(1_000), "attempt 1", if_absent()).await.unwrap();
        fails(port.put(BUCKET, &key, counting(1_000), "attempt 2", if_absent()).await, Kind::AlreadyExists, "a stranger's")
            .unwrap();
        // The same for a copy.
        let copied = format!("copied {way:?}");
        let method = if way == Way::Account { "POST" } else { "PUT" };
        server.fall_silent(1, method);
        let lost = port.copy((BUCKET, &key), (BUCKET, &copied), "copy 1", if_absent()).await;
        // Rounds are asked for again by the plugin itself, which then finds its mark.
        if let Err(failure) = lost {
            assert!(failure.maybe_done, "{failure:?}");
            port.copy((BUCKET, &key), (BUCKET, &copied), "copy 1", if_absent()).await.unwrap();
        }
        fails(port.copy((BUCKET, &key), (BUCKET, &copied), "copy 2", if_absent()).await, Kind::AlreadyExists, "another copy")
            .unwrap();
    }
}

#[tokio::test]
async fn spoiled_data_is_refused_whichever_way_it_went() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket(BUCKET).unwrap();
    for way in WAYS {
        let host = host(&server, way, json!({})).await.unwrap();
        let (port, parts) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap());
        for (key, size) in [("small", 100_000), ("through a session", 9 << 20)] {
            server.spoil(1);
            let failure = port.put(BUCKET, key, counting(size), "put", PutOptions::default()).await.unwrap_err();
            assert_eq!((failure.kind, failure.retry), (Kind::Corrupt, Retry::AtOnce), "{key}: {failure:?}");
            fails(port.head(BUCKET, key, GetOptions::default()).await, Kind::NotFound, "spoiled data").unwrap();
        }
        let begun = parts.begin(BUCKET, "parts", 6 << 20, "begin", PutOptions::default()).await.unwrap();
        server.spoil(1);
        let failure = parts.put_part(BUCKET, "parts", &begun.id, 1, counting(6 << 20), (0, 5 << 20)).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (Kind::Corrupt, Retry::AtOnce), "{failure:?}");
        parts.abort(BUCKET, "parts", &begun.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_goes_on_for_as_many_rounds_as_it_takes() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket(BUCKET).unwrap();
    server.create_bucket("ways-2").unwrap();
    let host = host(&server, Way::Account, json!({})).await.unwrap();
    let port = host.connection.objects().unwrap();
    let options = PutOptions {
        content_type: Some("video/mp4".to_owned()),
        metadata: vec![("name".to_owned(), "grün".to_owned())],
        ..PutOptions::default()
    };
    port.put(BUCKET, "from", counting(1 << 20), "put", options).await.unwrap();
    for rounds in [1, 2, 7] {
        server.copy_in(rounds);
        let key = format!("to/ü + {rounds}");
        let copied = port.copy((BUCKET, "from"), ("ways-2", &key), "copy", if_absent()).await.unwrap();
        assert_eq!((copied.size, copied.metadata.as_slice()), (1 << 20, [("name".to_owned(), "grün".to_owned())].as_slice()));
        assert!(copied.extras.contains(&("content-type".to_owned(), "video/mp4".to_owned())), "{:?}", copied.extras);
        assert_eq!(server.read("ways-2", &key).unwrap(), bytes(0, 1 << 20));
        // Busy in the middle of the rounds.
        server.turn_away(1, "POST", AWAY);
        let other = PutOptions { metadata: vec![("other".to_owned(), "1".to_owned())], ..PutOptions::default() };
        let copied = port.copy((BUCKET, "from"), ("ways-2", "other"), "copy", other).await.unwrap();
        assert_eq!(copied.metadata, [("other".to_owned(), "1".to_owned())]);
    }
}

async fn put_parts(parts: &dyn Uploads, key: &str, id: &str, size: u64, part_size: u64, numbers: &[u32]) -> Vec<Part> {
    let mut put = Vec::new();
    for &number in numbers {
        let offset = u64::from(number - 1) * part_size;
        let length = part_size.min(size - offset);
        put.push(parts.put_part(BUCKET, key, id, number, counting(size), (offset, length)).await.unwrap());
    }
    put
}

#[tokio::test]
async fn an_upload_goes_on_in_another_process_with_the_parts_that_are_missing() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket(BUCKET).unwrap();
    let size = (12 << 20) + 77;
    for way in WAYS {
        for (name, options) in [("plain", PutOptions::default()), ("guarded", if_absent())] {
            let key = format!("{name} {way:?}");
            let (id, part_size) = {
                let first = host(&server, way, json!({})).await.unwrap();
                let parts = first.connection.uploads().unwrap();
                let begun = parts.begin(BUCKET, &key, size, "attempt", options.clone()).await.unwrap();
                put_parts(&*parts, &key, &begun.id, size, begun.part_size, &[3, 1]).await;
                (begun.id, begun.part_size)
                // Everything of this host goes, as when it is killed: state, tokens, instances.
            };
            let second = host(&server, way, json!({})).await.unwrap();
            let (port, parts) = (second.connection.objects().unwrap(), second.connection.uploads().unwrap());
            let mut there = parts.list_parts(BUCKET, &key, &id, 0, 100).await.unwrap();
            assert!(there.iter().map(|part| part.number).eq([1, 3]), "{there:?}");
            fails(port.head(BUCKET, &key, GetOptions::default()).await, Kind::NotFound, "an unfinished upload").unwrap();
            there.extend(put_parts(&*parts, &key, &id, size, part_size, &[2]).await);
            there.sort_by_key(|part| part.number);
            // The answer to the completion is lost, and the host asks again.
            server.fall_silent(1, "POST");
            let lost = parts.complete(BUCKET, &key, &id, there.clone(), "attempt", options.clone()).await;
            if let Err(failure) = &lost {
                assert!(failure.maybe_done, "{failure:?}");
            }
            let made = parts.complete(BUCKET, &key, &id, there.clone(), "attempt", options.clone()).await.unwrap();
            let again = parts.complete(BUCKET, &key, &id, there, "attempt", options).await.unwrap();
            assert_eq!((made.etag, again.size), (again.etag, size));
            holds(&*port, BUCKET, &key, size).await;
        }
    }
    assert!(server.unfinished(BUCKET).is_empty());
    assert!(server.keys(BUCKET).unwrap().iter().all(|key| !key.starts_with('.')), "{:?}", server.keys(BUCKET));
}

/// All instances have a token afterwards: asking for one is a POST as well. So many calls at once are more than one instance takes.
async fn let_in(host: &Host) {
    let objects = host.connection.objects().unwrap();
    for head in join_all((0..AT_ONCE).map(|_| objects.head(BUCKET, "nothing", GetOptions::default()))).await {
        fails(head, Kind::NotFound, "there is nothing").unwrap();
    }
}

#[tokio::test]
async fn an_upload_whose_beginning_nobody_heard_of_is_found_again_by_its_attempt() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket(BUCKET).unwrap();
    let size = 6 << 20;
    for way in WAYS {
        for (name, options) in [("plain ü", PutOptions::default()), ("guarded", if_absent())] {
            let key = format!("unheard {name} {way:?}");
            let mut host = host(&server, way, json!({})).await.unwrap();
            let_in(&host).await;
            server.fall_silent(1, "POST");
            let parts = host.connection.uploads().unwrap();
            let failure = parts.begin(BUCKET, &key, size, "attempt", options.clone()).await.unwrap_err();
            assert!(failure.maybe_done, "{failure:?}");
            assert_eq!(server.unfinished(BUCKET).len(), 1);
            host.reopen();
            let parts = host.connection.uploads().unwrap();
            let begun = parts.begin(BUCKET, &key, size, "attempt", options.clone()).await.unwrap();
            assert_eq!(server.unfinished(BUCKET).len(), 1, "{name} {way:?}");
            let again = parts.begin(BUCKET, &key, size, "attempt", options.clone()).await.unwrap();
            assert_eq!(again.id, begun.id);
            // It carries the mark it was asked for with: a completion whose answer is lost is known again.
            let put_all = put_parts(&*parts, &key, &begun.id, size, begun.part_size, &[1, 2]).await;
            parts.complete(BUCKET, &key, &begun.id, put_all.clone(), "attempt", options.clone()).await.unwrap();
            parts.complete(BUCKET, &key, &begun.id, put_all, "attempt", options).await.unwrap();
            holds(&*host.connection.objects().unwrap(), BUCKET, &key, size).await;
            assert!(server.unfinished(BUCKET).is_empty());
        }
    }
}

#[tokio::test]
async fn an_upload_that_others_began_or_that_has_parts_is_not_taken_for_the_one_nobody_heard_of() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket(BUCKET).unwrap();
    let size = 6 << 20;
    for way in WAYS {
        let (mine, others) = (host(&server, way, json!({})).await.unwrap(), host(&server, way, json!({})).await.unwrap());
        let (parts, strangers) = (mine.connection.uploads().unwrap(), others.connection.uploads().unwrap());
        let key = format!("shared {way:?}");
        let theirs = strangers.begin(BUCKET, &key, size, "theirs", PutOptions::default()).await.unwrap();
        let_in(&mine).await;
        server.fall_silent(1, "POST");
        parts.begin(BUCKET, &key, size, "mine", PutOptions::default()).await.unwrap_err();
        // Either could be it.
        let begun = parts.begin(BUCKET, &key, size, "mine", PutOptions::default()).await.unwrap();
        assert_ne!(service_id(&begun.id), service_id(&theirs.id));
        assert_eq!(server.unfinished(BUCKET).iter().filter(|unfinished| **unfinished == key).count(), 3);
        // One that has parts is somebody's.
        let key = format!("under way {way:?}");
        let theirs = strangers.begin(BUCKET, &key, size, "theirs", PutOptions::default()).await.unwrap();
        put_parts(&*strangers, &key, &theirs.id, size, theirs.part_size, &[1]).await;
        server.turn_away(1, "POST", BROKEN);
        let failure = parts.begin(BUCKET, &key, size, "mine", PutOptions::default()).await.unwrap_err();
        assert!(failure.maybe_done, "{failure:?}");
        let begun = parts.begin(BUCKET, &key, size, "mine", PutOptions::default()).await.unwrap();
        assert_ne!(service_id(&begun.id), service_id(&theirs.id));
    }
}

/// What the service calls an upload, behind what the plugin adds.
fn service_id(id: &str) -> &str {
    id.split_once('.').unwrap().1
}

#[tokio::test]
async fn an_upload_with_a_condition_replaces_nothing() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket(BUCKET).unwrap();
    let size = 6 << 20;
    for way in WAYS {
        // In a cold class the staged object would be paid for.
        let host = host(&server, way, json!({ "storage-class": "COLDLINE" })).await.unwrap();
        let (port, parts) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap());
        let key = format!("guarded {way:?}");
        let begun = parts.begin(BUCKET, &key, size, "attempt", if_absent()).await.unwrap();
        let put_all = put_parts(&*parts, &key, &begun.id, size, begun.part_size, &[1, 2]).await;
        // Somebody else is quicker.
        put(&*port, BUCKET, &key, 11).await;
        let refused = parts.complete(BUCKET, &key, &begun.id, put_all, "attempt", if_absent()).await;
        fails(refused, Kind::AlreadyExists, "a place that is taken").unwrap();
        holds(&*port, BUCKET, &key, 11).await;
        let free = format!("free {way:?}");
        let begun = parts.begin(BUCKET, &free, size, "attempt", if_absent()).await.unwrap();
        let put_all = put_parts(&*parts, &free, &begun.id, size, begun.part_size, &[1, 2]).await;
        let page = port
            .list(BUCKET, ListOptions { limit: 100, delimiter: Some("/".to_owned()), ..ListOptions::default() })
            .await
            .unwrap();
        assert!(page.prefixes.is_empty(), "what is on its way is not shown: {:?}", page.prefixes);
        parts.complete(BUCKET, &free, &begun.id, put_all, "attempt", if_absent()).await.unwrap();
        let head = port.head(BUCKET, &free, GetOptions::default()).await.unwrap();
        assert!(head.extras.contains(&("storage-class".to_owned(), "COLDLINE".to_owned())), "{head:?}");
        holds(&*port, BUCKET, &free, size).await;
        // A guarded upload that is given up leaves nothing.
        let given_up = parts.begin(BUCKET, "given up", size, "attempt", if_absent()).await.unwrap();
        put_parts(&*parts, "given up", &given_up.id, size, given_up.part_size, &[1]).await;
        parts.abort(BUCKET, "given up", &given_up.id).await.unwrap();
        assert!(server.unfinished(BUCKET).is_empty() && server.keys(BUCKET).unwrap().iter().all(|key| !key.starts_with('.')));
    }
}
