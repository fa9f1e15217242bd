//! What is wrong with the members of a body, nested as the body is: `{"profile": {"phone": ["…"]}}`. Items of a list go by their index.

use serde_json::{Map, Value};

/// The member of what belongs to no member.
pub(crate) const WHOLE: &str = "non_field_errors";

/// Errors that are named at once, and characters of a message; more would only repeat what the client sent.
const ERRORS_NAMED: usize = 32;
const MESSAGE_LIMIT: usize = 500;

/// Errors by path, such as `profile.phone` or `paths[3].size`; an empty path, or a dot, is the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldErrors(Vec<(String, String)>);

impl FieldErrors {
    pub(crate) fn add(&mut self, path: &str, message: impl Into<String>) {
        if self.0.len() == ERRORS_NAMED {
            return;
        }
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(MESSAGE_LIMIT) {
            message.truncate(end);
            message.push('…');
        }
        let path = if path.is_empty() || path == "." { WHOLE } else { path };
        self.0.push((path.to_owned(), message));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn body(&self) -> Value {
        let mut tree = Map::new();
        for (path, message) in &self.0 {
            let mut steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
            if let Some(first) = steps.next() {
                put(&mut tree, first, steps, message);
            }
        }
        Value::Object(tree)
    }
}

/// Where one error speaks of a member and another of a part of it, the first stands in the member's own list of the whole.
fn put<'a>(tree: &mut Map<String, Value>, step: &'a str, mut further: impl Iterator<Item = &'a str>, message: &str) {
    let entry = tree.entry(step).or_insert(Value::Null);
    match further.next() {
        None => match entry {
            Value::Array(messages) => messages.push(message.into()),
            Value::Object(inner) => put(inner, WHOLE, std::iter::empty(), message),
            _ => *entry = Value::Array(vec![message.into()]),
        },
        Some(next) => {
            if let Value::Array(messages) = entry {
                *entry = Value::Object(Map::from_iter([(WHOLE.to_owned(), Value::Array(std::mem::take(messages)))]));
            } else if entry.is_null() {
                *entry = Value::Object(Map::new());
            }
            if let Value::Object(inner) = entry {
                let rest: Vec<_> = further.collect();
                put(inner, next, rest.into_iter(), message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(errors: &[(&str, &str)]) -> Value {
        let mut found = FieldErrors::default();
        for (path, message) in errors {
            found.add(path, *message);
        }
        found.body()
    }

    #[test]
    fn errors_are_nested_as_the_body_is() {
        assert_eq!(body(&[("name", "a"), ("name", "b")]), json!({ "name": ["a", "b"] }));
        assert_eq!(
            body(&[("profile.phone", "a"), ("paths[3].path", "b"), ("", "c"), (".", "d")]),
            json!({ "profile": { "phone": ["a"] }, "paths": { "3": { "path": ["b"] } }, "non_field_errors": ["c", "d"] })
        );
    }

    #[test]
    fn a_member_and_a_part_of_it_can_both_be_wrong() {
        let both = json!({ "sites": { "non_field_errors": ["a"], "0": ["b"] } });
        assert_eq!(body(&[("sites", "a"), ("sites[0]", "b")]), both);
        assert_eq!(body(&[("sites[0]", "b"), ("sites", "a")]), both);
    }

    #[test]
    fn what_a_client_sent_does_not_come_back_in_full() {
        let long = "é".repeat(10_000);
        assert_eq!(body(&[("a", &long)])["a"][0].as_str().unwrap().chars().count(), MESSAGE_LIMIT + 1);
        let many: Vec<_> = (0..100).map(|_| ("a", "b")).collect();
        assert_eq!(body(&many)["a"].as_array().unwrap().len(), ERRORS_NAMED);
    }
}
