//! PERSISTENT RESERVE IN and OUT (SPC-4, sections 5.13, 6.15 and 6.16). Registrations do not outlive a loss of power (no APTPL).

use crate::devices::Nexus;
use crate::fields::{Fields, cut, four};
use crate::sense::{Reply, Sense, Stop, status};

/// Registered at the same time.
const MOST: usize = 128;
/// INSUFFICIENT REGISTRATION RESOURCES.
const NO_ROOM: Sense = Sense::new(5, 0x5504);
/// RESERVATIONS PREEMPTED, RESERVATIONS RELEASED, REGISTRATIONS PREEMPTED.
const PREEMPTED: u16 = 0x2a03;
const RELEASED: u16 = 0x2a04;
const UNREGISTERED: u16 = 0x2a05;

const CONFLICT: Stop = Stop::Status(status::RESERVATION_CONFLICT);

#[derive(Debug, Default)]
pub(crate) struct Persistent {
    generation: u32,
    registered: Vec<(Nexus, u64)>,
    /// Who holds the reservation, and its type.
    held: Option<(Nexus, u8)>,
}

impl Persistent {
    pub(crate) fn is_used(&self) -> bool {
        !self.registered.is_empty()
    }

    fn key(&self, nexus: &Nexus) -> Option<u64> {
        self.registered.iter().find(|(registered, _)| registered == nexus).map(|(_, key)| *key)
    }

    /// Types 1 and 3 are for the holder alone; 5 and 6 for all who are registered; 7 and 8 are held by all of them.
    fn holds(&self, nexus: &Nexus) -> bool {
        self.held.as_ref().is_some_and(|(holder, kind)| holder == nexus || (*kind >= 7 && self.key(nexus).is_some()))
    }

    pub(crate) fn admits(&self, nexus: &Nexus, command: Fields<'_>) -> bool {
        let Some((_, kind)) = &self.held else { return true };
        let member = self.holds(nexus) || (*kind >= 5 && self.key(nexus).is_some());
        // TEST UNIT READY and the two commands of this file are everybody's.
        let open = [0x00, 0x5e, 0x5f];
        // With types 1, 5 and 7 others may ask: READ BLOCK LIMITS, READ POSITION, LOG SENSE, MODE SENSE, densities, attributes, elements.
        let questions = [0x05, 0x34, 0x4d, 0x1a, 0x5a, 0x44, 0x8c, 0xb8];
        let opcode = command.byte(0);
        member || open.contains(&opcode) || (matches!(kind, 1 | 5 | 7) && questions.contains(&opcode))
    }

    pub(crate) fn read(&self, command: Fields<'_>) -> Reply {
        let mut data = self.generation.to_be_bytes().to_vec();
        let list: Vec<u8> = match command.byte(1) & 0x1f {
            0 => self.registered.iter().flat_map(|(_, key)| key.to_be_bytes()).collect(),
            1 => self.held.iter().flat_map(|(holder, kind)| self.reservation(holder, *kind)).collect(),
            2 => {
                // Types 1, 3, 5, 6, 7 and 8; TMV.
                return Ok(cut(vec![0, 8, 0, 0x80, 0xea, 0x01, 0, 0], usize::from(command.two(7))));
            }
            3 => self.registered.iter().flat_map(|(nexus, key)| self.status(nexus, *key)).collect(),
            _ => return Err(Sense::INVALID_FIELD.into()),
        };
        data.extend_from_slice(&four(list.len()));
        data.extend_from_slice(&list);
        Ok(cut(data, usize::from(command.two(7))))
    }

    fn reservation(&self, holder: &Nexus, kind: u8) -> [u8; 16] {
        let key = if kind >= 7 { 0 } else { self.key(holder).unwrap_or(0) };
        let [a, b, c, d, e, f, g, h] = key.to_be_bytes();
        [a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, kind, 0, 0]
    }

