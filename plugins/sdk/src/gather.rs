//! The host's content in the plugin's own memory, for what must be said in one piece: a small request, a block of a tape. Larger bytes are
//! handed on as streams and never come here.

use crate::StreamResult;
use crate::content::Content;
use crate::failure::{Failure, Outcome, corrupt};

/// Exactly so many bytes from there on, or why there are not: `corrupt` where the content ended early and says nothing of it itself.
pub async fn exactly(content: &Content, from: u64, length: usize) -> Outcome<Vec<u8>> {
    let mut stream = content.open(from, length as u64);
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let (result, piece) = stream.read(Vec::with_capacity(length - bytes.len())).await;
        bytes.extend_from_slice(&piece);
        if result == StreamResult::Dropped {
            break;
        }
    }
    if bytes.len() == length { Ok(bytes) } else { Err(short(content, bytes.len() as u64, length as u64)) }
}

/// Why the content ended before it should.
pub fn short(content: &Content, came: u64, wanted: u64) -> Failure {
    content.broken().unwrap_or_else(|| corrupt(format!("the content ended after {came} of {wanted} bytes")))
}
