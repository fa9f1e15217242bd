//! `capstan:host/config`: the target's configuration, which never changes under a running instance.

use capstan_bindings::latest::host::config::Host;
use serde_json::Value;

use crate::services::Services;

#[derive(Clone, Debug, Default)]
pub struct Configuration {
    document: Value,
    /// Written once, since most plugins read the whole at their start.
    text: String,
}

impl Configuration {
    pub fn new(document: Value) -> Self {
        Self { text: document.to_string(), document }
    }

    pub fn document(&self) -> &str {
        &self.text
    }

    /// By JSON pointer, as JSON text; strings come bare. A `null` is as good as absent.
    pub fn get(&self, pointer: &str) -> Option<String> {
        match self.document.pointer(pointer)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

impl Host for Services {
    fn document(&mut self) -> wasmtime::Result<String> {
        Ok(self.target().configuration.document().to_owned())
    }

    fn get(&mut self, pointer: String) -> wasmtime::Result<Option<String>> {
        Ok(self.target().configuration.get(&pointer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_pointer_and_strings_come_bare() {
        let configuration =
            Configuration::new(serde_json::json!({ "a": { "b/c": "x" }, "n": 5, "list": [1, "two"], "none": null }));
        for (pointer, value) in
            [("/a/b~1c", Some("x")), ("/n", Some("5")), ("/list/1", Some("two")), ("/none", None), ("/z", None), ("n", None)]
        {
            assert_eq!(configuration.get(pointer).as_deref(), value, "{pointer}");
        }
        assert_eq!(configuration.get("/list").as_deref(), Some("[1,\"two\"]"));
    }
}
