//! ERASE and FORMAT MEDIUM (SSC-4, sections 6.2 and 7.2).

use super::Drive;
use super::partitioning::Wish;
use crate::fields::Fields;
use crate::sense::{Reply, Sense};
use crate::time::{FORMAT, Layout, METRES, READ_SPEED, WRAPS};

/// Seconds in which all of a tape is run over.
const WHOLE: f64 = WRAPS as f64 * METRES / READ_SPEED;

impl Drive {
    /// Nothing is left from here to the end of the partition. LONG: the tape is run over as well.
    pub(super) fn erase(&mut self, command: Fields<'_>) -> Reply {
        self.writable()?;
        self.flush()?;
        let place = self.place;
        let size = self.size(place.partition);
        let cartridge = self.seat.loaded()?;
        let (used, capacity) = (cartridge.before(place.partition, place.record), cartridge.chip.capacity);
        cartridge.partition(place.partition).ok_or(Sense::INTERNAL)?.erase(place.record)?;
        cartridge.chip.changes = cartridge.chip.changes.wrapping_add(1);
        cartridge.save()?;
        if command.bit(1, 0x01) {
            let seconds = WHOLE * (size.saturating_sub(used) as f64 / capacity as f64);
            self.spent += seconds;
            self.totals.write_seconds += seconds;
        }
        Ok(Vec::new())
    }

    pub(super) fn format(&mut self, command: Fields<'_>) -> Reply {
        self.writable()?;
        if self.place != super::Place::default() {
            return Err(Sense::NOT_AT_BEGINNING.into());
        }
        let wish = self.settings.wish.clone();
        let cartridge = self.seat.loaded()?;
        let capacity = cartridge.chip.capacity;
        let layout = match (command.byte(2) & 0x0f, wish) {
            (0, _) => Layout::whole(capacity),
            (1 | 2, Some(wish)) => wish.layout(capacity).ok_or(Sense::INVALID_PARAMETER)?,
            // Nobody said how: it stays as it is.
            (1 | 2, None) => Wish::of(&cartridge.chip.layout).layout(capacity).ok_or(Sense::INVALID_PARAMETER)?,
            _ => return Err(Sense::INVALID_FIELD.into()),
        };
        cartridge.format(layout)?;
        self.stream.stop();
        self.spent += FORMAT;
        Ok(Vec::new())
    }
}
