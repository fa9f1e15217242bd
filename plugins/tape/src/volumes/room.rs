//! How much a cartridge still takes. Whatever is written, there has to be room behind it for what lists it.

use capstan_sdk::failure::no_space;
use capstan_sdk::types::Partition;
use capstan_sdk::{Failure, Outcome};

use super::feed::Feed;
use super::mounting::Shape;
use crate::medium;
use crate::tape::Tape;

/// Code of a failure: the cartridge takes no more.
pub(crate) const FULL: &str = "end-of-medium";
/// Bytes that are written behind early warning and before what closes the volume: drives have room for far more there.
const BEHIND_WARNING: u64 = 16 << 20;

#[derive(Debug, Default)]
pub(crate) struct Room {
    /// As the drive told last.
    told: Option<Partition>,
    written: u64,
    /// The drive said that the end comes near.
    warned: bool,
}

impl Room {
    pub(crate) async fn ask(tape: &mut Tape, shape: &Shape, partition: u8) -> Outcome<Self> {
        let memory = medium::memory(tape, partition).await?;
        let told = medium::room(tape, partition, &memory, shape.page.as_ref()).await?;
        Ok(Self { told: Some(told), written: 0, warned: false })
    }

    /// Asks anew; what was warned of stays.
    pub(crate) async fn again(&self, tape: &mut Tape, shape: &Shape, partition: u8) -> Outcome<Self> {
        Ok(Self { warned: self.warned, ..Self::ask(tape, shape, partition).await? })
    }

    pub(crate) fn wrote(&mut self, feed: &Feed) {
        self.written = self.written.saturating_add(feed.bytes);
        self.warned |= feed.near_end;
    }

    /// The drive said that the end comes near.
    pub(crate) fn warn(&mut self, near_end: bool) {
        self.warned |= near_end;
    }

    /// Bytes, if the drive tells: no fewer than these.
    pub(crate) fn left(&self) -> Option<u64> {
        Some(self.told?.remaining?.saturating_sub(self.written))
    }

    pub(crate) fn capacity(&self) -> Option<u64> {
        self.told?.capacity
    }

    /// Whether so many bytes may be begun with `closing` bytes behind them.
    pub(crate) fn holds(&self, bytes: u64, closing: u64) -> bool {
        let all = bytes.saturating_add(closing);
        (!self.warned || all <= BEHIND_WARNING) && self.left().is_none_or(|left| all <= left)
    }
}

/// Whether what was begun may go on although the end comes near.
pub(crate) fn goes_on(feed: &Feed, left: u64, closing: u64) -> bool {
    !feed.near_end || left.saturating_add(closing) <= BEHIND_WARNING
}

pub(crate) fn full(cartridge: &str) -> Failure {
    no_space(format!("cartridge {cartridge:?} has no room for this")).code(FULL).next_step("Take another cartridge.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(remaining: Option<u64>, warned: bool) -> Room {
        Room { told: Some(Partition { capacity: None, remaining }), written: 100, warned }
    }

    #[test]
    fn a_file_is_begun_only_where_what_closes_the_volume_has_room_behind_it() {
        assert!(room(Some(1_000), false).holds(700, 200) && !room(Some(1_000), false).holds(700, 201));
        assert!(room(None, false).holds(u64::MAX, 1));
        assert!(room(None, true).holds(BEHIND_WARNING - 1, 1) && !room(None, true).holds(BEHIND_WARNING, 1));
    }
}
