//! SCSI devices behind one target: what a transport hands commands to.

use async_trait::async_trait;

/// One initiator port at one target port (SAM-5, section 4.7): reservations and unit attentions are kept for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nexus(pub String);

/// What a device answers to one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// SAM-5, section 5.3.1.
    pub status: u8,
    /// Data-in, at most as long as the command allows.
    pub data: Vec<u8>,
    /// Fixed or descriptor format; empty unless the status is CHECK CONDITION.
    pub sense: Vec<u8>,
}

/// The devices of a library. Commands of one unit are executed one after the other.
#[async_trait]
pub trait Devices: Send + Sync {
    /// A nexus is there: its units are greeted with a unit attention.
    fn greet(&self, nexus: &Nexus);
    /// It is gone.
    fn leave(&self, nexus: &Nexus);
    /// LOGICAL UNIT RESET; none: of all units.
    fn reset(&self, lun: Option<u64>);
    /// `out`: all the data-out of the command. The time the device takes passes before the answer. none: the unit does not answer at all (a power cut).
    async fn execute(&self, nexus: &Nexus, lun: u64, cdb: &[u8], out: &[u8]) -> Option<Answer>;
}
