//! Mode pages of the robot (SMC-3, section 7.3): addresses of elements, geometry of the arm, what can go where.

use super::{Elements, Kind};
use crate::fields::Fields;
use crate::primary::mode::{Asked, Set, Which};
use crate::sense::{Reply, Sense};

pub(super) fn sense(elements: &Elements, command: Fields<'_>) -> Reply {
    let asked = Asked::read(command)?;
    let addresses = [Kind::Arm, Kind::Slot, Kind::MailSlot, Kind::Drive].map(|kind| {
        let (first, count) = elements.range(kind);
        [first.to_be_bytes(), count.to_be_bytes()].concat()
    });
    let mut assignment = addresses.concat();
    assignment.extend_from_slice(&[0, 0]);
    // Slots, mail slots and drives store; each can be moved to and exchanged with any of them.
    let mut capabilities = vec![0x0e, 0, 0, 0x0e, 0x0e, 0x0e, 0, 0, 0, 0, 0, 0x0e, 0x0e, 0x0e];
    capabilities.resize(18, 0);
    let mut pages = vec![
        (0x1c, 0, vec![0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        (0x1d, 0, assignment),
        (0x1e, 0, vec![0, 0]),
        (0x1f, 0, capabilities),
    ];
    if asked.which == Which::Changeable {
        pages.iter_mut().for_each(|(_, _, page)| page.fill(0));
    }
    asked.answer(0, 0, None, pages)
}

/// Nothing can be changed; what says what is so already is taken.
pub(super) fn select(command: Fields<'_>, out: &[u8]) -> Reply {
    let known = Set::read(command, out)?.is_none_or(|set| set.pages.iter().all(|(page, ..)| (0x1c..=0x1f).contains(page)));
    if known { Ok(Vec::new()) } else { Err(Sense::INVALID_PARAMETER.into()) }
}
