//! The Azure plugin keeps the contract against Azurite, which checks keys, signatures, leases and conditions.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

use capstan_conformance::azure::{configuration, container, host, host_with_signature, target};
use capstan_conformance::check::{CONTRACT, FAULTS, OBJECTS, kept};
use capstan_conformance::content::counting;
use capstan_conformance::fails;
use capstan_conformance::host::{Host, built};
use capstan_conformance::target_file::TargetFile;
use capstan_domain::failure::{Failure, Kind, Retry};
use capstan_domain::ports::{GetOptions, ListOptions, PutOptions};
use capstan_test_servers::{Azurite, Blob, server_or_skip};
use serde_json::json;

use super::objects::{extra, holds, put};

fn step(failure: &Failure) -> &str {
    failure.next_step.as_deref().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_keeps_the_contract_with_the_accounts_key() {
    let server = server_or_skip!(Azurite::start());
    kept("azure", target(&server.blob, json!({})), CONTRACT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_endures_faults_between_it_and_azurite() {
    // On disk it would stop to take writes after the first fifty bodies that broke off.
    let server = server_or_skip!(Azurite::in_memory());
    kept("azure", target(&server.blob, json!({})), FAULTS).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_keeps_the_contract_with_a_signature_and_md5() {
    let server = server_or_skip!(Azurite::start());
    let signature = format!("?{}", server.blob.account_signature("rwdlacup", 3600).unwrap());
    let more = json!({ "checksum": "md5" });
    let file = TargetFile::making(configuration(&server.blob, more.clone())).with_secret("sas", &signature);
    kept("azure", file, OBJECTS).await.unwrap();
    let host = host_with_signature(&server.blob, &signature, more).await.unwrap();
    let report = host.connection.probe().await.unwrap();
    assert!(extra(&report.extras, "credentials-expire").is_some_and(|end| end.starts_with("20")), "{report:?}");
    assert_eq!(extra(&report.extras, "checksum-mode"), Some("md5"));
}

#[tokio::test]
async fn wrong_credentials_say_which_one_is_wrong() {
    let server = server_or_skip!(Azurite::start());
    let wrong_key = Blob { key: "d3Jvbmc=".to_owned(), ..server.blob.clone() };
    let failure = host(&wrong_key, json!({})).await.unwrap().connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (Kind::Unauthenticated, Retry::Never), "{failure:?}");
    assert!(step(&failure).contains("account-key"), "{failure:?}");
    let no_key = Blob { key: "not base64!".to_owned(), ..server.blob.clone() };
    let failure = host(&no_key, json!({})).await.unwrap().connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Invalid, Some("secret-not-base64")), "{failure:?}");
    let nobody = server.blob.endpoint.replace(&server.blob.account, "nobody");
    let nobody = Blob { endpoint: nobody, account: "nobody".to_owned(), ..server.blob.clone() };
    let failure = host(&nobody, json!({})).await.unwrap().connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (Kind::NotFound, Retry::Never), "{failure:?}");
    assert!(step(&failure).contains("account"), "{failure:?}");
    let unset = Host::start(&built("azure"), configuration(&server.blob, json!({})), &[]).await.unwrap();
    let failure = unset.connection.probe().await.unwrap_err();
    assert!(failure.kind == Kind::Unauthenticated && failure.message.contains("account-key"), "{failure:?}");
}

#[tokio::test]
async fn a_probe_names_the_configured_container_that_is_not_there() {
    let server = server_or_skip!(Azurite::start());
    let (good, absent) = (container("good"), container("absent"));
    server.blob.create_container(&good).unwrap();
    host(&server.blob, json!({ "containers": [good] })).await.unwrap().connection.probe().await.unwrap();
    let host = host(&server.blob, json!({ "containers": [good, absent] })).await.unwrap();
    let failure = host.connection.probe().await.unwrap_err();
    assert_eq!(failure.kind, Kind::NotFound, "{failure:?}");
    assert!(failure.message.contains(&absent), "{failure:?}");
}

