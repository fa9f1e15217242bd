//! Secrets on their way in, on the one way out that some have, and what is shown in their place.

use std::borrow::Cow;

use capstan_api_http::{Given, Secret};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::paging::nullable_text;

/// Stands where a secret is kept. A client that sends it back leaves the secret as it is.
pub const MASK: &str = "********";

/// Whether a secret is kept: shown as [`MASK`], or null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masked(pub bool);

impl Serialize for Masked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.then_some(MASK).serialize(serializer)
    }
}

impl PartialSchema for Masked {
    fn schema() -> RefOr<Schema> {
        nullable_text().into()
    }
}

impl ToSchema for Masked {
    fn name() -> Cow<'static, str> {
        "masked".into()
    }
}

/// A secret that goes to the client, because it asked for just that; `Debug` hides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosed(pub Secret);

impl Serialize for Disclosed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.reveal())
    }
}

impl PartialSchema for Disclosed {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).into()
    }
}

impl ToSchema for Disclosed {
    fn name() -> Cow<'static, str> {
        "disclosed".into()
    }
}

/// A JSON object that is secret as a whole, as text; taken as an object or as the text of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretJson(pub Secret);

impl<'de> Deserialize<'de> for SecretJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::String(text) if text == MASK => text,
            Value::String(text) if matches!(serde_json::from_str(&text), Ok(Value::Object(_))) => text,
            object @ Value::Object(_) => object.to_string(),
            // The value is not repeated: it may be half a secret.
            _ => return Err(D::Error::custom("expected a JSON object")),
        };
        Ok(Self(Secret::new(text)))
    }
}

/// A secret that comes back as its mask was not given.
pub(crate) fn unmask<T>(given: &mut Given<T>, secret: impl Fn(&T) -> &Secret) -> bool {
    let masked = matches!(&given, Given::Value(value) if secret(value).reveal() == MASK);
    if masked {
        *given = Given::Absent;
    }
    masked
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_is_shown_as_its_mask() {
        assert_eq!(serde_json::to_value([Masked(true), Masked(false)]).unwrap(), json!([MASK, null]));
    }

    #[test]
    fn a_secret_that_is_disclosed_is_not_printed() {
        let secret = Disclosed(Secret::new("hush"));
        assert_eq!(serde_json::to_value(&secret).unwrap(), "hush");
        assert!(!format!("{secret:?}").contains("hush"));
    }

    #[test]
    fn secret_json_is_an_object_or_the_text_of_one() {
        let read = |value: Value| serde_json::from_value::<SecretJson>(value).map(|found| found.0.reveal().to_owned());
        assert_eq!(read(json!({ "a": 1 })).unwrap(), r#"{"a":1}"#);
        assert_eq!(read(json!(r#"{ "a": 1 }"#)).unwrap(), r#"{ "a": 1 }"#);
        assert_eq!(read(json!(MASK)).unwrap(), MASK);
        for bad in [json!("hush"), json!([1]), json!(7), json!(null), json!("[\"hush\"]")] {
            assert!(!read(bad.clone()).unwrap_err().to_string().contains("hush"), "{bad}");
        }
    }

    #[test]
    fn a_mask_that_comes_back_is_no_secret() {
        let mut given = Given::Value(Secret::new(MASK));
        assert!(unmask(&mut given, |secret| secret));
        assert_eq!(given, Given::Absent);
        let mut given = Given::Value(Secret::new("new"));
        assert!(!unmask(&mut given, |secret| secret));
        assert_eq!(given, Given::Value(Secret::new("new")));
    }
}
