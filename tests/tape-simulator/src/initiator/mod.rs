//! What a device keeps for each nexus: what it has to be told, what it reserved, what it holds on to.

mod persistent;

use std::collections::{HashMap, HashSet, VecDeque};

pub(crate) use persistent::Persistent;

use crate::devices::Nexus;
use crate::fields::Fields;
use crate::sense::{Sense, Stop, status};

/// Unit attentions that wait for a nexus; more are dropped, as by a device.
const MOST_ATTENTIONS: usize = 8;
/// POWER ON, RESET, OR BUS DEVICE RESET OCCURRED.
const POWER_ON: u16 = 0x2900;
/// BUS DEVICE RESET FUNCTION OCCURRED.
const RESET: u16 = 0x2903;

#[derive(Debug, Default)]
pub(crate) struct Initiators {
    attentions: HashMap<Nexus, VecDeque<u16>>,
    /// Those for which nothing may be removed.
    prevents: HashSet<Nexus>,
    /// By RESERVE(6) or RESERVE(10).
    reserved: Option<Nexus>,
    pub(crate) persistent: Persistent,
}

impl Initiators {
    /// It is told that the device was switched on since it last asked, as far as it knows.
    pub(crate) fn greet(&mut self, nexus: &Nexus) {
        self.attentions.insert(nexus.clone(), VecDeque::from([POWER_ON]));
    }

    /// One that nobody announced.
    pub(crate) fn meet(&mut self, nexus: &Nexus) {
        if !self.attentions.contains_key(nexus) {
            self.greet(nexus);
        }
    }

    /// What it reserved for the time of its session is free; what it registered stays.
    pub(crate) fn leave(&mut self, nexus: &Nexus) {
        self.attentions.remove(nexus);
        self.prevents.remove(nexus);
        self.reserved.take_if(|holder| holder == nexus);
    }

    /// LOGICAL UNIT RESET, or power that came back.
    pub(crate) fn reset(&mut self, power: bool) {
        self.prevents.clear();
        self.reserved = None;
        if power {
            self.persistent = Persistent::default();
        }
        self.attentions.values_mut().for_each(VecDeque::clear);
        self.tell(if power { POWER_ON } else { RESET }, None);
    }

    /// All but one have to be told.
    pub(crate) fn tell(&mut self, code: u16, except: Option<&Nexus>) {
        for (_, waiting) in self.attentions.iter_mut().filter(|(nexus, _)| Some(*nexus) != except) {
            if waiting.len() < MOST_ATTENTIONS && !waiting.contains(&code) {
                waiting.push_back(code);
            }
        }
    }

    pub(crate) fn tell_one(&mut self, nexus: &Nexus, code: u16) {
        if let Some(waiting) = self.attentions.get_mut(nexus).filter(|waiting| waiting.len() < MOST_ATTENTIONS) {
            waiting.push_back(code);
        }
    }

    pub(crate) fn attention(&mut self, nexus: &Nexus) -> Option<Sense> {
        self.attentions.get_mut(nexus)?.pop_front().map(Sense::attention)
    }

    pub(crate) fn prevent(&mut self, nexus: &Nexus, prevents: bool) {
        if prevents {
            self.prevents.insert(nexus.clone());
        } else {
            self.prevents.remove(nexus);
        }
    }

    pub(crate) fn is_prevented(&self) -> bool {
        !self.prevents.is_empty()
    }

    /// RESERVE(6) and RESERVE(10), and the two RELEASEs (SPC-2, sections 7.21 and 7.17). None: another command.
    pub(crate) fn reserve(&mut self, nexus: &Nexus, opcode: u8) -> Option<Result<(), Stop>> {
        let others = self.reserved.as_ref().is_some_and(|holder| holder != nexus);
        Some(match opcode {
            0x16 | 0x56 if others || self.persistent.is_used() => Err(Stop::Status(status::RESERVATION_CONFLICT)),
            0x16 | 0x56 => {
                self.reserved = Some(nexus.clone());
                Ok(())
            }
            0x17 | 0x57 => {
                self.reserved.take_if(|holder| holder == nexus);
                Ok(())
            }
            _ => return None,
        })
    }

    /// Whether reservations let a command of this nexus pass (SPC-4, section 5.13).
    pub(crate) fn admits(&self, nexus: &Nexus, command: Fields<'_>) -> bool {
        // INQUIRY, REPORT LUNS, REQUEST SENSE; RELEASE; what asks for commands.
        let always = [0x12, 0xa0, 0x03, 0x17, 0x57].contains(&command.byte(0))
            || (command.byte(0), command.byte(1) & 0x1f) == (0xa3, 0x0c);
        let allows = command.byte(0) == 0x1e && !command.bit(4, 0x03);
        let free = self.reserved.as_ref().is_none_or(|holder| holder == nexus);
        always || allows || (free && self.persistent.admits(nexus, command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nexus(name: &str) -> Nexus {
        Nexus(name.to_owned())
    }

    #[test]
    fn a_new_nexus_is_told_once_that_the_device_was_switched_on() {
        let mut initiators = Initiators::default();
        initiators.greet(&nexus("a"));
        assert_eq!(initiators.attention(&nexus("a")), Some(Sense::attention(0x2900)));
        assert_eq!(initiators.attention(&nexus("a")), None);
    }

    #[test]
    fn what_one_reserved_is_closed_to_others_until_it_leaves() {
        let mut initiators = Initiators::default();
        initiators.reserve(&nexus("a"), 0x16).unwrap().unwrap();
        let read = [0x08, 0, 0, 0, 1, 0];
        assert!(initiators.admits(&nexus("a"), Fields(&read)));
        assert!(!initiators.admits(&nexus("b"), Fields(&read)));
        assert!(initiators.admits(&nexus("b"), Fields(&[0x12])));
        initiators.leave(&nexus("a"));
        assert!(initiators.admits(&nexus("b"), Fields(&read)));
    }
}
