//! A text of any length in an index.
//!
//! PostgreSQL's index rows end at about 2,700 bytes, paths and keys at 4,096 and more: what stands for them is the head of their
//! BLAKE3 digest, long enough that two texts never share it.

use crate::query::Value;

const BYTES: usize = 16;

pub(crate) fn text_key(texts: &[&str]) -> Value {
    let mut hasher = blake3::Hasher::new();
    for text in texts {
        hasher.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    Value::Bytes(Some(hasher.finalize().as_bytes().iter().copied().take(BYTES).collect()))
}
