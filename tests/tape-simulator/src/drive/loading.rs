//! LOAD and UNLOAD, and what the robot does at the door of the drive (SSC-4, section 7.7).

use std::time::Instant;

use super::{Drive, Place, Since};
use crate::faults::{Fault, Subject};
use crate::fields::Fields;
use crate::medium::Cartridge;
use crate::plan::Kind;
use crate::sense::{Reply, Sense, Stop};
use crate::time::{CLEANING, Clock, LOAD, LOAD_GIVEN_UP, METRES, Spot, UNLOAD, rewind_seconds};

/// NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED.
const READY: u16 = 0x2800;
/// Serial numbers of drives that a cartridge remembers.
const DRIVES: usize = 4;

/// Flags of TapeAlert.
mod alert {
    pub(super) const CLEANING_MEDIUM: u16 = 11;
    pub(super) const EXPIRED: u16 = 22;
    pub(super) const LOAD_FAILED: u16 = 55;
}

#[derive(Debug)]
pub(crate) enum Seat {
    Empty,
    /// In the door, not threaded.
    Seated(String),
    Loaded(Box<Cartridge>),
    /// It could not be threaded.
    Failed(String),
}

impl Seat {
    pub(super) fn loaded(&mut self) -> Result<&mut Cartridge, Stop> {
        match self {
            Self::Loaded(cartridge) => Ok(cartridge),
            Self::Failed(_) => Err(Sense::LOAD_FAILED.into()),
            Self::Empty | Self::Seated(_) => Err(Sense::NO_MEDIUM.into()),
        }
    }

    pub(crate) fn barcode(&self) -> Option<&str> {
        match self {
            Self::Empty => None,
            Self::Seated(barcode) | Self::Failed(barcode) => Some(barcode),
            Self::Loaded(cartridge) => Some(&cartridge.chip.barcode),
        }
    }
}

/// What goes on while commands are answered.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) until: Instant,
    end: End,
}

impl Pending {
    /// What is told of it.
    pub(super) fn sense(&self) -> Sense {
        if self.end == End::Cleaned { Sense::CLEANING } else { Sense::BECOMING_READY }
    }
}

/// How loading ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Ready,
    Cleaned,
    Failed,
}

impl Drive {
    /// The robot, or an operator, puts a cartridge in; it is threaded so many seconds later.
    pub(crate) fn insert(&mut self, barcode: String, later: f64, clock: &Clock) {
        self.seat = Seat::Seated(barcode);
        self.load_later(later, clock);
    }

    /// What is in the door is loaded by itself, as it is when power comes back.
    pub(crate) fn load_later(&mut self, later: f64, clock: &Clock) {
        if matches!(self.seat, Seat::Seated(_)) {
            let (end, seconds) = self.thread();
            self.pending = Some(Pending { until: clock.after(later + seconds), end });
        }
    }

    /// What was going on is over, if it is.
    pub(crate) fn settle(&mut self) {
        if let Some(done) = self.pending.take_if(|pending| pending.until <= Instant::now()) {
            self.end(done.end);
        }
    }

    /// How it will end, and the seconds until then.
    fn thread(&mut self) -> (End, f64) {
        let barcode = self.seat.barcode().unwrap_or_default().to_owned();
        let late = Fault::LoadTimeout;
        let fails = self.faults.strikes(&self.subject, &late) || self.faults.strikes(&Subject::Cartridge(barcode.clone()), &late);
        let cleaning = Cartridge::open(&self.shelf, &barcode).is_ok_and(|cartridge| cartridge.chip.kind == Kind::Cleaning);
        let (end, seconds) = match (fails, cleaning) {
            (true, _) => (End::Failed, LOAD_GIVEN_UP),
            (false, true) => (End::Cleaned, LOAD + CLEANING + UNLOAD),
            (false, false) => (End::Ready, LOAD),
        };
        self.totals.load_seconds += seconds;
        (end, seconds)
    }

