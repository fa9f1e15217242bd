//! The hash that a target keeps beside a file, for whoever has no time to read it.

use capstan_domain::Outcome;
use capstan_domain::failure::Kind;

use super::Inner;
use crate::digest::Value;
use crate::item::Item;

/// Extended attribute with the BLAKE3 of the content: 64 hexadecimal digits.
const HASH: &str = "user.capstan.blake3";

/// None: the target keeps none of this file.
pub(super) async fn of(inner: &Inner, item: &Item) -> Outcome<Option<Value>> {
    if item.blake3.is_some() {
        return Ok(item.blake3);
    }
    let native = inner.native_of(item)?;
    let _permit = inner.permit().await?;
    match inner.files.get_xattrs(&inner.share, &native).await {
        Ok(attributes) => Ok(attributes.iter().find(|(name, _)| name == HASH).and_then(|(_, value)| read(value))),
        Err(failure) if failure.kind == Kind::Unsupported => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What is no hash is none.
fn read(value: &[u8]) -> Option<Value> {
    blake3::Hash::from_hex(value).ok().map(|hash| *hash.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_64_digits_and_what_is_not_is_none() {
        let digits = "0f".repeat(32);
        assert_eq!(read(digits.as_bytes()), Some([0x0f; 32]));
        for other in [&b""[..], b"0f", &[0xff; 64], format!("{digits}0").as_bytes()] {
            assert_eq!(read(other), None, "{other:?}");
        }
    }
}