#[tokio::test]
async fn a_signature_that_has_expired_or_does_not_permit_says_so() {
    let server = server_or_skip!(Azurite::start());
    let (container, other) = (container("signed"), container("other"));
    server.blob.create_container(&container).unwrap();
    server.blob.create_container(&other).unwrap();
    server.blob.put(&container, "there", &capstan_conformance::content::bytes(0, 10)).unwrap();

    let expired = server.blob.account_signature("rwdlac", -60).unwrap();
    let expired = host_with_signature(&server.blob, &expired, json!({})).await.unwrap();
    let failure = expired.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unauthenticated, Some("sas-expired")), "{failure:?}");
    assert!(failure.message.contains("expired at 20") && step(&failure).contains("sas"), "{failure:?}");

    let reading = server.blob.container_signature(&container, "rl", 3600).unwrap();
    let reading = host_with_signature(&server.blob, &reading, json!({ "containers": [container] })).await.unwrap();
    let port = reading.connection.objects().unwrap();
    reading.connection.probe().await.unwrap();
    holds(&*port, &container, "there", 10).await;
    for (result, what) in [
        (port.put(&container, "new", counting(5), "put", PutOptions::default()).await.map(drop), "a put"),
        (port.delete_many(&container, vec!["there".to_owned()], "one").await.unwrap().remove(0).result, "a deletion"),
        (port.list(&other, ListOptions { limit: 1, ..ListOptions::default() }).await.map(drop), "a look elsewhere"),
    ] {
        let failure = result.unwrap_err();
        assert!(matches!(failure.kind, Kind::Denied | Kind::Unauthenticated), "{what}: {failure:?}");
        assert!(step(&failure).contains("\"rl\"") && !format!("{failure:?}").contains("sig="), "{what}: {failure:?}");
    }
    let outcomes = port.delete_many(&container, vec!["there".to_owned(), "too".to_owned()], "two").await.unwrap();
    assert!(outcomes.len() == 2 && outcomes.iter().all(|outcome| outcome.result.is_err()), "{outcomes:?}");
    let unlisted = server.blob.container_signature(&container, "rl", 3600).unwrap();
    let unlisted = host_with_signature(&server.blob, &unlisted, json!({})).await.unwrap();
    assert!(step(&unlisted.connection.probe().await.unwrap_err()).contains("containers"), "it may not list them");
    assert!(host_with_signature(&server.blob, "sv=2020&se=2030", json!({})).await.unwrap().connection.probe().await.is_err());
}

#[tokio::test]
async fn what_is_leased_is_busy_until_it_is_released() {
    let server = server_or_skip!(Azurite::start());
    let host = host(&server.blob, json!({})).await.unwrap();
    let (port, parts, container) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap(), container("leased"));
    port.create_location(&container, "create", Vec::new()).await.unwrap();
    put(&*port, &container, "held", 10).await;
    let lease = server.blob.lease(&container, Some("held")).unwrap();
    let begun = parts.begin(&container, "held", 6 << 20, "begin", PutOptions::default()).await.unwrap();
    let outcomes = port.delete_many(&container, vec!["held".to_owned(), "absent".to_owned()], "delete").await.unwrap();
    let deleted = outcomes.into_iter().find(|outcome| outcome.key == "held").unwrap().result;
    for failure in [
        port.put(&container, "held", counting(11), "put", PutOptions::default()).await.unwrap_err(),
        parts.put_part(&container, "held", &begun.id, 1, counting(6 << 20), (0, 5 << 20)).await.unwrap_err(),
        deleted.unwrap_err(),
    ] {
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Busy, Some("LeaseIdMissing")), "{failure:?}");
        assert!(step(&failure).contains("lease"), "{failure:?}");
    }
    holds(&*port, &container, "held", 10).await;
    server.blob.release(&container, Some("held"), &lease).unwrap();
    put(&*port, &container, "held", 11).await;
    port.delete_many(&container, vec!["held".to_owned()], "delete").await.unwrap().remove(0).result.unwrap();
    let lease = server.blob.lease(&container, None).unwrap();
    fails(port.delete_location(&container, "gone").await, Kind::Busy, "a leased container").unwrap();
    server.blob.release(&container, None, &lease).unwrap();
    port.delete_location(&container, "gone").await.unwrap();
}

