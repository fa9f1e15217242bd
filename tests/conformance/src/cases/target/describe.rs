//! `describe`.

use anyhow::{Context, ensure};
use boon::{Compiler, Draft, Schemas};
use capstan_grants::requested;
use serde_json::Value;

use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, group, told};

/// The registered names are in this document.
const CAPABILITIES: &str = include_str!("../../../../../wit/CAPABILITIES.md");
/// Capabilities that are numbers.
const NUMBERS: [&str; 8] = [
    "time-step-ns",
    "max-key-bytes",
    "max-name-bytes",
    "max-single-put-bytes",
    "max-object-bytes",
    "min-part-bytes",
    "max-parts",
    "max-delete-keys",
];
/// Capabilities of a closed set of values.
const VALUES: [(&str, &[&str]); 11] = [
    ("directory-times", &["names"]),
    ("session", &["shared", "exclusive"]),
    ("durability", &["none"]),
    ("list-order", &["bytewise"]),
    ("conditional-put", &["true", "if-absent"]),
    ("copy", &["true"]),
    ("restore", &["true"]),
    ("ranged-write", &["true"]),
    ("xattrs", &["true"]),
    ("links", &["true"]),
    ("acl", &["none", "nfs4", "posix"]),
];
const ALGORITHMS: [&str; 7] = ["md5", "sha1", "sha256", "sha512", "crc32c", "crc64-nvme", "blake3"];

pub(super) fn all() -> Vec<Case> {
    use Want::Host;
    group! { "target";
        "describe-id", clause::DESCRIPTION, [Host], "the id is a short name of [a-z0-9-], up to 64", id;
        "describe-version", clause::DESCRIPTION, [Host], "the version is semantic", version;
        "describe-words", clause::DESCRIPTION, [Host], "vendor and title say something to people", words;
        "describe-again", clause::DESCRIBE, [Host], "another load of the same component says the same", again;
        "describe-schema", clause::DESCRIPTION, [Host], "the configuration is described by a JSON Schema 2020-12 of an object", schema;
        "describe-schema-explains", clause::DESCRIPTION, [Host], "every field of the configuration has a title or a description", explains;
        "describe-schema-fits", clause::DESCRIPTION, [Host], "the schema lets this target's configuration through", fits;
        "describe-secrets", clause::DESCRIPTION, [Host], "every secret of this target is marked as one in the schema, and is text", secrets;
        "describe-grants", clause::GRANTS, [Host], "every grant template is one that a host knows", grants;
        "describe-grants-nothing-for-nothing", clause::GRANTS, [Host], "an empty configuration asks for nothing that it names", grants_of_nothing;
        "describe-capabilities-once", clause::CAPABILITIES, [Host], "a capability is claimed once", once;
        "describe-capabilities-registered", clause::CAPABILITIES, [Host], "a capability is registered, or carries a vendor's prefix", registered;
        "describe-capabilities-readable", clause::CAPABILITIES, [Host], "the value of a registered capability can be read", readable;
        "describe-capabilities-fit", clause::CAPABILITIES, [Host], "what is claimed fits together", fit_together;
    }
}

async fn id(stand: &Stand<'_>) -> Check {
    let id = &stand.kit()?.description().id;
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    ensure!(!id.is_empty() && id.len() <= 64 && id.bytes().all(good), "the id is {id:?}");
    Ok(())
}

async fn version(stand: &Stand<'_>) -> Check {
    let version = &stand.kit()?.description().version;
    semver::Version::parse(version).map(drop).with_context(|| format!("the version is {version:?}"))
}

async fn words(stand: &Stand<'_>) -> Check {
    let description = stand.kit()?.description();
    for (what, text) in [("vendor", &description.vendor), ("title", &description.title)] {
        ensure!(!text.trim().is_empty() && text.len() <= 200 && !text.contains('\n'), "the {what} is {text:?}");
    }
    Ok(())
}

async fn again(stand: &Stand<'_>) -> Check {
    let kit = stand.kit()?;
    ensure!(kit.description() == kit.described_again(), "first {:?}, then {:?}", kit.description(), kit.described_again());
    Ok(())
}

/// Says why the document does not fit the schema.
pub(super) fn refused_by_schema(schema: &Value, document: &Value) -> anyhow::Result<Option<String>> {
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    let mut schemas = Schemas::new();
    let wrong = |cause: boon::CompileError| anyhow::anyhow!("the schema is none: {cause}");
    compiler.add_resource("capstan:configuration", schema.clone()).map_err(wrong)?;
    let index = compiler.compile("capstan:configuration", &mut schemas).map_err(wrong)?;
    Ok(schemas.validate(document, index).err().map(|cause| cause.to_string()))
}

async fn schema(stand: &Stand<'_>) -> Check {
    let schema = &stand.kit()?.description().configuration;
    ensure!(schema.get("type").is_some_and(|kind| kind == "object"), "its type is {:?}", schema.get("type"));
    let draft = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    ensure!(draft.contains("2020-12"), "its $schema is {draft:?}");
    refused_by_schema(schema, &Value::Object(serde_json::Map::new())).map(drop)
}

