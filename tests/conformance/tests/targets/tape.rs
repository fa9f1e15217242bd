//! The tape plugin under the real runtime, on a real library over iSCSI.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::sync::Arc;

use capstan_conformance::check::kept;
use capstan_conformance::content::{collect, counting, same, same_seeded, seeded};
use capstan_conformance::host::Host;
use capstan_conformance::tape::{host, target};
use capstan_conformance::{fails, fails_as};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{ElementKind, Laying, Media, NamedValues, Spacing};
use capstan_test_servers::{Vtl, server_or_skip};
use serde_json::json;

const DRIVE: &str = Vtl::DRIVE_NAMES[0];
const BLOCK: u32 = 256 << 10;
/// Longer than any file here.
const ALL: u64 = 1 << 30;

fn media(host: &Host) -> Arc<dyn Media> {
    host.connection.media().unwrap()
}

fn laying(object: u64, filemarks: u32) -> Laying {
    Laying { partition: 0, object, truncate: false, block: BLOCK, filemarks }
}

/// A label, and no volume of files.
fn bare() -> NamedValues {
    vec![("files".to_owned(), "none".to_owned())]
}

#[tokio::test(flavor = "multi_thread")]
async fn tape_keeps_the_contract() {
    let library = server_or_skip!(Vtl::start());
    kept("tape", target(&library, json!({})), &["target/*", "media/*"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_tape_outlives_the_instance_that_wrote_it() {
    let library = server_or_skip!(Vtl::start());
    let mut host = host(&library, json!({ "digests": "required" })).await.unwrap();
    let (label, length) = (Vtl::label(1), u64::from(BLOCK) * 20 + 777);
    let port = media(&host);
    assert!(host.connection.objects().is_none() && host.connection.drives().is_none());
    let drive = port.load(&label, Some(DRIVE), "load-1").await.unwrap();
    assert_eq!((drive.name.as_str(), drive.ready, drive.cartridge.as_deref()), (DRIVE, true, Some(label.as_str())));
    let medium = port.format(DRIVE, &label, "format-1", bare()).await.unwrap();
    assert!(medium.block_maximum >= BLOCK && !medium.write_protected);
    let first = port.write(DRIVE, laying(2, 1), counting(length), "write-1").await.unwrap();
    // 21 blocks and a mark.
    assert_eq!((first.bytes, first.place.object, first.near_end), (length, 24, false));
    let second = port.write(DRIVE, laying(24, 1), seeded(1_000, 7), "write-2").await.unwrap();
    assert_eq!((second.bytes, second.place.object), (1_000, 26));
    // The instance goes with it, and its session: while that stands the drive gives the cartridge to nobody.
    drop(port);
    host.reopen();
    let port = media(&host);
    let (place, body) = port.read(DRIVE, 0, 2, ALL).await.unwrap();
    assert_eq!((place.partition, place.object), (0, 2));
    same(body, 0, length).await.unwrap();
    let place = port.position(DRIVE).await.unwrap();
    assert_eq!((place.object, place.met.as_deref()), (24, Some("filemark")));
    same_seeded(port.read(DRIVE, 0, 24, ALL).await.unwrap().1, 7, 1_000).await.unwrap();
    // The same attempt finds what it did; another one may not cut off what lies there.
    let again = port.write(DRIVE, laying(24, 1), seeded(1_000, 7), "write-2").await.unwrap();
    assert_eq!((again.bytes, again.place.object), (1_000, 26));
    let cut = port.write(DRIVE, laying(2, 1), seeded(1_000, 8), "write-3").await;
    let failure = fails_as(cut, &[Kind::Conflict], "a write into the middle").unwrap();
    assert_eq!(failure.code.as_deref(), Some("not-at-end"));
    assert_eq!(port.space(DRIVE, Spacing::EndOfData, 0).await.unwrap().object, 26);
    let over = Laying { truncate: true, ..laying(24, 1) };
    assert_eq!(port.write(DRIVE, over, seeded(500, 9), "write-4").await.unwrap().place.object, 26);
    same_seeded(port.read(DRIVE, 0, 24, ALL).await.unwrap().1, 9, 500).await.unwrap();
    assert_eq!(port.synchronize(DRIVE).await.unwrap().object, 26);
    port.unload(DRIVE, "unload-1").await.unwrap();
    fails(port.inspect(DRIVE).await, Kind::Offline, "an empty drive").unwrap();
    port.unload(DRIVE, "unload-1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cartridges_go_where_they_are_sent_and_are_seen_there() {
    let library = server_or_skip!(Vtl::start());
    let host = host(&library, json!({})).await.unwrap();
    let port = media(&host);
    let labels: Vec<String> = (1..=Vtl::CARTRIDGES).map(Vtl::label).collect();
    let locations = port.list_locations().await.unwrap();
    assert_eq!(locations.into_iter().map(|location| location.name).collect::<Vec<_>>(), labels);
    let libraries = port.list_libraries().await.unwrap();
    assert_eq!(libraries.iter().map(|library| library.name.as_str()).collect::<Vec<_>>(), [Vtl::LIBRARY]);
    let drives = port.list_drives().await.unwrap();
    assert_eq!(drives.iter().map(|drive| drive.name.as_str()).collect::<Vec<_>>(), Vtl::DRIVE_NAMES);
    let ejected = port.eject_cartridge(Vtl::LIBRARY, &labels[0], "eject-1").await.unwrap();
    assert_eq!((ejected.kind, ejected.cartridge.as_ref()), (ElementKind::MailSlot, Some(&labels[0])));
    let page = port.list_elements(Vtl::LIBRARY, None, 1_000).await.unwrap();
    let lies = |label: &String| page.elements.iter().find(|element| element.cartridge.as_ref() == Some(label));
    assert_eq!(lies(&labels[0]).map(|element| element.address), Some(ejected.address));
    let admitted = port.admit_cartridge(Vtl::LIBRARY, ejected.address, "admit-1").await.unwrap();
    assert_eq!((admitted.kind, admitted.cartridge.as_ref()), (ElementKind::Slot, Some(&labels[0])));
    fails(port.load("NOBODY", None, "load-1").await, Kind::NotFound, "a cartridge that nobody holds").unwrap();
    fails(port.examine("nobody").await, Kind::NotFound, "a drive that is not there").unwrap();
    assert!(port.examine(DRIVE).await.unwrap().alerts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn drives_work_beside_each_other() {
    let library = server_or_skip!(Vtl::start());
    let host = host(&library, json!({})).await.unwrap();
    let port = media(&host);
    let work = async |number: u16, drive: &str| {
        let label = Vtl::label(number);
        port.load(&label, Some(drive), "load").await.unwrap();
        port.format(drive, &label, "format", bare()).await.unwrap();
        let length = u64::from(BLOCK) * 8;
        port.write(drive, laying(2, 1), seeded(length, u64::from(number)), "write").await.unwrap();
        let (_, body) = port.read(drive, 0, 2, ALL).await.unwrap();
        same_seeded(body, u64::from(number), length).await.unwrap();
        let (_, body) = port.read(drive, 0, 0, ALL).await.unwrap();
        assert_eq!(collect(body, 1_000).await.unwrap()[..10], *format!("VOL1{}", &label[..6]).as_bytes());
    };
    let [first, second] = Vtl::DRIVE_NAMES;
    tokio::join!(work(1, first), work(2, second));
}
