//! The configuration: which directory, and which sizes a drive may have.

use std::rc::Rc;

use capstan_sdk::failure::invalid;
use capstan_sdk::types::Problem;
use capstan_sdk::{Kept, Outcome};
use serde::Deserialize;

/// Bytes. What every file system and every disk writes whole and may be asked for past the page cache.
pub(crate) const BLOCK: u32 = 4096;
/// Bytes. A size needs no coarser step than a block.
pub(crate) const GRANULARITY: u64 = BLOCK as u64;

pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["path"],
  "properties": {
    "path": { "type": "string", "pattern": "^/", "maxLength": 4096, "title": "Directory",
      "description": "Absolute path of a directory on the host, of its own for these drives." },
    "minimum": { "type": "integer", "minimum": 4096, "multipleOf": 4096, "default": 536870912, "title": "Smallest drive",
      "description": "Bytes that a new drive has at least." },
    "maximum": { "type": "integer", "minimum": 4096, "multipleOf": 4096, "default": 8796093022208, "title": "Largest drive",
      "description": "Bytes that a drive has at most. A file of ext4 ends just below 16 TiB." }
  }
}"#;

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) path: String,
    #[serde(default = "usual_minimum")]
    pub(crate) minimum: u64,
    #[serde(default = "usual_maximum")]
    pub(crate) maximum: u64,
}

fn usual_minimum() -> u64 {
    512 << 20
}

fn usual_maximum() -> u64 {
    8 << 40
}

thread_local! {
    static CONFIG: Kept<Config> = const { Kept::new() };
}

/// Of the target that this instance serves.
pub(crate) fn config() -> Outcome<Rc<Config>> {
    CONFIG.with(|kept| kept.get(capstan_sdk::config::load))
}

impl Config {
    /// May a new drive have that size?
    pub(crate) fn admits(&self, size: u64) -> Outcome<()> {
        if size < self.minimum {
            return Err(invalid(format!("a drive has {} bytes at least", self.minimum)));
        }
        self.bounds(size)
    }

    /// May a drive that is there have it?
    pub(crate) fn bounds(&self, size: u64) -> Outcome<()> {
        if size > self.maximum {
            return Err(invalid(format!("a drive has {} bytes at most", self.maximum)));
        }
        if !size.is_multiple_of(GRANULARITY) {
            return Err(invalid(format!("the size of a drive is a multiple of {GRANULARITY} bytes")));
        }
        Ok(())
    }
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: &str, message: &str| Problem { pointer: pointer.to_owned(), message: message.to_owned() };
    let config = match capstan_sdk::config::parse::<Config>(document) {
        Ok(config) => config,
        Err(failure) => return vec![problem("", &failure.fault().message)],
    };
    let wrong = |size: u64| size < GRANULARITY || !size.is_multiple_of(GRANULARITY);
    let size = "a multiple of 4096 is needed, and not 0";
    [
        (!config.path.starts_with('/')).then(|| problem("/path", "an absolute path is needed")),
        wrong(config.minimum).then(|| problem("/minimum", size)),
        wrong(config.maximum).then(|| problem("/maximum", size)),
        (config.maximum < config.minimum).then(|| problem("/maximum", "the largest drive is smaller than the smallest")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(document: &str) -> Vec<String> {
        problems(document).into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn a_directory_is_enough_and_sizes_are_whole_blocks_in_order() {
        assert!(pointers(r#"{"path": "/data"}"#).is_empty());
        assert_eq!(pointers(r#"{"path": "data", "minimum": 0, "maximum": 4097}"#), ["/path", "/minimum", "/maximum"]);
        assert_eq!(pointers(r#"{"path": "/data", "minimum": 8192, "maximum": 4096}"#), ["/maximum"]);
        assert_eq!(pointers("{}"), [""]);
        assert_eq!(pointers(r#"{"path": "/data", "shares": []}"#), [""]);
    }

    #[test]
    fn the_schema_tells_the_defaults_that_are_used() {
        let config: Config = capstan_sdk::config::parse(r#"{"path": "/data"}"#).unwrap();
        for (name, bytes) in [("minimum", config.minimum), ("maximum", config.maximum)] {
            let line = SCHEMA.lines().find(|line| line.contains(&format!("\"{name}\": {{"))).unwrap();
            assert!(line.contains(&format!("\"default\": {bytes},")), "{line}");
            assert!(bytes.is_multiple_of(GRANULARITY));
        }
    }

    #[test]
    fn a_size_is_within_the_bounds_and_on_the_granularity() {
        let config = Config { path: "/data".to_owned(), minimum: 8192, maximum: 16384 };
        for size in [8192, 12288, 16384] {
            assert!(config.admits(size).is_ok(), "{size}");
        }
        for size in [0, 4096, 8193, 12289, 20480, u64::MAX] {
            assert!(config.admits(size).is_err(), "{size}");
        }
        // One that is there may be smaller than new ones have to be.
        assert!(config.bounds(4096).is_ok());
    }
}
