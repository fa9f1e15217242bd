//! The configuration: which export of which server, and as whom.

use capstan_nfs3::rpc::GROUPS;
use capstan_sdk::types::Problem;
use serde::Deserialize;

pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["host", "export"],
  "properties": {
    "host": { "type": "string", "minLength": 1, "maxLength": 253, "title": "Server",
      "description": "Name or address of the NFS server." },
    "export": { "type": "string", "pattern": "^/", "maxLength": 1024, "title": "Export",
      "description": "Path as the server exports it." },
    "port": { "type": "integer", "minimum": 1, "maximum": 65535, "title": "Port", "description": "Of NFS. Left out: 2049." },
    "mount-port": { "type": "integer", "minimum": 1, "maximum": 65535, "title": "Mount port",
      "description": "Of the mount service. Left out: the server's port mapper is asked at port 111." },
    "uid": { "type": "integer", "minimum": 0, "maximum": 4294967295, "title": "User number", "description": "Left out: 0." },
    "gid": { "type": "integer", "minimum": 0, "maximum": 4294967295, "title": "Group number", "description": "Left out: 0." },
    "groups": { "type": "array", "maxItems": 16, "items": { "type": "integer", "minimum": 0, "maximum": 4294967295 },
      "title": "Further groups" },
    "privileged-port": { "type": "boolean", "title": "Privileged source port",
      "description": "Connect from a port below 1024, as servers with \"secure\" exports ask." },
    "location": { "type": "string", "minLength": 1, "maxLength": 255, "title": "Location",
      "description": "Name under which the export is shown. Left out: the last part of its path." },
    "read-only": { "type": "boolean", "title": "Read-only", "description": "Nothing is changed on the server." }
  }
}"#;

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) host: String,
    pub(crate) export: String,
    pub(crate) port: Option<u16>,
    pub(crate) mount_port: Option<u16>,
    #[serde(default)]
    pub(crate) uid: u32,
    #[serde(default)]
    pub(crate) gid: u32,
    #[serde(default)]
    pub(crate) groups: Vec<u32>,
    #[serde(default)]
    pub(crate) privileged_port: bool,
    pub(crate) location: Option<String>,
    #[serde(default)]
    pub(crate) read_only: bool,
}

impl Config {
    /// The one location's name.
    pub(crate) fn location(&self) -> &str {
        let last = || self.export.rsplit('/').find(|part| !part.is_empty());
        self.location.as_deref().or_else(last).unwrap_or("root")
    }
}

fn is_location(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && name != "." && name != ".." && !name.contains(|c: char| c == '/' || c.is_control())
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: &str, message: &str| Problem { pointer: pointer.to_owned(), message: message.to_owned() };
    let config = match capstan_sdk::config::parse::<Config>(document) {
        Ok(config) => config,
        Err(failure) => return vec![problem("", &failure.fault().message)],
    };
    [
        (config.host.is_empty(), "/host", "a name or an address is needed"),
        (!config.export.starts_with('/'), "/export", "an absolute path is needed"),
        (config.port == Some(0), "/port", "there is no port 0"),
        (config.mount_port == Some(0), "/mount-port", "there is no port 0"),
        (config.groups.len() > GROUPS, "/groups", "NFS has room for 16 groups"),
        (!is_location(config.location()), "/location", "a location is a name without slashes and control characters"),
    ]
    .into_iter()
    .filter(|(wrong, ..)| *wrong)
    .map(|(_, pointer, message)| problem(pointer, message))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(document: &str) -> Config {
        capstan_sdk::config::parse(document).unwrap()
    }

    #[test]
    fn a_location_is_named_after_its_export_unless_it_is_told() {
        for (document, name) in [
            (r#"{"host": "h", "export": "/srv/media"}"#, "media"),
            (r#"{"host": "h", "export": "/srv/media/"}"#, "media"),
            (r#"{"host": "h", "export": "/"}"#, "root"),
            (r#"{"host": "h", "export": "/srv", "location": "films"}"#, "films"),
        ] {
            assert_eq!(config(document).location(), name);
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        let pointers = |document: &str| problems(document).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>();
        assert!(pointers(r#"{"host": "h", "export": "/e", "port": 2049, "mount-port": 20048, "uid": 4294967295}"#).is_empty());
        let all = r#"{"host": "", "export": "e", "port": 0, "mount-port": 0, "location": "a/b",
            "groups": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}"#;
        assert_eq!(pointers(all), ["/host", "/export", "/port", "/mount-port", "/groups", "/location"]);
        assert_eq!(pointers(r#"{"host": "h", "export": "/e", "version": 4}"#), [""]);
    }
}
