//! The initiator against a real target. The server is started by what starts it for the host's tests too: its files are compiled in
//! here, as the crate around them needs half of the host.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "everything here is a test")]

mod disk;
mod faults;
mod login;
#[path = "../../../../../tests/servers/src/ports.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod ports;
#[path = "../../../../../tests/servers/src/process.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod process;
#[path = "../../../../../tests/servers/src/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod program;
#[path = "../../../../../tests/servers/src/tgt.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod tgt;
mod wire;

use capstan_iscsi::{Isid, Settings};

use tgt::Tgt;

/// The server, or `return` from the test with the reason printed; where servers are required, a failure.
macro_rules! server_or_skip {
    () => {
        match $crate::tgt::Tgt::start() {
            Ok(server) => server,
            Err(reason) => return $crate::skip(&reason),
        }
    };
}
use server_or_skip;

fn skip(reason: &anyhow::Error) {
    let required = std::env::var("CAPSTAN_TEST_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    assert!(!required && reason.is::<program::Missing>(), "no target: {reason:#}");
    eprintln!("SKIPPED: {reason:#}");
}

const INITIATOR: &str = "iqn.2026-01.test.capstan:host";

fn settings(target: &str) -> Settings {
    Settings::new(INITIATOR, Tgt::target(target), Isid::random([1, 2, 3], 1))
}

/// Bytes that are different at every place, and in every test.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
