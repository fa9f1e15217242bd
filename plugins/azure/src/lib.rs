//! Azure Blob Storage: containers as locations, block blobs as objects, uncommitted blocks as uploads.
//!
//! The plugin signs heads and reads answers. The bytes of blobs go from the host's content to the host's connection and back
//! without entering it. This file is the ABI's side; everything else is plain Rust and tested natively.
//!
//! What is left when the process dies, or an answer is lost:
//!
//! | call | at worst | seen by |
//! |---|---|---|
//! | Put Blob | done, not known; a half-sent body is nothing to the service | the same attempt: the mark in a conditional put's metadata, else putting again |
//! | the record of an upload | begun, not known; no block lies anywhere | the same attempt: the record; else it goes by age |
//! | Put Block | a block that is uncommitted; the service drops it after a week | `list-parts` |
//! | Put Block List | done, not known | the committed block list being this upload's |
//! | Copy Blob | a copy that goes on by itself | the copy's status on the destination, its source and its moment |
//! | Delete Blob, Blob Batch | some are gone | deleting again: absence is success |
//! | Set Blob Tier | under way | the archive status |
//! | Delete Container | gone | `not-found`; between the look that it is empty and the deletion a blob may have been put: the service deletes full ones |

mod attributes;
mod backend;
mod batch;
mod call;
mod checksum;
mod client;
mod cold;
mod config;
mod containers;
mod copier;
mod credentials;
mod description;
mod endpoint;
mod error;
mod lister;
mod names;
mod parts;
mod prober;
mod reader;
mod remover;
mod sas;
mod sign;
mod token;
mod uploads;
mod writer;

/// The ABI's side, generated.
mod world {
    #![allow(clippy::all, clippy::unwrap_used, clippy::panic, reason = "generated code")]
    #![allow(unsafe_code, unreachable_pub, unused, reason = "generated code")]
    capstan_sdk::exports!("capstan:target/upload-target", env!("CAPSTAN_WIT"));
    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);
    #[cfg(target_family = "wasm")]
    type Component = super::Azure;
}

use capstan_sdk::content::Content;
use capstan_sdk::types::{
    ByteRange, Consumption, Description, GetOptions, ListOptions, Location, Object, Outcome as KeyOutcome, Page, Part, Problem,
    PutOptions, Report, Upload,
};
use capstan_sdk::{Failure, FutureReader, NamedValue, Outcome, StreamReader};

use crate::backend::client;
use crate::call::Payload;
use crate::world::exports::capstan::target::{objects, target, uploads as facet};

/// The component.
#[derive(Debug)]
pub struct Azure;

impl target::Guest for Azure {
    fn describe() -> Description {
        description::describe()
    }

    async fn validate(configuration: String) -> Outcome<Vec<Problem>> {
        Ok(config::problems(&configuration))
    }

    async fn probe() -> Outcome<Report> {
        prober::probe(&*client()?).await
    }

    /// The service has no cheap answer.
    async fn usage(_location: Option<String>) -> Outcome<Consumption> {
        Ok(Consumption { used: None, capacity: None, objects: None, extras: Vec::new() })
    }
}

impl objects::Guest for Azure {
    async fn list_locations() -> Outcome<Vec<Location>> {
        containers::list(&*client()?).await
    }

    async fn create_location(name: String, _attempt: String, _extras: Vec<NamedValue>) -> Outcome<Location> {
        containers::create(&*client()?, &name).await
    }

    async fn delete_location(name: String, _attempt: String) -> Outcome<()> {
        containers::delete(&*client()?, &name).await
    }

    async fn put(location: String, key: String, content: &Content, attempt: String, options: PutOptions) -> Outcome<Object> {
        writer::put(&*client()?, (&location, &key), content, &attempt, options).await
    }

    async fn get(
        location: String,
        key: String,
        range: Option<ByteRange>,
        options: GetOptions,
    ) -> Outcome<(Object, StreamReader<u8>, FutureReader<Result<(), Failure>>)> {
        reader::get(&*client()?, (&location, &key), range, &options).await
    }

    async fn head(location: String, key: String, options: GetOptions) -> Outcome<Object> {
        reader::head(&*client()?, (&location, &key), &options).await
    }

    async fn list(location: String, options: ListOptions) -> Outcome<Page> {
        lister::list(&*client()?, &location, &options).await
    }

    async fn delete_many(location: String, keys: Vec<String>, _attempt: String) -> Outcome<Vec<KeyOutcome>> {
        remover::delete_many(&*client()?, &location, keys).await
    }

    async fn copy(
        source_location: String,
        source_key: String,
        location: String,
        key: String,
        attempt: String,
        options: PutOptions,
    ) -> Outcome<Object> {
        copier::copy(&*client()?, (&source_location, &source_key), (&location, &key), &attempt, options).await
    }

    async fn restore(location: String, key: String, _days: u32, _attempt: String, extras: Vec<NamedValue>) -> Outcome<Object> {
        cold::restore(&*client()?, (&location, &key), &extras).await
    }
}

impl facet::Guest for Azure {
    async fn begin(location: String, key: String, size: u64, attempt: String, _options: PutOptions) -> Outcome<Upload> {
        parts::begin(&*client()?, (&location, &key), size, &attempt).await
    }

    async fn put_part(
        location: String,
        key: String,
        upload: String,
        number: u32,
        content: &Content,
        offset: u64,
        length: u64,
    ) -> Outcome<Part> {
        parts::put_part(&*client()?, (&location, &key), &upload, number, Payload { content, offset, length }).await
    }

    async fn list_parts(location: String, key: String, upload: String, after: u32, limit: u32) -> Outcome<Vec<Part>> {
        parts::list(&*client()?, (&location, &key), &upload, after, limit).await
    }

    async fn complete(
        location: String,
        key: String,
        upload: String,
        parts: Vec<Part>,
        _attempt: String,
        options: PutOptions,
    ) -> Outcome<Object> {
        parts::complete(&*client()?, (&location, &key), &upload, parts, options).await
    }

    async fn abort(location: String, key: String, upload: String) -> Outcome<()> {
        parts::abort((&location, &key), &upload).await
    }
}
