//! A target's configuration against its plugin's JSON Schema, and the secrets in it.
//!
//! The schema marks secret fields with `"x-capstan-secret": true`. They are taken out of the document before it is stored, under the
//! name of their JSON pointer without the leading slash, and put back only to check the whole. What is wrong is said without values.

use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Outcome};
use jsonschema::Draft;
use serde_json::Value;

const SECRET_MARK: &str = "x-capstan-secret";
/// Levels of nesting that are searched for secrets; a schema that goes deeper has no secrets there.
const DEPTH_MAX: usize = 16;
/// Problems that are named at once.
const PROBLEMS_MAX: usize = 16;

/// Names of the fields that the schema marks as secret.
pub(crate) fn secret_names(schema: &Value) -> Vec<String> {
    let mut names = Vec::new();
    find(schema, "", 0, &mut names);
    names
}

fn find(schema: &Value, prefix: &str, depth: usize, names: &mut Vec<String>) {
    if depth > DEPTH_MAX {
        return;
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        let pointer = format!("{prefix}/{}", name.replace('~', "~0").replace('/', "~1"));
        if property.get(SECRET_MARK).and_then(Value::as_bool) == Some(true) {
            names.push(pointer.trim_start_matches('/').to_owned());
        } else {
            find(property, &pointer, depth + 1, names);
        }
    }
}

/// Takes the secrets out of a configuration. An empty or null secret is one that is not given.
pub(crate) fn take_secrets(schema: &Value, configuration: &mut Value) -> Outcome<Vec<(String, SecretText)>> {
    let mut taken = Vec::new();
    for name in secret_names(schema) {
        let (parent, last) = split(&name);
        let Some(Value::Object(members)) = configuration.pointer_mut(&parent) else { continue };
        match members.remove(&last) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(Value::String(text)) => taken.push((name, SecretText::new(text))),
            Some(_) => return Err(Failure::invalid(format!("{name}: a secret is a text")).with_code("configuration")),
        }
    }
    Ok(taken)
}

/// The configuration with its secrets in place, for checking only.
fn whole(configuration: &Value, secrets: &[(String, SecretText)]) -> Value {
    let mut whole = configuration.clone();
    for (name, secret) in secrets {
        let (parent, last) = split(name);
        if let Some(Value::Object(members)) = whole.pointer_mut(&parent) {
            members.insert(last, Value::String(secret.reveal().to_owned()));
        }
    }
    whole
}

/// Checks a configuration; every problem is named at once, by JSON pointer.
pub(crate) fn check(schema: &Value, configuration: &Value, secrets: &[(String, SecretText)]) -> Outcome<()> {
    if !configuration.is_object() {
        return Err(Failure::invalid("a configuration is a JSON object").with_code("configuration"));
    }
    let validator = jsonschema::options().with_draft(Draft::Draft202012).build(schema).map_err(|error| {
        Failure::new(capstan_domain::Kind::PluginFault, "the plugin's configuration schema is not a JSON Schema")
            .with_detail(error.masked().to_string())
            .with_retry(capstan_domain::failure::Retry::Never)
    })?;
    let whole = whole(configuration, secrets);
    let problems: Vec<String> = validator
        .iter_errors(&whole)
        .take(PROBLEMS_MAX)
        .map(|error| {
            let pointer = error.instance_path().to_string();
            format!("{}: {}", if pointer.is_empty() { "configuration" } else { &pointer }, error.masked())
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Failure::invalid(problems.join("; ")).with_code("configuration")) }
}

/// `new` over `old` for a change: what `new` leaves out stays only if it is secret; the rest is the caller's whole document.
pub(crate) fn merge_secrets(old: Vec<(String, SecretText)>, new: &[(String, SecretText)]) -> Vec<(String, SecretText)> {
    let mut merged: Vec<_> = old.into_iter().filter(|(name, _)| !new.iter().any(|(other, _)| other == name)).collect();
    merged.extend(new.iter().cloned());
    merged
}

/// The pointer of the object that holds it, and its name there.
fn split(name: &str) -> (String, String) {
    let (parent, last) = name.rsplit_once('/').map_or((String::new(), name), |(parent, last)| (format!("/{parent}"), last));
    (parent, last.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["endpoint", "secret-key"],
            "additionalProperties": false,
            "properties": {
                "endpoint": { "type": "string", "minLength": 1 },
                "secret-key": { "type": "string", "x-capstan-secret": true, "maxLength": 8 },
                "proxy": { "type": "object", "properties": { "password": { "type": "string", "x-capstan-secret": true } } },
            },
        })
    }

    #[test]
    fn secrets_leave_the_document_and_are_named_by_their_pointer() {
        let mut configuration = json!({ "endpoint": "http://x", "secret-key": "s", "proxy": { "password": "p", "host": "h" } });
        let taken = take_secrets(&schema(), &mut configuration).unwrap();
        let names: Vec<_> = taken.iter().map(|(name, secret)| (name.as_str(), secret.reveal())).collect();
        assert_eq!(names, [("proxy/password", "p"), ("secret-key", "s")]);
        assert_eq!(configuration, json!({ "endpoint": "http://x", "proxy": { "host": "h" } }));
        check(&schema(), &configuration, &taken).unwrap();
    }

    #[test]
    fn every_problem_is_named_and_no_value_is_shown() {
        let secrets = [("secret-key".to_owned(), SecretText::new("far too long a secret"))];
        let failure = check(&schema(), &json!({ "endpoint": "", "colour": "mauve" }), &secrets).unwrap_err();
        assert!(failure.message.contains("/endpoint"), "{}", failure.message);
        assert!(failure.message.contains("/secret-key"), "{}", failure.message);
        assert!(!failure.message.contains("too long a"), "{}", failure.message);
        assert!(check(&schema(), &json!({ "endpoint": "http://x" }), &[]).is_err());
        assert!(check(&schema(), &json!([]), &[]).is_err());
    }

    #[test]
    fn a_secret_that_is_left_out_stays() {
        let old = vec![("a".to_owned(), SecretText::new("1")), ("b".to_owned(), SecretText::new("2"))];
        let merged = merge_secrets(old, &[("b".to_owned(), SecretText::new("3"))]);
        let pairs: Vec<_> = merged.iter().map(|(name, secret)| (name.as_str(), secret.reveal())).collect();
        assert_eq!(pairs, [("a", "1"), ("b", "3")]);
    }
}
