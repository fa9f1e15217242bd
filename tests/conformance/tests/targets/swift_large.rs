//! Large objects of Swift: resumed, replaced, copied, deleted, and what is left of their segments: nothing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

use capstan_conformance::content::{bytes, counting, same};
use capstan_conformance::fails;
use capstan_conformance::fronts::Times;
use capstan_conformance::fronts::http::{Fault, Front};
use capstan_conformance::host::Host;
use capstan_conformance::s3::bucket as container;
use capstan_conformance::swift::host;
use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, ListOptions, Object, Objects, Part, PutOptions, Upload, Uploads};
use capstan_test_servers::{Rgw, Swift, SwiftAccount, server_or_skip};
use serde_json::json;

/// Of the objects below: three segments of 1 MiB, the last one short.
const SIZE: u64 = (2 << 20) + 12_345;

/// A container of its own, seen through the plugin and beside it.
struct Place {
    account: SwiftAccount,
    name: String,
    host: Host,
}

impl Place {
    async fn of(account: SwiftAccount, what: &str) -> Self {
        let (host, name) = (host(&account, json!({})).await.unwrap(), container(what));
        host.connection.objects().unwrap().create_location(&name, "create", Vec::new()).await.unwrap();
        Self { account, name, host }
    }

    fn objects(&self) -> std::sync::Arc<dyn Objects> {
        self.host.connection.objects().unwrap()
    }

    fn uploads(&self) -> std::sync::Arc<dyn Uploads> {
        self.host.connection.uploads().unwrap()
    }

    async fn begin(&self, key: &str, attempt: &str) -> String {
        let begun = self.uploads().begin(&self.name, key, SIZE, attempt, PutOptions::default()).await.unwrap();
        assert_eq!(begun.part_size, 1 << 20);
        begun.id
    }

    async fn part(&self, key: &str, upload: &str, number: u32) -> Part {
        let offset = u64::from(number - 1) << 20;
        let range = (offset, (1 << 20).min(SIZE - offset));
        self.uploads().put_part(&self.name, key, upload, number, counting(SIZE), range).await.unwrap()
    }

    async fn complete(&self, key: &str, upload: &str, parts: Vec<Part>) -> Object {
        self.uploads().complete(&self.name, key, upload, parts, "complete", PutOptions::default()).await.unwrap()
    }

    /// A large object and the upload it consists of.
    async fn large(&self, key: &str, attempt: &str) -> String {
        let upload = self.begin(key, attempt).await;
        let mut parts = Vec::new();
        for number in 1..=3 {
            parts.push(self.part(key, &upload, number).await);
        }
        self.complete(key, &upload, parts).await;
        upload
    }

    async fn put(&self, key: &str, size: u64) {
        self.objects().put(&self.name, key, counting(size), &format!("put {key}"), PutOptions::default()).await.unwrap();
    }

    async fn holds(&self, key: &str, size: u64) {
        let (object, body) = self.objects().get(&self.name, key, None, GetOptions::default()).await.unwrap();
        assert_eq!(object.size, size);
        same(body, 0, size).await.unwrap();
    }

    async fn delete(&self, keys: &[&str]) {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        let outcomes = self.objects().delete_many(&self.name, keys, "delete").await.unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()), "{outcomes:?}");
    }

    /// Names of what lies beside the container, marks of uploads included.
    fn segments(&self) -> Vec<String> {
        self.account.names(&format!("{}_segments", self.name)).unwrap()
    }
}

/// Each rule holds at both servers.
async fn on_both<F: Future<Output = ()>>(what: &str, rule: impl Fn(Place) -> F) {
    let (swift, rgw) = (server_or_skip!(Swift::get()), server_or_skip!(Rgw::get()));
    for account in [swift.tester(), rgw.swift()] {
        eprintln!("at {}", account.auth_url);
        rule(Place::of(account, what).await).await;
    }
}

