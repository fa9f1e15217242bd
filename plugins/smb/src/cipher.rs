//! Signing and encryption with the AES of the host's processor, many times as fast as in the guest.

use capstan_sdk::{Failure, crypto};
use smb2::crypto::encryption::Cipher;
use smb2::crypto::provider::Provider;
use smb2::crypto::signing::SigningAlgorithm;
use smb2::{Error, Result};

/// The host's ciphers.
#[derive(Debug)]
pub(crate) struct HostCiphers;

fn refused(failure: &Failure) -> Error {
    Error::invalid_data(failure.fault().message.clone())
}

fn name(cipher: Cipher) -> &'static str {
    match cipher {
        Cipher::Aes128Ccm => "aes-128-ccm",
        Cipher::Aes128Gcm => "aes-128-gcm",
        Cipher::Aes256Ccm => "aes-256-ccm",
        Cipher::Aes256Gcm => "aes-256-gcm",
    }
}

impl Provider for HostCiphers {
    fn sign(&self, algorithm: SigningAlgorithm, key: &[u8], nonce: &[u8; 12], message: &[u8]) -> Result<[u8; 16]> {
        let (name, nonce): (_, &[u8]) = match algorithm {
            SigningAlgorithm::HmacSha256 => ("hmac-sha256", &[]),
            SigningAlgorithm::AesCmac => ("aes-128-cmac", &[]),
            SigningAlgorithm::AesGmac => ("aes-128-gmac", nonce),
        };
        let mac = crypto::mac(name, key, nonce, message).map_err(|failure| refused(&failure))?;
        mac.first_chunk::<16>().copied().ok_or_else(|| Error::invalid_data("a signature is too short"))
    }

    fn seal(&self, cipher: Cipher, key: &[u8], nonce: &[u8], associated: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        crypto::seal(name(cipher), key, nonce, associated, message).map_err(|failure| refused(&failure))
    }

    fn open(&self, cipher: Cipher, key: &[u8], nonce: &[u8], associated: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        crypto::open(name(cipher), key, nonce, associated, sealed).map_err(|failure| refused(&failure))
    }
}
