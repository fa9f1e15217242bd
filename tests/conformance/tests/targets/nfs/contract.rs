//! What every file target keeps.

use capstan_conformance::files::{self, Able};
use capstan_test_servers::{Ganesha, server_or_skip};

use super::{configuration, host};

#[tokio::test]
async fn nfs_keeps_the_contract() {
    let server = server_or_skip!(Ganesha::start());
    let host = host(configuration(&server, "open")).await;
    let report = host.connection.probe().await.unwrap();
    assert_eq!(report.locations.iter().map(|location| location.name.as_str()).collect::<Vec<_>>(), ["share"]);
    files::all(&*super::files(&host), "share", Able { xattrs: false, ordered: false, ..Able::default() }).await.unwrap();
    let usage = host.connection.usage(Some("share")).await.unwrap();
    assert!(usage.capacity.unwrap() >= usage.used.unwrap());
    assert!(usage.used.unwrap() > 0);
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
