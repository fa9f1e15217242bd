//! A tape drive (SSC-5).

mod access_order;
mod attributes;
mod density;
mod erasing;
mod loading;
mod logs;
mod moving;
mod operations;
mod partitioning;
mod position;
mod protection;
mod reading;
mod settings;
mod writing;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

pub(crate) use loading::Seat;

use crate::faults::{Fault, Faults, Subject};
use crate::fields::{Fields, cut};
use crate::medium::Cartridge;
use crate::plan::Features;
use crate::primary::Operation;
use crate::sense::{Reply, Sense, Stop};
use crate::time::{Spot, Stream, Totals};
use access_order::Order;
use loading::Pending;
use settings::Settings;

/// Where the next block is read or written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) partition: u8,
    pub(crate) record: u64,
}

/// What a drive did with a cartridge since it was loaded: bytes, and blocks that could not be written or read.
#[derive(Clone, Copy, Debug, Default)]
struct Since {
    written: u64,
    read: u64,
    write_errors: u32,
    read_errors: u32,
}

#[derive(Debug)]
pub(crate) struct Drive {
    subject: Subject,
    serial: String,
    pub(crate) features: Features,
    operations: Vec<Operation>,
    shelf: PathBuf,
    faults: Arc<Faults>,
    pub(crate) seat: Seat,
    pending: Option<Pending>,
    settings: Settings,
    pub(crate) place: Place,
    stream: Stream,
    order: Order,
    alerts: BTreeSet<u16>,
    /// The host was told that early warning comes.
    warned: bool,
    pub(crate) totals: Totals,
    /// Since the cartridge was loaded.
    since: Since,
    /// Seconds that the command takes.
    pub(crate) spent: f64,
    /// What other nexuses have to be told.
    pub(crate) raised: Vec<u16>,
}

impl Drive {
    pub(crate) fn new(number: usize, serial: String, features: Features, shelf: PathBuf, faults: Arc<Faults>) -> Self {
        Self {
            subject: Subject::Drive(number),
            serial,
            features,
            operations: operations::of(features),
            shelf,
            faults,
            seat: Seat::Empty,
            pending: None,
            settings: Settings::default(),
            place: Place::default(),
            stream: Stream::new(),
            order: Order::default(),
            alerts: BTreeSet::new(),
            warned: false,
            totals: Totals::default(),
            since: Since::default(),
            spent: 0.0,
            raised: Vec::new(),
        }
    }

    /// What it knows, in the order of codes.
    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// It is another drive from now on, by what it knows.
    pub(crate) fn know(&mut self, features: Features) {
        (self.features, self.operations) = (features, operations::of(features));
    }

    /// The answer went out.
    pub(crate) fn answered(&mut self) {
        self.stream.answered();
    }

    /// `prevented`: nobody may take the cartridge out.
    pub(crate) fn execute(&mut self, command: Fields<'_>, out: &[u8], prevented: bool) -> Reply {
        let (opcode, action) = (command.byte(0), command.byte(1) & 0x1f);
        let known = |known: &Operation| known.opcode == opcode && known.action.is_none_or(|known| known == action);
        if !self.operations.iter().any(known) {
            let other_action = self.operations.iter().any(|known| known.opcode == opcode);
            return Err(if other_action { Sense::INVALID_FIELD } else { Sense::UNKNOWN_COMMAND }.into());
        }
        match opcode {
            0x00 => self.ready().map(|_| Vec::new()),
            0x01 => self.rewind(command),
            0x03 => Ok(cut(self.state().bytes(), usize::from(command.byte(4)))),
            0x04 => self.format(command),
            0x05 => Ok(Self::block_limits()),
            0x08 => self.read(command),
            0x0a => self.write(command, out),
            0x0b => self.set_capacity(command),
            0x10 => self.write_filemarks(command),
            0x11 | 0x91 => self.space(command),
            0x13 => self.verify(command),
            0x15 | 0x55 => self.select(command, out),
            0x1a | 0x5a => self.sense(command),
            0x19 => self.erase(command),
            0x1b => self.load_unload(command, prevented),
            0x2b | 0x92 => self.locate(command),
            0x34 => self.read_position(command),
            0x44 => self.report_density(command),
            0x4d => self.log_sense(command),
            0x82 => self.allow_overwrite(command),
            0x8c => self.read_attribute(command),
            0x8d => self.write_attribute(command, out),
            0xa3 => self.receive_order(command),
            0xa4 => self.generate_order(command, out),
            _ => Err(Sense::UNKNOWN_COMMAND.into()),
        }
    }

    /// What REQUEST SENSE answers when nothing went wrong.
    fn state(&mut self) -> Sense {
        let wanted = if self.needs_cleaning().is_some() { Sense::CLEAN_WANTED } else { Sense::NONE };
        match self.ready() {
            Err(Stop::Checked(sense)) => sense,
            _ => wanted,
        }
    }

    /// Whether it asks for a cleaning cartridge; and whether at once.
    fn needs_cleaning(&self) -> Option<bool> {
        self.faults.standing(&self.subject, |fault| match fault {
            Fault::CleaningNeeded { now } => Some(*now),
            _ => None,
        })
    }

    /// A block was read or written, and the drive is dirty.
    fn complain(&self, data: Vec<u8>) -> Reply {
        let dirty = self.faults.strike(&self.subject, |fault| matches!(fault, Fault::CleaningNeeded { now: true }).then_some(()));
        match dirty {
            Some(()) => Err(Stop::Partly(data, Sense::CLEAN_REQUESTED)),
            None => Ok(data),
        }
    }

    /// The cartridge, where it is loaded and ready.
    fn ready(&mut self) -> Result<&mut Cartridge, Stop> {
        if let Some(pending) = &self.pending
            && pending.until > Instant::now()
        {
            return Err(pending.sense().into());
        }
        self.seat.loaded()
    }

    /// A standing fault of the cartridge that is in.
    fn standing<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let barcode = self.seat.barcode()?;
        self.faults.standing(&Subject::Cartridge(barcode.to_owned()), pick)
    }

    pub(crate) fn is_protected(&self) -> bool {
        let tab = matches!(&self.seat, Seat::Loaded(cartridge) if cartridge.chip.protected);
        tab || self.standing(|fault| (*fault == Fault::WriteProtected).then_some(())).is_some()
    }

    /// Bytes of a partition, as far as its end is not an early one.
    fn size(&self, partition: u8) -> u64 {
        let Seat::Loaded(cartridge) = &self.seat else { return 0 };
        let end = self.standing(|fault| match fault {
            Fault::EarlyEnd { bytes } => Some(*bytes),
            _ => None,
        });
        cartridge.chip.layout.size(partition).min(end.unwrap_or(u64::MAX))
    }

    fn spot(&self, place: Place) -> Spot {
        match &self.seat {
            Seat::Loaded(cartridge) => cartridge.spot(place.partition, place.record),
            _ => Spot::default(),
        }
    }

    /// Command counts of faults.
    pub(crate) fn count(&mut self) {
        self.totals.commands += 1;
        self.faults.count(&self.subject);
        if let Some(barcode) = self.seat.barcode() {
            self.faults.count(&Subject::Cartridge(barcode.to_owned()));
        }
    }
}
