//! Tape libraries: the robot and the drives of an iSCSI target, or of the host itself, by SCSI.
//!
//! A location is a cartridge, by the label that the library reads. Robot and drives are units of one target, or devices that the target
//! was granted; each has a session of its own, and its calls wait for each other. What a drive can do is asked of it, and one that does not know where it is, or does not find a place by its
//! number, is served by rewinding and counting.
//!
//! Nothing is believed from before: the inventory is asked for in each call, and a place is only known while the session lives and the drive
//! says that nothing happened to it.
//!
//! What is left where a call dies, and who finds it:
//!
//! | the process or the answer is lost | what is there | the next call |
//! |---|---|---|
//! | in a move, a load, an unload | the cartridge where it was, where it was to be, or in the arm | looks where it lies |
//! | in a write, after its record | blocks up to somewhere | the same attempt writes them again from their first place; another one finds that the data does not end there |
//! | in a write, before the record says that it is done | all of it | the same attempt writes it again |
//! | after it | all of it | the same attempt is told what was done |
//! | in a format | a cartridge without a label, or with one | the same attempt begins again |
//! | in a read, `locate`, `space` | the tape somewhere | asks the drive, or rewinds |
//!
//! A cartridge's files are [`volumes`]' own affair, with a table of its own.
//!
//! Source: SPC-4, SMC-3, SSC-4 and RFC 7143.

mod checksum;
mod cleaning;
mod config;
mod counters;
mod description;
mod device;
mod entry;
mod health;
mod held;
mod inventory;
mod label;
mod lane;
mod link;
mod local;
mod medium;
mod outside;
mod plan;
mod reading;
mod record;
mod refused;
mod robot;
mod site;
mod stream;
mod tape;
#[cfg(test)]
mod tests;
mod transport;
mod unit;
mod volumes;
mod ways;

// The library is started by what starts it for the host's tests too: its files are compiled in here, as the crate around them needs half
// of the host.
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
#[path = "../../../tests/servers/src/tgt_source.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod tgt_source;
#[cfg(test)]
#[path = "../../../tests/servers/src/vtl.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod vtl;

/// The ABI's side, generated.
mod world {
    #![allow(clippy::all, clippy::unwrap_used, clippy::panic, reason = "generated code")]
    #![allow(unsafe_code, unreachable_pub, unused, reason = "generated code")]
    capstan_sdk::exports!("capstan:target/tape-target", env!("CAPSTAN_WIT"));
    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);
    #[cfg(target_family = "wasm")]
    type Component = super::Tapes;
}

use std::time::Instant;

use capstan_sdk::content::Content;
use capstan_sdk::failure::unsupported;
use capstan_sdk::types::{
    Attributes, ByteRange, Consumption, Description, Element, ElementPage, Health, Library, Location, Medium, Node, NodePage,
    Place, Problem, PutOptions, Report, Spacing, TapeDrive, Written,
};
use capstan_sdk::{Failure, FutureReader, NamedValue, Outcome, StreamReader, spawn_local};

use crate::site::site;
use crate::stream::Laying;
use crate::tape::Spot;
use crate::world::exports::capstan::target::{files, media as facet, target};
use crate::world::{wit_future, wit_stream};

/// The component.
#[derive(Debug)]
pub struct Tapes;

impl target::Guest for Tapes {
    fn describe() -> Description {
        description::describe()
    }

    async fn validate(configuration: String) -> Outcome<Vec<Problem>> {
        Ok(config::problems(&configuration))
    }

    async fn probe() -> Outcome<Report> {
        probe().await
    }

    async fn usage(location: Option<String>) -> Outcome<Consumption> {
        usage(location.as_deref()).await
    }
}

async fn probe() -> Outcome<Report> {
    let locations = inventory::locations().await?;
    // One way there and back, over a session that stands.
    let site = site().await?;
    let began = Instant::now();
    if let Some(robot) = site.robots.first() {
        let mut taken = robot.take().await?;
        taken.it.good(&capstan_scsi::primary::test_unit_ready(), capstan_iscsi::Data::None).await?;
        taken.give_back();
    }
    let latency_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(Report { latency_us, clock_skew_ms: None, locations, extras: Vec::new() })
}

/// A cartridge tells what is on it only in a drive, and to be asked it is not loaded.
async fn usage(location: Option<&str>) -> Outcome<Consumption> {
    let Some(cartridge) = location else {
        return Ok(Consumption { used: None, capacity: None, objects: None, extras: Vec::new() });
    };
    let site = site().await?;
    inventory::holder(&site, cartridge).await?;
    Ok(volumes::usage(cartridge))
}

impl facet::Guest for Tapes {
    async fn list_locations() -> Outcome<Vec<Location>> {
        inventory::locations().await
    }

    async fn list_libraries() -> Outcome<Vec<Library>> {
        inventory::libraries().await
    }

    async fn list_elements(library: String, after: Option<String>, limit: u32) -> Outcome<ElementPage> {
        inventory::elements(&library, after.as_deref(), limit).await
    }

    async fn list_drives() -> Outcome<Vec<TapeDrive>> {
        inventory::drives().await
    }

    async fn take_inventory(library: String, _attempt: String) -> Outcome<()> {
        robot::take_inventory(&library).await
    }

    async fn move_cartridge(library: String, cartridge: String, to: u32, _attempt: String) -> Outcome<Element> {
        robot::move_cartridge(&library, &cartridge, to).await
    }

    async fn eject_cartridge(library: String, cartridge: String, _attempt: String) -> Outcome<Element> {
        robot::eject(&library, &cartridge).await
    }

