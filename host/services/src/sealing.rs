//! Authenticated encryption and message authentication for plugins, on the processor's own AES.
//!
//! GCM comes from ring, which TLS uses already; CCM (RFC 3610, NIST SP 800-38C) and CMAC (NIST SP 800-38B) from RustCrypto, since ring
//! has neither. So does GMAC: what is only authenticated ring hashes a block at a time, each waiting for the one before, which is fit for
//! headers and not for a megabyte that is to be signed. A key is used for one call and forgotten.

use aes::cipher::BlockCipherEncrypt as _;
use aes::{Aes128, Aes256};
use capstan_domain::failure::Blame;
use capstan_domain::{Failure, Kind, Outcome};
use ccm::aead::consts::{U11, U16};
use ccm::aead::{Aead, Nonce as CcmNonce, Payload};
use ccm::{Ccm, KeyInit as _};
use cmac::{Cmac, Mac as _};
use ghash::GHash;
use ghash::universal_hash::UniversalHash as _;
use hmac::Hmac;
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::limits;

type Aes128Ccm = Ccm<Aes128, U16, U11>;
type Aes256Ccm = Ccm<Aes256, U16, U11>;

/// What is at hand for both directions.
pub struct Sealing<'a> {
    pub algorithm: &'a str,
    pub key: &'a [u8],
    pub nonce: &'a [u8],
    pub associated: &'a [u8],
}

impl Sealing<'_> {
    /// The text encrypted, its tag of 16 bytes behind it.
    pub fn seal(&self, mut data: Vec<u8>) -> Outcome<Vec<u8>> {
        bounded(self.associated.len() + data.len())?;
        match self.algorithm {
            "aes-128-gcm" | "aes-256-gcm" => {
                let (key, nonce) = gcm(self.algorithm, self.key, self.nonce)?;
                key.seal_in_place_append_tag(nonce, Aad::from(self.associated), &mut data).map_err(|_| too_long())?;
                Ok(data)
            }
            "aes-128-ccm" => self.ccm::<Aes128Ccm>(|cipher, nonce, payload| cipher.encrypt(nonce, payload), &data, too_long),
            "aes-256-ccm" => self.ccm::<Aes256Ccm>(|cipher, nonce, payload| cipher.encrypt(nonce, payload), &data, too_long),
            other => Err(unknown(other, "aes-128-gcm, aes-256-gcm, aes-128-ccm or aes-256-ccm")),
        }
    }

    /// The reverse; `corrupt` when the tag does not hold.
    pub fn open(&self, mut data: Vec<u8>) -> Outcome<Vec<u8>> {
        bounded(self.associated.len() + data.len())?;
        match self.algorithm {
            "aes-128-gcm" | "aes-256-gcm" => {
                let (key, nonce) = gcm(self.algorithm, self.key, self.nonce)?;
                let length = key.open_in_place(nonce, Aad::from(self.associated), &mut data).map_err(|_| forged())?.len();
                data.truncate(length);
                Ok(data)
            }
            "aes-128-ccm" => self.ccm::<Aes128Ccm>(|cipher, nonce, payload| cipher.decrypt(nonce, payload), &data, forged),
            "aes-256-ccm" => self.ccm::<Aes256Ccm>(|cipher, nonce, payload| cipher.decrypt(nonce, payload), &data, forged),
            other => Err(unknown(other, "aes-128-gcm, aes-256-gcm, aes-128-ccm or aes-256-ccm")),
        }
    }

    fn ccm<C: Aead + ccm::KeyInit>(
        &self,
        work: impl FnOnce(&C, &CcmNonce<C>, Payload<'_, '_>) -> Result<Vec<u8>, ccm::aead::Error>,
        data: &[u8],
        failed: fn() -> Failure,
    ) -> Outcome<Vec<u8>> {
        let cipher = C::new_from_slice(self.key).map_err(|_| wrong_length("key", self.key))?;
        let nonce = CcmNonce::<C>::try_from(self.nonce).map_err(|_| wrong_length("nonce", self.nonce))?;
        work(&cipher, &nonce, Payload { msg: data, aad: self.associated }).map_err(|_| failed())
    }
}

