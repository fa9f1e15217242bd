//! Volumes of a Zadara VPSA: its REST API for what they are, iSCSI for their bytes.
//!
//! A location is a storage pool, a drive a volume in it, whose display name is the caller's name. What the API does not keep is in
//! the target's state: by which attempt a drive was made, which volume it is, which snapshots are its own. The state is written
//! before the VPSA is asked; from then on a drive is its volume's id, and names are for people, and for finding what was ordered.
//!
//! The API answers most requests at once and goes on by itself: a volume is looked at until it is `Available` or `In-use`. What
//! takes longer than a call is `busy`, and the same attempt looks again. Sizes are whole GB of 2^30 bytes; a volume grows by what
//! is added to it.
//!
//! The bytes go over iSCSI sessions of this host, which is a server of the VPSA under its initiator's name; the volume is attached
//! to it when its bytes are first asked for. A login is by CHAP with the name and secret that the API tells, or with configured
//! ones, whose secret stays in the host. The host's own peer of an attached drive is `calls`.
//!
//! What is left where a call dies, and who finds it:
//!
//! | the process or the answer is lost | what is there | the next call |
//! |---|---|---|
//! | before the record of a new drive | nothing | begins |
//! | after it, before or in the order (create, clone) | a record `making`; perhaps a volume of that name | the attempt finds the volume by its name, or orders it; delete takes both away |
//! | while the VPSA works on it | the same, `Creating` | the attempt waits on |
//! | before the record says `ready` | a whole volume nobody is told of | the attempt finds it and says so |
//! | in expand | the old size or the new one | looks at the size, once the volume is at rest, and adds what is missing |
//! | in delete, after the record says `deleting` | some volumes, snapshots | delete begins again with what is left; nothing else finds the drive |
//! | in a snapshot | a record `making`; perhaps a snapshot of that name | the attempt finds it by its name in the group |
//! | in restore, before the record names the new volume | the drive as it was; perhaps a volume of a name of its own | the attempt goes on with that volume, another one and delete remove it |
//! | in restore, after it | the drive as it was to be; the old volume is called as before | the attempt finds it done; the old volume goes with the last of its snapshots |
//! | in a write, or the session breaks in it | old and new blocks mixed, inside the range | sent again over a new session that ends the old one; or the caller writes again |
//! | in attach, detach | attached or not | looks at the volume's servers |
//!
//! Source: the operations that `zadarapy` (Apache-2.0) and OpenStack's driver send; SPC-4, SBC-3 and RFC 7143 for the bytes.

mod access;
mod answers;
mod bytes;
mod client;
mod config;
mod description;
mod disk;
mod drives;
mod error;
mod holes;
mod lane;
mod link;
mod outside;
mod pools;
mod record;
mod remover;
mod sense;
mod snapshots;
#[cfg(test)]
mod tests;

// The simulator is started by what starts it for the host's tests too: its files are compiled in here, as the crate around them
// needs half of the host.
#[cfg(test)]
#[path = "../../../tests/servers/src/ports.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod ports;
#[cfg(test)]
#[path = "../../../tests/servers/src/process.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod process;
#[cfg(test)]
#[path = "../../../tests/servers/src/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod program;
#[cfg(test)]
#[path = "../../../tests/servers/src/relay.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod relay;
#[cfg(test)]
#[path = "../../../tests/servers/src/vpsa/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod vpsa;

/// The ABI's side, generated.
mod world {
    #![allow(clippy::all, clippy::unwrap_used, clippy::panic, reason = "generated code")]
    #![allow(unsafe_code, unreachable_pub, unused, reason = "generated code")]
    capstan_sdk::exports!("capstan:target/drive-target", env!("CAPSTAN_WIT"));
    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);
    #[cfg(target_family = "wasm")]
    type Component = super::Zadara;
}

use capstan_sdk::content::Content;
use capstan_sdk::types::{
    Attachment, Consumption, Description, Drive, DriveLimits, DrivePage, ExtentPage, Location, Problem, Report, Snapshot,
    SnapshotPage,
};
use capstan_sdk::{Failure, FutureReader, NamedValue, Outcome, StreamReader, spawn_local};

use crate::disk::Piece;
use crate::record::Place;
use crate::world::exports::capstan::target::{drives as facet, target};
use crate::world::{wit_future, wit_stream};

/// The component.
#[derive(Debug)]
pub struct Zadara;

