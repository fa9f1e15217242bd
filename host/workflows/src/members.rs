//! Reading the members of a JSON object; whatever is wrong goes to the errors with its path, and reading goes on.

use serde_json::{Map, Value};

use crate::field_error::{FieldErrors, FieldPath};

pub(crate) const REQUIRED: &str = "This field is required.";

/// An object and where it stands. A member that is null counts as not given.
pub(crate) struct Members<'v> {
    map: &'v Map<String, Value>,
    at: FieldPath,
}

impl<'v> Members<'v> {
    pub(crate) fn of(value: &'v Value, at: FieldPath, errors: &mut FieldErrors) -> Option<Self> {
        if let Value::Object(map) = value {
            return Some(Self { map, at });
        }
        errors.add(&at, "Expected an object.");
        None
    }

    /// Refuses members that nobody reads, so that a typing error does not pass for a default.
    pub(crate) fn refuse_others(&self, known: &[&str], errors: &mut FieldErrors) {
        for name in self.map.keys().filter(|name| !known.contains(&name.as_str())) {
            errors.add(&self.at.then(name), "Unknown member.");
        }
    }

    pub(crate) fn at(&self, name: &str) -> FieldPath {
        self.at.then(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'v Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// True also for null, which clears what was there.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'v String, &'v Value)> {
        self.map.iter()
    }

    pub(crate) fn truth(&self, name: &str, default: bool, errors: &mut FieldErrors) -> bool {
        match self.get(name) {
            None => default,
            Some(Value::Bool(truth)) => *truth,
            Some(_) => {
                errors.add(&self.at(name), "Must be true or false.");
                default
            }
        }
    }

    /// None: not given, or not a text, which is an error then.
    pub(crate) fn text(&self, name: &str, longest: usize, errors: &mut FieldErrors) -> Option<&'v str> {
        bounded_text(self.get(name)?, &self.at(name), longest, errors)
    }

    pub(crate) fn required_text(&self, name: &str, longest: usize, errors: &mut FieldErrors) -> String {
        if self.get(name).is_none() {
            errors.add(&self.at(name), REQUIRED);
        }
        let text = self.text(name, longest, errors);
        if text == Some("") {
            errors.add(&self.at(name), "May not be empty.");
        }
        text.unwrap_or_default().to_owned()
    }

    /// Empty if not given.
    pub(crate) fn list(&self, name: &str, most: usize, errors: &mut FieldErrors) -> &'v [Value] {
        match self.get(name) {
            None => &[],
            Some(Value::Array(items)) if items.len() <= most => items,
            Some(Value::Array(items)) => {
                errors.add(&self.at(name), format!("Holds {} items; at most {most} are taken.", items.len()));
                &[]
            }
            Some(_) => {
                errors.add(&self.at(name), "Expected a list.");
                &[]
            }
        }
    }

    pub(crate) fn texts(&self, name: &str, most: usize, longest: usize, errors: &mut FieldErrors) -> Vec<String> {
        let at = self.at(name);
        let items = self.list(name, most, errors).iter().enumerate();
        items.filter_map(|(index, item)| Some(bounded_text(item, &at.then(index), longest, errors)?.to_owned())).collect()
    }
}

pub(crate) fn bounded_text<'v>(value: &'v Value, at: &FieldPath, longest: usize, errors: &mut FieldErrors) -> Option<&'v str> {
    match value {
        Value::String(text) if text.chars().count() <= longest => return Some(text),
        Value::String(_) => errors.add(at, format!("Is longer than {longest} characters.")),
        _ => errors.add(at, "Not a valid string."),
    }
    None
}
