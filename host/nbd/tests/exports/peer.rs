//! A drive behind another NBD server: of the host itself, and qemu's.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use capstan_domain::Kind;
use capstan_domain::grant::Power;
use capstan_grants::{Granted, Grants};
use capstan_nbd::{Address, Backend, Export, PeerDrive, Server};
use capstan_test_servers::{nbd_program, server_or_skip};

use crate::hand::{EPERM, FLUSH, FUA, Hand, TRIM};
use crate::world::{World, client, file, noise, succeeds, until, uri};

const SIZE: u64 = 8 << 20;

fn peer(address: SocketAddr, export: &str, read_only: bool) -> PeerDrive {
    let host = address.ip().to_string();
    let power = Power::Connect { host: host.clone(), port: address.port() };
    let grants = Grants::new("target", &[], &[Granted { power, configured: false }], Arc::default());
    PeerDrive::new(grants.may_connect(&host, address.port()).unwrap(), export, read_only).unwrap()
}

/// Exports as "disk" what a server of this machine exports under another name.
async fn before(world: &World, address: SocketAddr, read_only: bool, socket: &str) -> Server {
    let drive = peer(address, "engine-7", read_only);
    assert_eq!(drive.check().await.unwrap(), SIZE);
    let export = Export::new("disk", Backend::Peer(Arc::new(drive))).unwrap();
    Server::start(export, &world.socket(socket), None).await.unwrap()
}

async fn engine(world: &World) -> (Server, SocketAddr) {
    let export = Export::new("engine-7", file(&world.drive("d", SIZE), false)).unwrap();
    let server = Server::start(export, &"tcp:127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let Address::Tcp(address) = *server.address() else { panic!("not TCP") };
    (server, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_find_the_drive_of_the_peer_under_the_hosts_name() {
    server_or_skip!(nbd_program("nbdcopy"));
    let world = World::new();
    let (engine, address) = engine(&world).await;
    let server = before(&world, address, false, "s").await;
    let said = succeeds("nbdinfo", &[uri(&server)]).await;
    for line in ["export=\"disk\"", "export-size: 8388608", "base:allocation", "can_flush: true", "is_read_only: false"] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    assert!(!said.contains("engine-7"), "{said}");
    let map = succeeds("nbdinfo", &["--map".to_owned(), uri(&server)]).await;
    assert_eq!(map.lines().count(), 3, "{map}");
    let back = world.path("back").display().to_string();
    succeeds("nbdcopy", &["--connections=4", &uri(&server), &back]).await;
    assert!(std::fs::read(&back).unwrap() == std::fs::read(world.path("d")).unwrap());
    let image = world.path("image");
    std::fs::write(&image, noise(1 << 30, SIZE)).unwrap();
    succeeds("nbdcopy", &["--flush", &image.display().to_string(), &uri(&server)]).await;
    assert!(std::fs::read(&image).unwrap() == std::fs::read(world.path("d")).unwrap());
    let (found, _) = client("nbdinfo", &[uri(&server).replace("disk", "engine-7")]).await;
    assert!(!found, "the peer's own name is known to clients");
    server.stop().await.unwrap();
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn for_reading_is_for_reading_whatever_the_peer_would_let() {
    let world = World::new();
    let (engine, address) = engine(&world).await;
    let before_it = std::fs::read(world.path("d")).unwrap();
    let server = before(&world, address, true, "s").await;
    let mut hand = Hand::go(&world.path("s")).await;
    for length in [1, 70_000] {
        assert_eq!(hand.write(FUA, 0, &vec![9; length]).await, EPERM);
        assert_eq!(hand.asked(0, TRIM, 0, 4096).await, EPERM);
        assert_eq!(hand.read(4096, 70_000).await, noise(4096, 70_000));
        assert_eq!(hand.asked(0, FLUSH, 0, 0).await, 0);
    }
    server.stop().await.unwrap();
    engine.stop().await.unwrap();
    assert!(std::fs::read(world.path("d")).unwrap() == before_it);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_peer_goes_its_clients_hear_of_it_and_the_next_one_is_told() {
    let world = World::new();
    let (engine, address) = engine(&world).await;
    let server = before(&world, address, false, "s").await;
    let mut hand = Hand::go(&world.path("s")).await;
    assert_eq!(hand.read(0, 8).await, noise(0, 8));
    engine.stop().await.unwrap();
    hand.ends().await;
    until("the connection is still counted", || server.connections() == 0).await;
    let mut next = Hand::shake(&world.path("s")).await;
    let answers = next.option(7, &crate::hand::export("disk", &[0, 0])).await;
    assert_eq!(answers.last().unwrap().0, (1 << 31) | 7);
    assert_eq!(peer(address, "engine-7", false).check().await.unwrap_err().kind, Kind::Unavailable);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_the_peer_does_not_have_is_not_found() {
    let world = World::new();
    let (engine, address) = engine(&world).await;
    assert_eq!(peer(address, "engine-8", false).check().await.unwrap_err().kind, Kind::NotFound);
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_of_qemu_is_a_peer_like_any_other() {
    let daemon = server_or_skip!(nbd_program("qemu-nbd"));
    server_or_skip!(nbd_program("nbdcopy"));
    let world = World::new();
    let drive = world.drive("d", SIZE);
    let port = capstan_test_servers::free_port().unwrap();
    let running = tokio::process::Command::new(daemon)
        .args(["--format=raw", "--export-name=engine-7", "--bind=127.0.0.1", "--shared=8", "--persistent"])
        .arg(format!("--port={port}"))
        .arg(&drive)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    until("qemu does not listen", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
    let server = before(&world, SocketAddr::from(([127, 0, 0, 1], port)), false, "s").await;
    let (image, back) = (world.path("image"), world.path("back").display().to_string());
    std::fs::write(&image, noise(1 << 30, SIZE)).unwrap();
    succeeds("nbdcopy", &["--flush", &image.display().to_string(), &uri(&server)]).await;
    succeeds("nbdcopy", &["--connections=4", &uri(&server), &back]).await;
    assert!(std::fs::read(&image).unwrap() == std::fs::read(&back).unwrap());
    let mut hand = Hand::go(&world.path("s")).await;
    assert_eq!(hand.write(FUA, 5000, &[3; 10_000]).await, 0);
    assert_eq!(hand.read(5000, 10_000).await, [3; 10_000]);
    server.stop().await.unwrap();
    drop(running);
}
