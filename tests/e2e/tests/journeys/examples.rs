//! The examples run as they stand.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use capstan_e2e::hub::s3_bucket;
use capstan_e2e::{Client, Harbour, Host, HostOptions, PASSWORD, USER};
use capstan_test_servers::{Rgw, Vtl, server_or_skip};

use crate::mount_table::{has_fuse, without_fuse};

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(path)
}

#[test]
fn the_walkthroughs_of_the_nodeum_api_run_to_their_end() {
    let rgw = server_or_skip!(Rgw::get());
    let configuration = std::fs::read_to_string(example("configuration/capstan.toml")).unwrap();
    let options = HostOptions { configuration: Some(configuration), ..HostOptions::default() };
    let harbour = Harbour::with("walkthrough", &rgw.s3, options).unwrap();
    for script in ["nodeum/first-cargo.sh", "nodeum/api-key.sh"] {
        let mut walk = walk(script, &harbour.cargo.client, &harbour.host);
        walk.env("S3", &rgw.s3.endpoint)
            .env("S3_ACCESS_KEY", &rgw.s3.access_key)
            .env("S3_SECRET_KEY", &rgw.s3.secret_key)
            .env("S3_BUCKET", &harbour.bucket);
        arrives(&mut walk);
    }
    harbour.close().unwrap();
}

#[test]
fn the_walkthrough_of_tapes_runs_to_its_end() {
    let library = server_or_skip!(Vtl::start());
    let (host, _room) = Host::fresh().unwrap();
    let mut walk = walk("nodeum/tapes.sh", &host.client(), &host);
    walk.args([Vtl::label(1), Vtl::label(2)])
        .env("TAPE_HOST", "127.0.0.1")
        .env("TAPE_PORT", library.port.to_string())
        .env("TAPE_TARGET", Vtl::TARGET)
        .env("TAPE_USER", Vtl::USER)
        .env("TAPE_SECRET", Vtl::SECRET);
    arrives(&mut walk);
    host.stop().unwrap();
}

#[test]
fn the_walkthrough_of_spaces_runs_to_its_end() {
    if !has_fuse() {
        return without_fuse("no space is mounted");
    }
    let rgw = server_or_skip!(Rgw::get());
    rgw.s3.create_bucket("walkthrough-of-spaces").unwrap();
    let (host, room) = Host::fresh().unwrap();
    let mut walk = walk("hub/spaces.sh", &host.client(), &host);
    walk.arg("40")
        .env("BUCKET", s3_bucket("walkthrough-of-spaces", &rgw.s3).unwrap().to_string())
        .env("MOUNTPOINT", room.path().join("walkthrough"));
    arrives(&mut walk);
    host.stop().unwrap();
}

fn walk(script: &str, client: &Client, host: &Host) -> Command {
    let mut walk = Command::new("bash");
    walk.arg(example(script))
        .env("CAPSTAN", client.base())
        .env("CAPSTAN_USER", USER)
        .env("CAPSTAN_PASSWORD", PASSWORD)
        .env("SPACES", host.data().join("spaces"));
    walk
}

fn arrives(walk: &mut Command) {
    let output = walk.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{walk:?}: {said}");
}
