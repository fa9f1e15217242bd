//! Where an export may be listened for, and what its socket is.

use std::os::unix::fs::PermissionsExt;

use capstan_domain::Kind;
use capstan_nbd::{Address, Export, Server};

use crate::world::{World, file};

const SIZE: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_for_its_user_alone_and_replaces_nothing() {
    let world = World::new();
    let drive = world.drive("d", SIZE);
    std::fs::write(world.path("taken"), "precious").unwrap();
    let export = || Export::new("disk", file(&drive, false)).unwrap();
    let refused = Server::start(export(), &world.socket("taken"), None).await.err().unwrap();
    assert_eq!(refused.kind, Kind::Conflict);
    assert_eq!(std::fs::read(world.path("taken")).unwrap(), b"precious");
    let server = world.file(&drive, false, "s").await;
    assert_eq!(std::fs::metadata(world.path("s")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Server::start(export(), &world.socket("s"), None).await.err().unwrap().kind, Kind::Conflict);
    assert_eq!(Server::start(export(), &world.socket("none/s"), None).await.err().unwrap().kind, Kind::NotFound);
    server.stop().await.unwrap();
    let left: Vec<_> = std::fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_encryption_nobody_listens_beyond_this_machine() {
    let world = World::new();
    let drive = world.drive("d", SIZE);
    for address in ["tcp:0.0.0.0:0", "tcp:[::]:0", "tcp:192.0.2.1:0"] {
        let export = Export::new("disk", file(&drive, false)).unwrap();
        let refused = Server::start(export, &address.parse().unwrap(), None).await.err().unwrap();
        assert_eq!((refused.kind, refused.code.as_deref()), (Kind::Denied, Some("plain-address")), "{address}");
    }
    let export = Export::new("disk", file(&drive, false)).unwrap();
    let server = Server::start(export, &"tcp:127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    assert!(matches!(server.address(), Address::Tcp(address) if address.port() != 0));
    server.stop().await.unwrap();
}
