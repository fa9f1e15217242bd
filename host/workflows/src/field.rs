//! Fields: what a call of a workflow may, or must, say.
//!
//! On the wire `{"name", "type": "string" | "int" | "bool" | "choice", "label"?, "description"?, "required"?, "default"?, "choices"?}`;
//! `enum` is another word for `choice`, and a choice is a text or `{"value", "label"?}`. An argument of a step takes the value of a
//! field by naming it with a star before (`"site": "*destinationsite"`); see `StepTemplate`.

use serde_json::{Map, Value, json};

use crate::field_error::{FieldErrors, FieldPath};
use crate::limits::{LONGEST_NAME, LONGEST_VALUE, MOST_CHOICES, MOST_FIELDS};
use crate::members::{Members, bounded_text};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    String,
    Int,
    Bool,
    /// One of these.
    Choice(Vec<String>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub label: String,
    pub description: String,
    pub kind: FieldKind,
    /// A call must give it, unless it has a default.
    pub required: bool,
    pub default: Option<Value>,
}

impl FieldKind {
    pub fn name(&self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Choice(_) => "choice",
        }
    }

    /// Why `value` is none of this kind; none if it is.
    pub(crate) fn objection(&self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::String, Value::String(text)) if text.chars().count() <= LONGEST_VALUE => None,
            (Self::String, Value::String(_)) => Some(format!("Is longer than {LONGEST_VALUE} characters.")),
            (Self::String, _) => Some("Not a valid string.".to_owned()),
            (Self::Int, value) if value.is_i64() => None,
            (Self::Int, _) => Some("A valid integer is required.".to_owned()),
            (Self::Bool, Value::Bool(_)) => None,
            (Self::Bool, _) => Some("Must be true or false.".to_owned()),
            (Self::Choice(choices), Value::String(text)) if choices.contains(text) => None,
            (Self::Choice(choices), value) => Some(format!("{value} is not a valid choice: {}.", choices.join(", "))),
        }
    }
}

impl Field {
    /// The member `fields`.
    pub(crate) fn read_all(members: &Members<'_>, errors: &mut FieldErrors) -> Vec<Self> {
        let at = members.at("fields");
        let mut fields: Vec<Self> = Vec::new();
        for (index, item) in members.list("fields", MOST_FIELDS, errors).iter().enumerate() {
            let Some(field) = Self::read(item, at.then(index), errors) else { continue };
            if fields.iter().any(|other| other.name == field.name) {
                errors.add(&at.then(index).then("name"), format!("There are two fields {:?}.", field.name));
            }
            fields.push(field);
        }
        fields
    }

    fn read(value: &Value, at: FieldPath, errors: &mut FieldErrors) -> Option<Self> {
        let members = Members::of(value, at, errors)?;
        members.refuse_others(&["name", "type", "label", "description", "required", "default", "choices"], errors);
        let name = members.required_text("name", LONGEST_NAME, errors);
        if name.chars().any(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-')) {
            errors.add(&members.at("name"), "Only letters, digits, \"_\" and \"-\" are taken.");
        }
        let kind = read_kind(&members, errors);
        let default = members.get("default").cloned();
        if let (Some(kind), Some(default)) = (&kind, &default)
            && let Some(objection) = kind.objection(default)
        {
            errors.add(&members.at("default"), objection);
        }
        Some(Self {
            label: members.text("label", LONGEST_NAME, errors).unwrap_or(&name).to_owned(),
            name,
            description: members.text("description", LONGEST_VALUE, errors).unwrap_or_default().to_owned(),
            kind: kind?,
            required: members.truth("required", false, errors),
            default,
        })
    }

    pub fn to_json(&self) -> Value {
        let mut members = Map::from_iter([
            ("name".to_owned(), json!(self.name)),
            ("label".to_owned(), json!(self.label)),
            ("type".to_owned(), json!(self.kind.name())),
            ("required".to_owned(), json!(self.required)),
        ]);
        if !self.description.is_empty() {
            members.insert("description".to_owned(), json!(self.description));
        }
        if let Some(default) = &self.default {
            members.insert("default".to_owned(), default.clone());
        }
        if let FieldKind::Choice(choices) = &self.kind {
            members.insert("choices".to_owned(), json!(choices));
        }
        Value::Object(members)
    }
}

fn read_kind(members: &Members<'_>, errors: &mut FieldErrors) -> Option<FieldKind> {
    let name = members.required_text("type", LONGEST_NAME, errors);
    if !matches!(name.as_str(), "choice" | "enum") && members.get("choices").is_some() {
        errors.add(&members.at("choices"), "Only a field of type choice has choices.");
    }
    match name.as_str() {
        "string" => Some(FieldKind::String),
        "int" => Some(FieldKind::Int),
        "bool" => Some(FieldKind::Bool),
        "choice" | "enum" => Some(FieldKind::Choice(read_choices(members, errors))),
        "" => None,
        _ => {
            errors.add(&members.at("type"), format!("{name:?} is not a valid choice: string, int, bool, choice, enum."));
            None
        }
    }
}

fn read_choices(members: &Members<'_>, errors: &mut FieldErrors) -> Vec<String> {
    let at = members.at("choices");
    let before = errors.iter().count();
    let mut choices = Vec::new();
    for (index, item) in members.list("choices", MOST_CHOICES, errors).iter().enumerate() {
        let at = at.then(index);
        let choice = if item.is_object() {
            Members::of(item, at, errors).map(|choice| {
                choice.refuse_others(&["value", "label"], errors);
                choice.required_text("value", LONGEST_VALUE, errors)
            })
        } else {
            bounded_text(item, &at, LONGEST_VALUE, errors).map(str::to_owned)
        };
        choices.extend(choice);
    }
    if choices.is_empty() && errors.iter().count() == before {
        errors.add(&at, "A field of type choice needs choices.");
    }
    choices
}
