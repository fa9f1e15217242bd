//! The ways into Swift and what closes them: credentials, catalogues, grants, tokens that end, quotas, rates.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

use capstan_conformance::content::counting;
use capstan_conformance::fails;
use capstan_conformance::host::{Host, built};
use capstan_conformance::s3::bucket as container;
use capstan_conformance::swift::{cloud_configuration, cloud_host, configuration, host};
use capstan_domain::failure::{Failure, Kind, Retry};
use capstan_domain::grant::Power;
use capstan_domain::ports::{Checksum, GetOptions, PutOptions};
use capstan_test_servers::{BusyFront, Proxy, Rgw, S3, Swift, SwiftAccount, TurnedAway, server_or_skip};
use futures::future::join_all;
use serde_json::{Value, json};

use super::objects::{holds, put};

async fn refused(configured: Value, password: &str) -> Failure {
    let host = Host::start(&built("swift"), configured, &[("password", password)]).await.unwrap();
    // What a probe says, a data call says: never that an object is missing.
    let failure = host.connection.probe().await.unwrap_err();
    let port = host.connection.objects().unwrap();
    let read = port.head("container", "key", GetOptions::default()).await.unwrap_err();
    assert_eq!(read.kind, failure.kind, "{read:?}");
    assert!(!format!("{failure:?}{read:?}").contains(password), "a secret in a failure");
    failure
}

#[tokio::test]
async fn version_1_says_of_a_wrong_user_or_password_what_to_correct() {
    let (swift, rgw) = (server_or_skip!(Swift::get()), server_or_skip!(Rgw::get()));
    for account in [swift.tester(), rgw.swift()] {
        let wrong = refused(configuration(&account, json!({})), "not-the-password").await;
        assert_eq!(wrong.kind, Kind::Unauthenticated);
        assert!(wrong.next_step.unwrap().contains("\"password\""));
        let stranger = refused(configuration(&account, json!({ "user": "nobody:here" })), "not-the-password").await;
        assert_eq!((stranger.kind, stranger.retry), (Kind::Unauthenticated, Retry::Never));
    }
}

#[tokio::test]
async fn keystone_says_of_whatever_is_wrong_with_the_credentials_what_to_correct() {
    let swift = server_or_skip!(Swift::get());
    let cloud = &swift.cloud;
    let configured = |more| cloud_configuration(cloud, more);
    for (more, password) in [
        (json!({}), "not-the-password"),
        (json!({ "user": "nobody" }), &*cloud.password),
        (json!({ "user-domain": "default" }), &*cloud.password),
        (json!({ "user-domain": "Nowhere" }), &*cloud.password),
        (json!({ "project": "nothing" }), &*cloud.password),
        (json!({ "project-domain": "People" }), &*cloud.password),
        (json!({ "project": "service" }), &*cloud.password),
    ] {
        let failure = refused(configured(more.clone()), password).await;
        assert_eq!((failure.kind, failure.retry), (Kind::Unauthenticated, Retry::Never), "{more}");
        assert!(failure.next_step.unwrap().contains("\"project\""), "{more}");
    }
    let credential =
        json!({ "auth-url": cloud.auth_url, "application-credential-id": cloud.credential_id, "storage-url": cloud.storage_url });
    let wrong = Host::start(&built("swift"), credential.clone(), &[("application-credential-secret", "wrong")]).await.unwrap();
    let failure = wrong.connection.probe().await.unwrap_err();
    assert!(failure.kind == Kind::Unauthenticated && failure.next_step.unwrap().contains("application-credential-secret"));
    // No secret at all is one that is wrong, not a thing that is not there.
    let none = Host::start(&built("swift"), credential, &[]).await.unwrap();
    fails(none.connection.probe().await, Kind::Unauthenticated, "no secret").unwrap();
}

