//! Drives as sparse files in a directory of the host's own fast disks.
//!
//! The host holds the door and moves the bytes; this plugin gives the files their places, and sees to it that a drive is there
//! whole or not at all. `names` says what lies where.
//!
//! What is left when the process, or the machine, dies in the middle, and what the same attempt finds then:
//!
//! | of | died | left | the same attempt |
//! |---|---|---|---|
//! | create, clone, take-snapshot | before the rename | a `part-…` in `.capstan`, which nobody sees | takes it away, begins anew |
//! | | after it, before the sync of the folder | the volume, or, if the machine died, the `part-…` | syncs, answers it, or as above |
//! | | after the sync | the whole volume | answers it |
//! | resize | before the sync | the old or the new size; what was added is zeros | asks for it again, syncs |
//! | restore-snapshot | before the rename | the drive as it was, and a `part-…` | takes that away, begins anew |
//! | | after it | the drive as it was or restored, each whole | restores it once more: the same bytes |
//! | delete, delete-snapshot | before the rename | everything | begins anew |
//! | | after it | a `gone-…`, which nobody sees; if the machine died, perhaps all | syncs, takes away the rest |
//! | write, discard | anywhere | in that range old and new | writes the range again |
//! | attach | after the mark | the mark of an attachment | answers the same peer; `detach` takes the mark away |
//! | detach | between the marks | there is never more than one, but of two calls at once | takes away the other |
//! | probe | while it tries to share blocks | a `part-…` | is swept |
//!
//! What no attempt comes back for is swept by a probe: a `gone-…` at once, a `part-…` in which nothing changed for an hour. The
//! file of a drive only ever gets longer, and is replaced by a restore alone; changes of one drive at the same time are the host's
//! to keep apart.

mod attachments;
mod bytes;
mod config;
mod description;
mod drives;
mod hidden;
mod label;
mod names;
mod prober;
mod snapshots;
mod tree;
mod volume;

/// The ABI's side, generated.
mod world {
    #![allow(clippy::all, clippy::unwrap_used, clippy::panic, reason = "generated code")]
    #![allow(unsafe_code, unreachable_pub, unused, reason = "generated code")]
    capstan_sdk::exports!("capstan:target/drive-target", env!("CAPSTAN_WIT"));
    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);
    #[cfg(target_family = "wasm")]
    type Component = super::Nvme;
}

use capstan_sdk::content::Content;
use capstan_sdk::types::{
    Attachment, Consumption, Description, Drive, DriveLimits, DrivePage, ExtentPage, Location, Problem, Report, Snapshot,
    SnapshotPage,
};
use capstan_sdk::{Failure, FutureReader, NamedValue, Outcome, StreamReader};

use crate::world::exports::capstan::target::{drives as facet, target};

/// The component.
#[derive(Debug)]
pub struct Nvme;

impl target::Guest for Nvme {
    fn describe() -> Description {
        description::describe()
    }

    async fn validate(configuration: String) -> Outcome<Vec<Problem>> {
        Ok(config::problems(&configuration))
    }

    async fn probe() -> Outcome<Report> {
        prober::probe().await
    }

    async fn usage(location: Option<String>) -> Outcome<Consumption> {
        prober::usage(location.as_deref()).await
    }
}

impl facet::Guest for Nvme {
    async fn list_locations() -> Outcome<Vec<Location>> {
        Ok(prober::locations())
    }

    async fn limits(location: String) -> Outcome<DriveLimits> {
        prober::limits(&location).await
    }

    async fn get(location: String, name: String) -> Outcome<Drive> {
        drives::get(&location, &name).await
    }

    async fn list(location: String, after: Option<String>, limit: u32) -> Outcome<DrivePage> {
        drives::list(&location, after, limit).await
    }

    async fn create(location: String, name: String, size: u64, attempt: String, _extras: Vec<NamedValue>) -> Outcome<Drive> {
        drives::create(&location, &name, size, &attempt).await
    }

    async fn resize(location: String, name: String, size: u64, _attempt: String) -> Outcome<Drive> {
        drives::resize(&location, &name, size).await
    }

    async fn clone(
        location: String,
        name: String,
        snapshot: Option<String>,
        to: String,
        attempt: String,
        _extras: Vec<NamedValue>,
    ) -> Outcome<Drive> {
        drives::copy(&location, &name, snapshot.as_deref(), &to, &attempt).await
    }

    async fn delete(location: String, name: String, attempt: String) -> Outcome<()> {
        drives::delete(&location, &name, &attempt).await
    }

    async fn take_snapshot(location: String, name: String, snapshot: String, attempt: String) -> Outcome<Snapshot> {
        snapshots::take(&location, &name, &snapshot, &attempt).await
    }

    async fn list_snapshots(location: String, name: String, after: Option<String>, limit: u32) -> Outcome<SnapshotPage> {
        snapshots::list(&location, &name, after, limit).await
    }

    async fn restore_snapshot(location: String, name: String, snapshot: String, attempt: String) -> Outcome<Drive> {
        snapshots::restore(&location, &name, &snapshot, &attempt).await
    }

    async fn delete_snapshot(location: String, name: String, snapshot: String, attempt: String) -> Outcome<()> {
        snapshots::delete(&location, &name, &snapshot, &attempt).await
    }

    async fn read(
        location: String,
        name: String,
        offset: u64,
        length: u64,
    ) -> Outcome<(Drive, StreamReader<u8>, FutureReader<Result<(), Failure>>)> {
        bytes::read(&location, &name, offset, length).await
    }

    async fn write(location: String, name: String, offset: u64, content: &Content, _attempt: String) -> Outcome<()> {
        bytes::write(&location, &name, offset, content).await
    }

    async fn discard(location: String, name: String, offset: u64, length: u64, _attempt: String) -> Outcome<()> {
        bytes::discard(&location, &name, offset, length).await
    }

    async fn flush(location: String, name: String) -> Outcome<()> {
        bytes::flush(&location, &name).await
    }

    async fn extents(location: String, name: String, offset: u64, length: u64, limit: u32) -> Outcome<ExtentPage> {
        bytes::extents(&location, &name, offset, length, limit).await
    }

    async fn attach(location: String, name: String, read_only: bool, _attempt: String) -> Outcome<Attachment> {
        attachments::attach(&location, &name, read_only).await
    }

    async fn detach(location: String, name: String, _attempt: String) -> Outcome<()> {
        attachments::detach(&location, &name).await
    }
}
