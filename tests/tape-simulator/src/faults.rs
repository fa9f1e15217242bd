//! What goes wrong, when a test wants it to.
//!
//! A fault is armed for a device or for a cartridge, from the n-th command on, once, so many times, or until it is cleared.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Armed at the same time.
pub const MOST_FAULTS: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    Robot,
    /// By number, from 0.
    Drive(usize),
    /// By barcode, in whichever drive it is.
    Cartridge(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Of a drive: a cartridge never gets ready, and the drive gives up after its time.
    LoadTimeout,
    /// Of the robot: it does not move.
    RobotJam,
    /// Of a device: BUSY.
    Busy,
    /// Of a cartridge: the robot reads another label.
    WrongBarcode { shown: String },
    /// Of a cartridge: the robot reads no label.
    MissingBarcode,
    /// Of a cartridge, as if its tab were moved.
    WriteProtected,
    /// Of a cartridge: each partition ends behind so many bytes.
    EarlyEnd { bytes: u64 },
    /// Of a cartridge: a block cannot be read.
    ReadError { partition: u8, block: u64 },
    /// Of a drive or a cartridge.
    WriteError,
    /// Of a drive, until a cleaning cartridge was in. `now`: it says so at each block, not only when it is asked.
    CleaningNeeded { now: bool },
    /// Of a device: ADDITIONAL SENSE CODE and qualifier, such as 0x2900.
    UnitAttention { code: u16 },
    /// Of the robot: nothing goes to a mail slot.
    MailSlotsFull,
    /// Of a device: it does not answer any more until it is restored. `performed`: the command was still done. `kept`: records of a drive's buffer
    /// that still came to the medium.
    PowerCut {
        #[serde(default)]
        performed: bool,
        #[serde(default)]
        kept: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Armed {
    pub subject: Subject,
    pub fault: Fault,
    /// Commands of the device that pass first.
    #[serde(default)]
    pub after: u64,
    /// None: until it is cleared.
    #[serde(default)]
    pub times: Option<u32>,
}

#[derive(Debug)]
struct Held {
    armed: Armed,
    /// Commands until it strikes.
    left: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Held>>);

impl Faults {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn arm(&self, armed: Armed) -> Result<(), String> {
        let mut held = self.lock();
        if held.len() >= MOST_FAULTS || armed.times == Some(0) {
            return Err("too many faults, or one for no time".to_owned());
        }
        // The command behind those that pass counts itself as well.
        let left = if armed.after == 0 { 0 } else { armed.after + 1 };
        held.push(Held { armed, left });
        Ok(())
    }

    /// None: all of them.
    pub(crate) fn clear(&self, subject: Option<&Subject>) {
        self.lock().retain(|held| subject.is_some_and(|subject| held.armed.subject != *subject));
    }

    pub(crate) fn armed(&self) -> Vec<Armed> {
        self.lock().iter().map(|held| held.armed.clone()).collect()
    }

    /// A command to what is meant begins.
    pub(crate) fn count(&self, subject: &Subject) {
        for held in self.lock().iter_mut().filter(|held| held.armed.subject == *subject) {
            held.left = held.left.saturating_sub(1);
        }
    }

    /// What stands against it now, without using it up.
    pub(crate) fn standing<T>(&self, subject: &Subject, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.lock()
            .iter()
            .filter(|held| held.left == 0 && held.armed.subject == *subject)
            .find_map(|held| pick(&held.armed.fault))
    }

    /// The same, and one time of it is used up.
    pub(crate) fn strike<T>(&self, subject: &Subject, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let mut all = self.lock();
        let ready = |held: &Held| held.left == 0 && held.armed.subject == *subject;
        let (at, struck) =
            all.iter().enumerate().filter(|(_, held)| ready(held)).find_map(|(at, held)| Some((at, pick(&held.armed.fault)?)))?;
        let used = all.get_mut(at).is_some_and(|held| match &mut held.armed.times {
            Some(times) => {
                *times = times.saturating_sub(1);
                *times == 0
            }
            None => false,
        });
        if used {
            all.remove(at);
        }
        Some(struck)
    }

    /// Whether this fault stands against it; one time of it is used up.
    pub(crate) fn strikes(&self, subject: &Subject, fault: &Fault) -> bool {
        self.strike(subject, |held| (held == fault).then_some(())).is_some()
    }

    /// A drive was cleaned.
    pub(crate) fn cleaned(&self, subject: &Subject) {
        let cleaning = |held: &Held| matches!(held.armed.fault, Fault::CleaningNeeded { .. });
        self.lock().retain(|held| held.armed.subject != *subject || !cleaning(held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn armed(after: u64, times: Option<u32>) -> Faults {
        let faults = Faults::default();
        faults.arm(Armed { subject: Subject::Robot, fault: Fault::Busy, after, times }).unwrap();
        faults
    }

    #[test]
    fn a_fault_strikes_as_often_as_was_said() {
        let faults = armed(0, Some(2));
        let struck: Vec<bool> = (0..3).map(|_| faults.strikes(&Subject::Robot, &Fault::Busy)).collect();
        assert_eq!(struck, [true, true, false]);
        assert!(!faults.strikes(&Subject::Drive(0), &Fault::Busy));
    }

    #[test]
    fn a_fault_after_two_commands_strikes_at_the_third() {
        let faults = armed(2, None);
        let struck: Vec<bool> = (0..4)
            .map(|_| {
                faults.count(&Subject::Robot);
                faults.strikes(&Subject::Robot, &Fault::Busy)
            })
            .collect();
        assert_eq!(struck, [false, false, true, true]);
    }
}
