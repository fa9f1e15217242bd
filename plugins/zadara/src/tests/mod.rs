//! The plugin against the simulator and its real iSCSI target, natively: all of it but the ABI's side.

mod bytes;
mod drives;
mod faults;
pub(crate) mod outside;
mod snapshots;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use capstan_sdk::Outcome;
use futures::executor::block_on;
use serde_json::{Value, json};

use crate::answers::GIB;
use crate::bytes::{Sink, Source};
use crate::disk::Piece;
use crate::record::Place;
use crate::vpsa::Vpsa;

/// What the instances of one target share.
pub(crate) struct Shared {
    configuration: String,
    secrets: BTreeMap<String, String>,
    state: Mutex<BTreeMap<String, (Vec<u8>, u64)>>,
}

pub(crate) struct Target(Arc<Shared>);

impl Target {
    pub(crate) fn of(server: &Vpsa) -> Self {
        Self::with(server, json!({}), &[("access-key", &server.access_key)])
    }

    pub(crate) fn with(server: &Vpsa, more: Value, secrets: &[(&str, &str)]) -> Self {
        let mut configuration =
            json!({ "endpoint": server.endpoint, "iscsi-host": "127.0.0.1", "iscsi-port": server.iscsi_port });
        configuration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self(Arc::new(Shared { configuration: configuration.to_string(), secrets, state: Mutex::default() }))
    }

    /// Runs on a new instance: nothing is left but what the VPSA holds and what was kept in state.
    pub(crate) fn run<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let instance = scope.spawn(|| {
                outside::SHARED.set(Some(Arc::clone(&self.0)));
                block_on(work())
            });
            instance.join().unwrap()
        })
    }
}

/// The simulator, or `return` from the test with the reason printed; where servers are required, a failure.
macro_rules! server_or_skip {
    () => {
        match $crate::vpsa::Vpsa::start() {
            Ok(server) => server,
            Err(reason) => return $crate::tests::skip(&reason),
        }
    };
}
pub(crate) use server_or_skip;

pub(crate) fn skip(reason: &anyhow::Error) {
    let required = std::env::var("CAPSTAN_TEST_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    assert!(!required && reason.is::<crate::program::Missing>(), "no target: {reason:#}");
    eprintln!("SKIPPED: {reason:#}");
}

pub(crate) fn at(name: &str) -> Place<'_> {
    Place::new(Vpsa::POOL, name).unwrap()
}

/// Bytes that are different at every place, and in every test.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
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

impl Source for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    async fn bytes(&self, from: u64, length: u64) -> Outcome<Vec<u8>> {
        Ok(self[from as usize..(from + length) as usize].to_vec())
    }
}

impl Sink for Vec<u8> {
    async fn give(&mut self, bytes: Vec<u8>) -> bool {
        self.extend_from_slice(&bytes);
        true
    }
}

pub(crate) async fn read(name: &str, offset: u64, length: u64) -> Outcome<Vec<u8>> {
    let (_, reading) = crate::bytes::read(at(name), Piece { offset, length }).await?;
    let mut bytes = Vec::new();
    reading.pour(&mut bytes).await?;
    Ok(bytes)
}

pub(crate) async fn write(name: &str, offset: u64, bytes: &Vec<u8>) -> Outcome<()> {
    crate::bytes::write(at(name), offset, bytes).await
}

/// A drive of one GiB.
pub(crate) async fn create(name: &str, attempt: &str) -> Outcome<capstan_sdk::types::Drive> {
    crate::drives::create(at(name), GIB, attempt).await
}
