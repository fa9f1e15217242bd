//! The memory of a cartridge: what it is, what happened to it, and what hosts wrote into it (SPC-4, section 7.4: medium auxiliary memory).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::plan::{CLEANINGS, CartridgePlan, Kind};
use crate::time::Layout;

const FILE: &str = "memory.json";

/// An attribute that a host wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// 0 binary, 1 ASCII, 2 text.
    pub(crate) format: u8,
    pub(crate) value: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chip {
    pub(crate) barcode: String,
    pub(crate) serial: String,
    pub(crate) kind: Kind,
    pub(crate) capacity: u64,
    pub(crate) sink: bool,
    /// Its tab is moved.
    pub(crate) protected: bool,
    pub(crate) layout: Layout,
    pub(crate) loads: u64,
    pub(crate) formats: u16,
    pub(crate) bytes_written: u64,
    pub(crate) bytes_read: u64,
    /// Blocks that could not be written, or read.
    #[serde(default)]
    pub(crate) write_errors: u32,
    #[serde(default)]
    pub(crate) read_errors: u32,
    /// VOLUME CHANGE REFERENCE: another one whenever something was written.
    pub(crate) changes: u32,
    /// Of a cleaning cartridge.
    pub(crate) cleanings: u32,
    /// Serial numbers of the drives it was in, the latest first.
    pub(crate) drives: Vec<String>,
    /// By partition and number.
    pub(crate) attributes: Vec<BTreeMap<u16, Stored>>,
}

impl Chip {
    pub(crate) fn new(plan: &CartridgePlan) -> Self {
        let cleaning = plan.barcode.starts_with("CLN");
        let kind = plan.kind.unwrap_or(if cleaning { Kind::Cleaning } else { Kind::Data });
        let capacity = plan.capacity.max(u64::from(u16::MAX));
        let mut chip = Self {
            barcode: plan.barcode.clone(),
            serial: format!("S{:0>9}", plan.barcode),
            kind,
            capacity,
            sink: plan.sink,
            protected: plan.protected,
            layout: Layout::whole(capacity),
            loads: 0,
            formats: 0,
            bytes_written: 0,
            bytes_read: 0,
            write_errors: 0,
            read_errors: 0,
            changes: 1,
            cleanings: CLEANINGS,
            drives: Vec::new(),
            attributes: Vec::new(),
        };
        chip.divide(Layout::whole(capacity));
        chip
    }

    /// Other partitions, about which nothing was written yet.
    pub(crate) fn divide(&mut self, layout: Layout) {
        self.attributes = vec![BTreeMap::new(); layout.partitions()];
        self.layout = layout;
    }

    pub(crate) fn read(directory: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(directory.join(FILE))?)?)
    }

    pub(crate) fn save(&self, directory: &Path) -> io::Result<()> {
        replace(&directory.join(FILE), &serde_json::to_vec(self)?)
    }
}

/// The file has all of it, or what it had before.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes)?;
    fs::rename(beside, path)
}