#[tokio::test]
async fn a_url_that_is_no_authentication_is_told_from_wrong_credentials() {
    let swift = server_or_skip!(Swift::get());
    let cloud = &swift.cloud;
    // A v1 service asked for a Keystone, a Keystone asked for a v1 service, nobody at all.
    let v1_as_v3 = json!({ "auth-url": swift.tester().auth_url, "auth-version": 3, "user": "u", "project": "p" });
    let v3_as_v1 = json!({ "auth-url": format!("{}/auth/v1.0", cloud.auth_url), "user": "a:u" });
    for configured in [v1_as_v3, v3_as_v1] {
        let failure = refused(configured.clone(), "a-password").await;
        assert!(matches!(failure.kind, Kind::Invalid | Kind::Unauthenticated), "{configured}: {failure:?}");
        assert_eq!(failure.retry, Retry::Never, "{configured}");
    }
    let nobody = format!("http://127.0.0.1:{}", capstan_test_servers::free_port().unwrap());
    let failure = refused(json!({ "auth-url": nobody, "user": "u", "project": "p" }), "a-password").await;
    assert_eq!((failure.kind, failure.retry), (Kind::Unavailable, Retry::Later));
}

#[tokio::test]
async fn a_catalogue_without_an_object_store_says_so() {
    let swift = server_or_skip!(Swift::get());
    let cloud = &swift.cloud;
    for (more, word) in [
        (json!({ "project": cloud.bare_project, "storage-url": "" }), "no object store"),
        (json!({ "region": "nowhere", "storage-url": "" }), "region"),
        (json!({ "interface": "admin", "storage-url": "" }), "admin"),
        (json!({ "region": "", "storage-url": "" }), "several regions"),
    ] {
        let failure = refused(cloud_configuration(cloud, more.clone()), &cloud.password).await;
        assert_eq!(failure.kind, Kind::Invalid, "{more}: {failure:?}");
        assert!(failure.message.contains(word) && failure.next_step.unwrap().contains("storage-url"), "{more}");
    }
}

#[tokio::test]
async fn a_catalogue_that_leads_elsewhere_needs_a_grant_and_says_which() {
    let swift = server_or_skip!(Swift::get());
    let cloud = &swift.cloud;
    let configured = cloud_configuration(cloud, json!({ "storage-url": "" }));
    let failure = refused(configured.clone(), &cloud.password).await;
    let place = cloud.storage_url.trim_start_matches("http://");
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Denied, Some("not-granted")));
    let step = failure.next_step.unwrap();
    assert!(step.contains(&format!("capstan grant allow under-test connect {place}")), "{step}");
    assert!(failure.message.contains(place) && step.contains("storage-url"), "{}", failure.message);
    // Who allows that very place, needs no more.
    let port: u16 = place.rsplit(':').next().unwrap().parse().unwrap();
    let grant = [Power::Connect { host: "127.0.0.1".to_owned(), port }];
    let secrets = [("password", cloud.password.as_str())];
    let allowed = Host::with_grants(&built("swift"), configured, &secrets, |_| true, &grant).await.unwrap();
    allowed.connection.probe().await.unwrap();
}

#[tokio::test]
async fn tokens_that_end_in_the_middle_are_replaced_without_anybody_noticing() {
    let swift = server_or_skip!(Swift::start());
    let by_v1 = host(&swift.tester(), json!({})).await.unwrap();
    let passenger = swift.cloud.passenger();
    let by_v3 = cloud_host(&passenger, json!({})).await.unwrap();
    let name = container("expired");
    for host in [&by_v1, &by_v3] {
        let port = host.connection.objects().unwrap();
        port.create_location(&name, "create", Vec::new()).await.unwrap();
        put(&*port, &name, "before", 100_000).await;
    }
    passenger.take_back_tokens().unwrap();
    // What the proxy has seen of a token it believes for two seconds.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    swift.forget_tokens().unwrap();
    for host in [&by_v1, &by_v3] {
        let port = host.connection.objects().unwrap();
        // A read, and a body that must be sent again.
        tokio::join!(holds(&*port, &name, "before", 100_000), put(&*port, &name, "after", 5 << 20));
        holds(&*port, &name, "after", 5 << 20).await;
        let parts = host.connection.uploads().unwrap();
        let begun = parts.begin(&name, "large", 2 << 20, "begin", PutOptions::default()).await.unwrap();
        swift.forget_tokens().unwrap();
        parts.put_part(&name, "large", &begun.id, 1, counting(2 << 20), (0, 1 << 20)).await.unwrap();
        parts.abort(&name, "large", &begun.id).await.unwrap();
    }
}

