//! Google Cloud Storage.
//!
//! The plugin authorises heads and reads answers. The bytes of objects go from the host's content to the host's connection and back
//! without entering it. This file is the ABI's side; everything else is plain Rust and tested natively. `api` says which of the service's
//! two interfaces does what, `parts` why large objects go as they go.

mod api;
mod attributes;
mod backend;
mod begun;
mod checksum;
mod client;
mod condition;
mod config;
mod copier;
mod description;
mod error;
mod json;
mod jwt;
mod lister;
mod locations;
mod parts;
mod prober;
mod reader;
mod session;
mod staging;
mod token;
mod upload_id;
mod writer;
mod xml;

/// The ABI's side, generated.
mod world {
    #![allow(clippy::all, clippy::unwrap_used, clippy::panic, reason = "generated code")]
    #![allow(unsafe_code, unreachable_pub, unused, reason = "generated code")]
    capstan_sdk::exports!("capstan:target/upload-target", env!("CAPSTAN_WIT"));
    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);
    #[cfg(target_family = "wasm")]
    type Component = super::Gcs;
}

use capstan_sdk::content::Content;
use capstan_sdk::types::{
    ByteRange, Consumption, Description, GetOptions, ListOptions, Location, Object, Outcome as KeyOutcome, Page, Part, Problem,
    PutOptions, Report, Upload,
};
use capstan_sdk::{Failure, FutureReader, NamedValue, Outcome, StreamReader};

use crate::backend::client;
use crate::client::Sent;
use crate::upload_id::UploadId;
use crate::world::exports::capstan::target::{objects, target, uploads};

/// The component.
#[derive(Debug)]
pub struct Gcs;

impl target::Guest for Gcs {
    fn describe() -> Description {
        description::describe()
    }

    async fn validate(configuration: String) -> Outcome<Vec<Problem>> {
        Ok(config::problems(&configuration))
    }

    async fn probe() -> Outcome<Report> {
        prober::probe(&*client()?).await
    }

    async fn usage(location: Option<String>) -> Outcome<Consumption> {
        locations::usage(&*client()?, location.as_deref()).await
    }
}

impl objects::Guest for Gcs {
    async fn list_locations() -> Outcome<Vec<Location>> {
        locations::list(&*client()?).await
    }

    async fn create_location(name: String, _attempt: String, extras: Vec<NamedValue>) -> Outcome<Location> {
        locations::create(&*client()?, &name, &extras).await
    }

    async fn delete_location(name: String, _attempt: String) -> Outcome<()> {
        locations::delete(&*client()?, &name).await
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
        writer::delete_many(&*client()?, &location, keys).await
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

    /// Objects of every class are online, so there is nothing to ask for.
    async fn restore(location: String, key: String, _days: u32, _attempt: String, _extras: Vec<NamedValue>) -> Outcome<Object> {
        reader::head(&*client()?, (&location, &key), &reader::any()).await
    }
}

impl uploads::Guest for Gcs {
    async fn begin(location: String, key: String, size: u64, attempt: String, options: PutOptions) -> Outcome<Upload> {
        parts::begin(&*client()?, (&location, &key), size, &attempt, &options).await
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
        let id = UploadId::parse(&upload)?;
        parts::put_part(&*client()?, (&location, &key), &id, number, Sent::Content { content, offset, length }).await
    }

    async fn list_parts(location: String, key: String, upload: String, after: u32, limit: u32) -> Outcome<Vec<Part>> {
        parts::list(&*client()?, (&location, &key), &UploadId::parse(&upload)?, after, limit).await
    }

    async fn complete(
        location: String,
        key: String,
        upload: String,
        parts: Vec<Part>,
        _attempt: String,
        options: PutOptions,
    ) -> Outcome<Object> {
        parts::complete(&*client()?, (&location, &key), &UploadId::parse(&upload)?, parts, options).await
    }

    async fn abort(location: String, key: String, upload: String) -> Outcome<()> {
        match UploadId::parse(&upload) {
            Ok(id) => parts::abort(&*client()?, (&location, &key), &id).await,
            // One that none of ours is, is none.
            Err(_) => Ok(()),
        }
    }
}
