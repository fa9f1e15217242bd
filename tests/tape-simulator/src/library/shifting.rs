//! What a move takes: the robot's turn and that of each drive it goes to.

use super::{Library, lock};
use crate::changer::Moves;
use crate::fields::Fields;
use crate::sense::{Sense, Stop};

impl Library {
    /// Seconds that it takes. Nothing moves where any of it cannot be done.
    pub(super) async fn shift(&self, command: Fields<'_>, plan: &Moves) -> Result<f64, Stop> {
        let (gives, takes) = lock(&self.changer.device).check(command, plan)?;
        let mut involved = [gives.clone(), takes.clone()].concat();
        involved.sort_unstable();
        involved.dedup();
        let mut turns = Vec::with_capacity(involved.len());
        for number in involved {
            turns.push(self.drives.get(number).ok_or(Sense::NO_ELEMENT)?.turn().await);
        }
        let mut seconds = 0.0_f64;
        for number in &gives {
            let unit = self.drives.get(*number).ok_or(Sense::NO_ELEMENT)?;
            if lock(&unit.initiators).is_prevented() {
                return Err(Sense::REMOVAL_PREVENTED.into());
            }
            if unit.is_off() {
                return Err(Sense::LOAD_FAILED.into());
            }
        }
        for number in &gives {
            let unit = self.drives.get(*number).ok_or(Sense::NO_ELEMENT)?;
            let mut drive = lock(&unit.device);
            drive.give_out()?;
            seconds = seconds.max(std::mem::take(&mut drive.spent));
        }
        let mut changer = lock(&self.changer.device);
        seconds += changer.done(plan)?;
        for (_, to) in &plan.0 {
            let content = changer.elements.get(*to).and_then(|element| element.content);
            let put = changer.elements.drive(*to).and_then(|number| self.drives.get(number)).zip(content);
            if let Some((unit, content)) = put {
                lock(&unit.device).insert(content.barcode.clone(), seconds, &unit.clock);
            }
        }
        Ok(seconds)
    }
}