#[tokio::test]
async fn many_calls_share_one_token_and_one_refusal() {
    let swift = server_or_skip!(Swift::get());
    let proxy = Proxy::start().unwrap();
    let more = json!({ "proxy": proxy.url });
    let account = swift.tester();
    let wrong = configuration(&account, more.clone());
    let wrong = Host::start(&built("swift"), wrong, &[("password", "not-the-password")]).await.unwrap();
    let port = wrong.connection.objects().unwrap();
    let all = join_all((0..32).map(|_| port.head("container", "key", GetOptions::default()))).await;
    assert!(all.iter().all(|one| one.as_ref().is_err_and(|failure| failure.kind == Kind::Unauthenticated)), "{all:?}");
    // Once for each instance the host runs, not once for each call.
    assert!(proxy.requests() <= 8, "a password was tried {} times", proxy.requests());
    let right = host(&account, more).await.unwrap();
    let (port, before) = (right.connection.objects().unwrap(), proxy.requests());
    let all = join_all((0..32).map(|_| port.head("container", "key", GetOptions::default()))).await;
    assert!(all.iter().all(|one| one.as_ref().is_err_and(|failure| failure.kind == Kind::NotFound)), "{all:?}");
    assert!(proxy.requests() - before <= 32 + 8, "{} requests for 32 heads", proxy.requests() - before);
}

#[tokio::test]
async fn a_quota_is_no_space_and_no_fault_of_the_caller() {
    let swift = server_or_skip!(Swift::get());
    let account = swift.with_quota(1 << 20).unwrap();
    let host = host(&account, json!({})).await.unwrap();
    let (port, name) = (host.connection.objects().unwrap(), container("quota"));
    port.create_location(&name, "create", Vec::new()).await.unwrap();
    let failure = port.put(&name, "large", counting(2 << 20), "large", PutOptions::default()).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry, failure.maybe_done), (Kind::NoSpace, Retry::Never, false), "{failure:?}");
    assert_eq!(host.connection.usage(None).await.unwrap().capacity, Some(1 << 20));
    // Of the container alone.
    account.make("POST", &name, "", &[("x-container-meta-quota-bytes", "1000")], b"").unwrap();
    fails(port.put(&name, "over", counting(2_000), "over", PutOptions::default()).await, Kind::NoSpace, "the container's quota")
        .unwrap();
    put(&*port, &name, "under", 500).await;
    assert_eq!(host.connection.usage(Some(&name)).await.unwrap().capacity, Some(1_000));
    fails(port.head(&name, "over", GetOptions::default()).await, Kind::NotFound, "nothing was stored").unwrap();
}

#[tokio::test]
async fn data_that_is_not_what_its_checksum_says_is_refused_by_the_service() {
    let (swift, rgw) = (server_or_skip!(Swift::get()), server_or_skip!(Rgw::get()));
    for account in [swift.tester(), rgw.swift()] {
        let host = host(&account, json!({})).await.unwrap();
        let (port, name) = (host.connection.objects().unwrap(), container("checked"));
        port.create_location(&name, "create", Vec::new()).await.unwrap();
        let wrong =
            PutOptions { checksums: vec![Checksum { algorithm: "md5".to_owned(), value: vec![7; 16] }], ..PutOptions::default() };
        let failure = port.put(&name, "wrong", counting(100_000), "wrong", wrong).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (Kind::Corrupt, Retry::AtOnce), "{failure:?}");
        fails(port.head(&name, "wrong", GetOptions::default()).await, Kind::NotFound, "nothing was stored").unwrap();
        // What nobody knows is computed where it is cheap: the service has verified it.
        let stored = port.put(&name, "right", counting(100_000), "right", PutOptions::default()).await.unwrap();
        assert_eq!(stored.checksums.len(), 1, "{stored:?}");
        assert_eq!(port.head(&name, "right", GetOptions::default()).await.unwrap().checksums, stored.checksums);
    }
}

