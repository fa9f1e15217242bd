//! References between objects: `{"resource_uri": "/api/2.0/drives/UUID/", "uuid": "UUID"}` in answers; in requests that, or a bare
//! UUID, or a URI.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::BASE;

/// What a URI of this dialect can lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    Drives,
    Jobs,
    Servers,
    Snapshots,
    Tags,
    User,
}

impl Noun {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Drives => "drives",
            Self::Jobs => "jobs",
            Self::Servers => "servers",
            Self::Snapshots => "snapshots",
            Self::Tags => "tags",
            Self::User => "user",
        }
    }

    /// Where the object with this id is.
    pub fn uri(self, uuid: Uuid) -> String {
        format!("{BASE}/{}/{uuid}/", self.word())
    }
}

/// An object of another kind, by its address and its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = link)]
pub struct Link {
    pub resource_uri: String,
    #[schema(value_type = String)]
    pub uuid: Uuid,
}

impl Link {
    pub fn to(noun: Noun, uuid: Uuid) -> Self {
        Self { resource_uri: noun.uri(uuid), uuid }
    }

    pub fn all(noun: Noun, uuids: impl IntoIterator<Item = Uuid>) -> Vec<Self> {
        uuids.into_iter().map(|uuid| Self::to(noun, uuid)).collect()
    }
}

/// A reference in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named(pub(crate) Uuid);

impl Named {
    fn read(value: &Value) -> Option<Uuid> {
        let text = match value {
            Value::String(text) => text,
            Value::Object(members) => {
                let given = |name| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
                given("uuid").or_else(|| given("resource_uri"))?
            }
            _ => return None,
        };
        text.trim_end_matches('/').rsplit('/').next()?.parse().ok()
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::read(&value)
            .map(Self)
            .ok_or_else(|| D::Error::custom("has to be a UUID, a resource URI, or an object with one of them"))
    }
}

impl PartialSchema for Named {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        OneOfBuilder::new()
            .item(text())
            .item(ObjectBuilder::new().property("uuid", text()).property("resource_uri", text()))
            .into()
    }
}

impl ToSchema for Named {
    fn name() -> std::borrow::Cow<'static, str> {
        "reference".into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    #[test]
    fn a_reference_is_read_in_every_form_that_clients_send() {
        let id = ID.to_string();
        for value in [
            json!(id),
            json!(id.to_uppercase()),
            json!(Noun::Tags.uri(ID)),
            json!({ "uuid": id }),
            json!({ "resource_uri": Noun::Drives.uri(ID) }),
            json!({ "uuid": "", "resource_uri": Noun::Drives.uri(ID), "owner": {} }),
            json!(Link::to(Noun::Drives, ID)),
        ] {
            assert_eq!(serde_json::from_value::<Named>(value.clone()).unwrap(), Named(ID), "{value}");
        }
        for value in [json!(""), json!(7), json!({}), json!({ "uuid": 7 }), json!("/api/2.0/drives/"), json!([id])] {
            assert!(serde_json::from_value::<Named>(value.clone()).is_err(), "{value}");
        }
    }
}
