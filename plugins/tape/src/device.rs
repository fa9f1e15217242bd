//! A device that is asked: a real one, or in tests one in memory.

use capstan_iscsi::Data;

use crate::unit::{Stop, Unit};

pub(crate) trait Device {
    /// A command that leaves the same each time. What came in.
    async fn ask(&mut self, cdb: &[u8], data: Data) -> Result<Vec<u8>, Stop>;
}

impl Device for Unit {
    async fn ask(&mut self, cdb: &[u8], data: Data) -> Result<Vec<u8>, Stop> {
        Self::ask(self, cdb, data).await
    }
}
