//! The smallest honest plugin: objects in the instance's memory, one location, nothing that is optional.
//!
//! What it does not do it does not claim, and answers `unsupported`. Copy it, put your protocol where `store` is, and add capabilities as
//! they become true; `capstan-plugin-check target/….wasm --target target.toml` says whether they are.

mod store;

/// The ABI's side, generated.
mod world {
    #![allow(clippy::all, reason = "generated code")]
    #![allow(unsafe_code, unreachable_pub, unused, reason = "generated code")]
    capstan_sdk::exports!("capstan:target/object-target", "../../wit");
    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);
    #[cfg(target_family = "wasm")]
    type Component = super::Shelf;
}

use capstan_sdk::content::Content;
use capstan_sdk::failure::{corrupt, invalid, unsupported};
use capstan_sdk::types::{
    ByteRange, Consumption, Description, GetOptions, ListOptions, Location, Object, Outcome as KeyOutcome, Page, Problem,
    PutOptions, Report,
};
use capstan_sdk::{Failure, FutureReader, NamedValue, Outcome, StreamReader, StreamResult, config, named, spawn_local};
use serde::Deserialize;

use crate::world::exports::capstan::target::{objects, target};
use crate::world::{wit_future, wit_stream};

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["shelf"],
  "properties": {
    "shelf": { "type": "string", "minLength": 1, "maxLength": 60, "title": "Shelf", "description": "Name of the one location." }
  }
}"#;
/// Bytes asked of a stream, and given to one, at once.
const CHUNK: usize = 256 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    shelf: String,
}

/// The component.
#[derive(Debug)]
pub struct Shelf;

fn location() -> Outcome<Location> {
    Ok(Location { name: config::load::<Config>()?.shelf, created: None, extras: Vec::new() })
}

/// Every call names its location; there is one.
fn here(name: &str) -> Outcome<()> {
    if location()?.name == name { Ok(()) } else { Err(capstan_sdk::failure::not_found(format!("there is no location {name:?}"))) }
}

impl target::Guest for Shelf {
    fn describe() -> Description {
        Description {
            id: "acme-shelf".to_owned(),
            vendor: "Acme".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "A shelf in memory".to_owned(),
            configuration: SCHEMA.to_owned(),
            grants: Vec::new(),
            capabilities: vec![
                // Data lives in the instance, so there must be one.
                named("session", "exclusive"),
                named("durability", "none"),
                named("list-order", "bytewise"),
                named("max-key-bytes", store::MAX_KEY_BYTES.to_string()),
            ],
            extras: Vec::new(),
        }
    }

    async fn validate(configuration: String) -> Outcome<Vec<Problem>> {
        Ok(match config::parse::<Config>(&configuration) {
            Ok(_) => Vec::new(),
            Err(failure) => vec![Problem { pointer: String::new(), message: failure.fault().message.clone() }],
        })
    }

    async fn probe() -> Outcome<Report> {
        Ok(Report { latency_us: 0, clock_skew_ms: None, locations: vec![location()?], extras: Vec::new() })
    }

    async fn usage(location: Option<String>) -> Outcome<Consumption> {
        location.as_deref().map_or(Ok(()), here)?;
        let (used, objects) = store::usage();
        Ok(Consumption { used: Some(used), capacity: None, objects: Some(objects), extras: Vec::new() })
    }
}

impl objects::Guest for Shelf {
    async fn list_locations() -> Outcome<Vec<Location>> {
        Ok(vec![location()?])
    }

    async fn create_location(name: String, _attempt: String, _extras: Vec<NamedValue>) -> Outcome<Location> {
        here(&name).map_err(|_| unsupported("there is one shelf"))?;
        location()
    }

    async fn delete_location(_name: String, _attempt: String) -> Outcome<()> {
        Err(unsupported("the shelf stays"))
    }

    async fn put(location: String, key: String, content: &Content, _attempt: String, options: PutOptions) -> Outcome<Object> {
        here(&location)?;
        store::check_key(&key)?;
        if options.if_absent || options.if_match.is_some() {
            return Err(unsupported("this target knows no conditions"));
        }
        let size = usize::try_from(content.size()).map_err(|_| invalid("an object of that size does not fit"))?;
        let mut stream = content.open(0, content.size());
        let mut data = Vec::with_capacity(size);
        while data.len() < size {
            let (result, chunk) = stream.read(Vec::with_capacity(CHUNK)).await;
            data.extend_from_slice(&chunk);
            if result == StreamResult::Dropped {
                break;
            }
        }
        if data.len() != size {
            // Why the content ended says more than that it did.
            return Err(content.broken().unwrap_or_else(|| corrupt("the content ended before its size")));
        }
        // Only now is it visible: whole or not at all.
        Ok(store::put(&key, data, options.metadata))
    }

    async fn get(
        location: String,
        key: String,
        range: Option<ByteRange>,
        options: GetOptions,
    ) -> Outcome<(Object, StreamReader<u8>, FutureReader<Result<(), Failure>>)> {
        here(&location)?;
        let (object, data) = store::get(&key, options.if_match.as_deref())?;
        let (from, to) = store::bounds(data.len(), range)?;
        let (mut stream, reader) = wit_stream::new::<u8>();
        let (end, ended) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
        spawn_local(async move {
            for chunk in data.get(from..to).unwrap_or_default().chunks(CHUNK) {
                if !stream.write_all(chunk.to_vec()).await.is_empty() {
                    // Nobody reads any more.
                    break;
                }
            }
            drop(stream);
            let _ = end.write(Ok(())).await;
        });
        Ok((object, reader, ended))
    }

    async fn head(location: String, key: String, options: GetOptions) -> Outcome<Object> {
        here(&location)?;
        store::get(&key, options.if_match.as_deref()).map(|(object, _)| object)
    }

    async fn list(location: String, options: ListOptions) -> Outcome<Page> {
        here(&location)?;
        Ok(store::page(&options))
    }

    async fn delete_many(location: String, keys: Vec<String>, _attempt: String) -> Outcome<Vec<KeyOutcome>> {
        here(&location)?;
        Ok(store::delete(keys))
    }

    async fn copy(_: String, _: String, _: String, _: String, _: String, _: PutOptions) -> Outcome<Object> {
        Err(unsupported("this target does not copy"))
    }

    async fn restore(location: String, key: String, _days: u32, _attempt: String, _extras: Vec<NamedValue>) -> Outcome<Object> {
        // Nothing is ever cold.
        here(&location)?;
        store::get(&key, None).map(|(object, _)| object)
    }
}
