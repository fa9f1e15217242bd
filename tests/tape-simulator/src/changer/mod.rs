//! The robot: which cartridge lies in which element, and what moves it (SMC-3).

mod elements;
mod moving;
mod report;
mod settings;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use elements::{Content, Elements, Kind, MOST_MAIL_SLOTS};
pub(crate) use moving::Plan as Moves;

use crate::faults::{Fault, Faults, Subject};
use crate::fields::{Fields, cut};
use crate::primary::{Identity, Operation, log, operation};
use crate::sense::{Reply, Sense};
use crate::time::Totals;

/// What the robot knows beside what every device knows.
pub(crate) const OPERATIONS: [Operation; 10] = [
    operation(0x07, 6),               // INITIALIZE ELEMENT STATUS
    operation(0x2b, 10),              // POSITION TO ELEMENT
    operation(0x37, 10),              // INITIALIZE ELEMENT STATUS WITH RANGE
    operation(0x4d, 10),              // LOG SENSE
    operation(0x56, 10),              // RESERVE(10)
    operation(0x57, 10),              // RELEASE(10)
    operation(0xa3, 12).action(0x0c), // REPORT SUPPORTED OPERATION CODES
    operation(0xa5, 12),              // MOVE MEDIUM
    operation(0xa6, 12),              // EXCHANGE MEDIUM
    operation(0xb8, 12),              // READ ELEMENT STATUS
];
/// Seconds to look at an element's label.
const LOOK: f64 = 0.5;
/// Flags of TapeAlert: library hardware A; unreadable labels.
const HARDWARE: u16 = 1;
const UNREADABLE: u16 = 32;

#[derive(Debug)]
pub(crate) struct Changer {
    pub(crate) elements: Elements,
    pub(crate) totals: Totals,
    /// Where the arm is.
    arm: u16,
    alerts: BTreeSet<u16>,
    faults: Arc<Faults>,
    /// What each drive calls itself.
    drives: Vec<Identity>,
    /// Seconds that the command takes.
    pub(crate) spent: f64,
}

impl Changer {
    pub(crate) fn new(elements: Elements, drives: Vec<Identity>, faults: Arc<Faults>) -> Self {
        let totals = Totals::default();
        Self { elements, totals, arm: elements::ARM, alerts: BTreeSet::new(), faults, drives, spent: 0.0 }
    }

    /// Whatever does not move a cartridge.
    pub(crate) fn execute(&mut self, command: Fields<'_>, out: &[u8]) -> Reply {
        match command.byte(0) {
            0x00 => Ok(Vec::new()),
            0x03 => Ok(cut(Sense::NONE.bytes(), usize::from(command.byte(4)))),
            0x07 => self.look(0, u16::MAX),
            0x37 if !command.bit(1, 0x01) => self.look(0, u16::MAX),
            0x37 => self.look(command.two(2), command.two(6)),
            0x15 | 0x55 => settings::select(command, out),
            0x1a | 0x5a => settings::sense(&self.elements, command),
            0x2b => self.position(command),
            0x4d => log::sense(command, &[0x00, 0x2e], |page| (page == 0x2e).then(|| log::Parameters::alerts(&self.alerts))),
            0xb8 => self.report(command),
            _ => Err(Sense::UNKNOWN_COMMAND.into()),
        }
    }

    /// INITIALIZE ELEMENT STATUS: looks at so many elements from the first on.
    fn look(&mut self, first: u16, count: u16) -> Reply {
        let looked = self.elements.all().filter(|element| element.address >= first).take(usize::from(count)).count();
        self.spent += looked as f64 * LOOK;
        self.totals.robot_seconds += looked as f64 * LOOK;
        Ok(Vec::new())
    }

    /// POSITION TO ELEMENT.
    fn position(&mut self, command: Fields<'_>) -> Reply {
        self.arm_is(command.two(2))?;
        let to = command.two(4);
        self.elements.get(to).ok_or(Sense::NO_ELEMENT)?;
        self.jam()?;
        if self.arm != to {
            self.arm = to;
            self.spent += crate::time::MOVE / 2.0;
            self.totals.robot_seconds += crate::time::MOVE / 2.0;
        }
        Ok(Vec::new())
    }

    fn arm_is(&self, address: u16) -> Result<(), Sense> {
        if address == 0 || address == elements::ARM { Ok(()) } else { Err(Sense::NO_ELEMENT) }
    }

    fn jam(&mut self) -> Result<(), Sense> {
        if self.faults.strikes(&Subject::Robot, &Fault::RobotJam) {
            self.alerts.insert(HARDWARE);
            return Err(Sense::JAMMED);
        }
        Ok(())
    }

    /// What the robot reads on a cartridge; none: nothing.
    fn label(&self, barcode: &str) -> Option<String> {
        let subject = Subject::Cartridge(barcode.to_owned());
        let read = self.faults.standing(&subject, |fault| match fault {
            Fault::MissingBarcode => Some(None),
            Fault::WrongBarcode { shown } => Some(Some(shown.clone())),
            _ => None,
        });
        read.unwrap_or_else(|| Some(barcode.to_owned()))
    }

    /// Where the table of elements is kept.
    pub(crate) fn path(directory: &std::path::Path) -> PathBuf {
        directory.join("library.json")
    }
}