    /// READ FULL STATUS: with an iSCSI name as TransportID.
    fn status(&self, nexus: &Nexus, key: u64) -> Vec<u8> {
        let holds = self.holds(nexus);
        let kind = self.held.as_ref().filter(|_| holds).map_or(0, |(_, kind)| *kind);
        let mut name = nexus.0.as_bytes().to_vec();
        name.resize((name.len() + 1).next_multiple_of(4).max(20), 0);
        let mut bytes = key.to_be_bytes().to_vec();
        bytes.extend_from_slice(&[0, 0, 0, 0, u8::from(holds), kind, 0, 0, 0, 0, 0, 1]);
        bytes.extend_from_slice(&four(name.len() + 4));
        bytes.extend_from_slice(&[0x05, 0]);
        bytes.extend_from_slice(&crate::fields::two(name.len()));
        bytes.extend_from_slice(&name);
        bytes
    }

    /// What others have to be told, and which of them; none: all others.
    pub(crate) fn change(&mut self, nexus: &Nexus, command: Fields<'_>, list: Fields<'_>) -> Result<Vec<(Nexus, u16)>, Stop> {
        if list.0.len() < 24 {
            return Err(Sense::PARAMETER_LENGTH.into());
        }
        let (action, kind) = (command.byte(1) & 0x1f, command.byte(2) & 0x0f);
        let (key, wanted) = (list.eight(0), list.eight(8));
        // SPEC_I_PT, ALL_TG_PT and APTPL are not for this device.
        if list.bit(20, 0x0d) {
            return Err(Sense::INVALID_PARAMETER.into());
        }
        let known = self.key(nexus);
        if action != 6 && known.unwrap_or(0) != key {
            return Err(CONFLICT);
        }
        if !matches!(action, 0 | 6) && known.is_none() {
            return Err(CONFLICT);
        }
        match action {
            0 | 6 => self.register(nexus, wanted),
            1 => self.reserve(nexus, kind, command.byte(2) >> 4),
            2 => self.release(nexus, kind),
            3 => {
                let told = self.others(nexus, PREEMPTED);
                (self.registered, self.held) = (Vec::new(), None);
                self.generation = self.generation.wrapping_add(1);
                Ok(told)
            }
            4 | 5 => self.preempt(nexus, wanted, kind),
            _ => Err(Sense::INVALID_FIELD.into()),
        }
    }

    fn others(&self, nexus: &Nexus, code: u16) -> Vec<(Nexus, u16)> {
        self.registered.iter().filter(|(other, _)| other != nexus).map(|(other, _)| (other.clone(), code)).collect()
    }

    fn register(&mut self, nexus: &Nexus, wanted: u64) -> Result<Vec<(Nexus, u16)>, Stop> {
        self.generation = self.generation.wrapping_add(1);
        let others = self.others(nexus, RELEASED);
        self.registered.retain(|(registered, _)| wanted != 0 || registered != nexus);
        if wanted != 0 {
            let full = self.registered.len() >= MOST;
            match self.registered.iter_mut().find(|(registered, _)| registered == nexus) {
                Some((_, key)) => *key = wanted,
                None if full => return Err(NO_ROOM.into()),
                None => self.registered.push((nexus.clone(), wanted)),
            }
            return Ok(Vec::new());
        }
        let ends = |kind: u8, holder: &Nexus| if kind >= 7 { self.registered.is_empty() } else { holder == nexus };
        let ended = self.held.as_ref().filter(|(holder, kind)| ends(*kind, holder)).map(|(_, kind)| *kind);
        if ended.is_some() {
            self.held = None;
        }
        Ok(if ended.is_some_and(|kind| kind >= 5) { others } else { Vec::new() })
    }

