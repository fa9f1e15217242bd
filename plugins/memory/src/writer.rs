//! Takes content into memory, and holds what arrived to the checksums that came along.

use std::rc::Rc;

use capstan_sdk::content::Content;
use capstan_sdk::failure::corrupt;
use capstan_sdk::types::{Checksum, Object, Part, PutOptions};
use capstan_sdk::{Failure, Outcome, StreamResult, crypto};

use crate::backend::store;

/// Bytes asked of a stream at once; what passes through a plugin fastest.
const CHUNK: usize = 256 << 10;
/// Bytes the host hashes in one call.
const HASHED_AT_ONCE: usize = 16 << 20;
/// What a checksum is held to.
pub(crate) const ALGORITHMS: [&str; 5] = ["md5", "sha256", "crc32c", "crc64-nvme", "blake3"];

async fn collect(content: &Content, offset: u64, length: u64) -> Outcome<Vec<u8>> {
    let mut stream = content.open(offset, length);
    let wanted = usize::try_from(length).unwrap_or(usize::MAX);
    let mut data = Vec::with_capacity(wanted);
    while data.len() < wanted {
        let (result, chunk) = stream.read(Vec::with_capacity(CHUNK.min(wanted - data.len()))).await;
        data.extend_from_slice(&chunk);
        if result == StreamResult::Dropped {
            break;
        }
    }
    if data.len() == wanted { Ok(data) } else { Err(content.broken().unwrap_or_else(|| short(data.len(), wanted))) }
}

fn short(got: usize, wanted: usize) -> Failure {
    corrupt(format!("the content ended after {got} of {wanted} bytes"))
}

/// The digest of what arrived, which is the whole content.
async fn digest(content: &Content, data: &[u8], algorithm: &str) -> Outcome<Vec<u8>> {
    if data.len() <= HASHED_AT_ONCE {
        return crypto::digest(algorithm, data);
    }
    // More than one call hashes: what arrived is the content, piece by piece, and so has the content's digest.
    let mut offset = 0;
    for piece in data.chunks(HASHED_AT_ONCE) {
        let length = piece.len() as u64;
        if crypto::digest(algorithm, piece)? != content.digest(algorithm.to_owned(), offset, length).await? {
            return Err(corrupt("other data arrived than was sent"));
        }
        offset += length;
    }
    content.digest(algorithm.to_owned(), 0, offset).await
}

/// What arrived has every checksum that the caller gave.
async fn verify(content: &Content, data: &[u8], given: &[Checksum]) -> Outcome<()> {
    for checksum in given.iter().filter(|checksum| ALGORITHMS.contains(&checksum.algorithm.as_str())) {
        if digest(content, data, &checksum.algorithm).await? != checksum.value {
            return Err(corrupt(format!("the data has another {} than it was sent with", checksum.algorithm)));
        }
    }
    Ok(())
}

pub(crate) async fn put(location: &str, key: &str, content: &Content, attempt: String, options: PutOptions) -> Outcome<Object> {
    let place = (location, key);
    let store = store()?;
    let size = content.size();
    if let Some(done) = store.borrow().admit(place, size, &attempt, &options)? {
        return Ok(done);
    }
    let data = collect(content, 0, size).await?;
    verify(content, &data, &options.checksums).await?;
    let digest = content.checksum("blake3");
    let mut store = store.borrow_mut();
    // Other calls ran while the bytes came in, so the conditions are looked at once more.
    match store.admit(place, size, &attempt, &options)? {
        Some(done) => Ok(done),
        None => store.insert(place, Rc::new(data), digest, attempt, options),
    }
}

pub(crate) async fn put_part(upload: &str, number: u32, content: &Content, offset: u64, length: u64) -> Outcome<Part> {
    let store = store()?;
    store.borrow().has_room(length)?;
    let data = collect(content, offset, length).await?;
    store.borrow_mut().keep_part(upload, number, data)
}
