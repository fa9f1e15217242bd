//! Bytes as clients write them: a whole number, the same as a decimal string, or a fraction that has none (clients that count in GiB
//! multiply floats). Answers are always whole numbers. Rounding up to what a storage can hold is the host's.

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Bytes of a drive at most: 4 EiB, more than any storage has, and rounding it up still fits a signed 64-bit number.
pub const SIZE_LIMIT_BYTES: u64 = 1 << 62;

/// From 1 to `SIZE_LIMIT_BYTES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl Size {
    fn within(bytes: u64) -> Option<Self> {
        (1..=SIZE_LIMIT_BYTES).contains(&bytes).then_some(Self(bytes))
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a whole number from 1 to {SIZE_LIMIT_BYTES}")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Size, E> {
        Size::within(value).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Size, E> {
        u64::try_from(value).ok().and_then(Size::within).ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Size, E> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float that is out of range becomes the nearest bound, which is refused; a fraction is refused before"
        )]
        let bytes = if value.fract() == 0.0 { value as u64 } else { 0 };
        Size::within(bytes).ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Size, E> {
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let bytes = if digits { value.parse().ok() } else { None };
        bytes.and_then(Size::within).ok_or_else(|| E::invalid_value(Unexpected::Other("that text"), &self))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

impl PartialSchema for Size {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)))
            .item(ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9]+$")))
            .description(Some("Bytes."))
            .into()
    }
}

impl ToSchema for Size {
    fn name() -> std::borrow::Cow<'static, str> {
        "size".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_clients_write_them() {
        for (text, bytes) in [
            ("1073741824", 1 << 30),
            ("\"1073741824\"", 1 << 30),
            ("1073741824.0", 1 << 30),
            ("1e9", 1_000_000_000),
            ("1", 1),
            ("4611686018427387904", SIZE_LIMIT_BYTES),
        ] {
            assert_eq!(serde_json::from_str::<Size>(text).unwrap(), Size(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "0",
            "-1",
            "-0.0",
            "0.5",
            "1.5",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551616",
            "1e300",
            "\"\"",
            "\"1 GiB\"",
            "\"-1\"",
            "\"+1\"",
            "\"1.0\"",
            "\"99999999999999999999\"",
            "true",
            "[1]",
            "{}",
        ] {
            assert!(serde_json::from_str::<Size>(text).is_err(), "{text}");
        }
    }
}