    fn reserve(&mut self, nexus: &Nexus, kind: u8, scope: u8) -> Result<Vec<(Nexus, u16)>, Stop> {
        if scope != 0 || !matches!(kind, 1 | 3 | 5..=8) {
            return Err(Sense::INVALID_FIELD.into());
        }
        match &self.held {
            Some((_, held)) if self.holds(nexus) && *held == kind => {}
            Some(_) => return Err(CONFLICT),
            None => self.held = Some((nexus.clone(), kind)),
        }
        Ok(Vec::new())
    }

    fn release(&mut self, nexus: &Nexus, kind: u8) -> Result<Vec<(Nexus, u16)>, Stop> {
        if !self.holds(nexus) {
            return Ok(Vec::new());
        }
        if self.held.as_ref().is_some_and(|(_, held)| *held != kind) {
            // INVALID RELEASE OF PERSISTENT RESERVATION.
            return Err(Sense::new(5, 0x2604).into());
        }
        self.held = None;
        Ok(if kind >= 5 { self.others(nexus, RELEASED) } else { Vec::new() })
    }

    /// Takes the reservation, or only the registrations, of whoever has this key.
    fn preempt(&mut self, nexus: &Nexus, victim: u64, kind: u8) -> Result<Vec<(Nexus, u16)>, Stop> {
        let all = self.held.as_ref().is_some_and(|(_, held)| *held >= 7);
        let of_holder = self.held.as_ref().is_some_and(|(holder, _)| self.key(holder) == Some(victim));
        let takes = if all { victim == 0 } else { of_holder };
        let goes = |other: &Nexus, key: u64| other != nexus && (key == victim || (all && victim == 0));
        let told: Vec<(Nexus, u16)> = self
            .registered
            .iter()
            .filter(|(other, key)| goes(other, *key))
            .map(|(other, _)| (other.clone(), UNREGISTERED))
            .collect();
        if told.is_empty() && !takes {
            return Err(CONFLICT);
        }
        self.registered.retain(|(other, key)| !goes(other, *key));
        self.generation = self.generation.wrapping_add(1);
        if takes {
            if !matches!(kind, 1 | 3 | 5..=8) {
                return Err(Sense::INVALID_FIELD.into());
            }
            self.held = Some((nexus.clone(), kind));
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(persistent: &mut Persistent, who: &str, action: u8, kind: u8, key: u64, wanted: u64) -> Result<usize, Stop> {
        let mut list = [key.to_be_bytes(), wanted.to_be_bytes(), [0; 8]].concat();
        list.truncate(24);
        persistent.change(&Nexus(who.to_owned()), Fields(&[0x5f, action, kind]), Fields(&list)).map(|told| told.len())
    }

    #[test]
    fn a_drive_is_the_holder_s_until_it_releases_it() {
        let mut persistent = Persistent::default();
        out(&mut persistent, "a", 0, 0, 0, 7).unwrap();
        out(&mut persistent, "a", 1, 3, 7, 0).unwrap();
        let write = Fields(&[0x0a]);
        assert!(persistent.admits(&Nexus("a".to_owned()), write));
        assert!(!persistent.admits(&Nexus("b".to_owned()), write));
        out(&mut persistent, "a", 2, 3, 7, 0).unwrap();
        assert!(persistent.admits(&Nexus("b".to_owned()), write));
    }

    #[test]
    fn another_host_takes_over_by_the_key_of_the_one_that_is_gone() {
        let mut persistent = Persistent::default();
        out(&mut persistent, "a", 0, 0, 0, 7).unwrap();
        out(&mut persistent, "a", 1, 3, 7, 0).unwrap();
        out(&mut persistent, "b", 6, 0, 0, 8).unwrap();
        assert_eq!(out(&mut persistent, "b", 1, 3, 8, 0), Err(CONFLICT));
        assert_eq!(out(&mut persistent, "b", 4, 3, 8, 7), Ok(1));
        assert!(persistent.admits(&Nexus("b".to_owned()), Fields(&[0x0a])));
        assert!(!persistent.admits(&Nexus("a".to_owned()), Fields(&[0x0a])));
    }
}
