//! MOVE MEDIUM and EXCHANGE MEDIUM (SMC-3, sections 6.2 and 6.4). A drive that is moved from gives its cartridge out by itself, unless somebody
//! prevents it.

use super::{Changer, Kind};
use crate::faults::{Fault, Subject};
use crate::fields::Fields;
use crate::sense::{Sense, Stop};
use crate::time::MOVE;

/// From one element to another, in order. What is taken is taken before anything is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan(pub(crate) Vec<(u16, u16)>);

impl Plan {
    /// None: another command.
    pub(crate) fn read(command: Fields<'_>) -> Option<Self> {
        let (source, first, second) = (command.two(4), command.two(6), command.two(8));
        match command.byte(0) {
            0xa5 => Some(Self(vec![(source, first)])),
            0xa6 => Some(Self(vec![(source, first), (first, second)])),
            _ => None,
        }
    }
}

impl Changer {
    /// Whether it can be done, before anything moves. The numbers of the drives that give out, and of those that take in.
    pub(crate) fn check(&mut self, command: Fields<'_>, plan: &Plan) -> Result<(Vec<usize>, Vec<usize>), Stop> {
        self.arm_is(command.two(2))?;
        // INVERT: cartridges have one side.
        if command.byte(10) != 0 {
            return Err(Sense::INVALID_FIELD.into());
        }
        let (mut from_drives, mut to_drives) = (Vec::new(), Vec::new());
        let emptied: Vec<u16> = plan.0.iter().map(|(from, _)| *from).collect();
        for (from, to) in &plan.0 {
            let source = self.elements.get(*from).filter(|element| element.kind != Kind::Arm).ok_or(Sense::NO_ELEMENT)?;
            let target = self.elements.get(*to).filter(|element| element.kind != Kind::Arm).ok_or(Sense::NO_ELEMENT)?;
            if source.content.is_none() {
                return Err(Sense::SOURCE_EMPTY.into());
            }
            if target.content.is_some() && !emptied.contains(to) {
                return Err(Sense::DESTINATION_FULL.into());
            }
            if target.kind == Kind::MailSlot && self.faults.strikes(&Subject::Robot, &Fault::MailSlotsFull) {
                return Err(Sense::DESTINATION_FULL.into());
            }
            from_drives.extend(self.elements.drive(*from));
            to_drives.extend(self.elements.drive(*to));
        }
        self.jam()?;
        Ok((from_drives, to_drives))
    }

    /// The cartridges are where they were to go. Seconds that the robot took.
    pub(crate) fn done(&mut self, plan: &Plan) -> Result<f64, Stop> {
        self.elements.shift(&plan.0)?;
        self.arm = plan.0.last().map_or(self.arm, |(_, to)| *to);
        let seconds = plan.0.len() as f64 * MOVE;
        self.totals.moves += plan.0.len() as u64;
        self.totals.robot_seconds += seconds;
        Ok(seconds)
    }
}
