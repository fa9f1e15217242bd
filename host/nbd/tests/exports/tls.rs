//! Encryption: who has to, who may, and who is let in by it.

use std::path::Path;
use std::sync::Arc;

use capstan_nbd::{Address, Backend, Export, Server, Tls};
use capstan_test_servers::{nbd_program, server_or_skip};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use crate::called::Memory;
use crate::hand::Hand;
use crate::peer::{engine, peer};
use crate::world::{World, client, file, noise, succeeds};

const SIZE: u64 = 4 << 20;

/// The files that clients of libnbd look for, the host's own beside them.
fn certificates(directory: &Path) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::create_dir(directory).unwrap();
    std::fs::write(directory.join("ca-cert.pem"), authority.pem()).unwrap();
    for (name, usage) in [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &authority).unwrap();
        std::fs::write(directory.join(format!("{name}-cert.pem")), certificate.pem()).unwrap();
        std::fs::write(directory.join(format!("{name}-key.pem")), key.serialize_pem()).unwrap();
    }
}

fn tls(directory: &Path, clients: bool) -> Tls {
    let authority = directory.join("ca-cert.pem");
    Tls::open(&directory.join("server-cert.pem"), &directory.join("server-key.pem"), clients.then_some(authority.as_path()))
        .unwrap()
}

async fn listening(export: Export, address: &str, tls: Tls) -> (Server, u16) {
    let server = Server::start(export, &address.parse().unwrap(), Some(tls)).await.unwrap();
    let Address::Tcp(address) = *server.address() else { panic!("not TCP") };
    (server, address.port())
}

fn uri(scheme: &str, port: u16, directory: &Path) -> String {
    format!("{scheme}://localhost:{port}/disk?tls-certificates={}", directory.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_the_same_encrypted_and_on_this_machine_the_client_chooses() {
    server_or_skip!(nbd_program("nbdcopy"));
    let world = World::new();
    let pki = world.path("pki");
    certificates(&pki);
    let drive = world.drive("d", SIZE);
    let export = Export::new("disk", file(&drive, false)).unwrap();
    let (server, port) = listening(export, "tcp:127.0.0.1:0", tls(&pki, false)).await;
    let said = succeeds("nbdinfo", &[uri("nbds", port, &pki)]).await;
    assert!(said.contains("with TLS"), "{said}");
    let image = world.path("image");
    std::fs::write(&image, noise(1 << 30, SIZE)).unwrap();
    succeeds("nbdcopy", &["--flush", &image.display().to_string(), &uri("nbds", port, &pki)]).await;
    assert!(std::fs::read(&drive).unwrap() == noise(1 << 30, SIZE));
    let back = world.path("back").display().to_string();
    succeeds("nbdcopy", &["--connections=4", &uri("nbds", port, &pki), &back]).await;
    assert!(std::fs::read(&back).unwrap() == noise(1 << 30, SIZE));
    succeeds("nbdcopy", &[&format!("nbd://127.0.0.1:{port}/disk"), &back]).await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_this_machine_who_does_not_encrypt_and_show_a_certificate_gets_nothing() {
    server_or_skip!(nbd_program("nbdinfo"));
    let world = World::new();
    let pki = world.path("pki");
    certificates(&pki);
    let drive = world.drive("d", SIZE);
    let export = || Export::new("disk", file(&drive, false)).unwrap();
    let refused = Server::start(export(), &"tcp:0.0.0.0:0".parse().unwrap(), Some(tls(&pki, false))).await.err().unwrap();
    assert_eq!(refused.code.as_deref(), Some("plain-address"));
    let (server, port) = listening(export(), "tcp:0.0.0.0:0", tls(&pki, true)).await;
    let said = succeeds("nbdinfo", &[uri("nbds", port, &pki)]).await;
    assert!(said.contains("export-size: 4194304"), "{said}");
    let (plain, said) = client("nbdinfo", &[format!("nbd://127.0.0.1:{port}/disk")]).await;
    assert!(!plain, "{said}");
    let stranger = world.path("stranger");
    std::fs::create_dir(&stranger).unwrap();
    std::fs::copy(pki.join("ca-cert.pem"), stranger.join("ca-cert.pem")).unwrap();
    let (nobody, said) = client("nbdinfo", &[uri("nbds", port, &stranger)]).await;
    assert!(!nobody, "{said}");
    // Nothing is told in the clear, not even which exports there are.
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn drives_that_are_called_are_encrypted_too() {
    server_or_skip!(nbd_program("nbdcopy"));
    let world = World::new();
    let pki = world.path("pki");
    certificates(&pki);
    let memory = Arc::new(Memory::new(noise(0, SIZE)));
    let drive = capstan_nbd::CalledDrive::new(memory, "pool", "capstan-1", SIZE, 512, true).unwrap();
    let export = Export::new("disk", Backend::Calls(Arc::new(drive))).unwrap();
    let (server, port) = listening(export, "tcp:127.0.0.1:0", tls(&pki, true)).await;
    let back = world.path("back");
    succeeds("nbdcopy", &["--allocated", &uri("nbds", port, &pki), &back.display().to_string()]).await;
    assert_eq!(std::fs::metadata(&back).unwrap().len(), SIZE);
    assert!(std::fs::read(&back).unwrap()[..4096] == noise(0, 4096));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_behind_a_peer_is_encrypted_too_for_reading_and_for_writing() {
    server_or_skip!(nbd_program("nbdcopy"));
    let world = World::new();
    let pki = world.path("pki");
    certificates(&pki);
    let (engine, address) = engine(&world).await;
    let drive = std::fs::read(world.path("d")).unwrap();
    for read_only in [true, false] {
        let export = Export::new("disk", Backend::Peer(Arc::new(peer(address, "engine-7", read_only)))).unwrap();
        let (server, port) = listening(export, "tcp:127.0.0.1:0", tls(&pki, true)).await;
        let back = world.path("back").display().to_string();
        succeeds("nbdcopy", &["--connections=2", &uri("nbds", port, &pki), &back]).await;
        assert!(std::fs::read(&back).unwrap() == drive, "{read_only}");
        server.stop().await.unwrap();
    }
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_tls_is_not_set_up_a_client_is_told_so() {
    let world = World::new();
    let server = world.file(&world.drive("d", SIZE), false, "s").await;
    let mut hand = Hand::shake(&world.path("s")).await;
    assert_eq!(hand.option(5, &[]).await.last().unwrap().0, (1 << 31) | 1);
    server.stop().await.unwrap();
}
