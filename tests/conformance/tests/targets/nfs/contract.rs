//! What every file target keeps.

use capstan_conformance::check::{CONTRACT, FAULTS, kept};
use capstan_test_servers::{Ganesha, server_or_skip};

use super::host;
use capstan_conformance::nfs::{configuration, target};

#[tokio::test(flavor = "multi_thread")]
async fn nfs_keeps_the_contract_on_ganesha() {
    let server = server_or_skip!(Ganesha::start());
    kept("nfs", target(&server), CONTRACT).await.unwrap();
    let host = host(configuration(&server, "open")).await;
    let report = host.connection.probe().await.unwrap();
    assert_eq!(report.locations.iter().map(|location| location.name.as_str()).collect::<Vec<_>>(), ["share"]);
    let usage = host.connection.usage(Some("share")).await.unwrap();
    assert!(usage.capacity.unwrap() >= usage.used.unwrap());
    assert!(usage.used.unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nfs_endures_faults_between_it_and_ganesha() {
    let server = server_or_skip!(Ganesha::start());
    kept("nfs", target(&server), FAULTS).await.unwrap();
}

#[tokio::test]
async fn a_location_is_named_after_its_export_and_known_without_the_server() {
    let server = server_or_skip!(Ganesha::start());
    let mut configuration = configuration(&server, "open");
    configuration.as_object_mut().unwrap().remove("location");
    drop(server);
    let host = host(configuration).await;
    let locations = super::files(&host).list_locations().await.unwrap();
    assert_eq!(locations[0].name, "open");
}
