//! REPORT SUPPORTED OPERATION CODES (SPC-4, section 6.35).

use crate::fields::{Fields, cut, four, two};
use crate::sense::{Reply, Sense};

/// A command that a device knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) opcode: u8,
    pub(crate) action: Option<u8>,
    /// Bytes of its CDB.
    length: u8,
}

pub(crate) const fn operation(opcode: u8, length: u8) -> Operation {
    Operation { opcode, action: None, length }
}

impl Operation {
    pub(crate) const fn action(self, action: u8) -> Self {
        Self { action: Some(action), ..self }
    }
}

pub(crate) fn report(command: Fields<'_>, operations: &[Operation]) -> Reply {
    let allocated = command.four(6) as usize;
    let (opcode, action) = (command.byte(3), command.byte(5));
    let data = match command.byte(2) & 0x07 {
        0 => all(operations),
        1 => one(operations.iter().find(|operation| operation.opcode == opcode)),
        2 | 3 => one(operations.iter().find(|known| known.opcode == opcode && known.action.is_none_or(|known| known == action))),
        _ => return Err(Sense::INVALID_FIELD.into()),
    };
    Ok(cut(data, allocated))
}

fn all(operations: &[Operation]) -> Vec<u8> {
    let mut data = four(operations.len() * 8).to_vec();
    for operation in operations {
        let has_action = u8::from(operation.action.is_some());
        data.extend_from_slice(&[operation.opcode, 0, 0, operation.action.unwrap_or(0), 0, has_action, 0, operation.length]);
    }
    data
}

/// SUPPORT: 1 not, 3 as the standard says. Every bit of the CDB counts here.
fn one(operation: Option<&Operation>) -> Vec<u8> {
    let Some(operation) = operation else { return vec![0, 1, 0, 0] };
    let mut data = vec![0, 3];
    data.extend_from_slice(&two(usize::from(operation.length)));
    data.push(operation.opcode);
    data.resize(4 + usize::from(operation.length), 0xff);
    data
}