    fn end(&mut self, end: End) {
        let barcode = self.seat.barcode().unwrap_or_default().to_owned();
        self.stream.stop();
        (self.place, self.warned, self.since) = (Place::default(), false, Since::default());
        self.alerts.clear();
        let opened = Cartridge::open(&self.shelf, &barcode);
        match (end, opened) {
            (End::Failed, _) | (_, Err(_)) => {
                self.alerts.insert(alert::LOAD_FAILED);
                self.seat = Seat::Failed(barcode);
            }
            (End::Ready, Ok(mut cartridge)) => {
                cartridge.chip.loads += 1;
                cartridge.chip.drives.insert(0, self.serial.clone());
                cartridge.chip.drives.truncate(DRIVES);
                self.totals.mounts += 1;
                self.seat = if cartridge.save().is_ok() { Seat::Loaded(Box::new(cartridge)) } else { Seat::Failed(barcode) };
                self.raised.push(READY);
            }
            (End::Cleaned, Ok(mut cartridge)) => {
                self.alerts.insert(alert::CLEANING_MEDIUM);
                if cartridge.chip.cleanings == 0 {
                    self.alerts.insert(alert::EXPIRED);
                } else {
                    cartridge.chip.cleanings -= 1;
                    if cartridge.save().is_ok() {
                        self.faults.cleaned(&self.subject);
                    }
                }
                // It is given out again.
                self.seat = Seat::Seated(barcode);
            }
        }
    }

    pub(super) fn load_unload(&mut self, command: Fields<'_>, prevented: bool) -> Reply {
        let (loads, retensions, end) = (command.bit(4, 0x01), command.bit(4, 0x02), command.bit(4, 0x04));
        if end {
            return Err(Sense::INVALID_FIELD.into());
        }
        if self.pending.is_some() {
            return Err(Sense::BECOMING_READY.into());
        }
        if !loads {
            if prevented {
                return Err(Sense::REMOVAL_PREVENTED.into());
            }
            return self.unload().map(|()| Vec::new());
        }
        match &self.seat {
            Seat::Empty => Err(Sense::NO_MEDIUM.into()),
            Seat::Loaded(_) => {
                self.return_to_beginning()?;
                if retensions {
                    self.spent += 2.0 * rewind_seconds(Spot { wrap: 0, metres: METRES });
                }
                Ok(Vec::new())
            }
            Seat::Seated(_) | Seat::Failed(_) => {
                let (end, seconds) = self.thread();
                self.spent += seconds;
                self.end(end);
                match &self.seat {
                    Seat::Failed(_) => Err(Sense::LOAD_FAILED.into()),
                    _ => Ok(Vec::new()),
                }
            }
        }
    }

    /// All that is buffered is written, the tape is rewound and unthreaded.
    pub(crate) fn unload(&mut self) -> Result<(), Stop> {
        self.settle();
        if let Seat::Loaded(_) = &self.seat {
            self.return_to_beginning()?;
            // Its memory keeps what was counted since it was written last.
            self.seat.loaded()?.save()?;
            self.spent += UNLOAD;
            self.totals.unload_seconds += UNLOAD;
        }
        if let Some(barcode) = self.seat.barcode().map(str::to_owned) {
            self.seat = Seat::Seated(barcode);
        }
        self.pending = None;
        self.stream.stop();
        self.alerts.clear();
        Ok(())
    }

    /// The robot takes what is in.
    pub(crate) fn give_out(&mut self) -> Result<(), Stop> {
        self.unload()?;
        self.seat = Seat::Empty;
        Ok(())
    }

    /// Power is gone: so is what is buffered, but for so many records.
    pub(crate) fn lose_power(&mut self, kept: u64) {
        if let Seat::Loaded(cartridge) = &mut self.seat {
            // What cannot be kept is lost as well.
            let _lost = cartridge.commit(self.place.partition, kept);
        }
        if let Some(barcode) = self.seat.barcode().map(str::to_owned) {
            self.seat = Seat::Seated(barcode);
        }
        self.pending = None;
        self.stream.stop();
        self.reset();
    }

    /// Settings are what they are when it is switched on. What is buffered stays, and the place as well.
    pub(crate) fn reset(&mut self) {
        self.settings = super::Settings::default();
        self.order = super::Order::default();
    }
}