#[tokio::test]
async fn an_upload_is_resumed_by_a_host_that_knows_only_its_id() {
    on_both("resumed", |place| async move {
        let upload = place.begin("large", "begin").await;
        let mut parts = vec![place.part("large", &upload, 3).await, place.part("large", &upload, 1).await];
        // The first host is gone with all it remembered.
        let place = Place { host: host(&place.account, json!({})).await.unwrap(), ..place };
        let listed = place.uploads().list_parts(&place.name, "large", &upload, 0, 100).await.unwrap();
        assert_eq!(listed.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 3]);
        for (listed, known) in listed.iter().zip([&parts[1], &parts[0]]) {
            assert_eq!((listed.size, &listed.etag), (known.size, &known.etag));
        }
        parts.push(place.part("large", &upload, 2).await);
        place.complete("large", &upload, parts.clone()).await;
        place.holds("large", SIZE).await;
        // Completed again by a third host, whose first answer was lost.
        let place = Place { host: host(&place.account, json!({})).await.unwrap(), ..place };
        let again = place.complete("large", &upload, parts).await;
        assert_eq!(again.size, SIZE);
        fails(place.uploads().list_parts(&place.name, "large", &upload, 0, 1).await, Kind::NotFound, "a completed upload")
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_upload_whose_beginning_nobody_heard_of_is_found_again_by_its_attempt() {
    on_both("unheard", |place| async move {
        let (storage, _) = place.account.admission().unwrap();
        let server = storage.trim_start_matches("http://").split('/').next().unwrap();
        let front = Front::start(server).await.unwrap();
        let mut behind = host(&place.account, json!({ "storage-url": format!("http://{}", front.address()) })).await.unwrap();
        // The first signs in, and makes the container of segments. An instance that must still ask what the service can begins nothing.
        let mut heard = 0;
        loop {
            begin_behind(&behind, &place.name, &format!("heard-{heard}")).await.unwrap();
            heard += 1;
            front.arm(Fault::AnswerLost, Times::Always);
            let failure = begin_behind(&behind, &place.name, "unheard").await.unwrap_err();
            front.calm();
            if failure.maybe_done {
                break;
            }
            assert!(heard < 16, "{failure:?}");
        }
        let marks = place.segments();
        assert_eq!(marks.len(), heard + 1, "{marks:?}");
        behind.reopen();
        let begun = begin_behind(&behind, &place.name, "unheard").await.unwrap();
        assert_eq!(place.segments(), marks);
        assert!(marks.iter().any(|mark| mark.contains(&begun.id)), "{:?} is none of {marks:?}", begun.id);
    })
    .await;
}

async fn begin_behind(host: &Host, location: &str, key: &str) -> Outcome<Upload> {
    host.connection.uploads().unwrap().begin(location, key, SIZE, key, PutOptions::default()).await
}

#[tokio::test]
async fn whatever_replaces_a_large_object_leaves_none_of_its_segments() {
    on_both("replaced", |place| async move {
        let first = place.large("large", "first").await;
        assert_eq!(place.segments().len(), 3, "{:?}", place.segments());
        let second = place.large("large", "second").await;
        let left = place.segments();
        assert!(left.len() == 3 && left.iter().all(|name| name.contains(&second) && !name.contains(&first)), "{left:?}");
        place.holds("large", SIZE).await;
        place.put("large", 5).await;
        assert_eq!(place.segments(), Vec::<String>::new());
        place.holds("large", 5).await;
        place.large("large", "third").await;
        place.put("small", 7).await;
        place.objects().copy((&place.name, "small"), (&place.name, "large"), "copy", PutOptions::default()).await.unwrap();
        assert_eq!(place.segments(), Vec::<String>::new());
        place.holds("large", 7).await;
    })
    .await;
}

#[tokio::test]
async fn deleting_takes_the_segments_and_one_call_takes_large_and_small() {
    on_both("deleted", |place| async move {
        for key in ["a/large", "b ü/large +"] {
            place.large(key, key).await;
        }
        for index in 0..20 {
            place.put(&format!("small/{index} ü%"), 10).await;
        }
        let small: Vec<String> = (0..20).map(|index| format!("small/{index} ü%")).collect();
        let mut keys: Vec<&str> = small.iter().map(String::as_str).collect();
        keys.extend(["a/large", "b ü/large +", "absent", "absent too"]);
        place.delete(&keys).await;
        assert_eq!((place.segments(), place.account.names(&place.name).unwrap()), (Vec::new(), Vec::new()));
        place.objects().delete_location(&place.name, "delete").await.unwrap();
        assert_eq!(place.account.call("HEAD", &format!("{}_segments", place.name), "", &[], b"").unwrap().status, 404);
    })
    .await;
}

#[tokio::test]
async fn an_upload_given_up_frees_its_segments_and_none_of_others() {
    on_both("given-up", |place| async move {
        place.large("large", "first").await;
        let upload = place.begin("large", "second").await;
        place.part("large", &upload, 1).await;
        assert_eq!(place.segments().len(), 3 + 2);
        place.uploads().abort(&place.name, "large", &upload).await.unwrap();
        assert_eq!(place.segments().len(), 3);
        place.holds("large", SIZE).await;
        let part = place.uploads().put_part(&place.name, "large", &upload, 2, counting(SIZE), (1 << 20, 1 << 20)).await;
        fails(part, Kind::NotFound, "a part of an upload that was given up").unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_under_way_while_its_object_is_replaced() {
    on_both("under-way", |place| async move {
        let upload = place.begin("large", "begin").await;
        let first = place.part("large", &upload, 1).await;
        // Others write the key meanwhile, and sweep what is of no use: this is.
        place.large("large", "other").await;
        place.put("large", 9).await;
        let listed = place.uploads().list_parts(&place.name, "large", &upload, 0, 100).await.unwrap();
        assert_eq!(listed.len(), 1);
        let parts = vec![first, place.part("large", &upload, 2).await, place.part("large", &upload, 3).await];
        place.complete("large", &upload, parts).await;
        place.holds("large", SIZE).await;
        assert_eq!(place.segments().len(), 3);
    })
    .await;
}

/// The process died between the manifest and the mark, and then nobody wanted the upload any more.
#[tokio::test]
async fn giving_up_an_upload_that_was_completed_keeps_the_object() {
    on_both("completed", |place| async move {
        let upload = place.large("large", "begin").await;
        let mark = format!("{}/{upload}/00000000", place.segments()[0].split('/').next().unwrap());
        let beside = format!("{}_segments", place.name);
        place.account.make("PUT", &format!("{beside}/{mark}"), "", &[], b"{}").unwrap();
        place.uploads().abort(&place.name, "large", &upload).await.unwrap();
        assert_eq!(place.segments().len(), 3);
        place.holds("large", SIZE).await;
    })
    .await;
}

#[tokio::test]
async fn parts_that_are_missing_or_others_complete_nothing() {
    on_both("missing", |place| async move {
        let upload = place.begin("large", "begin").await;
        let mut parts = vec![place.part("large", &upload, 1).await];
        let mut missing = parts[0].clone();
        missing.number = 2;
        parts.push(missing);
        // An upload of mine that lacks a part, and one whose part was put again since.
        let uploads = place.uploads();
        let lacking = uploads.complete(&place.name, "large", &upload, parts.clone(), "complete", PutOptions::default()).await;
        fails(lacking, Kind::Invalid, "a part that was not put").unwrap();
        parts.pop();
        parts[0].etag = "0".repeat(32);
        let spoilt = uploads.complete(&place.name, "large", &upload, parts, "complete", PutOptions::default()).await;
        assert!(spoilt.is_err(), "{spoilt:?}");
        fails(
            uploads.complete(&place.name, "large", &upload, Vec::new(), "complete", PutOptions::default()).await,
            Kind::Invalid,
            "no parts",
        )
        .unwrap();
        fails(place.objects().head(&place.name, "large", GetOptions::default()).await, Kind::NotFound, "no object").unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_copy_of_a_large_object_does_not_share_its_segments() {
    on_both("copied", |place| async move {
        let upload = place.begin("from ü", "begin").await;
        let mut parts = Vec::new();
        for number in 1..=3 {
            parts.push(place.part("from ü", &upload, number).await);
        }
        let options = PutOptions {
            content_type: Some("video/mp4".to_owned()),
            metadata: vec![("name".to_owned(), "grün ".repeat(100))],
            ..PutOptions::default()
        };
        place.uploads().complete(&place.name, "from ü", &upload, parts, "complete", options).await.unwrap();
        let copied =
            place.objects().copy((&place.name, "from ü"), (&place.name, "to +"), "copy", PutOptions::default()).await.unwrap();
        assert_eq!((copied.size, copied.metadata), (SIZE, vec![("name".to_owned(), "grün ".repeat(100))]));
        assert!(copied.extras.contains(&("content-type".to_owned(), "video/mp4".to_owned())), "{:?}", copied.extras);
        assert_eq!(place.segments().len(), 6);
        place.delete(&["from ü"]).await;
        place.holds("to +", SIZE).await;
        assert_eq!(place.segments().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn large_objects_of_others_are_listed_read_and_deleted_as_what_they_are() {
    on_both("others", |place| async move {
        let (name, pieces) = (place.name.clone(), format!("{}-pieces", place.name));
        place.account.make("PUT", &pieces, "", &[], b"").unwrap();
        for (number, offset) in [(1, 0), (2, 1_000)] {
            place.account.make("PUT", &format!("{pieces}/dyn/{number}"), "", &[], &bytes(offset, 1_000)).unwrap();
            place.account.make("PUT", &format!("{pieces}/sta/{number}"), "", &[], &bytes(offset, 1_000)).unwrap();
        }
        let manifest = format!("{pieces}/dyn/");
        place.account.make("PUT", &format!("{name}/dynamic"), "", &[("x-object-manifest", &manifest)], b"").unwrap();
        let segment = |number: u32| {
            let offset = u64::from(number - 1) * 1_000;
            let etag = place.account.call("HEAD", &format!("{pieces}/sta/{number}"), "", &[], b"").unwrap();
            json!({ "path": format!("/{pieces}/sta/{number}"), "etag": etag.header("etag"), "size_bytes": bytes(offset, 1_000).len() })
        };
        let manifest = json!([segment(1), segment(2)]).to_string();
        place.account.make("PUT", &format!("{name}/static"), "multipart-manifest=put", &[], manifest.as_bytes()).unwrap();
        place.put("nothing", 0).await;
        let page = place.objects().list(&name, ListOptions { limit: 10, ..ListOptions::default() }).await.unwrap();
        let sizes: Vec<(&str, u64)> = page.entries.iter().map(|entry| (entry.key.as_str(), entry.size)).collect();
        assert_eq!(sizes, [("dynamic", 2_000), ("nothing", 0), ("static", 2_000)]);
        for entry in &page.entries {
            let head = place.objects().head(&name, &entry.key, GetOptions::default()).await.unwrap();
            assert_eq!((head.size, &head.etag), (entry.size, &entry.etag), "{}", entry.key);
            let options = GetOptions { if_match: entry.etag.clone(), ..GetOptions::default() };
            assert_eq!(place.objects().head(&name, &entry.key, options.clone()).await.unwrap().etag, entry.etag);
            let (_, body) = place.objects().get(&name, &entry.key, None, options).await.unwrap();
            same(body, 0, entry.size).await.unwrap();
            let other = GetOptions { if_match: Some("another".to_owned()), ..GetOptions::default() };
            let read = place.objects().get(&name, &entry.key, None, other.clone()).await.map(drop);
            fails(read, Kind::Conflict, "a read of what it is not").unwrap();
            fails(place.objects().head(&name, &entry.key, other).await, Kind::Conflict, "a look at what it is not").unwrap();
        }
        for key in ["dynamic", "static"] {
            let copy = place.objects().copy((&name, key), (&name, "copy"), "copy", PutOptions::default()).await;
            fails(copy, Kind::Unsupported, "the host copies what others put together").unwrap();
        }
        place.delete(&["dynamic", "static", "nothing"]).await;
        assert_eq!(place.account.names(&name).unwrap(), Vec::<String>::new());
        // A dynamic one's segments are whatever has the prefix: they are not ours to delete.
        assert_eq!(place.account.names(&pieces).unwrap(), ["dyn/1", "dyn/2"]);
    })
    .await;
}

#[tokio::test]
async fn an_object_without_bytes_may_be_put_in_parts() {
    on_both("empty", |place| async move {
        let uploads = place.uploads();
        let begun = uploads.begin(&place.name, "empty", 0, "begin", PutOptions::default()).await.unwrap();
        let part = uploads.put_part(&place.name, "empty", &begun.id, 1, counting(0), (0, 0)).await.unwrap();
        uploads.complete(&place.name, "empty", &begun.id, vec![part], "complete", PutOptions::default()).await.unwrap();
        place.holds("empty", 0).await;
        assert_eq!(place.segments(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn containers_of_segments_are_no_locations_and_their_bytes_count() {
    on_both("counted", |place| async move {
        place.large("large", "begin").await;
        place.put("small", 1_000).await;
        let locations = place.objects().list_locations().await.unwrap();
        let names: Vec<&str> = locations.iter().map(|location| location.name.as_str()).collect();
        assert!(
            names.contains(&place.name.as_str()) && !names.contains(&format!("{}_segments", place.name).as_str()),
            "{names:?}"
        );
        let usage = place.host.connection.usage(Some(&place.name)).await.unwrap();
        // Manifests count a little.
        assert!(usage.used.is_some_and(|used| (SIZE + 1_000..SIZE + 10_000).contains(&used)), "{usage:?}");
        assert_eq!(usage.objects, Some(2));
    })
    .await;
}

#[tokio::test]
async fn the_moment_an_object_ends_is_shown_and_left_alone() {
    let swift = server_or_skip!(Swift::get());
    let place = Place::of(swift.tester(), "ending").await;
    let moment = "4102444800";
    place.account.make("PUT", &format!("{}/ends", place.name), "", &[("x-delete-at", moment)], b"data").unwrap();
    let head = place.objects().head(&place.name, "ends", GetOptions::default()).await.unwrap();
    assert!(head.extras.contains(&("delete-at".to_owned(), moment.to_owned())), "{:?}", head.extras);
    place.put("stays", 4).await;
    let stays = place.account.call("HEAD", &format!("{}/stays", place.name), "", &[], b"").unwrap();
    assert_eq!(stays.header("x-delete-at"), None);
}
