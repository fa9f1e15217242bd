//! The operations of an OpenAPI document, so that a rule can be tested on each of them.

use axum::http::Method;
use serde_json::Value;

/// Method, path below the base, and the operation's entry.
pub fn operations(document: &Value, base: &str) -> Vec<(Method, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let path = path.strip_prefix(base).expect("all operations lie under the base").to_owned();
            found.push((method.to_uppercase().parse().unwrap(), path, operation.clone()));
        }
    }
    found
}

/// The path with `value` for each of its parameters, and the query's parameters that have to be there, as `given` says them.
pub fn filled(path: &str, operation: &Value, value: &str, given: impl Fn(&str, &Value) -> String) -> String {
    let path = path.split('/').map(|part| if part.starts_with('{') { value } else { part }).collect::<Vec<_>>().join("/");
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let required = parameters.iter().filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
    let query: Vec<_> = required
        .map(|parameter| {
            let name = parameter["name"].as_str().unwrap();
            format!("{name}={}", given(name, &parameter["schema"]))
        })
        .collect();
    format!("{path}?{}", query.join("&"))
}
