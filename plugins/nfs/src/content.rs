//! The host's content as it goes into requests.

use capstan_sdk::content::Content;
use capstan_sdk::failure::corrupt;
use capstan_sdk::{Failure, Outcome, StreamResult};

/// Up to so many bytes pass through the plugin: a request in one piece is cheaper than the bytes are. Bytes.
pub(crate) const GATHERED: usize = 32 << 10;

pub(crate) async fn gather(content: &Content, from: u64, length: usize) -> Outcome<Vec<u8>> {
    let mut stream = content.open(from, length as u64);
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let (result, piece) = stream.read(Vec::with_capacity(length - bytes.len())).await;
        bytes.extend_from_slice(&piece);
        if result == StreamResult::Dropped {
            break;
        }
    }
    if bytes.len() == length { Ok(bytes) } else { Err(short(content, bytes.len() as u64, length)) }
}

/// Why the content ended before it should.
pub(crate) fn short(content: &Content, came: u64, wanted: usize) -> Failure {
    content.broken().unwrap_or_else(|| corrupt(format!("the content ended after {came} of {wanted} bytes")))
}
