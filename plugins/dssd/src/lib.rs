//! Drives on Ceph: images of an RBD pool, ordered about through the dashboard of the cluster's manager, their bytes over NBD from a
//! storage daemon (`qemu-storage-daemon`) that has them open.
//!
//! ```text
//!              ┌─ REST ─▶ dashboard of ceph-mgr ──▶ images, snapshots, clones
//!   the plugin ┼─ QMP ──▶ qemu-storage-daemon ────▶ which images are open, under which names
//!              └─ NBD ──▶ the same ───────────────▶ bytes
//! ```
//!
//! One target is one pool, and it is one location. Which drives were made through it stands in the host's state (`ledger`); how the
//! cluster calls them, in `names`. Calls do not share connections to bytes: each has one to itself while it runs and leaves it for
//! the next. What goes to a drive goes natively from the host; what comes from it passes through here.
//!
//! What becomes of a call that dies in its middle stands with each: `drives`, `clones`, `snapshots`, `tidy`, `exports`.
//!
//! Sources: the Ceph manager's own description of its interface (`/api` of the dashboard), QEMU's QMP reference, and the protocol
//! document of NBD. What the first does not say was tried on Ceph 16.

mod backend;
mod bytes;
mod client;
mod clones;
mod config;
mod description;
mod drives;
mod error;
mod exports;
mod images;
mod lane;
mod ledger;
mod link;
mod names;
mod pool;
mod qmp;
mod snapshots;
mod tidy;
mod token;

/// The ABI's side, generated.
mod world {
    #![allow(clippy::all, clippy::unwrap_used, clippy::panic, reason = "generated code")]
    #![allow(unsafe_code, unreachable_pub, unused, reason = "generated code")]
    capstan_sdk::exports!("capstan:target/drive-target", env!("CAPSTAN_WIT"));
    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);
    #[cfg(target_family = "wasm")]
    type Component = super::Dssd;
}

use capstan_sdk::content::Content;
use capstan_sdk::types::{
    Attachment, Consumption, Description, Drive, DriveLimits, DrivePage, ExtentPage, Location, Problem, Report, Snapshot,
    SnapshotPage,
};
use capstan_sdk::{Failure, FutureReader, NamedValue, Outcome, StreamReader};

use crate::backend::client;
use crate::lane::Subject;
use crate::world::exports::capstan::target::{drives as facet, target};

/// The component.
#[derive(Debug)]
pub struct Dssd;

impl target::Guest for Dssd {
    fn describe() -> Description {
        description::describe()
    }

    async fn validate(configuration: String) -> Outcome<Vec<Problem>> {
        Ok(config::problems(&configuration))
    }

    async fn probe() -> Outcome<Report> {
        pool::probe(&*client()?).await
    }

    async fn usage(location: Option<String>) -> Outcome<Consumption> {
        pool::usage(&*client()?, location.as_deref()).await
    }
}

impl facet::Guest for Dssd {
    async fn list_locations() -> Outcome<Vec<Location>> {
        Ok(pool::locations(&*client()?))
    }

    async fn limits(location: String) -> Outcome<DriveLimits> {
        drives::limits(&*client()?, &location).await
    }

    async fn get(location: String, name: String) -> Outcome<Drive> {
        drives::get(&Subject::new(&*client()?, &location, &name)?).await
    }

    async fn list(location: String, after: Option<String>, limit: u32) -> Outcome<DrivePage> {
        drives::list(&*client()?, &location, after.as_deref(), limit).await
    }

    async fn create(location: String, name: String, size: u64, attempt: String, _extras: Vec<NamedValue>) -> Outcome<Drive> {
        drives::create(&Subject::new(&*client()?, &location, &name)?, size, &attempt).await
    }

    async fn resize(location: String, name: String, size: u64, _attempt: String) -> Outcome<Drive> {
        drives::resize(&Subject::new(&*client()?, &location, &name)?, size).await
    }

    async fn clone(
        location: String,
        name: String,
        snapshot: Option<String>,
        to: String,
        attempt: String,
        _extras: Vec<NamedValue>,
    ) -> Outcome<Drive> {
        let client = client()?;
        let (source, to) = (Subject::new(&client, &location, &name)?, Subject::new(&client, &location, &to)?);
        clones::clone(&source, snapshot.as_deref(), &to, &attempt).await
    }

    async fn delete(location: String, name: String, _attempt: String) -> Outcome<()> {
        drives::delete(&Subject::new(&*client()?, &location, &name)?).await
    }

    async fn take_snapshot(location: String, name: String, snapshot: String, attempt: String) -> Outcome<Snapshot> {
        snapshots::take(&Subject::new(&*client()?, &location, &name)?, &snapshot, &attempt).await
    }

    async fn list_snapshots(location: String, name: String, after: Option<String>, limit: u32) -> Outcome<SnapshotPage> {
        snapshots::list(&Subject::new(&*client()?, &location, &name)?, after.as_deref(), limit).await
    }

    async fn restore_snapshot(location: String, name: String, snapshot: String, attempt: String) -> Outcome<Drive> {
        snapshots::restore(&Subject::new(&*client()?, &location, &name)?, &snapshot, &attempt).await
    }

    async fn delete_snapshot(location: String, name: String, snapshot: String, _attempt: String) -> Outcome<()> {
        snapshots::delete(&Subject::new(&*client()?, &location, &name)?, &snapshot).await
    }

    async fn read(
        location: String,
        name: String,
        offset: u64,
        length: u64,
    ) -> Outcome<(Drive, StreamReader<u8>, FutureReader<Result<(), Failure>>)> {
        bytes::read(&*client()?, &location, &name, offset, length).await
    }

    async fn write(location: String, name: String, offset: u64, content: &Content, _attempt: String) -> Outcome<()> {
        bytes::write(&Subject::new(&*client()?, &location, &name)?, offset, content).await
    }

    async fn discard(location: String, name: String, offset: u64, length: u64, _attempt: String) -> Outcome<()> {
        bytes::discard(&Subject::new(&*client()?, &location, &name)?, offset, length).await
    }

    async fn flush(location: String, name: String) -> Outcome<()> {
        bytes::flush(&Subject::new(&*client()?, &location, &name)?).await
    }

    async fn extents(location: String, name: String, offset: u64, length: u64, limit: u32) -> Outcome<ExtentPage> {
        bytes::extents(&Subject::new(&*client()?, &location, &name)?, offset, length, limit).await
    }

    async fn attach(location: String, name: String, read_only: bool, _attempt: String) -> Outcome<Attachment> {
        drives::attach(&Subject::new(&*client()?, &location, &name)?, read_only).await
    }

    async fn detach(location: String, name: String, _attempt: String) -> Outcome<()> {
        drives::detach(&Subject::new(&*client()?, &location, &name)?).await
    }
}
