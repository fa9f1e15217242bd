//! The tape plugin on the project's own library, held to the contract: over iSCSI, with drives that know less, and by the devices of the host.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::path::PathBuf;

use capstan_conformance::check::{kept, small};
use capstan_conformance::host::built;
use capstan_conformance::report::Verdict;
use capstan_conformance::tape::{CARTRIDGES, plan, simulated};
use capstan_test_servers::{TapeSimulator, server_or_skip};
use serde_json::json;

use super::program::{check_in, text};

const CASES: [&str; 2] = ["target/*", "media/*"];
const KIT: &str = CARTRIDGES[0];
const PROTECTED: &str = CARTRIDGES[2];

/// Who logs in gives the secret of CHAP, and with another one is refused: cases of `target/` hold that.
#[tokio::test(flavor = "multi_thread")]
async fn tape_keeps_the_contract_with_drives_that_know_all() {
    let library = server_or_skip!(TapeSimulator::start(&plan(json!({}))));
    let report = small(&built("tape"), simulated(&library, KIT), &CASES).await.unwrap();
    report.passed().unwrap();
    let ran = |id: &str| report.cases.iter().any(|line| line.id == id && line.verdict == Verdict::Passed);
    assert!(ran("target/credentials-changed") && ran("media/synchronize-lasts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tape_keeps_the_contract_with_drives_that_know_little() {
    let none = json!({
        "locate": false, "partitions": false, "memory": false, "logs": false, "protection": false, "access-order": false,
    });
    let library = server_or_skip!(TapeSimulator::start(&plan(none)));
    kept("tape", simulated(&library, KIT), &CASES).await.unwrap();
}

/// The ways of a drive that are asked for one by one: none of them stands for another.
#[tokio::test(flavor = "multi_thread")]
async fn tape_keeps_the_contract_with_drives_that_lack_one_thing() {
    for lacks in ["locate", "memory", "protection"] {
        let library = server_or_skip!(TapeSimulator::start(&plan(json!({ (lacks): false }))));
        kept("tape", simulated(&library, KIT), &["media/*"]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cartridge_that_is_write_protected_is_told_and_not_written() {
    let library = server_or_skip!(TapeSimulator::start(&plan(json!({}))));
    kept("tape", simulated(&library, PROTECTED), &["media/inspect-*"]).await.unwrap();
}

/// The devices are there for programs that are started to see them: so the kit runs as vendors run it.
#[test]
fn tape_keeps_the_contract_by_devices_of_the_host() {
    let library = server_or_skip!(TapeSimulator::start(&plan(json!({}))));
    let environment = server_or_skip!(library.environment());
    let mut devices: Vec<PathBuf> = std::fs::read_dir(library.devices()).unwrap().map(|entry| entry.unwrap().path()).collect();
    devices.sort();
    assert_eq!(devices.len(), 3, "{devices:?}");
    let target = format!("location = {KIT:?}\n[configuration]\ndevices = {devices:?}\n");
    let only: Vec<&str> = CASES.into_iter().flat_map(|cases| ["--only", cases]).collect();
    let output = check_in(&built("tape"), &target, &only, &environment);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
}
