//! What a drive last told of a cartridge.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, Number};
use crate::time::Timestamp;

/// Counters by their names: those of a medium as the media contract has them, and of each partition, from 0, "partition-0-capacity" and
/// "partition-0-remaining" in bytes.
pub type Counters = BTreeMap<String, u64>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapeStatistics {
    pub cartridge: LocationId,
    /// Of the cartridge's location.
    pub number: Number,
    pub barcode: String,
    /// When the drive told it.
    pub taken: Timestamp,
    pub counters: Counters,
}