    async fn admit_cartridge(library: String, mail_slot: u32, _attempt: String) -> Outcome<Element> {
        robot::admit(&library, mail_slot).await
    }

    async fn load(cartridge: String, drive: Option<String>, _attempt: String) -> Outcome<TapeDrive> {
        volumes::load(&cartridge, drive.as_deref()).await
    }

    async fn unload(drive: String, _attempt: String) -> Outcome<()> {
        volumes::close(&drive).await?;
        robot::unload(&drive).await
    }

    async fn inspect(drive: String) -> Outcome<Medium> {
        medium::inspect(&drive).await
    }

    async fn examine(name: String) -> Outcome<Health> {
        health::examine(&name).await
    }

    async fn plan_reading(cartridge: String, paths: Vec<String>) -> Outcome<Vec<u32>> {
        volumes::order(&cartridge, &paths).await
    }

    async fn position(drive: String) -> Outcome<Place> {
        ways::position(&drive).await
    }

    async fn locate(drive: String, partition: u32, object: u64) -> Outcome<Place> {
        ways::locate(&drive, Spot::new(partition, object)?).await
    }

    async fn space(drive: String, by: Spacing, count: i64) -> Outcome<Place> {
        ways::space(&drive, by, count).await
    }

    async fn read(
        drive: String,
        partition: u32,
        object: u64,
        length: u64,
    ) -> Outcome<(Place, StreamReader<u8>, FutureReader<Result<(), Failure>>)> {
        let using = volumes::Using::of(&drive);
        let (place, reading) = stream::read(&drive, Spot::new(partition, object)?, length).await?;
        let (mut stream, reader) = wit_stream::new::<u8>();
        let (end, ended) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
        spawn_local(async move {
            let outcome = reading.pour(&mut stream).await;
            drop((stream, using));
            // Whoever dropped the stream may not want to know.
            let _ = end.write(outcome).await;
        });
        Ok((place, reader, ended))
    }

    async fn write(
        drive: String,
        partition: u32,
        object: u64,
        truncate: bool,
        content: &Content,
        block: u32,
        filemarks: u32,
        attempt: String,
    ) -> Outcome<Written> {
        let laying = Laying { at: Spot::new(partition, object)?, truncate, block, filemarks };
        let _using = volumes::Using::of(&drive);
        volumes::close(&drive).await?;
        medium::write(&drive, laying, content, &attempt).await
    }

    async fn synchronize(drive: String) -> Outcome<Place> {
        ways::synchronize(&drive).await
    }

    async fn format(drive: String, label: String, attempt: String, extras: Vec<NamedValue>) -> Outcome<Medium> {
        let _using = volumes::Using::of(&drive);
        volumes::format(&drive, &label, &attempt, &extras).await
    }
}

impl files::Guest for Tapes {
    async fn list_locations() -> Outcome<Vec<Location>> {
        inventory::locations().await
    }

    async fn stat(location: String, path: String) -> Outcome<Node> {
        volumes::stat(&location, &path).await
    }

    async fn read_directory(location: String, path: String, after: Option<String>, limit: u32) -> Outcome<NodePage> {
        volumes::page(&location, &path, after.as_deref(), limit).await
    }

    async fn read(
        location: String,
        path: String,
        range: Option<ByteRange>,
    ) -> Outcome<(Node, StreamReader<u8>, FutureReader<Result<(), Failure>>)> {
        let (node, reading) = volumes::read(&location, &path, range).await?;
        let (mut stream, reader) = wit_stream::new::<u8>();
        let (end, ended) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
        spawn_local(async move {
            let outcome = reading.pour(&mut stream).await;
            drop(stream);
            // Whoever dropped the stream may not want to know.
            let _ = end.write(outcome).await;
        });
        Ok((node, reader, ended))
    }

    async fn write(location: String, path: String, content: &Content, attempt: String, options: PutOptions) -> Outcome<Node> {
        volumes::write(&location, &path, content, &attempt, &options).await
    }

    async fn make_directory(location: String, path: String, _attempt: String) -> Outcome<()> {
        volumes::make_directory(&location, &path).await
    }

    async fn remove(location: String, path: String, _attempt: String) -> Outcome<()> {
        volumes::remove(&location, &path).await
    }

    async fn rename(location: String, path: String, to: String, replace: bool, _attempt: String) -> Outcome<()> {
        volumes::rename(&location, &path, &to, replace).await
    }

    async fn set_attributes(location: String, path: String, attributes: Attributes, _attempt: String) -> Outcome<Node> {
        volumes::set_attributes(&location, &path, &attributes).await
    }

    async fn make_link(location: String, path: String, target: String, _attempt: String) -> Outcome<Node> {
        volumes::make_link(&location, &path, &target).await
    }

    async fn get_xattrs(location: String, path: String) -> Outcome<Vec<(String, Vec<u8>)>> {
        volumes::xattrs(&location, &path).await
    }

    async fn set_xattr(location: String, path: String, name: String, value: Option<Vec<u8>>, _attempt: String) -> Outcome<()> {
        volumes::set_xattr(&location, &path, &name, value.as_deref()).await
    }

    async fn get_acl(_location: String, _path: String) -> Outcome<String> {
        Err(unsupported("files on tapes have no access control lists"))
    }

    async fn set_acl(_location: String, _path: String, _acl: String, _attempt: String) -> Outcome<()> {
        Err(unsupported("files on tapes have no access control lists"))
    }

    async fn sync(location: String, path: String) -> Outcome<()> {
        volumes::sync(&location, &path).await
    }
}