fn properties(stand: &Stand<'_>) -> anyhow::Result<serde_json::Map<String, Value>> {
    let schema = &stand.kit()?.description().configuration;
    Ok(schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default())
}

async fn explains(stand: &Stand<'_>) -> Check {
    for (name, field) in properties(stand)? {
        ensure!(field.get("title").or_else(|| field.get("description")).is_some(), "{name:?} has neither");
    }
    Ok(())
}

async fn fits(stand: &Stand<'_>) -> Check {
    let kit = stand.kit()?;
    let mut whole = kit.file.configuration.clone();
    for (name, secret) in &kit.secrets {
        if let Some(fields) = whole.as_object_mut().filter(|_| !name.contains('/')) {
            fields.insert(name.clone(), secret.reveal().into());
        }
    }
    match refused_by_schema(&kit.description().configuration, &whole)? {
        // What the validator quotes may be a secret.
        Some(_) => anyhow::bail!("the schema refuses the configuration that `validate` takes"),
        None => Ok(()),
    }
}

async fn secrets(stand: &Stand<'_>) -> Check {
    let properties = properties(stand)?;
    for (name, _) in &stand.kit()?.secrets {
        let mut parts = name.split('/');
        let mut field = parts.next().and_then(|first| properties.get(first));
        for part in parts {
            field = field.and_then(|field| field.get("properties")?.get(part));
        }
        let field = field.with_context(|| format!("the schema has no field {name:?}"))?;
        ensure!(field.get("x-capstan-secret").is_some_and(|mark| mark == true), "{name:?} is not marked as a secret");
        ensure!(field.get("type").is_some_and(|kind| kind == "string"), "{name:?} is no text");
    }
    Ok(())
}

async fn grants(stand: &Stand<'_>) -> Check {
    let kit = stand.kit()?;
    for template in &kit.description().grants {
        requested(std::slice::from_ref(template), &kit.file.configuration).map_err(told).with_context(|| template.clone())?;
    }
    Ok(())
}

async fn grants_of_nothing(stand: &Stand<'_>) -> Check {
    let templates = &stand.kit()?.description().grants;
    let asked = requested(templates, &Value::Object(serde_json::Map::new())).map_err(told)?;
    ensure!(asked.iter().all(|asked| !asked.configured), "{asked:?}");
    Ok(())
}

async fn once(stand: &Stand<'_>) -> Check {
    let mut names: Vec<&String> = stand.kit()?.capabilities().iter().map(|(name, _)| name).collect();
    names.sort();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => anyhow::bail!("{:?} is claimed twice", pair.first()),
        None => Ok(()),
    }
}

/// The names of the first table of the document.
fn registered_names() -> Vec<&'static str> {
    let section = CAPABILITIES.split("## ").find(|section| section.contains("description.capabilities")).unwrap_or_default();
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| line.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2))
        .collect()
}

async fn registered(stand: &Stand<'_>) -> Check {
    let (kit, names) = (stand.kit()?, registered_names());
    ensure!(names.contains(&"session"), "the register was not read");
    let vendor = kit.description().vendor.to_lowercase();
    for (name, _) in kit.capabilities() {
        let own =
            name.split_once('-').is_some_and(|(prefix, _)| vendor.contains(prefix) || kit.description().id.starts_with(prefix));
        ensure!(names.contains(&name.as_str()) || own, "{name:?} is neither registered nor prefixed with the vendor's name");
    }
    Ok(())
}

async fn readable(stand: &Stand<'_>) -> Check {
    for (name, value) in stand.kit()?.capabilities() {
        if NUMBERS.contains(&name.as_str()) {
            ensure!(value.parse::<u64>().is_ok_and(|number| number > 0), "{name} = {value:?} is no number above 0");
        }
        if let Some((_, values)) = VALUES.iter().find(|(known, _)| known == name) {
            ensure!(values.contains(&value.as_str()), "{name} = {value:?} is none of {values:?}");
        }
        if name == "checksums" {
            ensure!(
                value.split(' ').all(|algorithm| ALGORITHMS.contains(&algorithm)),
                "{name} = {value:?} names an algorithm nobody knows"
            );
        }
    }
    Ok(())
}

async fn fit_together(stand: &Stand<'_>) -> Check {
    let (single, whole) = (stand.number("max-single-put-bytes", u64::MAX), stand.number("max-object-bytes", u64::MAX));
    ensure!(
        stand.said("max-single-put-bytes").is_none() || single <= whole,
        "one put may have {single} bytes, an object {whole}"
    );
    ensure!(
        single == u64::MAX || single >= whole || stand.uploads().is_ok(),
        "objects above {single} bytes need uploads, which the plugin does not export"
    );
    if stand.uploads().is_ok() && stand.said("max-object-bytes").is_some() {
        let parts = u128::from(stand.number("max-parts", 10_000)) * (5 << 30);
        ensure!(u128::from(whole) <= parts, "max-parts of 5 GiB do not make an object of {whole} bytes");
    }
    ensure!(stand.number("max-name-bytes", 255) <= 4096, "a name of more than 4096 bytes is no name");
    Ok(())
}
