//! The reference target: objects in the plugin's own memory, for tests and for vendors to read.
//!
//! It holds to the whole contract (order, idempotency, conditions, ranges, parts) in as little code as that takes. Its data lives
//! in one instance, so its session is exclusive and a restart empties it: the one promise of a target it does not keep.
//! The bytes pass through the plugin on purpose; a backend that can hand streams on does, as `s3` shows.

mod backend;
mod config;
mod description;
mod lister;
mod reader;
mod writer;

/// The ABI's side, generated.
mod world {
    #![allow(clippy::all, clippy::unwrap_used, clippy::panic, reason = "generated code")]
    #![allow(unsafe_code, unreachable_pub, unused, reason = "generated code")]
    capstan_sdk::exports!("capstan:target/upload-target", env!("CAPSTAN_WIT"));
    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);
    #[cfg(target_family = "wasm")]
    type Component = super::Memory;
}

use capstan_sdk::content::Content;
use capstan_sdk::types::{
    ByteRange, Consumption, Description, GetOptions, ListOptions, Location, Object, Outcome as KeyOutcome, Page, Part, Problem,
    PutOptions, Report, Upload,
};
use capstan_sdk::{Failure, FutureReader, NamedValue, Outcome, StreamReader};

use crate::backend::store;
use crate::world::exports::capstan::target::{objects, target, uploads};

/// The component.
#[derive(Debug)]
pub struct Memory;

impl target::Guest for Memory {
    fn describe() -> Description {
        description::describe()
    }

    async fn validate(configuration: String) -> Outcome<Vec<Problem>> {
        Ok(config::problems(&configuration))
    }

    async fn probe() -> Outcome<Report> {
        let locations = store()?.borrow().locations();
        Ok(Report { latency_us: 0, clock_skew_ms: None, locations, extras: Vec::new() })
    }

    async fn usage(location: Option<String>) -> Outcome<Consumption> {
        store()?.borrow().usage(location.as_deref())
    }
}

impl objects::Guest for Memory {
    async fn list_locations() -> Outcome<Vec<Location>> {
        Ok(store()?.borrow().locations())
    }

    async fn create_location(name: String, _attempt: String, _extras: Vec<NamedValue>) -> Outcome<Location> {
        store()?.borrow_mut().create_location(&name)
    }

    async fn delete_location(name: String, _attempt: String) -> Outcome<()> {
        store()?.borrow_mut().delete_location(&name)
    }

    async fn put(location: String, key: String, content: &Content, attempt: String, options: PutOptions) -> Outcome<Object> {
        writer::put(&location, &key, content, attempt, options).await
    }

    async fn get(
        location: String,
        key: String,
        range: Option<ByteRange>,
        options: GetOptions,
    ) -> Outcome<(Object, StreamReader<u8>, FutureReader<Result<(), Failure>>)> {
        reader::get(&location, &key, range, &options)
    }

    async fn head(location: String, key: String, options: GetOptions) -> Outcome<Object> {
        store()?.borrow().stored(&location, &key, options.if_match.as_deref()).map(|stored| stored.object(&key))
    }

    async fn list(location: String, options: ListOptions) -> Outcome<Page> {
        lister::page(store()?.borrow().keys(&location)?, &options)
    }

    async fn delete_many(location: String, keys: Vec<String>, _attempt: String) -> Outcome<Vec<KeyOutcome>> {
        store()?.borrow_mut().delete(&location, keys)
    }

    async fn copy(
        source_location: String,
        source_key: String,
        location: String,
        key: String,
        attempt: String,
        options: PutOptions,
    ) -> Outcome<Object> {
        store()?.borrow_mut().copy((&source_location, &source_key), (&location, &key), attempt, options)
    }

    async fn restore(location: String, key: String, _days: u32, _attempt: String, _extras: Vec<NamedValue>) -> Outcome<Object> {
        // Nothing here is ever cold, so every object is restored already.
        store()?.borrow().stored(&location, &key, None).map(|stored| stored.object(&key))
    }
}

impl uploads::Guest for Memory {
    async fn begin(location: String, key: String, size: u64, attempt: String, options: PutOptions) -> Outcome<Upload> {
        store()?.borrow_mut().begin((&location, &key), size, attempt, options)
    }

    async fn put_part(
        _location: String,
        _key: String,
        upload: String,
        number: u32,
        content: &Content,
        offset: u64,
        length: u64,
    ) -> Outcome<Part> {
        writer::put_part(&upload, number, content, offset, length).await
    }

    async fn list_parts(_location: String, _key: String, upload: String, after: u32, limit: u32) -> Outcome<Vec<Part>> {
        store()?.borrow().parts(&upload, after, limit)
    }

    async fn complete(
        location: String,
        key: String,
        upload: String,
        parts: Vec<Part>,
        attempt: String,
        options: PutOptions,
    ) -> Outcome<Object> {
        store()?.borrow_mut().complete((&location, &key), &upload, &parts, attempt, options)
    }

    async fn abort(_location: String, _key: String, upload: String) -> Outcome<()> {
        store()?.borrow_mut().abort(&upload);
        Ok(())
    }
}
