//! Object stores that speak OpenStack Swift's API v1: Swift itself behind Keystone or TempAuth, and Ceph's gateway.
//!
//! The plugin fetches tokens, builds heads and reads answers. The bytes of objects go from the host's content to the host's
//! connection and back without entering it. This file is the ABI's side; everything else is plain Rust and tested natively.
//!
//! Sources: the OpenStack API references "Object Storage API v1" and "Identity API v3".

mod attributes;
mod backend;
mod call;
mod capabilities;
mod client;
mod conditions;
mod config;
mod copier;
mod deleter;
mod description;
mod error;
mod keystone;
mod lister;
mod locations;
mod manifest;
mod prober;
mod reader;
mod segments;
mod session;
mod tempauth;
mod uploads;
mod url;
mod writer;

/// The ABI's side, generated.
mod world {
    #![allow(clippy::all, clippy::unwrap_used, clippy::panic, reason = "generated code")]
    #![allow(unsafe_code, unreachable_pub, unused, reason = "generated code")]
    capstan_sdk::exports!("capstan:target/upload-target", env!("CAPSTAN_WIT"));
    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);
    #[cfg(target_family = "wasm")]
    type Component = super::Swift;
}

use capstan_sdk::content::Content;
use capstan_sdk::types::{
    ByteRange, Consumption, Description, GetOptions, ListOptions, Location, Object, Outcome as KeyOutcome, Page, Part, Problem,
    PutOptions, Report, Upload,
};
use capstan_sdk::{Failure, FutureReader, NamedValue, Outcome, StreamReader};

use crate::backend::client;
use crate::call::{Payload, check_new_key};
use crate::world::exports::capstan::target::{objects, target, uploads as parts};

/// The component.
#[derive(Debug)]
pub struct Swift;

impl target::Guest for Swift {
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

impl objects::Guest for Swift {
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
        check_new_key(&key)?;
        writer::put(&*client()?, &location, &key, content, &attempt, options).await
    }

    async fn get(
        location: String,
        key: String,
        range: Option<ByteRange>,
        options: GetOptions,
    ) -> Outcome<(Object, StreamReader<u8>, FutureReader<Result<(), Failure>>)> {
        reader::get(&*client()?, &location, &key, range.as_ref(), &options).await
    }

    async fn head(location: String, key: String, options: GetOptions) -> Outcome<Object> {
        reader::head(&*client()?, &location, &key, &options).await
    }

    async fn list(location: String, options: ListOptions) -> Outcome<Page> {
        lister::list(&*client()?, &location, &options).await
    }

    async fn delete_many(location: String, keys: Vec<String>, _attempt: String) -> Outcome<Vec<KeyOutcome>> {
        deleter::delete_many(&*client()?, &location, keys).await
    }

    async fn copy(
        source_location: String,
        source_key: String,
        location: String,
        key: String,
        attempt: String,
        options: PutOptions,
    ) -> Outcome<Object> {
        check_new_key(&key)?;
        copier::copy(&*client()?, (&source_location, &source_key), (&location, &key), &attempt, options).await
    }

    async fn restore(_location: String, _key: String, _days: u32, _attempt: String, _extras: Vec<NamedValue>) -> Outcome<Object> {
        Err(capstan_sdk::failure::unsupported("Swift has no cold storage: its objects are always online"))
    }
}

impl parts::Guest for Swift {
    async fn begin(location: String, key: String, size: u64, attempt: String, options: PutOptions) -> Outcome<Upload> {
        check_new_key(&key)?;
        uploads::begin(&*client()?, &location, &key, size, &attempt, &options).await
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
        uploads::put_part(&*client()?, (&location, &key), &upload, number, Payload { content, offset, length }).await
    }

    async fn list_parts(location: String, key: String, upload: String, after: u32, limit: u32) -> Outcome<Vec<Part>> {
        uploads::list(&*client()?, (&location, &key), &upload, after, limit).await
    }

    async fn complete(
        location: String,
        key: String,
        upload: String,
        parts: Vec<Part>,
        attempt: String,
        options: PutOptions,
    ) -> Outcome<Object> {
        uploads::complete(&*client()?, (&location, &key), &upload, parts, &attempt, options).await
    }

    async fn abort(location: String, key: String, upload: String) -> Outcome<()> {
        uploads::abort(&*client()?, (&location, &key), &upload).await
    }
}
