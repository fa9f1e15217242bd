//! What the plugin says of itself.

use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::config::SCHEMA;

/// Characters that stand for others on the wire (`smb2::name`): the reserved ones, control characters, a space or a dot at the end of
/// a name. The host escapes these, so that every name comes back as it was.
const STANDINS: std::ops::RangeInclusive<char> = '\u{f001}'..='\u{f029}';

/// UTF-16 units a name may have; a unit takes up to three bytes of UTF-8, and the limit of bytes holds whatever the script.
const MAX_NAME_BYTES: &str = "255";

pub(crate) fn describe() -> Description {
    Description {
        id: "smb".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "SMB share".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: vec!["connect {/host}:{/port}".to_owned(), "connect {/host}:445 unless {/port}".to_owned()],
        capabilities: vec![
            named("session", "shared"),
            named("list-order", "bytewise"),
            named("conditional-put", "if-absent"),
            named("max-name-bytes", MAX_NAME_BYTES),
            named("name-escape", STANDINS.collect::<String>()),
            named("ranged-write", "true"),
            named("directory-times", "names"),
            named("time-step-ns", "100"),
            named("acl", "none"),
        ],
        extras: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_that_reads_back_as_another_is_left_to_the_host() {
        for standin in STANDINS {
            let name = format!("a{standin}b");
            let back = smb2::decode_name(&smb2::encode_name(&name)).into_owned();
            assert_ne!(back, name, "{standin:?} need not be escaped");
        }
        for name in ["CON", "a:b", "what?", "tab\there", "dot.", "space ", "grün 日本語"] {
            assert_eq!(smb2::decode_name(&smb2::encode_name(name)), name);
        }
    }

    #[test]
    fn the_schema_is_json_and_names_every_field() {
        let _: serde::de::IgnoredAny = capstan_sdk::config::parse(SCHEMA).unwrap();
        for field in ["host", "port", "share", "root", "user", "domain", "password", "encryption", "minimum-dialect", "read-only"]
        {
            assert!(SCHEMA.contains(&format!("\"{field}\":")), "{field}");
        }
    }
}
