//! What every file target keeps, signed and encrypted, in every dialect and with every cipher.

use capstan_conformance::check::{CONTRACT, FAULTS, FILES, kept};
use capstan_conformance::content::same;
use capstan_conformance::smb::target;
use capstan_test_servers::{Samba, server_or_skip};
use serde_json::{Value, json};

use super::{host, port, put};

async fn goes_round(server: &Samba, more: Value) {
    let host = host(server, "share", more).await;
    let port = port(&host);
    put(&*port, "share", "round", 3_000_000).await;
    let (_, body) = port.read("share", "round", None).await.unwrap();
    same(body, 0, 3_000_000).await.unwrap();
    port.remove("share", "round", "remove").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn smb_keeps_the_contract_signed() {
    let server = server_or_skip!(Samba::start());
    let signed = json!({ "encryption": "off" });
    kept("smb", target(&server, "share", signed.clone()), CONTRACT).await.unwrap();
    let host = host(&server, "share", signed).await;
    let report = host.connection.probe().await.unwrap();
    assert_eq!(report.locations[0].name, "share");
    let usage = host.connection.usage(Some("share")).await.unwrap();
    assert!(usage.capacity.unwrap() > usage.used.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn smb_endures_faults_between_it_and_samba() {
    let server = server_or_skip!(Samba::start());
    kept("smb", target(&server, "share", json!({})), FAULTS).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn smb_keeps_the_contract_encrypted() {
    let server = server_or_skip!(Samba::start());
    let sealed = json!({ "encryption": "required", "minimum-dialect": "3.1.1" });
    kept("smb", target(&server, "encrypted", sealed.clone()), FILES).await.unwrap();
    let host = host(&server, "encrypted", sealed).await;
    let report = host.connection.probe().await.unwrap();
    assert!(report.extras.contains(&("smb-encrypted".to_owned(), "true".to_owned())), "{report:?}");
}

#[tokio::test]
async fn every_dialect_carries_a_file_there_and_back() {
    for (most, least) in [("SMB2_10", "2.1"), ("SMB3_00", "3.0"), ("SMB3_02", "3.0.2"), ("SMB3_11", "3.1.1")] {
        let server = server_or_skip!(Samba::start_with(&format!(" server max protocol = {most}")));
        goes_round(&server, json!({ "encryption": "off", "minimum-dialect": least })).await;
        if most != "SMB2_10" {
            goes_round(&server, json!({ "encryption": "required" })).await;
        }
    }
}

#[tokio::test]
async fn every_cipher_carries_a_file_there_and_back() {
    for cipher in ["AES-128-CCM", "AES-128-GCM", "AES-256-CCM", "AES-256-GCM"] {
        let server = server_or_skip!(Samba::start_with(&format!(" server smb3 encryption algorithms = {cipher}")));
        goes_round(&server, json!({ "encryption": "required" })).await;
        goes_round(&server, json!({ "encryption": "off" })).await;
    }
}
