//! S3 keeps the contract against servers that really check.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use capstan_conformance::check::{CONTRACT, FAULTS, OBJECTS, kept};
use capstan_conformance::content::{counting, same};
use capstan_conformance::fails;
use capstan_conformance::host::{Host, built};
use capstan_conformance::s3::{bucket, ceph, configuration, host};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, NamedValues, PutOptions};
use capstan_test_servers::{Moto, Rgw, S3, server_or_skip};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_the_contract_on_ceph() {
    let server = server_or_skip!(Rgw::get());
    kept("s3", ceph(&server.s3, json!({})), CONTRACT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_endures_faults_between_it_and_ceph() {
    let server = server_or_skip!(Rgw::get());
    kept("s3", ceph(&server.s3, json!({})), FAULTS).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_the_contract_with_signed_payloads_and_md5() {
    let server = server_or_skip!(Rgw::get());
    let file = ceph(&server.s3, json!({ "payload-signing": "signed", "checksum": "md5" }));
    kept("s3", file, OBJECTS).await.unwrap();
}

#[tokio::test]
async fn wrong_credentials_say_which_one_is_wrong() {
    let server = server_or_skip!(Rgw::get());
    let component = built("s3");
    let wrong_secret = Host::start(&component, configuration(&server.s3, json!({})), &[("secret-key", "wrong")]).await.unwrap();
    let failure = wrong_secret.connection.probe().await.unwrap_err();
    assert_eq!(failure.kind, Kind::Unauthenticated);
    assert!(failure.next_step.unwrap().contains("secret-key"));
    let wrong_key = configuration(&server.s3, json!({ "access-key": "nobody" }));
    let wrong_key = Host::start(&component, wrong_key, &[("secret-key", &server.s3.secret_key)]).await.unwrap();
    let failure = wrong_key.connection.probe().await.unwrap_err();
    assert_eq!(failure.kind, Kind::Unauthenticated);
    assert!(failure.next_step.unwrap().contains("access-key"));
}

#[tokio::test]
async fn a_probe_names_the_configured_bucket_that_is_not_there() {
    let server = server_or_skip!(Rgw::get());
    let (good, absent) = (bucket("good"), bucket("absent"));
    server.s3.create_bucket(&good).unwrap();
    host(&server.s3, json!({ "buckets": [good] })).await.unwrap().connection.probe().await.unwrap();
    let host = host(&server.s3, json!({ "buckets": [good, absent] })).await.unwrap();
    let failure = host.connection.probe().await.unwrap_err();
    assert_eq!(failure.kind, Kind::NotFound, "{failure:?}");
    assert!(failure.message.contains(&absent), "{failure:?}");
}

#[tokio::test]
async fn an_endpoint_nobody_listens_at_is_unavailable() {
    let nobody = S3 {
        endpoint: format!("http://127.0.0.1:{}", capstan_test_servers::free_port().unwrap()),
        access_key: "a".to_owned(),
        secret_key: "s".to_owned(),
        region: "us-east-1".to_owned(),
    };
    let host = host(&nobody, json!({})).await.unwrap();
    fails(host.connection.probe().await, Kind::Unavailable, "nobody listens").unwrap();
}

#[tokio::test]
async fn a_cold_object_is_offline_until_it_was_restored() {
    let server = server_or_skip!(Moto::start());
    let host = host(&server.s3, json!({ "storage-class": "GLACIER" })).await.unwrap();
    let port = host.connection.objects().unwrap();
    let bucket = bucket("cold");
    port.create_location(&bucket, "create", Vec::new()).await.unwrap();
    port.put(&bucket, "cold", counting(1000), "put", PutOptions::default()).await.unwrap();
    let state = |extras: &NamedValues| extras.iter().find(|(name, _)| name == "archive-state").unwrap().1.clone();
    assert_eq!(state(&port.head(&bucket, "cold", GetOptions::default()).await.unwrap().extras), "archived");
    fails(port.get(&bucket, "cold", None, GetOptions::default()).await, Kind::Offline, "a cold object").unwrap();
    port.restore(&bucket, "cold", 3, "restore", Vec::new()).await.unwrap();
    let restored = port.restore(&bucket, "cold", 3, "restore", Vec::new()).await.unwrap();
    assert!(["restoring", "restored"].contains(&state(&restored.extras).as_str()), "{restored:?}");
    let (_, body) = port.get(&bucket, "cold", None, GetOptions::default()).await.unwrap();
    same(body, 0, 1000).await.unwrap();
}
