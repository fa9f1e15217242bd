//! Which commands a drive knows, by its features.

use crate::plan::Features;
use crate::primary::{self, Operation, operation};

/// What every tape drive knows.
const ALWAYS: [Operation; 15] = [
    operation(0x01, 6),               // REWIND
    operation(0x05, 6),               // READ BLOCK LIMITS
    operation(0x08, 6),               // READ(6)
    operation(0x0a, 6),               // WRITE(6)
    operation(0x0b, 6),               // SET CAPACITY
    operation(0x10, 6),               // WRITE FILEMARKS(6)
    operation(0x11, 6),               // SPACE(6)
    operation(0x13, 6),               // VERIFY(6)
    operation(0x19, 6),               // ERASE(6)
    operation(0x1b, 6),               // LOAD UNLOAD
    operation(0x34, 10),              // READ POSITION
    operation(0x44, 10),              // REPORT DENSITY SUPPORT
    operation(0x82, 16),              // ALLOW OVERWRITE
    operation(0x91, 16),              // SPACE(16)
    operation(0xa3, 12).action(0x0c), // REPORT SUPPORTED OPERATION CODES
];

pub(super) fn of(features: Features) -> Vec<Operation> {
    let mut operations = [&primary::OPERATIONS[..], &ALWAYS[..]].concat();
    if features.locate {
        // LOCATE(10) and (16).
        operations.extend([operation(0x2b, 10), operation(0x92, 16)]);
    }
    if features.partitions {
        // FORMAT MEDIUM.
        operations.push(operation(0x04, 6));
    }
    if features.memory {
        // READ ATTRIBUTE and WRITE ATTRIBUTE.
        operations.extend([operation(0x8c, 16), operation(0x8d, 16)]);
    }
    if features.logs {
        // LOG SENSE.
        operations.push(operation(0x4d, 10));
    }
    if features.access_order {
        // RECEIVE and GENERATE RECOMMENDED ACCESS ORDER.
        operations.extend([operation(0xa3, 12).action(0x1d), operation(0xa4, 12).action(0x1d)]);
    }
    operations.sort_by_key(|operation| (operation.opcode, operation.action));
    operations
}
