//! Takes content into memory.

use std::rc::Rc;

use capstan_sdk::content::Content;
use capstan_sdk::failure::corrupt;
use capstan_sdk::types::{Object, Part, PutOptions};
use capstan_sdk::{Failure, Outcome, StreamResult};

use crate::backend::store;

/// Bytes asked of a stream at once; what passes through a plugin fastest.
const CHUNK: usize = 256 << 10;

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

pub(crate) async fn put(location: &str, key: &str, content: &Content, attempt: String, options: PutOptions) -> Outcome<Object> {
    let place = (location, key);
    let store = store()?;
    let size = content.size();
    if let Some(done) = store.borrow().admit(place, size, &attempt, &options)? {
        return Ok(done);
    }
    let data = collect(content, 0, size).await?;
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
