//! A host for native tests: sockets of this process, a state that instances share. An instance is a thread.

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use capstan_initiator::Outside;
use capstan_initiator::native::{self, Socket};
use capstan_sdk::{NamedValue, Outcome};

use super::Shared;
use crate::config::Config;

thread_local! {
    pub(crate) static SHARED: RefCell<Option<Arc<Shared>>> = const { RefCell::new(None) };
}

fn shared() -> Arc<Shared> {
    SHARED.with_borrow(|shared| shared.clone()).unwrap()
}

pub(crate) fn config() -> Outcome<Config> {
    capstan_sdk::config::parse(&shared().configuration)
}

/// The sessions' side.
pub(crate) struct Host;

impl Outside for Host {
    type Line = Socket;

    async fn connect(host: String, port: u16, extras: Vec<NamedValue>) -> Outcome<Socket> {
        native::connect(&host, port, &extras)
    }

    async fn wait(milliseconds: u64) {
        native::wait(milliseconds);
    }

    fn cancelled() -> bool {
        cancelled()
    }

    fn random() -> [u8; 8] {
        RandomState::new().hash_one(0_u8).to_le_bytes()
    }

    fn digest(algorithm: &str, data: &[u8]) -> Outcome<Vec<u8>> {
        native::digest(algorithm, data)
    }

    fn challenged(_name: &str, algorithm: &str, identifier: u8, challenge: &[u8]) -> Outcome<Vec<u8>> {
        native::challenged(&shared().secret, algorithm, identifier, challenge)
    }
}

pub(crate) fn cancelled() -> bool {
    false
}

pub(crate) async fn wait(milliseconds: u64) {
    native::wait(milliseconds);
}

pub(crate) mod state {
    use capstan_sdk::Outcome;
    pub(crate) use capstan_sdk::state::Value;

    use super::shared;

    pub(crate) async fn get(key: String) -> Outcome<Option<Value>> {
        let shared = shared();
        let state = shared.state.lock().unwrap();
        Ok(state.get(&key).map(|data| Value { data: data.clone(), version: 1 }))
    }

    pub(crate) async fn set(key: String, data: Vec<u8>, _expect: Option<u64>) -> Outcome<u64> {
        shared().state.lock().unwrap().insert(key, data);
        Ok(1)
    }
}
