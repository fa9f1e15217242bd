//! `capstan:host/crypto`: hashes computed by the host, several times faster than in a guest.

use capstan_bindings::latest::WitFailure;
use capstan_bindings::latest::host::crypto::Host;
use capstan_domain::Failure;
use capstan_domain::failure::Blame;

use crate::services::Services;
use crate::{digest, limits};

impl Host for Services {
    fn digest(&mut self, algorithm: String, data: Vec<u8>) -> wasmtime::Result<Result<Vec<u8>, WitFailure>> {
        if data.len() > limits::DIGEST_BYTES {
            let failure = Failure::invalid(format!("at most {} bytes are hashed in one call", limits::DIGEST_BYTES))
                .with_blame(Blame::Plugin);
            return Ok(Err(failure.into()));
        }
        Ok(digest::digest(&algorithm, &data).map_err(WitFailure::from))
    }
}
