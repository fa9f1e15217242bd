//! A library of the simulator behind the sandboxed plugin, and the one cartridge in it.

use std::cell::Cell;

use anyhow::Context;
use capstan_domain::grant::Power;
use capstan_domain::ids::TargetId;
use capstan_domain::secret::SecretText;
use capstan_grants::Granted;
use capstan_runtime::TargetSettings;
use capstan_tape_simulator::time::{Spot, Totals};
use capstan_test_servers::TapeSimulator;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::plugin::failed;
use crate::share::Share;

pub(super) const LABEL: &str = "CAP001L9";
const SERIAL: &str = "BENCH00001";
/// Bytes of the simulator's tape that a record takes beside its data.
const OVERHEAD: u64 = 4;

/// An object of a partition, numbered from 0.
pub(super) type Place = (u8, u64);

pub(super) struct Library<'r> {
    simulator: TapeSimulator,
    pub share: Share,
    runtime: &'r Runtime,
    attempts: Cell<u64>,
}

/// `features`: of each drive. `sink`: nothing is kept of large blocks.
pub(super) fn plan(features: &[Value], capacity: u64, sink: bool, scale: &Value) -> Value {
    let drives: Vec<Value> = features.iter().map(|features| json!({ "features": features })).collect();
    let cartridge = json!({ "barcode": LABEL, "capacity": capacity, "sink": sink });
    json!({ "serial": SERIAL, "drives": drives, "slots": 4, "mail-slots": 1, "cartridges": [cartridge], "scale": scale })
}

/// The name of a drive by its number, from 0.
fn drive_name(number: usize) -> String {
    format!("{SERIAL}D{number:02}")
}

impl<'r> Library<'r> {
    pub(super) fn open(simulator: TapeSimulator, runtime: &'r Runtime) -> anyhow::Result<Self> {
        let share = Share::open("tape.wasm", LABEL, runtime, |plugin| settings(plugin, simulator.port))?;
        Ok(Self { simulator, share, runtime, attempts: Cell::new(0) })
    }

    /// The simulator goes on without the plugin.
    pub(super) fn close(self) -> TapeSimulator {
        self.simulator
    }

    /// Nobody else uses this key.
    fn attempt(&self) -> String {
        self.attempts.set(self.attempts.get() + 1);
        format!("bench-{}", self.attempts.get())
    }

    pub(super) fn load(&self, drive: usize) -> anyhow::Result<()> {
        let (media, name, attempt) = (self.share.media()?, drive_name(drive), self.attempt());
        self.runtime.block_on(media.load(LABEL, Some(&name), &attempt)).map_err(failed).context("load")?;
        Ok(())
    }

    /// The cartridge into one of the two drives, wherever it is.
    pub(super) fn bring(&self, drive: usize) -> anyhow::Result<()> {
        self.unload(1 - drive)?;
        self.load(drive)
    }

    fn unload(&self, drive: usize) -> anyhow::Result<()> {
        let (media, name, attempt) = (self.share.media()?, drive_name(drive), self.attempt());
        self.runtime.block_on(media.unload(&name, &attempt)).map_err(failed).context("unload")
    }

    /// For files, in the way that the plugin takes for this drive.
    pub(super) fn format(&self, drive: usize) -> anyhow::Result<()> {
        let (media, name, attempt) = (self.share.media()?, drive_name(drive), self.attempt());
        self.runtime.block_on(media.format(&name, LABEL, &attempt, Vec::new())).map_err(failed).context("format")?;
        Ok(())
    }

    /// What a drive did since `reset`.
    pub(super) fn totals(&self, drive: usize) -> anyhow::Result<Totals> {
        let all = self.simulator.order(&json!({ "order": "totals" }))?;
        let of = all.pointer(&format!("/drives/{drive}")).with_context(|| format!("no drive {drive} in {all}"))?;
        Ok(serde_json::from_value(of.clone())?)
    }

    pub(super) fn reset(&self) -> anyhow::Result<()> {
        self.simulator.order(&json!({ "order": "reset-totals" })).map(drop)
    }

    /// Where a drive is.
    pub(super) fn place(&self, drive: usize) -> anyhow::Result<Place> {
        let place = self.simulator.order(&json!({ "order": "place", "drive": drive }))?;
        let number = |member: &str| place.get(member).and_then(Value::as_u64).with_context(|| format!("no {member} in {place}"));
        Ok((u8::try_from(number("partition")?)?, number("record")?))
    }

    /// Where these lie on the tape.
    pub(super) fn spots(&self, places: &[Place]) -> anyhow::Result<Vec<Spot>> {
        let spots = self.simulator.order(&json!({ "order": "spots", "barcode": LABEL, "places": places }))?;
        Ok(serde_json::from_value(spots)?)
    }

    pub(super) fn spot(&self, place: Place) -> anyhow::Result<Spot> {
        self.spots(&[place])?.pop().with_context(|| format!("{place:?} lies nowhere"))
    }

    /// The partition that holds the files, which is the last one.
    pub(super) fn partition(&self) -> anyhow::Result<Partition> {
        let cartridge = self.simulator.order(&json!({ "order": "cartridge", "barcode": LABEL }))?;
        let last = cartridge.get("partitions").and_then(Value::as_array).and_then(|all| all.last());
        let number = |member: &str| {
            last.and_then(|last| last.get(member)).and_then(Value::as_u64).with_context(|| format!("no {member} in {cartridge}"))
        };
        let (records, filemarks) = (number("records")?, number("filemarks")?);
        Ok(Partition { size: number("size")?, bytes: number("bytes")?, records, filemarks })
    }
}

pub(super) struct Partition {
    /// Bytes that it holds.
    pub size: u64,
    /// Bytes that are written.
    pub bytes: u64,
    /// Blocks and filemarks.
    records: u64,
    filemarks: u64,
}

impl Partition {
    /// Bytes of its blocks. All but some are full, and a format's blocks are powers of two.
    pub(super) fn block(&self) -> u64 {
        let data = self.bytes.saturating_sub(self.records * OVERHEAD);
        (data / self.records.saturating_sub(self.filemarks).max(1)).next_power_of_two()
    }
}

fn settings(plugin: String, port: u16) -> TargetSettings {
    TargetSettings {
        id: TargetId::new(),
        name: "bench".into(),
        plugin,
        pinned: None,
        configuration: json!({
            "host": "127.0.0.1", "port": port, "target": TapeSimulator::TARGET, "chap-user": TapeSimulator::USER,
        }),
        secrets: vec![("chap-secret".into(), SecretText::new(TapeSimulator::SECRET))],
        grants: vec![Granted { power: Power::Connect { host: "127.0.0.1".into(), port }, configured: true }],
    }
}
