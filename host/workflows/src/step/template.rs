//! Steps as a workflow holds them: arguments that are given, or that a field of the call gives.
//!
//! On the wire `{"name": "dynamo.tasks.migrate", "premigrate": true, "lock_level": "*lock_level"}`. Short names (`migrate`) are read
//! too, and `premigrate` for migrate with that argument; the long ones are written back. A text that begins with a star names a field,
//! and with two stars is the text with one. `site` and `queue` say where the step is taken, and may be fields like any argument. An
//! argument whose field has no value keeps its default.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::kind::ArgumentKind;
use super::{BoundStep, Step, StepKind};
use crate::field::Field;
use crate::field_error::{FieldErrors, FieldPath};
use crate::field_value::FieldValues;
use crate::limits::LONGEST_NAME;
use crate::members::Members;

/// Where a step is taken; every step has these.
const PLACES: [&str; 2] = ["site", "queue"];

#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    Given(Value),
    /// The value of the field of that name.
    Field(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct StepTemplate {
    pub kind: StepKind,
    /// By name, `site` and `queue` among them.
    settings: BTreeMap<String, Setting>,
}

impl StepTemplate {
    pub(crate) fn read(value: &Value, at: FieldPath, fields: &[Field], errors: &mut FieldErrors) -> Option<Self> {
        let members = Members::of(value, at, errors)?;
        let name = members.required_text("name", LONGEST_NAME, errors);
        let Some((kind, premigrate)) = StepKind::named(&name) else {
            if !name.is_empty() {
                let known = StepKind::ALL.map(StepKind::wire_name).join(", ");
                errors.add(&members.at("name"), format!("There is no step {name:?}; there are {known}."));
            }
            return None;
        };
        let mut settings = BTreeMap::new();
        if premigrate {
            settings.insert("premigrate".to_owned(), Setting::Given(json!(true)));
        }
        for (name, value) in members.iter().filter(|(name, value)| *name != "name" && !value.is_null()) {
            let at = members.at(name);
            match argument(kind, name) {
                None => errors.add(&at, format!("The step {} has no such argument.", kind.name())),
                Some(_) if premigrate && name == "premigrate" => errors.add(&at, "The name of the step says that already."),
                Some(argument) => match read_setting(argument, value, fields) {
                    Ok(setting) => _ = settings.insert(name.clone(), setting),
                    Err(message) => errors.add(&at, message),
                },
            }
        }
        Some(Self { kind, settings })
    }

    /// The step of one call, its arguments filled in. `at` is where errors stand: the place of the step in its workflow.
    ///
    /// # Errors
    /// A field whose value the argument does not take; the message names the field.
    pub fn bind(&self, values: &FieldValues, at: &FieldPath) -> Result<BoundStep, FieldErrors> {
        let mut errors = FieldErrors::default();
        let mut arguments = Map::new();
        for (name, setting) in &self.settings {
            let (value, field) = match setting {
                Setting::Given(value) => (Some(value), None),
                Setting::Field(field) => (values.get(field), Some(field)),
            };
            let (Some(value), Some(argument)) = (value, argument(self.kind, name)) else { continue };
            match argument.accept(value) {
                Ok(value) => _ = arguments.insert(name.clone(), value),
                Err(message) => {
                    let prefix = field.map(|field| format!("Field {field}: ")).unwrap_or_default();
                    errors.add(&at.then(name), format!("{prefix}{message}"));
                }
            }
        }
        let [site, queue] = PLACES.map(|place| arguments.remove(place).as_ref().and_then(Value::as_str).map(str::to_owned));
        match typed(self.kind, arguments) {
            Ok(step) => errors.unless_any(BoundStep { step, site, queue }),
            Err(cause) => {
                errors.add(at, format!("Not the arguments of a step: {cause}."));
                Err(errors)
            }
        }
    }

    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.get(name)
    }

    pub fn to_json(&self) -> Value {
        let mut members = Map::from_iter([("name".to_owned(), json!(self.kind.wire_name()))]);
        for (name, setting) in &self.settings {
            let value = match setting {
                Setting::Field(field) => json!(format!("*{field}")),
                Setting::Given(Value::String(text)) if text.starts_with('*') => json!(format!("*{text}")),
                Setting::Given(value) => value.clone(),
            };
            members.insert(name.clone(), value);
        }
        Value::Object(members)
    }
}

fn argument(kind: StepKind, name: &str) -> Option<ArgumentKind> {
    if PLACES.contains(&name) { Some(ArgumentKind::Text) } else { kind.argument(name) }
}

fn read_setting(argument: ArgumentKind, value: &Value, fields: &[Field]) -> Result<Setting, String> {
    let starred = value.as_str().and_then(|text| text.strip_prefix('*'));
    match starred {
        None => argument.accept(value).map(Setting::Given),
        Some(text) if text.starts_with('*') => argument.accept(&json!(text)).map(Setting::Given),
        Some(name) => match fields.iter().find(|field| field.name == name) {
            None => Err(format!("The workflow has no field {name:?}.")),
            Some(field) => argument.objection_to(&field.kind).map_or_else(|| Ok(Setting::Field(name.to_owned())), Err),
        },
    }
}

fn typed(kind: StepKind, arguments: Map<String, Value>) -> serde_json::Result<Step> {
    let arguments = Value::Object(arguments);
    Ok(match kind {
        StepKind::Migrate => Step::Migrate(serde_json::from_value(arguments)?),
        StepKind::Recall => Step::Recall(serde_json::from_value(arguments)?),
        StepKind::ReverseStub => Step::ReverseStub(serde_json::from_value(arguments)?),
        StepKind::Delete => Step::Delete(serde_json::from_value(arguments)?),
        StepKind::Move => Step::Move(serde_json::from_value(arguments)?),
    })
}
