//! A target's configuration against its plugin's JSON Schema, and the secrets in it.
//!
//! The schema marks secret fields with `"x-capstan-secret": true`. They are taken out of the document before it is stored, under the
//! name of their JSON pointer without the leading slash, and put back only to check the whole. What is wrong is said without values.

use boon::{Compiler, Draft, ErrorKind, Schemas, UrlLoader, ValidationError};
use capstan_domain::failure::Retry;
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::Value;

const SECRET_MARK: &str = "x-capstan-secret";
/// Levels of nesting that are searched for secrets; a schema that goes deeper has no secrets there.
const DEPTH_MAX: usize = 16;
/// Problems that are named at once.
const PROBLEMS_MAX: usize = 16;
/// Names the schema where its own references are resolved; nothing is ever asked there.
const SCHEMA_URL: &str = "https://plugin.invalid/configuration";

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
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    compiler.use_loader(Box::new(NothingElse));
    let compiled = compiler
        .add_resource(SCHEMA_URL, schema.clone())
        .and_then(|()| compiler.compile(SCHEMA_URL, &mut schemas))
        .map_err(|error| {
            Failure::new(Kind::PluginFault, "the plugin's configuration schema is not a JSON Schema that stands alone")
                .with_detail(format!("{error:#}"))
                .with_retry(Retry::Never)
        })?;
    let whole = whole(configuration, secrets);
    let Err(error) = schemas.validate(&whole, compiled) else { return Ok(()) };
    let mut problems = Vec::new();
    collect(&error, &mut problems);
    Err(Failure::invalid(problems.join("; ")).with_code("configuration"))
}

/// The schema is the plugin's: a reference to any other document would make the host read a file or a URL of the plugin's choice.
struct NothingElse;

impl UrlLoader for NothingElse {
    fn load(&self, _: &str) -> Result<Value, Box<dyn std::error::Error>> {
        Err("a configuration schema refers to nothing outside itself".into())
    }
}

/// The innermost problems: what stands above them only says that there are some.
fn collect(error: &ValidationError<'_, '_>, problems: &mut Vec<String>) {
    for cause in &error.causes {
        collect(cause, problems);
    }
    if error.causes.is_empty() && problems.len() < PROBLEMS_MAX {
        let pointer = error.instance_location.to_string();
        problems.push(format!(
            "{}: {}",
            if pointer.is_empty() { "configuration" } else { &pointer },
            without_values(&error.kind)
        ));
    }
}

/// What is wrong, without the configuration's own value: any of them may be a secret. What the schema says may be shown.
fn without_values(kind: &ErrorKind<'_, '_>) -> String {
    match kind {
        ErrorKind::Format { want, .. } => format!("is not a {want}"),
        ErrorKind::Pattern { want, .. } => format!("does not match the pattern {want}"),
        ErrorKind::ContentEncoding { want, .. } => format!("is not encoded as {want}"),
        ErrorKind::ContentMediaType { want, .. } => format!("is not of the media type {want}"),
        ErrorKind::Minimum { want, .. } => format!("is less than {want}"),
        ErrorKind::Maximum { want, .. } => format!("is more than {want}"),
        ErrorKind::ExclusiveMinimum { want, .. } => format!("is not more than {want}"),
        ErrorKind::ExclusiveMaximum { want, .. } => format!("is not less than {want}"),
        ErrorKind::MultipleOf { want, .. } => format!("is not a multiple of {want}"),
        // The rest speak of types, counts, names of members and the schema's own words.
        other => other.to_string(),
    }
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
    fn no_kind_of_problem_shows_the_value() {
        let text = |rule: Value| {
            let mut property = json!({ "type": "string" });
            property.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
            json!({ "type": "object", "properties": { "field": property } })
        };
        for rule in
            [json!({ "pattern": "^[0-9]+$" }), json!({ "enum": ["a", "b"] }), json!({ "const": "c" }), json!({ "maxLength": 2 })]
        {
            let failure = check(&text(rule.clone()), &json!({ "field": "hush-hush" }), &[]).unwrap_err();
            assert!(failure.message.starts_with("/field: "), "{rule}: {}", failure.message);
            assert!(!failure.message.contains("hush"), "{rule}: {}", failure.message);
        }
        for rule in
            [json!({ "minimum": 5000 }), json!({ "maximum": 3 }), json!({ "multipleOf": 5 }), json!({ "exclusiveMaximum": 3 })]
        {
            let schema = json!({ "type": "object", "properties": { "field": rule } });
            let failure = check(&schema, &json!({ "field": 4242 }), &[]).unwrap_err();
            assert!(failure.message.starts_with("/field: ") && !failure.message.contains("4242"), "{}", failure.message);
        }
        let always =
            json!({ "$schema": "https://json-schema.org/draft/2019-09/schema", "properties": { "field": { "format": "ipv4" } } });
        if let Err(failure) = check(&always, &json!({ "field": "hush-hush" }), &[]) {
            assert!(!failure.message.contains("hush"), "{}", failure.message);
        }
    }

    #[test]
    fn a_schema_makes_the_host_read_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("schema.json");
        std::fs::write(&file, "{}").unwrap();
        let urls = [format!("file://{}", file.display()), "http://127.0.0.1:9/schema".to_owned(), "other.json".to_owned()];
        for url in urls {
            for member in ["$ref", "$schema"] {
                let failure = check(&json!({ member: url }), &json!({}), &[]).unwrap_err();
                assert_eq!(failure.kind, Kind::PluginFault, "{member} {url}: {failure}");
            }
        }
        let own = json!({ "$ref": "#/$defs/all", "$defs": { "all": { "type": "object", "required": ["a"] } } });
        check(&own, &json!({ "a": 1 }), &[]).unwrap();
        assert!(check(&own, &json!({}), &[]).is_err());
    }

    #[test]
    fn a_secret_that_is_left_out_stays() {
        let old = vec![("a".to_owned(), SecretText::new("1")), ("b".to_owned(), SecretText::new("2"))];
        let merged = merge_secrets(old, &[("b".to_owned(), SecretText::new("3"))]);
        let pairs: Vec<_> = merged.iter().map(|(name, secret)| (name.as_str(), secret.reveal())).collect();
        assert_eq!(pairs, [("a", "1"), ("b", "3")]);
    }
}
