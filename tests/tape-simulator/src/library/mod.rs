//! The library: its units, and what goes on between them.

mod control;
mod exchange;
mod shifting;
mod unit;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use crate::changer::{Changer, Elements};
use crate::drive::Drive;
use crate::faults::{Faults, Subject};
use crate::medium::Cartridge;
use crate::plan::Plan;
use crate::primary::Identity;
use unit::Unit;

#[derive(Debug)]
pub struct Library {
    directory: PathBuf,
    drives: Vec<Unit<Drive>>,
    changer: Unit<Changer>,
    faults: Arc<Faults>,
}

impl Library {
    /// Opens the library that lies in a directory, or makes one there as the plan says. Where its cartridges are and what is on them is as it was
    /// left; what lies in a drive is loaded.
    pub fn open(plan: &Plan, directory: &Path) -> Result<Self, String> {
        plan.check()?;
        let failed = |failed: std::io::Error| format!("{}: {failed}", directory.display());
        let shelf = Elements::shelf(directory);
        std::fs::create_dir_all(&shelf).map_err(failed)?;
        for cartridge in &plan.cartridges {
            Cartridge::make(&shelf, cartridge).map_err(failed)?;
        }
        let elements = Elements::open(Changer::path(directory), plan).map_err(failed)?;
        let faults = Arc::new(Faults::default());
        let identity = |number: usize| Identity::drive(format!("{}D{number:02}", plan.serial));
        let identities: Vec<Identity> = (0..plan.drives.len()).map(identity).collect();
        let loaded = elements.in_drives();
        let drives = plan.drives.iter().enumerate().zip(&identities).map(|((number, of), identity)| {
            let mut drive = Drive::new(number, identity.serial.clone(), of.features, shelf.clone(), Arc::clone(&faults));
            let clock = unit::clock(plan.scale);
            if let Some((_, barcode)) = loaded.iter().find(|(of, _)| *of == number) {
                drive.insert(barcode.clone(), 0.0, &clock);
            }
            Unit::new(identity.clone(), Subject::Drive(number), clock, drive)
        });
        let drives = drives.collect();
        let changer = Changer::new(elements, identities, Arc::clone(&faults));
        let robot = Identity::changer(plan.serial.clone());
        let changer = Unit::new(robot, Subject::Robot, unit::clock(plan.scale), changer);
        Ok(Self { directory: directory.to_owned(), drives, changer, faults })
    }

    #[cfg(test)]
    fn with_attentions_taken(&self, unit: usize, nexus: &crate::devices::Nexus) {
        let initiators = self.drives.get(unit).map_or(&self.changer.initiators, |drive| &drive.initiators);
        let mut initiators = lock(initiators);
        initiators.meet(nexus);
        while initiators.attention(nexus).is_some() {}
    }

    /// Units: drives and the robot.
    pub fn units(&self) -> usize {
        self.drives.len() + 1
    }
}

/// What a test that failed left locked is not worse for it.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