impl target::Guest for Zadara {
    fn describe() -> Description {
        description::describe()
    }

    async fn validate(configuration: String) -> Outcome<Vec<Problem>> {
        Ok(config::problems(&configuration))
    }

    async fn probe() -> Outcome<Report> {
        pools::probe().await
    }

    async fn usage(location: Option<String>) -> Outcome<Consumption> {
        pools::usage(location.as_deref()).await
    }
}

impl facet::Guest for Zadara {
    async fn list_locations() -> Outcome<Vec<Location>> {
        pools::locations().await
    }

    async fn limits(location: String) -> Outcome<DriveLimits> {
        pools::limits(&location).await
    }

    async fn get(location: String, name: String) -> Outcome<Drive> {
        drives::get(Place::new(&location, &name)?).await
    }

    async fn list(location: String, after: Option<String>, limit: u32) -> Outcome<DrivePage> {
        drives::list(&location, after.as_deref(), limit).await
    }

    async fn create(location: String, name: String, size: u64, attempt: String, _extras: Vec<NamedValue>) -> Outcome<Drive> {
        drives::create(Place::new(&location, &name)?, size, &attempt).await
    }

    async fn resize(location: String, name: String, size: u64, _attempt: String) -> Outcome<Drive> {
        drives::resize(Place::new(&location, &name)?, size).await
    }

    async fn clone(
        location: String,
        name: String,
        snapshot: Option<String>,
        to: String,
        attempt: String,
        _extras: Vec<NamedValue>,
    ) -> Outcome<Drive> {
        drives::clone(Place::new(&location, &name)?, snapshot.as_deref(), &to, &attempt).await
    }

    async fn delete(location: String, name: String, _attempt: String) -> Outcome<()> {
        remover::delete(Place::new(&location, &name)?).await
    }

    async fn take_snapshot(location: String, name: String, snapshot: String, attempt: String) -> Outcome<Snapshot> {
        snapshots::take(Place::new(&location, &name)?, &snapshot, &attempt).await
    }

    async fn list_snapshots(location: String, name: String, after: Option<String>, limit: u32) -> Outcome<SnapshotPage> {
        snapshots::list(Place::new(&location, &name)?, after.as_deref(), limit).await
    }

    async fn restore_snapshot(location: String, name: String, snapshot: String, attempt: String) -> Outcome<Drive> {
        snapshots::restore(Place::new(&location, &name)?, &snapshot, &attempt).await
    }

    async fn delete_snapshot(location: String, name: String, snapshot: String, _attempt: String) -> Outcome<()> {
        snapshots::delete(Place::new(&location, &name)?, &snapshot).await
    }

    async fn read(
        location: String,
        name: String,
        offset: u64,
        length: u64,
    ) -> Outcome<(Drive, StreamReader<u8>, FutureReader<Result<(), Failure>>)> {
        let (drive, reading) = bytes::read(Place::new(&location, &name)?, Piece { offset, length }).await?;
        let (mut stream, reader) = wit_stream::new::<u8>();
        let (end, ended) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
        spawn_local(async move {
            let outcome = reading.pour(&mut stream).await;
            drop(stream);
            // Whoever dropped the stream may not want to know.
            let _ = end.write(outcome).await;
        });
        Ok((drive, reader, ended))
    }

    async fn write(location: String, name: String, offset: u64, content: &Content, _attempt: String) -> Outcome<()> {
        bytes::write(Place::new(&location, &name)?, offset, content).await
    }

    async fn discard(location: String, name: String, offset: u64, length: u64, _attempt: String) -> Outcome<()> {
        holes::discard(Place::new(&location, &name)?, Piece { offset, length }).await
    }

    async fn flush(location: String, name: String) -> Outcome<()> {
        bytes::flush(Place::new(&location, &name)?).await
    }

    async fn extents(location: String, name: String, offset: u64, length: u64, limit: u32) -> Outcome<ExtentPage> {
        holes::extents(Place::new(&location, &name)?, Piece { offset, length }, limit).await
    }

    async fn attach(location: String, name: String, read_only: bool, _attempt: String) -> Outcome<Attachment> {
        access::attach(Place::new(&location, &name)?, read_only).await
    }

    async fn detach(location: String, name: String, _attempt: String) -> Outcome<()> {
        access::detach_drive(Place::new(&location, &name)?).await
    }
}
