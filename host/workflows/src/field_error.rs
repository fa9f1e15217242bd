//! What is wrong with a document, member by member.

use std::fmt;

use serde_json::{Map, Value};

use crate::limits::MOST_ERRORS;

/// Where messages about an object stand that has messages about its members too.
const OF_THE_WHOLE: &str = "non_field_errors";

/// The way to a member: names, and positions in lists as decimal numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPath(Vec<String>);

impl FieldPath {
    pub fn root() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn then(&self, member: impl fmt::Display) -> Self {
        let mut names = self.0.clone();
        names.push(member.to_string());
        Self(names)
    }

    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub path: FieldPath,
    pub message: String,
}

/// All that is wrong, in the order of the document; never more than `limits::MOST_ERRORS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    pub fn one(path: FieldPath, message: impl Into<String>) -> Self {
        Self(vec![FieldError { path, message: message.into() }])
    }

    pub fn add(&mut self, path: &FieldPath, message: impl Into<String>) {
        if self.0.len() < MOST_ERRORS {
            self.0.push(FieldError { path: path.clone(), message: message.into() });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &FieldError> {
        self.0.iter()
    }

    /// `made` if nothing is wrong.
    pub(crate) fn unless_any<T>(self, made: T) -> Result<T, Self> {
        if self.is_empty() { Ok(made) } else { Err(self) }
    }

    /// The same as nested objects with lists of messages at their ends: `{"filter_rules": {"0": {"action": ["…"]}}}`.
    pub fn nested(&self) -> Value {
        let mut root = Value::Object(Map::new());
        for error in &self.0 {
            insert(&mut root, error.path.names(), &error.message);
        }
        root
    }
}

fn insert(node: &mut Value, path: &[String], message: &str) {
    let Some((name, rest)) = path.split_first() else {
        match node {
            Value::Array(messages) => messages.push(message.into()),
            Value::Object(_) => insert(node, &[OF_THE_WHOLE.to_owned()], message),
            _ => *node = Value::Array(vec![message.into()]),
        }
        return;
    };
    if let Value::Array(messages) = node {
        let whole = Value::Array(std::mem::take(messages));
        *node = Value::Object(Map::from_iter([(OF_THE_WHOLE.to_owned(), whole)]));
    }
    if node.is_null() {
        *node = Value::Object(Map::new());
    }
    if let Value::Object(members) = node {
        insert(members.entry(name.clone()).or_insert(Value::Null), rest, message);
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", error.path, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for FieldErrors {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_nest_as_their_document_does() {
        let rules = FieldPath::root().then("filter_rules");
        let mut errors = FieldErrors::default();
        errors.add(&rules.then(0).then("action"), "a");
        errors.add(&rules.then(0).then("action"), "b");
        errors.add(&rules.then(2).then("type"), "c");
        errors.add(&FieldPath::root(), "d");
        let expected = json!({
            "filter_rules": {"0": {"action": ["a", "b"]}, "2": {"type": ["c"]}},
            "non_field_errors": ["d"],
        });
        assert_eq!(errors.nested(), expected);
    }

    #[test]
    fn a_member_that_is_wrong_by_itself_and_inside_shows_both() {
        let rules = FieldPath::root().then("rules");
        for turned in [false, true] {
            let mut errors = FieldErrors::default();
            let mut both = [(rules.clone(), "too many"), (rules.then(1), "bad")];
            if turned {
                both.reverse();
            }
            both.iter().for_each(|(path, message)| errors.add(path, *message));
            assert_eq!(errors.nested(), json!({"rules": {"non_field_errors": ["too many"], "1": ["bad"]}}));
        }
    }

    #[test]
    fn no_document_brings_forth_endless_errors() {
        let mut errors = FieldErrors::default();
        (0..10 * MOST_ERRORS).for_each(|index| errors.add(&FieldPath::root().then(index), "bad"));
        assert_eq!(errors.iter().count(), MOST_ERRORS);
    }
}
