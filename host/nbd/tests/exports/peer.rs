//! A drive behind another NBD server: of the host itself, and qemu's.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use capstan_domain::Kind;
use capstan_domain::grant::Power;
use capstan_grants::{Granted, Grants};
use capstan_nbd::{Address, Backend, Export, PeerDrive, Server};
use capstan_test_servers::{nbd_program, server_or_skip};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::hand::{BLOCK_STATUS, EINVAL, EPERM, FLUSH, FUA, Hand, READ, TRIM, WRITE, WRITE_ZEROES, request};
use crate::rogue::rogue;
use crate::world::{World, client, file, noise, succeeds, until, uri};

const SIZE: u64 = 8 << 20;

pub(crate) fn peer(address: SocketAddr, export: &str, read_only: bool) -> PeerDrive {
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

/// Exports a drive of `SIZE` bytes as "engine-7".
pub(crate) async fn engine(world: &World) -> (Server, SocketAddr) {
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
async fn clients_read_all_of_a_drive_for_reading_and_are_told_that_it_is() {
    server_or_skip!(nbd_program("nbdcopy"));
    let world = World::new();
    let (engine, address) = engine(&world).await;
    let server = before(&world, address, true, "s").await;
    let said = succeeds("nbdinfo", &[uri(&server)]).await;
    for line in ["is_read_only: true", "base:allocation", "block_size_maximum: 33554432"] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    let back = world.path("back").display().to_string();
    succeeds("nbdcopy", &["--connections=4", &uri(&server), &back]).await;
    assert!(std::fs::read(&back).unwrap() == std::fs::read(world.path("d")).unwrap());
    server.stop().await.unwrap();
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_stands_between_two_answers_of_the_peer_and_never_within_one() {
    let world = World::new();
    let (engine, address) = engine(&world).await;
    let before_it = std::fs::read(world.path("d")).unwrap();
    let server = before(&world, address, true, "s").await;
    let hand = Hand::go(&world.path("s")).await;
    // Some longer than what is taken at once.
    let reads: Vec<(u64, u32)> =
        (0..80).map(|n| (n * 4099, if n % 5 == 0 { 600_000 } else { 300 + u32::try_from(n).unwrap() })).collect();
    let refused = [
        (0, WRITE, 0, 700, EPERM),
        (FUA, WRITE, 0, 600_000, EPERM),
        (0, TRIM, 0, 4096, EPERM),
        (0, WRITE_ZEROES, 0, 4096, EPERM),
        (0, READ, SIZE, 1, EINVAL),
        (1 << 9, READ, 0, 1, EINVAL),
        // Nobody agreed on it, and nobody knows it.
        (0, BLOCK_STATUS, 0, 4096, EINVAL),
        (0, 99, 0, 0, EINVAL),
    ];
    let (mut from, mut to) = hand.0.into_split();
    let asking = async {
        for (n, (offset, length)) in (0..).zip(&reads) {
            let (flags, command, at, long, _) = refused[n % refused.len()];
            let payload = vec![9; if command == WRITE { long as usize } else { 0 }];
            let cookie = u64::try_from(n).unwrap();
            let read = request(0, READ, cookie, *offset, *length, &[]);
            let other = request(flags, command, 1000 + cookie, at, long, &payload);
            to.write_all(&[read, other].concat()).await.unwrap();
        }
    };
    let hearing = async {
        for _ in 0..2 * reads.len() {
            assert_eq!(from.read_u32().await.unwrap(), 0x6744_6698);
            let (error, cookie) = (from.read_u32().await.unwrap(), usize::try_from(from.read_u64().await.unwrap()).unwrap());
            if cookie >= 1000 {
                assert_eq!(error, refused[(cookie - 1000) % refused.len()].4, "{cookie}");
                continue;
            }
            let (offset, length) = reads[cookie];
            let mut bytes = vec![0; length as usize];
            from.read_exact(&mut bytes).await.unwrap();
            assert!(error == 0 && bytes == noise(offset, u64::from(length)), "{cookie}");
        }
    };
    tokio::join!(asking, hearing);
    server.stop().await.unwrap();
    engine.stop().await.unwrap();
    assert!(std::fs::read(world.path("d")).unwrap() == before_it);
}

#[tokio::test(flavor = "multi_thread")]
async fn for_reading_two_reads_of_one_cookie_or_a_write_without_bound_end_the_connection() {
    let world = World::new();
    let (engine, address) = engine(&world).await;
    let server = before(&world, address, true, "s").await;
    let mut hand = Hand::go(&world.path("s")).await;
    let read = request(0, READ, 5, 0, 512, &[]);
    hand.0.write_all(&[read.clone(), read].concat()).await.unwrap();
    hand.ends().await;
    let mut hand = Hand::go(&world.path("s")).await;
    hand.request(0, WRITE, 1, 0, (32 << 20) + 1, &[]).await;
    hand.ends().await;
    assert_eq!(Hand::go(&world.path("s")).await.read(0, 8).await, noise(0, 8));
    server.stop().await.unwrap();
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_answers_what_is_no_answer_is_left() {
    let world = World::new();
    let server = before(&world, rogue(SIZE, vec![0xff; 64]).await, true, "s").await;
    let mut hand = Hand::go(&world.path("s")).await;
    hand.request(0, READ, 1, 0, 512, &[]).await;
    hand.ends().await;
    until("the connection is still counted", || server.connections() == 0).await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_falls_silent_within_an_answer_holds_no_connection_whose_client_is_gone() {
    let world = World::new();
    let half = [b"\x67\x44\x66\x98\0\0\0\0".as_slice(), &1_u64.to_be_bytes(), &[7_u8; 100]].concat();
    let address = rogue(SIZE, half).await;
    let left = async |read_only: bool, refused: bool, socket: &str| {
        let server = before(&world, address, read_only, socket).await;
        let mut hand = Hand::go(&world.path(socket)).await;
        hand.request(0, READ, 1, 0, 512, &[]).await;
        assert_eq!(hand.answer().await, (0, 1));
        if refused {
            hand.request(0, TRIM, 2, 0, 4096, &[]).await;
        }
        drop(hand);
        until("the connection is still counted", || server.connections() == 0).await;
        server.stop().await.unwrap();
    };
    tokio::join!(left(false, false, "a"), left(true, false, "b"), left(true, true, "c"));
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
