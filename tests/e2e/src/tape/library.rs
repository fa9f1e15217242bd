//! The libraries of these tests, and how a host is led to them.

use anyhow::Context;
use capstan_test_servers::{TapeSimulator, Vtl};
use serde_json::{Value, json};

/// Serial number of the simulated library. Those of its drives begin with it too.
const SERIAL: &str = "SIMLIB0001";
/// Empty slots beside those that have a cartridge.
const SPARE_SLOTS: u16 = 4;

#[derive(Debug)]
pub enum Library {
    /// By iSCSI. No partitions: files lie on its cartridges as an archive of tar sections.
    Tgt(Vtl),
    /// By iSCSI. Partitions: LTFS.
    Portal(TapeSimulator),
    /// The same, as SCSI devices of the host's own.
    Devices(TapeSimulator),
}

/// What a simulated library has. `times`: how many seconds of the model pass in one; none: nobody waits.
pub fn plan(drives: u16, cartridges: u16, times: Option<f64>) -> Value {
    let each_drive: Vec<Value> = (0..drives).map(|_| json!({})).collect();
    let each_cartridge: Vec<Value> = (1..=cartridges).map(|number| json!({ "barcode": label(number) })).collect();
    json!({
        "serial": SERIAL,
        "drives": each_drive,
        "slots": cartridges + SPARE_SLOTS,
        "mail-slots": 1,
        "cartridges": each_cartridge,
        "scale": times.map_or(json!("none"), |times| json!({ "times": times })),
    })
}

fn label(number: u16) -> String {
    format!("CAP{number:03}L9")
}

impl Library {
    pub fn tgt() -> anyhow::Result<Self> {
        Vtl::start().map(Self::Tgt)
    }

    pub fn portal(plan: &Value) -> anyhow::Result<Self> {
        TapeSimulator::start(plan).map(Self::Portal)
    }

    pub fn devices(plan: &Value) -> anyhow::Result<Self> {
        TapeSimulator::start(plan).map(Self::Devices)
    }

    /// Its serial number.
    pub fn serial(&self) -> &'static str {
        if matches!(self, Self::Tgt(_)) { Vtl::LIBRARY } else { SERIAL }
    }

    /// Of the cartridge of this number, from 1.
    pub fn label(&self, number: u16) -> String {
        if matches!(self, Self::Tgt(_)) { Vtl::label(number) } else { label(number) }
    }

    /// The simulator, for what only that can be told.
    pub fn simulator(&self) -> anyhow::Result<&TapeSimulator> {
        match self {
            Self::Tgt(_) => None,
            Self::Portal(simulator) | Self::Devices(simulator) => Some(simulator),
        }
        .context("a library that takes no orders")
    }

    pub fn simulator_mut(&mut self) -> anyhow::Result<&mut TapeSimulator> {
        match self {
            Self::Tgt(_) => None,
            Self::Portal(simulator) | Self::Devices(simulator) => Some(simulator),
        }
        .context("a library that takes no orders")
    }

    /// Configuration of a target that leads to it, its secret with it.
    pub(super) fn configuration(&self) -> anyhow::Result<Value> {
        let portal = |port: u16, target: &str, user: &str, secret: &str| json!({ "host": "127.0.0.1", "port": port, "target": target, "chap-user": user, "chap-secret": secret });
        Ok(match self {
            Self::Tgt(library) => portal(library.port, Vtl::TARGET, Vtl::USER, Vtl::SECRET),
            Self::Portal(library) => portal(library.port, TapeSimulator::TARGET, TapeSimulator::USER, TapeSimulator::SECRET),
            Self::Devices(_) => json!({ "devices": self.paths()? }),
        })
    }

    /// Paths of SCSI devices that the target may not use before somebody allows it.
    pub(super) fn paths(&self) -> anyhow::Result<Vec<String>> {
        let Self::Devices(library) = self else { return Ok(Vec::new()) };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(library.devices())? {
            paths.push(entry?.path().to_str().context("a path that is text")?.to_owned());
        }
        paths.sort();
        Ok(paths)
    }

    /// For the host that is to see its devices.
    pub(super) fn environment(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        match self {
            Self::Devices(library) => Ok(library.environment()?.to_vec()),
            Self::Tgt(_) | Self::Portal(_) => Ok(Vec::new()),
        }
    }
}