#[tokio::test]
async fn whoever_may_not_is_told_so() {
    let swift = server_or_skip!(Swift::get());
    let owner = host(&swift.tester(), json!({})).await.unwrap();
    let name = container("closed");
    let port = owner.connection.objects().unwrap();
    port.create_location(&name, "create", Vec::new()).await.unwrap();
    put(&*port, &name, "closed", 10).await;
    let reader = host(&swift.reader(), json!({})).await.unwrap();
    let failure = reader.connection.probe().await.unwrap_err();
    assert!(failure.kind == Kind::Denied && failure.next_step.unwrap().contains("containers"));
    let closed = reader.connection.objects().unwrap();
    fails(closed.head(&name, "closed", GetOptions::default()).await, Kind::Denied, "a container of others").unwrap();
    // A list of access opens one container, and naming it spares the list of all.
    swift.tester().make("POST", &name, "", &[("x-container-read", "test:reader,.rlistings")], b"").unwrap();
    let named = host(&swift.reader(), json!({ "containers": [name] })).await.unwrap();
    let report = named.connection.probe().await.unwrap();
    assert_eq!(report.locations.len(), 1);
    let open = named.connection.objects().unwrap();
    holds(&*open, &name, "closed", 10).await;
    fails(
        open.put(&name, "new", counting(1), "new", PutOptions::default()).await,
        Kind::Denied,
        "writing where only reading is allowed",
    )
    .unwrap();
}

#[tokio::test]
async fn a_probe_names_the_configured_container_that_is_not_there() {
    let (swift, rgw) = (server_or_skip!(Swift::get()), server_or_skip!(Rgw::get()));
    for account in [swift.tester(), rgw.swift()] {
        let all = host(&account, json!({})).await.unwrap();
        let (good, absent) = (container("good"), container("absent"));
        all.connection.objects().unwrap().create_location(&good, "create", Vec::new()).await.unwrap();
        let some = host(&account, json!({ "containers": [good, absent] })).await.unwrap();
        let failure = some.connection.probe().await.unwrap_err();
        assert_eq!(failure.kind, Kind::NotFound, "{failure:?}");
        assert!(failure.message.contains(&absent), "{failure:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_is_told_as_busy() {
    let swift = server_or_skip!(Swift::get());
    let host = host(&swift.slow(), json!({})).await.unwrap();
    let port = host.connection.objects().unwrap();
    let names: Vec<String> = (0..8).map(|index| container(&format!("slow-{index}"))).collect();
    let made = join_all(names.iter().map(|name| port.create_location(name, "create", Vec::new()))).await;
    let busy: Vec<&Failure> = made.iter().filter_map(|one| one.as_ref().err()).collect();
    assert!(!busy.is_empty() && made.iter().any(Result::is_ok), "{made:?}");
    for failure in busy {
        assert_eq!((failure.kind, failure.retry), (Kind::Busy, Retry::Later), "{failure:?}");
    }
}

/// The fronts stand before anything that speaks HTTP; only the address counts.
fn front_of(account: &SwiftAccount) -> (BusyFront, SwiftAccount) {
    let endpoint = account.auth_url.trim_end_matches("/auth/v1.0").to_owned();
    let (access_key, secret_key, region) = (String::new(), String::new(), String::new());
    let front = BusyFront::start(&S3 { endpoint, access_key, secret_key, region }).unwrap();
    let account = SwiftAccount { auth_url: format!("{}/auth/v1.0", front.s3.endpoint), ..account.clone() };
    (front, account)
}

#[tokio::test]
async fn a_busy_service_is_asked_again_and_not_before_the_time_it_told() {
    let swift = server_or_skip!(Swift::get());
    let (front, account) = front_of(&swift.tester());
    let host = host(&account, json!({})).await.unwrap();
    let (port, name) = (host.connection.objects().unwrap(), container("busy"));
    port.create_location(&name, "create", Vec::new()).await.unwrap();
    put(&*port, &name, "there", 10_000).await;
    let slow = |status| TurnedAway { status, code: None, retry_after: Some(1) };
    for (index, how) in
        [slow("498 Rate Limited"), slow("429 Too Many Requests"), slow("503 Service Unavailable")].into_iter().enumerate()
    {
        front.turn_away(2, "HEAD", how);
        port.head(&name, "there", GetOptions::default()).await.unwrap();
        assert_eq!(front.turned_away(), 3 * index as u64 + 2);
        // Data is the host's to send again: the failure says when.
        front.turn_away(1, "PUT", how);
        let failure = port.put(&name, "busy", counting(10_000), "busy", PutOptions::default()).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry, failure.retry_after_ms), (Kind::Busy, Retry::Later, Some(1_000)), "{failure:?}");
    }
    assert_eq!(front.early(), 0);
    // Whether an unclear failure stored something, only a look tells.
    let broken = TurnedAway { status: "503 Service Unavailable", code: None, retry_after: None };
    front.turn_away(1, "PUT", broken);
    let failure = port.put(&name, "unclear", counting(10), "unclear", PutOptions::default()).await.unwrap_err();
    assert!(failure.kind == Kind::Unavailable && failure.maybe_done, "{failure:?}");
}

