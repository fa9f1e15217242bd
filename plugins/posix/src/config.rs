//! The configuration: which directory, and which of its folders are locations.

use capstan_sdk::types::Problem;
use serde::Deserialize;

pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["path"],
  "properties": {
    "path": { "type": "string", "pattern": "^/", "maxLength": 4096, "title": "Directory",
      "description": "Absolute path of a directory on the host." },
    "shares": { "type": "array", "maxItems": 1000, "items": { "type": "string", "minLength": 1, "maxLength": 255 }, "title": "Shares",
      "description": "Folders of the directory that are locations of their own. Empty: the directory is one location, \"root\"." }
  }
}"#;

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) shares: Vec<String>,
}

pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.contains(['/', '\0']) && name != "." && name != ".."
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: String, message: &str| Problem { pointer, message: message.to_owned() };
    let config = match capstan_sdk::config::parse::<Config>(document) {
        Ok(config) => config,
        Err(failure) => return vec![problem(String::new(), &failure.fault().message)],
    };
    let path = (!config.path.starts_with('/')).then(|| problem("/path".to_owned(), "an absolute path is needed"));
    let shares = config.shares.iter().enumerate().filter(|(_, name)| !is_name(name));
    path.into_iter().chain(shares.map(|(at, _)| problem(format!("/shares/{at}"), "a share is the name of a folder"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_one_folder_of_the_directory() {
        let pointers = |document: &str| problems(document).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>();
        assert!(pointers(r#"{"path": "/data"}"#).is_empty());
        assert_eq!(pointers(r#"{"path": "data", "shares": ["a", "a/b", ".."]}"#), ["/path", "/shares/1", "/shares/2"]);
        assert_eq!(pointers("{}"), [""]);
    }
}