/// The code that authenticates `data`, in full length.
pub fn mac(algorithm: &str, key: &[u8], nonce: &[u8], data: &[u8]) -> Outcome<Vec<u8>> {
    bounded(data.len())?;
    match algorithm {
        "hmac-sha256" => {
            no_nonce(nonce)?;
            let mut mac = <Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(key).map_err(|_| wrong_length("key", key))?;
            hmac::Mac::update(&mut mac, data);
            Ok(hmac::Mac::finalize(mac).into_bytes().to_vec())
        }
        "aes-128-cmac" => {
            no_nonce(nonce)?;
            let mut mac = Cmac::<Aes128>::new_from_slice(key).map_err(|_| wrong_length("key", key))?;
            mac.update(data);
            Ok(mac.finalize().into_bytes().to_vec())
        }
        "aes-128-gmac" => gmac(key, nonce, data),
        other => Err(unknown(other, "hmac-sha256, aes-128-cmac or aes-128-gmac")),
    }
}

/// GCM over no text (NIST SP 800-38D, sections 3 and 7.1).
fn gmac(key: &[u8], nonce: &[u8], data: &[u8]) -> Outcome<Vec<u8>> {
    let cipher = Aes128::new_from_slice(key).map_err(|_| wrong_length("key", key))?;
    let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| wrong_length("nonce", nonce))?;
    let mut hash_key = aes::Block::default();
    cipher.encrypt_block(&mut hash_key);
    let mut hash = GHash::new(&hash_key);
    hash.update_padded(data);
    // Bits of what is authenticated, in the upper half; of text there are none.
    let bits = u128::try_from(data.len()).unwrap_or_default() << 67;
    hash.update(&[bits.to_be_bytes().into()]);
    // The first counter of this nonce.
    let mut mask = aes::Block::default();
    for (to, from) in mask.iter_mut().zip(nonce.iter().chain(&[0, 0, 0, 1])) {
        *to = *from;
    }
    cipher.encrypt_block(&mut mask);
    Ok(hash.finalize().iter().zip(&mask).map(|(hash, mask)| hash ^ mask).collect())
}

fn gcm(algorithm: &str, key: &[u8], nonce: &[u8]) -> Outcome<(LessSafeKey, Nonce)> {
    let algorithm = if algorithm == "aes-256-gcm" { &AES_256_GCM } else { &AES_128_GCM };
    let unbound = UnboundKey::new(algorithm, key).map_err(|_| wrong_length("key", key))?;
    let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| wrong_length("nonce", nonce))?;
    Ok((LessSafeKey::new(unbound), Nonce::assume_unique_for_key(nonce)))
}

fn bounded(bytes: usize) -> Outcome<()> {
    if bytes > limits::SEALED_BYTES { Err(too_long()) } else { Ok(()) }
}

fn no_nonce(nonce: &[u8]) -> Outcome<()> {
    if nonce.is_empty() { Ok(()) } else { Err(wrong_length("nonce", nonce)) }
}

fn too_long() -> Failure {
    Failure::invalid(format!("at most {} bytes are worked on in one call", limits::SEALED_BYTES)).with_blame(Blame::Plugin)
}

fn wrong_length(what: &str, given: &[u8]) -> Failure {
    Failure::invalid(format!("a {what} of {} bytes does not fit the algorithm", given.len())).with_blame(Blame::Plugin)
}

fn forged() -> Failure {
    Failure::new(Kind::Corrupt, "the data is not what was sealed with this key").with_code("tag-mismatch")
}

fn unknown(algorithm: &str, known: &str) -> Failure {
    Failure::unsupported(format!("this host has no `{algorithm}`")).with_next_step(format!("use {known}"))
}

#[cfg(test)]
mod tests;
