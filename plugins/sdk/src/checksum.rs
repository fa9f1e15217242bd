//! Checksums of what is sent: from the caller, from the host's knowledge, or by one read of it.

use crate::Outcome;
use crate::content::Content;
use crate::types::{Checksum, PutOptions};

/// What the caller says that the whole content has, by the contract's name of an algorithm.
pub fn given(options: &PutOptions, algorithm: &str) -> Option<Checksum> {
    options.checksums.iter().find(|checksum| checksum.algorithm == algorithm).cloned()
}

/// What the host knows of this range without reading it, by the contract's name of an algorithm.
pub fn known(content: &Content, algorithm: &str, offset: u64, length: u64) -> Option<Vec<u8>> {
    if offset == 0 && length == content.size() { content.checksum(algorithm) } else { None }
}

/// The checksum of a range. What is not known costs the host one read of the range; fails as that read does.
pub async fn of(content: &Content, algorithm: &str, offset: u64, length: u64) -> Outcome<Checksum> {
    let value = match known(content, algorithm, offset, length) {
        Some(value) => value,
        None => content.digest(algorithm.to_owned(), offset, length).await?,
    };
    Ok(Checksum { algorithm: algorithm.to_owned(), value })
}
