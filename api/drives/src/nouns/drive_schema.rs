//! The document that says which fields a drive has, for clients that build forms from it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Of the whole resource.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = drive_schema)]
pub(crate) struct DriveSchema {
    allowed_detail_http_methods: Vec<&'static str>,
    allowed_list_http_methods: Vec<&'static str>,
    default_format: &'static str,
    default_limit: u32,
    fields: BTreeMap<&'static str, Field>,
    filtering: BTreeMap<&'static str, &'static str>,
}

/// Of one field.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = drive_schema_field, no_recursion)]
struct Field {
    /// What it is when nothing is given, or a sentence that there is nothing.
    default: Value,
    help_text: &'static str,
    readonly: bool,
    required: bool,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<String>,
    /// The fields of what it refers to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<&'static str, Self>,
}

/// The words of the published API for a field that has no default.
const NO_DEFAULT: &str = "No default provided.";

impl Field {
    /// One that clients may set.
    fn written(kind: &'static str, required: bool, default: Value, help_text: &'static str) -> Self {
        Self { default, help_text, readonly: false, required, kind, choices: Vec::new(), fields: BTreeMap::new() }
    }

    /// One that only the host sets.
    fn read(kind: &'static str, always: bool, help_text: &'static str) -> Self {
        Self { readonly: true, ..Self::written(kind, always, NO_DEFAULT.into(), help_text) }
    }

    fn of(mut self, choices: impl IntoIterator<Item = String>) -> Self {
        self.choices = choices.into_iter().collect();
        self
    }

    fn with<const N: usize>(mut self, fields: [(&'static str, Self); N]) -> Self {
        self.fields = fields.into();
        self
    }
}

pub(crate) fn of(storage_types: Vec<String>) -> DriveSchema {
    DriveSchema {
        allowed_detail_http_methods: vec!["get", "put", "delete"],
        allowed_list_http_methods: vec!["get", "put", "delete", "post"],
        default_format: "application/json",
        default_limit: crate::listing::DEFAULT_LIMIT,
        fields: written(storage_types).into_iter().chain(read()).collect(),
        filtering: ["name", "name__contains", "tag", "uuid"].map(|name| (name, "exact")).into(),
    }
}

fn written(storage_types: Vec<String>) -> [(&'static str, Field); 11] {
    let nothing = || Value::from(NO_DEFAULT);
    let license = [
        ("amount", Field::written("integer", false, json!(1), "How many of it")),
        ("license", Field::written("related", true, nothing(), "Which licence")),
        ("user", Field::written("related", false, Value::Null, "Whose licence")),
    ];
    [
        ("affinities", Field::written("list", false, json!([]), "Wishes for the place of its data").of(["ssd".to_owned()])),
        (
            "allow_multimount",
            Field::written("boolean", false, json!(false), "Whether several servers may list it; a cdrom always may be"),
        ),
        ("grantees", Field::written("list", false, nothing(), "Who else may do something with it")),
        ("licenses", Field::written("related", false, json!([]), "Licences that it needs").with(license)),
        (
            "media",
            Field::written("string", true, Value::Null, "What a server takes it for").of(["cdrom", "disk"].map(str::to_owned)),
        ),
        ("meta", Field::written("dict", false, json!({}), "Texts that clients keep with it")),
        ("name", Field::written("string", true, Value::Null, "Its name, for people; need not be unique")),
        ("permissions", Field::written("list", false, nothing(), "What the caller may do with another's drive")),
        ("size", Field::written("integer", true, Value::Null, "Its size in bytes")),
        ("storage_type", Field::written("string", false, Value::Null, "The storage it lies on, for good").of(storage_types)),
        ("tags", Field::written("related", false, nothing(), "Tags that it has")),
    ]
}

fn read() -> [(&'static str, Field); 8] {
    let runtime = [
        ("is_downloadable", Field::read("boolean", true, "Whether its content can be read through the API")),
        ("is_ephemeral", Field::read("boolean", true, "Whether it ends with its server")),
        ("is_snapshotable", Field::read("boolean", true, "Whether snapshots of it can be made")),
        ("snapshots_allocated_size", Field::read("integer", false, "Bytes that its snapshots take")),
        ("storage_type", Field::read("string", true, "The storage it lies on")),
    ];
    let null = |field: Field| Field { default: Value::Null, ..field };
    [
        ("jobs", Field::read("related", true, "Clones that it is the source or the outcome of")),
        ("mounted_on", Field::read("related", false, "Servers that list it")),
        ("owner", null(Field::read("related", false, "Whose drive it is"))),
        ("resource_uri", Field::read("string", true, "Its path")),
        ("runtime", Field::read("related", false, "What is known of it now").with(runtime)),
        ("snapshots", Field::read("related", false, "Snapshots of it")),
        ("status", Field::read("string", true, "What is being done with it")),
        ("uuid", null(Field::read("string", true, "Its id"))),
    ]
}
