//! READ POSITION in its short, long and extended form (SSC-4, section 7.10).

use super::Drive;
use super::writing::Room;
use crate::fields::{Fields, cut, three};
use crate::sense::{Reply, Sense};

impl Drive {
    pub(super) fn read_position(&mut self, command: Fields<'_>) -> Reply {
        let (knows, place) = (self.features.locate, self.place);
        let early = self.settings.early;
        let buffered_bytes = self.stream.buffered();
        self.ready()?;
        let room = Room::of(self.size(place.partition), early);
        let cartridge = self.seat.loaded()?;
        let used = cartridge.before(place.partition, place.record);
        let partition = cartridge.partition(place.partition).ok_or(Sense::INTERNAL)?;
        let waiting = partition.count() - partition.committed();
        let files = partition.marks().partition_point(|mark| *mark < place.record) as u64;
        let mut flags = if place.record == 0 { 0x80 } else { 0 };
        flags |= if used > room.warning { 0x40 } else { 0 };
        flags |= if room.earlier.is_some_and(|earlier| used > earlier) { 0x01 } else { 0 };
        // LOLU, LONU: what knows no numbers tells none.
        flags |= if knows { 0 } else { 0x04 };
        let record = if knows { place.record } else { 0 };
        let objects = three(usize::try_from(waiting).unwrap_or(usize::MAX));
        let last = record.saturating_sub(waiting);
        Ok(match command.byte(1) & 0x1f {
            0 | 1 => {
                // PERR: a number has no room here.
                let narrow = |number: u64| u32::try_from(number).ok();
                let perr = if narrow(record).is_none() { 0x02 } else { 0 };
                let mut data = vec![flags | perr, place.partition, 0, 0];
                data.extend_from_slice(&narrow(record).unwrap_or(0).to_be_bytes());
                data.extend_from_slice(&narrow(last).unwrap_or(0).to_be_bytes());
                data.push(0);
                data.extend_from_slice(&objects);
                data.extend_from_slice(&u32::try_from(buffered_bytes).unwrap_or(u32::MAX).to_be_bytes());
                data
            }
            6 => {
                let mut data = vec![flags, 0, 0, 0, 0, 0, 0, place.partition];
                data.extend_from_slice(&record.to_be_bytes());
                data.extend_from_slice(&files.to_be_bytes());
                data.extend_from_slice(&[0; 8]);
                data
            }
            8 => {
                let mut data = vec![flags, place.partition, 0, 28, 0];
                data.extend_from_slice(&objects);
                data.extend_from_slice(&record.to_be_bytes());
                data.extend_from_slice(&last.to_be_bytes());
                data.extend_from_slice(&buffered_bytes.to_be_bytes());
                cut(data, usize::from(command.two(7)))
            }
            _ => return Err(Sense::INVALID_FIELD.into()),
        })
    }
}