#[tokio::test]
async fn an_archived_blob_is_offline_until_it_was_restored() {
    let server = server_or_skip!(Azurite::start());
    let host = host(&server.blob, json!({ "storage-class": "archive", "restore-class": "Cool" })).await.unwrap();
    let (port, container) = (host.connection.objects().unwrap(), container("cold"));
    port.create_location(&container, "create", Vec::new()).await.unwrap();
    put(&*port, &container, "cold", 1000).await;
    let head = port.head(&container, "cold", GetOptions::default()).await.unwrap();
    assert_eq!((extra(&head.extras, "archive-state"), extra(&head.extras, "storage-class")), (Some("archived"), Some("Archive")));
    let Err(failure) = port.get(&container, "cold", None, GetOptions::default()).await else { panic!("it was read") };
    assert_eq!(failure.kind, Kind::Offline, "{failure:?}");
    let page = port.list(&container, ListOptions { limit: 5, ..ListOptions::default() }).await.unwrap();
    assert_eq!(extra(&page.entries[0].extras, "archive-state"), Some("archived"));
    let again = port.restore(&container, "cold", 3, "restore", vec![("tier".to_owned(), "Expedited".to_owned())]).await.unwrap();
    // Azurite does at once what takes hours elsewhere.
    assert_eq!((extra(&again.extras, "archive-state"), extra(&again.extras, "storage-class")), (Some("online"), Some("Cool")));
    port.restore(&container, "cold", 3, "restore again", Vec::new()).await.unwrap();
    holds(&*port, &container, "cold", 1000).await;
    fails(port.restore(&container, "absent", 3, "restore", Vec::new()).await, Kind::NotFound, "an absent blob").unwrap();
}

#[tokio::test]
async fn a_blob_lies_in_the_tier_that_was_asked_for() {
    let server = server_or_skip!(Azurite::start());
    let host = host(&server.blob, json!({ "storage-class": "COOL" })).await.unwrap();
    let (port, parts, container) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap(), container("tiers"));
    port.create_location(&container, "create", Vec::new()).await.unwrap();
    put(&*port, &container, "usual", 10).await;
    let options =
        |class: &str| PutOptions { extras: vec![("storage-class".to_owned(), class.to_owned())], ..PutOptions::default() };
    port.put(&container, "asked", counting(10), "asked", options("Cold")).await.unwrap();
    let size = 6 << 20;
    let begun = parts.begin(&container, "parts", size, "begin", PutOptions::default()).await.unwrap();
    let mut done = Vec::new();
    for (number, offset, length) in [(1, 0, begun.part_size), (2, begun.part_size, size - begun.part_size)] {
        done.push(parts.put_part(&container, "parts", &begun.id, number, counting(size), (offset, length)).await.unwrap());
    }
    parts.complete(&container, "parts", &begun.id, done, "complete", PutOptions::default()).await.unwrap();
    for (key, class) in [("usual", "Cool"), ("asked", "Cold"), ("parts", "Cool")] {
        let head = port.head(&container, key, GetOptions::default()).await.unwrap();
        assert_eq!(extra(&head.extras, "storage-class"), Some(class), "{key}");
    }
    let unknown = port.put(&container, "unknown", counting(10), "unknown", options("Frozen")).await;
    fails(unknown, Kind::Invalid, "a tier nobody knows").unwrap();
}

#[tokio::test]
async fn a_copy_keeps_what_the_blob_was_and_holds_its_condition() {
    let server = server_or_skip!(Azurite::start());
    let signature = server.blob.account_signature("rwdlacup", 3600).unwrap();
    let (by_key, by_signature) =
        (host(&server.blob, json!({})).await.unwrap(), host_with_signature(&server.blob, &signature, json!({})).await.unwrap());
    let (from, to) = (container("from"), container("to"));
    for (index, host) in [by_key, by_signature].into_iter().enumerate() {
        let port = host.connection.objects().unwrap();
        port.create_location(&from, "create", Vec::new()).await.unwrap();
        port.create_location(&to, "create", Vec::new()).await.unwrap();
        let options = PutOptions {
            content_type: Some("video/mp4".to_owned()),
            metadata: vec![("capstan-name".to_owned(), "grün".to_owned())],
            ..PutOptions::default()
        };
        port.put(&from, "ü +", counting(300_000), "put", options).await.unwrap();
        let key = format!("to/{index} ?");
        let copied = port.copy((&from, "ü +"), (&to, &key), "copy", PutOptions::default()).await.unwrap();
        assert_eq!((copied.size, &copied.metadata[..]), (300_000, &[("capstan-name".to_owned(), "grün".to_owned())][..]));
        assert_eq!(extra(&copied.extras, "content-type"), Some("video/mp4"));
        holds(&*port, &to, &key, 300_000).await;
        let once = || PutOptions { if_absent: true, ..PutOptions::default() };
        fails(port.copy((&from, "ü +"), (&to, &key), "other", once()).await, Kind::AlreadyExists, "over something").unwrap();
        let first = port.copy((&from, "ü +"), (&to, &format!("{key}once")), "attempt", once()).await.unwrap();
        let again = port.copy((&from, "ü +"), (&to, &format!("{key}once")), "attempt", once()).await.unwrap();
        assert_eq!((first.etag, first.metadata.len()), (again.etag, 1), "one attempt is one copy");
        let stale = PutOptions { if_match: Some("0x1".to_owned()), ..PutOptions::default() };
        fails(port.copy((&from, "ü +"), (&to, &key), "stale", stale).await, Kind::Conflict, "over another one").unwrap();
    }
}

