//! `capstan:host/state`: a small durable store per target, bounded here and kept by the catalogue.

use std::sync::Arc;

use capstan_bindings::latest::WitFailure;
use capstan_bindings::latest::host::state::{Host, HostWithStore, Value};
use capstan_domain::ids::TargetId;
use capstan_domain::ports::{StateStore, StateValue};
use capstan_domain::{Failure, Kind, Outcome};
use wasmtime::component::Accessor;

use crate::limits;
use crate::services::{Imports, Services};

/// One target's part of the store; the others' cannot be named.
#[derive(Clone)]
pub struct State {
    store: Arc<dyn StateStore>,
    target: TargetId,
}

impl State {
    pub fn new(store: Arc<dyn StateStore>, target: TargetId) -> Self {
        Self { store, target }
    }

    pub async fn get(&self, key: &str) -> Outcome<Option<StateValue>> {
        check_key(key)?;
        self.store.get(self.target, key).await
    }

    pub async fn set(&self, key: &str, data: Vec<u8>, expect: Option<u64>) -> Outcome<u64> {
        check_key(key)?;
        if data.len() > limits::STATE_VALUE_BYTES {
            return Err(too_much(format!("a value may have {} bytes", limits::STATE_VALUE_BYTES)));
        }
        self.store.set(self.target, key, data, expect, limits::STATE_KEYS).await
    }

    pub async fn remove(&self, key: &str, expect: Option<u64>) -> Outcome<()> {
        check_key(key)?;
        self.store.remove(self.target, key, expect).await
    }

    pub async fn keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Outcome<Vec<String>> {
        self.store.keys(self.target, prefix, after, limit.clamp(1, limits::STATE_PAGE)).await
    }
}

fn check_key(key: &str) -> Outcome<()> {
    match key.len() {
        0 => Err(Failure::invalid("a key is not empty")),
        length if length > limits::STATE_KEY_BYTES => Err(too_much(format!("a key may have {} bytes", limits::STATE_KEY_BYTES))),
        _ => Ok(()),
    }
}

fn too_much(message: String) -> Failure {
    Failure::new(Kind::NoSpace, message).with_blame(capstan_domain::failure::Blame::Plugin)
}

impl Host for Services {}

impl<T: Send + 'static> HostWithStore<T> for Imports {
    async fn get(accessor: &Accessor<T, Self>, key: String) -> wasmtime::Result<Result<Option<Value>, WitFailure>> {
        let found = match state(accessor) {
            Ok(state) => state.get(&key).await,
            Err(failure) => Err(failure),
        };
        Ok(found.map(|value| value.map(|value| Value { data: value.data, version: value.version })).map_err(WitFailure::from))
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        key: String,
        data: Vec<u8>,
        expect: Option<u64>,
    ) -> wasmtime::Result<Result<u64, WitFailure>> {
        let set = match state(accessor) {
            Ok(state) => state.set(&key, data, expect).await,
            Err(failure) => Err(failure),
        };
        Ok(set.map_err(WitFailure::from))
    }

    async fn remove(accessor: &Accessor<T, Self>, key: String, expect: Option<u64>) -> wasmtime::Result<Result<(), WitFailure>> {
        let removed = match state(accessor) {
            Ok(state) => state.remove(&key, expect).await,
            Err(failure) => Err(failure),
        };
        Ok(removed.map_err(WitFailure::from))
    }

    async fn keys(
        accessor: &Accessor<T, Self>,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<String>, WitFailure>> {
        let keys = match state(accessor) {
            Ok(state) => state.keys(&prefix, after.as_deref(), limit).await,
            Err(failure) => Err(failure),
        };
        Ok(keys.map_err(WitFailure::from))
    }
}

fn state<T: 'static>(accessor: &Accessor<T, Imports>) -> Outcome<State> {
    accessor
        .with(|mut access| access.get().target().state.clone())
        .ok_or_else(|| Failure::unsupported("an unsaved target keeps no state"))
}
