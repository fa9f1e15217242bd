//! What the plugin asks of its host. In native tests a host of the tests' own stands in its place, so that everything above this
//! file runs against a real library.

#[cfg(test)]
pub(crate) use crate::tests::outside::*;

#[cfg(not(test))]
pub(crate) use host::*;

#[cfg(not(test))]
mod host {
    use std::collections::hash_map::RandomState;
    use std::hash::BuildHasher;

    use capstan_sdk::{Outcome, crypto, secrets};

    pub(crate) use capstan_sdk::clock::wait;
    pub(crate) use capstan_sdk::job::cancelled;
    pub(crate) use capstan_sdk::state;
    pub(crate) use capstan_sdk::tcp::{Connection, connect};

    use crate::config::Config;

    pub(crate) fn config() -> Outcome<Config> {
        capstan_sdk::config::load()
    }

    /// The digest over identifier, secret and challenge; the secret stays in the host.
    pub(crate) fn challenged(name: &str, algorithm: &str, identifier: u8, challenge: &[u8]) -> Outcome<Vec<u8>> {
        secrets::digest(name, algorithm, &[identifier], challenge)
    }

    pub(crate) fn digest(algorithm: &str, data: &[u8]) -> Outcome<Vec<u8>> {
        crypto::digest(algorithm, data)
    }

    /// Bytes that nobody foresees, for names: WASI's, through the keys of the standard library's hashes.
    pub(crate) fn random() -> [u8; 8] {
        RandomState::new().hash_one(0_u8).to_le_bytes()
    }
}