#[tokio::test]
async fn names_are_kept_to_their_last_character() {
    let server = server_or_skip!(Azurite::start());
    let host = host(&server.blob, json!({})).await.unwrap();
    let (port, container) = (host.connection.objects().unwrap(), container("names"));
    port.create_location(&container, "create", Vec::new()).await.unwrap();
    let long = "ü".repeat(1_024);
    let names = ["dot.", "dot./in", "slash/", "//", "100%", "%41", "A", "ü", "u\u{308}", "a+b", "日本語/🗄", &long];
    for (size, name) in names.iter().enumerate() {
        put(&*port, &container, name, size as u64).await;
    }
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = port.list(&container, ListOptions { limit: 5, after, ..ListOptions::default() }).await.unwrap();
        listed.extend(page.entries.into_iter().map(|entry| (entry.key, entry.size)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut wanted: Vec<_> = names.iter().enumerate().map(|(size, name)| ((*name).to_owned(), size as u64)).collect();
    wanted.sort();
    listed.sort();
    assert_eq!(listed, wanted);
    // What the service would take for another name is refused, and harms nobody.
    fails(port.put(&container, "slash\\", counting(1), "put", PutOptions::default()).await, Kind::Invalid, "a backslash")
        .unwrap();
    let outcomes = port.delete_many(&container, vec!["slash\\".to_owned(), "absent".to_owned()], "delete").await.unwrap();
    let told = outcomes.into_iter().find(|outcome| outcome.key == "slash\\").unwrap();
    fails(told.result, Kind::Invalid, "a deletion of a backslash").unwrap();
    holds(&*port, &container, "slash/", 2).await;
    for name in ["ab", "Upper", "a--b", "a_b", "-ab", "a/b"] {
        fails(port.create_location(name, "create", Vec::new()).await, Kind::Invalid, name).unwrap();
    }
    for location in ["no-such-container", "..", "a/b"] {
        let listed = port.list(location, ListOptions { limit: 1, ..ListOptions::default() }).await;
        assert!(matches!(listed.unwrap_err().kind, Kind::NotFound | Kind::Invalid), "{location}");
        let put = port.put(location, "k", counting(1), "put", PutOptions::default()).await.unwrap_err();
        assert!(matches!(put.kind, Kind::NotFound | Kind::Invalid), "{location}: {put:?}");
    }
}

#[tokio::test]
async fn a_blob_with_snapshots_goes_only_when_that_is_meant() {
    let server = server_or_skip!(Azurite::start());
    let container = container("snapshots");
    for (meant, gone) in [(false, false), (true, true)] {
        let host = host(&server.blob, json!({ "delete-snapshots": meant })).await.unwrap();
        let port = host.connection.objects().unwrap();
        port.create_location(&container, "create", Vec::new()).await.unwrap();
        for key in ["one", "two"] {
            put(&*port, &container, key, 1).await;
            server.blob.snapshot(&container, key).unwrap();
        }
        let keys = || vec!["one".to_owned(), "two".to_owned()];
        for outcome in port.delete_many(&container, keys(), "delete").await.unwrap() {
            assert_eq!(outcome.result.is_ok(), gone, "{outcome:?}");
            if let Err(failure) = outcome.result {
                assert!(failure.kind == Kind::Conflict && step(&failure).contains("delete-snapshots"), "{failure:?}");
            }
        }
    }
}
