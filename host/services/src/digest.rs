//! The hashes that storage protocols ask for, by their contract names.

use capstan_domain::{Failure, Outcome};
use crc_fast::{CrcAlgorithm, Digest as Crc};
use sha2::Digest as _;

/// A hash being computed. CRCs come out big-endian.
pub enum Digest {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(Box<sha2::Sha512>),
    Crc32c(Box<Crc>),
    Crc64Nvme(Box<Crc>),
    Blake3(Box<blake3::Hasher>),
}

impl Digest {
    pub fn new(algorithm: &str) -> Outcome<Self> {
        Ok(match algorithm {
            "md5" => Self::Md5(md5::Md5::new()),
            "sha1" => Self::Sha1(sha1::Sha1::new()),
            "sha256" => Self::Sha256(sha2::Sha256::new()),
            "sha512" => Self::Sha512(Box::new(sha2::Sha512::new())),
            "crc32c" => Self::Crc32c(Box::new(Crc::new(CrcAlgorithm::Crc32Iscsi))),
            "crc64-nvme" => Self::Crc64Nvme(Box::new(Crc::new(CrcAlgorithm::Crc64Nvme))),
            "blake3" => Self::Blake3(Box::default()),
            other => {
                return Err(Failure::unsupported(format!("this host has no hash `{other}`"))
                    .with_next_step("use md5, sha1, sha256, sha512, crc32c, crc64-nvme or blake3"));
            }
        })
    }

    pub fn update(&mut self, data: &[u8]) {
        match self {
            Self::Md5(hash) => hash.update(data),
            Self::Sha1(hash) => hash.update(data),
            Self::Sha256(hash) => hash.update(data),
            Self::Sha512(hash) => hash.update(data),
            Self::Crc32c(hash) | Self::Crc64Nvme(hash) => hash.update(data),
            Self::Blake3(hash) => {
                hash.update(data);
            }
        }
    }

    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Md5(hash) => hash.finalize().to_vec(),
            Self::Sha1(hash) => hash.finalize().to_vec(),
            Self::Sha256(hash) => hash.finalize().to_vec(),
            Self::Sha512(hash) => hash.finalize().to_vec(),
            Self::Crc32c(hash) => hash.finalize().to_be_bytes().get(4..).unwrap_or_default().to_vec(),
            Self::Crc64Nvme(hash) => hash.finalize().to_be_bytes().to_vec(),
            Self::Blake3(hash) => hash.finalize().as_bytes().to_vec(),
        }
    }
}

/// The hash of bytes at hand.
pub fn digest(algorithm: &str, data: &[u8]) -> Outcome<Vec<u8>> {
    let mut digest = Digest::new(algorithm)?;
    digest.update(data);
    Ok(digest.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registered_hash_gives_its_published_value() {
        let hex = |algorithm: &str| {
            digest(algorithm, b"123456789").unwrap().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!(hex("md5"), "25f9e794323b453885f5181f1b624d0b");
        assert_eq!(hex("sha1"), "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        assert_eq!(hex("sha256"), "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
        assert_eq!(hex("crc32c"), "e3069283");
        assert_eq!(hex("crc64-nvme"), "ae8b14860a799888");
        assert_eq!(hex("blake3").len(), 64);
        assert_eq!(hex("sha512").len(), 128);
        assert_eq!(digest("rot13", b"").unwrap_err().kind, capstan_domain::Kind::Unsupported);
    }
}
