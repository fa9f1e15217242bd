//! Addresses of things, as their `url` member shows them.

use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::BASE;
use crate::asked::address;

/// What has an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    ClientKey,
    Group,
    Job,
    JobStat,
    Site,
    Space,
    Task,
    /// Named by username, not by number.
    User,
}

/// A path on this host; shown as an absolute address, under the name that the client called the host by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// `id`: a number, or a username.
    pub fn to(noun: Noun, id: impl std::fmt::Display) -> Self {
        let nouns = match noun {
            Noun::ClientKey => "auth/clientkeys",
            Noun::Group => "groups",
            Noun::Job => "jobs",
            Noun::JobStat => "jobstats",
            Noun::Site => "sites",
            Noun::Space => "spaces",
            Noun::Task => "tasks",
            Noun::User => "users",
        };
        // Letters of any script stand in usernames.
        let id: String = form_urlencoded::byte_serialize(id.to_string().as_bytes()).collect();
        Self(format!("{BASE}/{nouns}/{id}/"))
    }

    /// A file or folder, by an absolute path on a site.
    pub fn file(site: &str, path: &str) -> Self {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("path", path).append_pair("site", site).finish();
        Self(format!("{BASE}/file/?{query}"))
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&address(&self.0))
    }
}

impl PartialSchema for Link {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::Custom("uri".into()))).into()
    }
}

impl ToSchema for Link {
    fn name() -> std::borrow::Cow<'static, str> {
        "link".into()
    }
}
