//! A workflow as it is defined, read from JSON and written back.
//!
//! Members: `name`, `label` (both required), `icon_classes`, `discovery`, `discovery_options`, `enabled`, `visible`, `external_only`,
//! `schedule_only`, `preferred_queue`, `fields`, `filter_rules`. `id` and `url` are read over, so that an answer can be sent back. An
//! update changes the members it holds; `fields` and `filter_rules` are replaced whole, and `external_only` stays as it was made.

use serde_json::{Map, Value, json};

use crate::discovery::Discovery;
use crate::field::Field;
use crate::field_error::{FieldErrors, FieldPath};
use crate::limits::{LONGEST_ICON_CLASS, LONGEST_NAME, MOST_ICON_CLASSES};
use crate::members::Members;
use crate::rule::Rule;

const MEMBERS: [&str; 12] = [
    "name",
    "label",
    "icon_classes",
    "discovery",
    "discovery_options",
    "enabled",
    "visible",
    "external_only",
    "schedule_only",
    "preferred_queue",
    "fields",
    "filter_rules",
];
const READ_OVER: [&str; 2] = ["id", "url"];

#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    /// Unique, without white space; whoever stores it checks the former.
    pub name: String,
    pub label: String,
    pub icon_classes: Vec<String>,
    /// None: the rules apply to the paths and states of the call.
    pub discovery: Option<Discovery>,
    pub enabled: bool,
    pub visible: bool,
    /// Works on external targets only.
    pub external_only: bool,
    /// Runs from schedules only.
    pub schedule_only: bool,
    /// None: the default queue of the site.
    pub preferred_queue: Option<String>,
    pub fields: Vec<Field>,
    pub rules: Vec<Rule>,
}

impl Workflow {
    /// # Errors
    /// All that is wrong with it, by member.
    pub fn read(value: &Value) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let Some(members) = Members::of(value, FieldPath::root(), &mut errors) else { return Err(errors) };
        members.refuse_others(&[MEMBERS.as_slice(), READ_OVER.as_slice()].concat(), &mut errors);
        let fields = Field::read_all(&members, &mut errors);
        let workflow = Self {
            name: read_name(&members, &mut errors),
            label: members.required_text("label", LONGEST_NAME, &mut errors),
            icon_classes: members.texts("icon_classes", MOST_ICON_CLASSES, LONGEST_ICON_CLASS, &mut errors),
            discovery: Discovery::read(&members, &mut errors),
            enabled: members.truth("enabled", true, &mut errors),
            visible: members.truth("visible", true, &mut errors),
            external_only: members.truth("external_only", false, &mut errors),
            schedule_only: members.truth("schedule_only", false, &mut errors),
            preferred_queue: read_queue(&members, &mut errors),
            rules: Rule::read_all(&members, &fields, &mut errors),
            fields,
        };
        errors.unless_any(workflow)
    }

    /// This workflow with the members of `change` in place of its own. It is checked as a whole, so that fields cannot go that rules
    /// still name.
    ///
    /// # Errors
    /// All that would be wrong then, by member.
    pub fn updated(&self, change: &Value) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let Some(members) = Members::of(change, FieldPath::root(), &mut errors) else { return Err(errors) };
        let Value::Object(mut whole) = self.to_json() else { return Ok(self.clone()) };
        // Options belong to a discovery: another one begins with its own.
        if members.mentions("discovery") && members.get("discovery") != whole.get("discovery") {
            whole.remove("discovery_options");
        }
        for (name, value) in members.iter().filter(|(name, _)| *name != "external_only") {
            whole.insert(name.clone(), value.clone());
        }
        Self::read(&Value::Object(whole))
    }

    /// All members, as `read` takes them.
    pub fn to_json(&self) -> Value {
        let discovery = self.discovery.as_ref();
        Value::Object(Map::from_iter(
            [
                ("name", json!(self.name)),
                ("label", json!(self.label)),
                ("icon_classes", json!(self.icon_classes)),
                ("discovery", json!(discovery.map(|discovery| discovery.kind.name()))),
                ("discovery_options", discovery.map_or_else(|| json!({}), Discovery::options_json)),
                ("enabled", json!(self.enabled)),
                ("visible", json!(self.visible)),
                ("external_only", json!(self.external_only)),
                ("schedule_only", json!(self.schedule_only)),
                ("preferred_queue", json!(self.preferred_queue)),
                ("fields", self.fields.iter().map(Field::to_json).collect()),
                ("filter_rules", self.rules.iter().map(Rule::to_json).collect()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        ))
    }
}

fn read_name(members: &Members<'_>, errors: &mut FieldErrors) -> String {
    let name = members.required_text("name", LONGEST_NAME, errors);
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        errors.add(&members.at("name"), "May not hold spaces.");
    }
    name
}

fn read_queue(members: &Members<'_>, errors: &mut FieldErrors) -> Option<String> {
    let queue = members.text("preferred_queue", LONGEST_NAME, errors).filter(|queue| !queue.is_empty())?;
    if queue.chars().any(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
        errors.add(&members.at("preferred_queue"), "A queue has letters, digits, \"-\" and \"_\" in its name.");
    }
    Some(queue.to_owned())
}

#[cfg(test)]
mod tests;
