//! The host of a plugin as a session's outside.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use capstan_sdk::tcp::Connection;
use capstan_sdk::{NamedValue, Outcome, clock, crypto, job, secrets, tcp};

use crate::outside::Outside;

#[derive(Clone, Copy, Debug)]
pub struct Host;

impl Outside for Host {
    type Line = Connection;

    async fn connect(host: String, port: u16, extras: Vec<NamedValue>) -> Outcome<Connection> {
        tcp::connect(host, port, extras).await
    }

    async fn wait(milliseconds: u64) {
        clock::wait(milliseconds).await;
    }

    fn cancelled() -> bool {
        job::cancelled()
    }

    /// WASI's, through the keys of the standard library's hashes.
    fn random() -> [u8; 8] {
        RandomState::new().hash_one(0_u8).to_le_bytes()
    }

    fn digest(algorithm: &str, data: &[u8]) -> Outcome<Vec<u8>> {
        crypto::digest(algorithm, data)
    }

    /// The secret stays in the host.
    fn challenged(secret: &str, algorithm: &str, identifier: u8, challenge: &[u8]) -> Outcome<Vec<u8>> {
        secrets::digest(secret, algorithm, &[identifier], challenge)
    }
}
