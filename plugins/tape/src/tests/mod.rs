//! The plugin against a real library, natively: all of it but the ABI's side.

mod cartridges;
mod counters;
mod devices;
pub(crate) mod outside;
mod simulated;
mod streams;
mod volumes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use capstan_sdk::types::{Place, Written};
use capstan_sdk::{Failure, Outcome};
use futures::executor::block_on;
use serde_json::json;

use crate::stream::{Laying, Sink, Source};
use crate::tape::Spot;
use crate::vtl::Vtl;

/// What the instances of one target share.
pub(crate) struct Shared {
    configuration: String,
    secret: String,
    /// Where devices of the host lead.
    portal: (u16, String),
    state: Mutex<BTreeMap<String, Vec<u8>>>,
}

pub(crate) struct Target(Arc<Shared>);

impl Target {
    pub(crate) fn of(library: &Vtl) -> Self {
        Self::with(library, Vtl::SECRET)
    }

    pub(crate) fn with(library: &Vtl, secret: &str) -> Self {
        let configuration =
            json!({ "host": "127.0.0.1", "port": library.port, "target": Vtl::TARGET, "chap-user": Vtl::USER }).to_string();
        Self::configured(library, configuration, secret)
    }

    /// The same library, whose robot and drives are devices of the host.
    pub(crate) fn local(library: &Vtl, devices: &[&str]) -> Self {
        Self::configured(library, json!({ "devices": devices }).to_string(), Vtl::SECRET)
    }

    pub(crate) fn simulated(library: &simulated::Simulated) -> Self {
        let (port, target) = (library.port, simulated::Simulated::TARGET);
        let configuration = json!({ "host": "127.0.0.1", "port": port, "target": target }).to_string();
        Self::at((port, target.to_owned()), configuration, "")
    }

    fn configured(library: &Vtl, configuration: String, secret: &str) -> Self {
        Self::at((library.port, Vtl::TARGET.to_owned()), configuration, secret)
    }

    fn at(portal: (u16, String), configuration: String, secret: &str) -> Self {
        Self(Arc::new(Shared { configuration, secret: secret.to_owned(), portal, state: Mutex::default() }))
    }

    /// Runs on a new instance: nothing is left but what the library holds and what was kept in state.
    pub(crate) fn run<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let instance = scope.spawn(|| {
                outside::SHARED.set(Some(Arc::clone(&self.0)));
                let done = block_on(work());
                block_on(outside::end());
                done
            });
            instance.join().unwrap()
        })
    }
}

/// The library, or `return` from the test with the reason printed; where servers are required, a failure.
macro_rules! library_or_skip {
    () => {
        match $crate::vtl::Vtl::start() {
            Ok(library) => library,
            Err(reason) => return $crate::tests::skip(&reason),
        }
    };
}
pub(crate) use library_or_skip;

pub(crate) fn skip(reason: &anyhow::Error) {
    let required = std::env::var("CAPSTAN_TEST_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    assert!(!required && reason.is::<crate::program::Missing>(), "no library: {reason:#}");
    eprintln!("SKIPPED: {reason:#}");
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

pub(crate) const DRIVE: &str = Vtl::DRIVE_NAMES[0];

pub(crate) async fn read(object: u64, length: u64) -> Outcome<Vec<u8>> {
    let (place, reading) = crate::stream::read(DRIVE, Spot { partition: 0, object }, length).await?;
    assert_eq!((place.partition, place.object, place.met), (0, object, None));
    let mut bytes = Vec::new();
    reading.pour(&mut bytes).await?;
    Ok(bytes)
}

/// What is written, in blocks of so many bytes, and one mark behind it.
pub(crate) async fn write(object: u64, bytes: &Vec<u8>, block: u32, attempt: &str) -> Outcome<Written> {
    let laying = Laying { at: Spot { partition: 0, object }, truncate: false, block, filemarks: 1 };
    crate::medium::write(DRIVE, laying, bytes, attempt).await
}

pub(crate) async fn position() -> Place {
    crate::ways::position(DRIVE).await.unwrap()
}

pub(crate) fn code(failure: &Failure) -> &str {
    failure.fault().code.as_deref().unwrap_or_default()
}
