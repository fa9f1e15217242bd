//! `capstan:host/crypto`: hashes, encryption and authentication computed by the host, many times faster than in a guest.

use capstan_bindings::latest::WitFailure;
use capstan_bindings::latest::host::crypto::Host;
use capstan_domain::Failure;
use capstan_domain::failure::Blame;

use crate::sealing::{Sealing, mac};
use crate::services::Services;
use crate::{digest, limits};

type Answer = wasmtime::Result<Result<Vec<u8>, WitFailure>>;

impl Host for Services {
    fn digest(&mut self, algorithm: String, data: Vec<u8>) -> Answer {
        if data.len() > limits::DIGEST_BYTES {
            let failure = Failure::invalid(format!("at most {} bytes are hashed in one call", limits::DIGEST_BYTES))
                .with_blame(Blame::Plugin);
            return Ok(Err(failure.into()));
        }
        Ok(digest::digest(&algorithm, &data).map_err(WitFailure::from))
    }

    fn seal(&mut self, algorithm: String, key: Vec<u8>, nonce: Vec<u8>, associated: Vec<u8>, data: Vec<u8>) -> Answer {
        let sealing = Sealing { algorithm: &algorithm, key: &key, nonce: &nonce, associated: &associated };
        Ok(sealing.seal(data).map_err(WitFailure::from))
    }

    fn open(&mut self, algorithm: String, key: Vec<u8>, nonce: Vec<u8>, associated: Vec<u8>, data: Vec<u8>) -> Answer {
        let sealing = Sealing { algorithm: &algorithm, key: &key, nonce: &nonce, associated: &associated };
        Ok(sealing.open(data).map_err(WitFailure::from))
    }

    fn mac(&mut self, algorithm: String, key: Vec<u8>, nonce: Vec<u8>, data: Vec<u8>) -> Answer {
        Ok(mac(&algorithm, &key, &nonce, &data).map_err(WitFailure::from))
    }
}
