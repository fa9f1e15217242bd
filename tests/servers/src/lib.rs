//! Starts real servers for tests: loopback only, free ports, data in a temporary directory, stopped when the guard is dropped.
//!
//! A test asks for `Rgw::get()` or `Postgres::get()`: the one named by the environment (`cargo xtask test` starts one for the
//! whole run) or a fresh one. A server that is not installed is `Missing`, so that a test can say why it was skipped; with
//! `CAPSTAN_TEST_REQUIRE_SERVERS=1`, as in CI, that is an error instead.

mod azurite;
mod blob;
mod blob_front;
mod busy_front;
mod ceph;
mod ceph_cluster;
mod ceph_drives;
mod cloudsigma;
pub mod compiled;
mod demo_s3;
mod ext4;
mod front;
mod ganesha;
mod gate;
#[allow(clippy::indexing_slicing, reason = "members of JSON documents: one that is absent reads as null")]
mod gcs;
mod hold_front;
mod keystone;
mod login_front;
mod moto;
mod nbd;
mod nfs_front;
mod npm;
mod portmapper;
mod ports;
mod postgres;
mod process;
mod program;
mod proxy;
mod python;
mod rclone;
mod relay;
mod s3;
mod samba;
mod sg_shim;
mod small_disk;
mod storage_daemon;
mod swift;
mod swift_account;
mod tape_simulator;
mod tgt;
mod tgt_source;
mod tls_front;
mod token_front;
mod vpsa;
mod vtl;
mod wrong_clock;

pub use azurite::Azurite;
pub use blob::Blob;
pub use blob_front::BlobFront;
pub use busy_front::{BusyFront, TurnedAway};
pub use ceph::Rgw;
pub use ceph_drives::CephDrives;
pub use cloudsigma::{CloudSigma, CloudSigmaClients, StorageType};
pub use demo_s3::DemoS3;
pub use ext4::ext4_program;
pub use front::ChecksumFront;
pub use ganesha::Ganesha;
pub use gate::Gate;
pub use gcs::{Account as GcsAccount, Cut, Gcs, TokenAnswer};
pub use hold_front::{Hold, HoldFront};
pub use keystone::Cloud;
pub use login_front::{LoginAnswer, LoginFront};
pub use moto::Moto;
pub use nbd::nbd_program;
pub use nfs_front::{NfsFront, Trick};
pub use ports::{free_block, free_port};
pub use postgres::Postgres;
pub use process::Keeper;
pub use program::Missing;
pub use proxy::Proxy;
pub use python::{interpreter as python_with, program as pypi_program};
pub use rclone::Rclone;
pub use s3::S3;
pub use samba::{PASSWORD as SAMBA_PASSWORD, Samba};
pub use small_disk::SmallDisk;
pub use storage_daemon::StorageDaemon;
pub use swift::Swift;
pub use swift_account::{SwiftAccount, SwiftAnswer};
pub use tape_simulator::TapeSimulator;
pub use tgt::Tgt;
pub use tls_front::{Identity, TlsFront};
pub use token_front::{CLIENT_ID, CLIENT_SECRET, TokenAnswer as OAuthAnswer, TokenFront};
pub use vpsa::Vpsa;
pub use vtl::Vtl;
pub use wrong_clock::WrongClock;

/// A skipped test says why, in words CI can look for; where servers are required it fails instead.
///
/// # Panics
/// With `CAPSTAN_TEST_REQUIRE_SERVERS=1`.
pub fn skip(reason: &anyhow::Error) {
    let required = std::env::var("CAPSTAN_TEST_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    assert!(!required, "a server that CI must have is not there: {reason:#}");
    eprintln!("SKIPPED: {reason:#}");
}

/// The server, or `return` from the test with the reason printed.
#[macro_export]
macro_rules! server_or_skip {
    ($server:expr) => {
        match $server {
            Ok(server) => server,
            Err(reason) => return $crate::skip(&reason),
        }
    };
}
