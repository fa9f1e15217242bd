//! What every device of the library answers (SPC-4): who it is, what it knows, who may use it.

mod inquiry;
pub(crate) mod log;
pub(crate) mod mode;
mod operations;

pub(crate) use inquiry::{Identity, absent};
pub(crate) use operations::{Operation, operation};

use crate::devices::Nexus;
use crate::fields::{Fields, cut, four};
use crate::initiator::Initiators;
use crate::sense::{Reply, Sense};

/// What every device knows.
pub(crate) const OPERATIONS: [Operation; 14] = [
    operation(0x00, 6),  // TEST UNIT READY
    operation(0x03, 6),  // REQUEST SENSE
    operation(0x12, 6),  // INQUIRY
    operation(0x15, 6),  // MODE SELECT(6)
    operation(0x1a, 6),  // MODE SENSE(6)
    operation(0x1d, 6),  // SEND DIAGNOSTIC
    operation(0x1e, 6),  // PREVENT ALLOW MEDIUM REMOVAL
    operation(0x16, 6),  // RESERVE(6)
    operation(0x17, 6),  // RELEASE(6)
    operation(0x55, 10), // MODE SELECT(10)
    operation(0x5a, 10), // MODE SENSE(10)
    operation(0x5e, 10), // PERSISTENT RESERVE IN
    operation(0x5f, 10), // PERSISTENT RESERVE OUT
    operation(0xa0, 12), // REPORT LUNS
];

/// Answers a command that all devices have in common; none: it is another one. `units`: so many there are.
pub(crate) fn execute(
    identity: &Identity,
    units: usize,
    initiators: &mut Initiators,
    nexus: &Nexus,
    command: Fields<'_>,
    out: &[u8],
    operations: &[Operation],
) -> Option<Reply> {
    Some(match command.byte(0) {
        0x12 => identity.inquiry(command),
        0xa0 => report_luns(command, units),
        0x1e => {
            initiators.prevent(nexus, command.byte(4) & 0x03 == 1);
            Ok(Vec::new())
        }
        0x1d => Ok(Vec::new()),
        0x5e => initiators.persistent.read(command),
        0x5f => initiators.persistent.change(nexus, command, Fields(out)).map(|told| {
            for (other, code) in told {
                initiators.tell_one(&other, code);
            }
            Vec::new()
        }),
        0xa3 if command.byte(1) & 0x1f == 0x0c => operations::report(command, operations),
        opcode => initiators.reserve(nexus, opcode)?.map(|()| Vec::new()),
    })
}

/// REPORT LUNS, of all that there are.
fn report_luns(command: Fields<'_>, units: usize) -> Reply {
    // Well known units, of which there are none, or all.
    let units = match command.byte(2) {
        0x00 | 0x02 => units,
        0x01 => 0,
        _ => return Err(Sense::INVALID_FIELD.into()),
    };
    let mut data = four(units * 8).to_vec();
    data.extend_from_slice(&[0; 4]);
    for unit in 0..units {
        data.extend_from_slice(&[0, unit as u8, 0, 0, 0, 0, 0, 0]);
    }
    Ok(cut(data, command.four(6) as usize))
}

/// What goes out with a command that has to be so long; no longer list counts.
pub(crate) fn list(out: &[u8], length: usize) -> Result<Fields<'_>, Sense> {
    out.get(..length).map(Fields).ok_or(Sense::PARAMETER_LENGTH)
}