#[tokio::test]
async fn names_at_the_edges_are_kept_or_refused_by_name() {
    let (swift, rgw) = (server_or_skip!(Swift::get()), server_or_skip!(Rgw::get()));
    for account in [swift.tester(), rgw.swift()] {
        let host = host(&account, json!({})).await.unwrap();
        let (port, name) = (host.connection.objects().unwrap(), container("names"));
        port.create_location(&name, "create", Vec::new()).await.unwrap();
        let longest = "ü".repeat(512);
        let keys = ["folder/", "/leading", "..", "../up", ".", "a//b/", "100%", "%2F", "a+b c", "😀/é", longest.as_str()];
        for (size, key) in keys.iter().enumerate() {
            put(&*port, &name, key, 10 + size as u64).await;
        }
        for (size, key) in keys.iter().enumerate() {
            holds(&*port, &name, key, 10 + size as u64).await;
        }
        let outcomes = port.delete_many(&name, keys.map(str::to_owned).to_vec(), "delete").await.unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()), "{outcomes:?}");
        let too_long = format!("{longest}x");
        let parts = host.connection.uploads().unwrap();
        put(&*port, &name, "short", 1).await;
        fails(
            port.put(&name, &too_long, counting(1), "long", PutOptions::default()).await,
            Kind::Invalid,
            "a name of 1,025 bytes",
        )
        .unwrap();
        fails(
            port.copy((&name, "short"), (&name, &too_long), "long", PutOptions::default()).await,
            Kind::Invalid,
            "one for a copy",
        )
        .unwrap();
        fails(parts.begin(&name, &too_long, 2 << 20, "long", PutOptions::default()).await, Kind::Invalid, "one for an upload")
            .unwrap();
    }
}

#[tokio::test]
async fn a_container_lies_in_the_policy_that_was_asked_for_and_its_segments_too() {
    let swift = server_or_skip!(Swift::get());
    let host = host(&swift.tester(), json!({})).await.unwrap();
    let (port, parts, name) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap(), container("policy"));
    let silver = ("storage-class".to_owned(), "silver".to_owned());
    port.create_location(&name, "create", vec![silver.clone()]).await.unwrap();
    assert!(host.connection.usage(Some(&name)).await.unwrap().extras.contains(&silver));
    let begun = parts.begin(&name, "large", 2 << 20, "begin", PutOptions::default()).await.unwrap();
    let beside = host.connection.usage(Some(&format!("{name}_segments"))).await.unwrap();
    assert!(beside.extras.contains(&silver), "{beside:?}");
    parts.abort(&name, "large", &begun.id).await.unwrap();
    let unknown = vec![("storage-class".to_owned(), "platinum".to_owned())];
    fails(port.create_location(&container("unknown"), "create", unknown).await, Kind::Invalid, "a policy nobody knows").unwrap();
}
