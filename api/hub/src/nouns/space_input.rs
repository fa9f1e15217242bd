//! Spaces as requests ask for them.

use capstan_api_http::Given;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::space::SiteOfSpace;
use crate::answer::Answer;
use crate::validation::{Check, For, ITEMS_LIMIT, NAME_LIMIT, given};

/// A site by its name: as text, or in an object as answers show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteChoice {
    pub name: String,
}

impl<'de> Deserialize<'de> for SiteChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) => Ok(Self { name }),
            Value::Object(mut members) => match members.remove("name") {
                Some(Value::String(name)) => Ok(Self { name }),
                _ => Err(D::Error::custom("expected a site with its name")),
            },
            _ => Err(D::Error::custom("expected a site, or its name")),
        }
    }
}

/// How often snapshots are made, at which time, and how long they stay. All three are given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = snapshot_schedule_input)]
pub struct SnapshotScheduleInput {
    #[schema(required = true)]
    pub frequency: Option<String>,
    #[schema(required = true)]
    pub time: Option<String>,
    #[schema(required = true)]
    pub duration: Option<String>,
    /// Id of the space, as answers show it; not looked at.
    pub space: Option<i64>,
}

/// Members that are left out stay as they are; name and mountpoint are given on create.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = space_input)]
pub struct SpaceInput {
    pub name: Option<String>,
    /// Cannot be changed later, and is not looked at then.
    pub mountpoint: Option<String>,
    /// The sites that it is to be on.
    #[schema(value_type = Option<Vec<SiteOfSpace>>)]
    pub sites: Option<Vec<SiteChoice>>,
    /// Bytes at most; null is as much as there is room for.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    pub size: Given<u64>,
    /// Octal, such as `2770`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub permission_mode: Given<String>,
    pub color: Option<Vec<i64>>,
    /// Null makes no more snapshots.
    #[serde(default)]
    #[schema(value_type = Option<SnapshotScheduleInput>)]
    pub snapshot_schedule: Given<SnapshotScheduleInput>,
}

impl SpaceInput {
    pub(crate) fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        let allowed = |c: char| c != '/';
        check.word("name", self.name.as_deref(), NAME_LIMIT, allowed, "no slash");
        if self.name.as_deref().is_some_and(|name| matches!(name, "." | "..")) {
            check.refuse("name", "This name means another folder.");
        }
        if purpose == For::Create {
            check.required("mountpoint", self.mountpoint.as_ref());
            check.path("mountpoint", self.mountpoint.as_deref());
            if self.mountpoint.as_deref().is_some_and(|path| path.starts_with('/') && path.bytes().all(|byte| byte == b'/')) {
                check.refuse("mountpoint", "A space cannot be mounted over the root.");
            }
        }
        if let Some(sites) = &self.sites {
            if sites.is_empty() {
                check.refuse("sites", "This list may not be empty.");
            }
            if sites.len() > ITEMS_LIMIT {
                check.refuse("sites", format!("Ensure this field has no more than {ITEMS_LIMIT} elements."));
            }
            for (index, site) in sites.iter().enumerate().take(ITEMS_LIMIT) {
                check.name(&format!("sites[{index}].name"), Some(&site.name), NAME_LIMIT);
            }
        }
        if given(&self.size).is_some_and(|size| *size == 0 || i64::try_from(*size).is_err()) {
            check.refuse("size", "Ensure this value is from 1 to 9223372036854775807.");
        }
        if given(&self.permission_mode).is_some_and(|mode| !is_mode(mode)) {
            check.refuse("permission_mode", "Enter three or four octal digits.");
        }
        check.color(self.color.as_ref());
        if let Some(schedule) = given(&self.snapshot_schedule) {
            for (field, value) in [
                ("snapshot_schedule.frequency", &schedule.frequency),
                ("snapshot_schedule.time", &schedule.time),
                ("snapshot_schedule.duration", &schedule.duration),
            ] {
                check.name(field, Some(value.as_deref().unwrap_or_default()), NAME_LIMIT);
            }
        }
        check.finish()
    }
}

fn is_mode(text: &str) -> bool {
    matches!(text.len(), 3 | 4) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Answer<SpaceInput> {
        let input: SpaceInput = serde_json::from_value(body).unwrap();
        input.check(For::Create).map(|()| input)
    }

    fn with(member: &str, value: Value) -> Value {
        let mut body = json!({ "name": "s", "mountpoint": "/mmfs1/s" });
        body[member] = value;
        body
    }

    #[test]
    fn a_site_is_named_as_text_or_in_an_object() {
        let sites = json!(["one", { "id": 2, "name": "two", "label": "Two", "pool": null, "usage": [] }]);
        let names: Vec<_> = read(with("sites", sites)).unwrap().sites.unwrap().into_iter().map(|site| site.name).collect();
        assert_eq!(names, ["one", "two"]);
        assert!(serde_json::from_value::<SpaceInput>(with("sites", json!([{ "label": "x" }]))).is_err());
    }

    #[test]
    fn what_cannot_be_a_space_is_refused() {
        for (member, value) in [
            ("name", json!("a/b")),
            ("name", json!("..")),
            ("mountpoint", json!("relative")),
            ("mountpoint", json!("/a/../b")),
            ("mountpoint", json!("//")),
            ("sites", json!([])),
            ("size", json!(0)),
            ("permission_mode", json!("0o77")),
            ("permission_mode", json!("88")),
            ("snapshot_schedule", json!({ "frequency": "daily" })),
        ] {
            assert!(read(with(member, value.clone())).is_err(), "{member}: {value}");
        }
        assert!(read(with("permission_mode", json!("2770"))).is_ok());
    }
}
