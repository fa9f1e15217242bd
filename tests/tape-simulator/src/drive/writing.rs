//! WRITE, WRITE FILEMARKS and SET CAPACITY (SSC-4, sections 6.10, 6.11 and 7.13).

use super::reading::MOST_BLOCK;
use super::{Drive, Place, protection};
use crate::faults::{Fault, Subject};
use crate::fields::Fields;
use crate::medium::{Cartridge, OVERHEAD, Partition};
use crate::plan::Kind;
use crate::sense::{Reply, Sense, Stop};
use crate::time::BUFFER;

/// Share of a partition that lies behind early warning, and the bytes that it is at most.
const WARNING_SHARE: u64 = 50;
const WARNING_MOST: u64 = 2 << 30;
/// Flags of TapeAlert.
const WRITE_FAILURE: u16 = 6;
const PROTECTED: u16 = 9;
const OVERWRITTEN: u16 = 60;

/// How far a partition can be written, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Behind here, early warning is told at each write.
    pub(super) warning: u64,
    /// Behind here, programmable early warning is told once.
    pub(super) earlier: Option<u64>,
    end: u64,
}

impl Room {
    /// `early`: megabytes before early warning.
    pub(super) fn of(end: u64, early: u16) -> Self {
        let warning = end - (end / WARNING_SHARE).min(WARNING_MOST);
        let earlier = (early > 0).then(|| warning.saturating_sub(u64::from(early) * 1_000_000));
        Self { warning, earlier, end }
    }
}

impl Drive {
    /// Whether anything can be written here.
    pub(super) fn writable(&mut self) -> Result<(), Stop> {
        let place = self.place;
        self.ready()?;
        if self.is_protected() {
            self.alerts.insert(PROTECTED);
            return Err(Sense::PROTECTED.into());
        }
        let cartridge = self.seat.loaded()?;
        let end = cartridge.partition(place.partition).map_or(0, |partition| partition.count());
        if cartridge.chip.kind == Kind::Worm && place.record < end {
            self.alerts.insert(OVERWRITTEN);
            return Err(Sense::WRITTEN_ONCE.into());
        }
        Ok(())
    }

    pub(super) fn write(&mut self, command: Fields<'_>, out: &[u8]) -> Reply {
        let (fixed, length) = (command.bit(1, 0x01), command.three(2));
        self.writable()?;
        if length == 0 {
            return Ok(Vec::new());
        }
        let extra = self.settings.protection.on_write();
        let block = if fixed { self.settings.block } else { length.saturating_sub(extra as u32) } as usize;
        let count = if fixed { length as usize } else { 1 };
        if block == 0 || block > MOST_BLOCK as usize {
            return Err(Sense::INVALID_FIELD.into());
        }
        let all = out.get(..count.saturating_mul(block + extra)).ok_or(Sense::PARAMETER_LENGTH)?;
        let mut warning = None;
        for (done, bytes) in all.chunks_exact(block + extra).enumerate() {
            let left = if fixed { (count - done) as i64 } else { i64::from(length) };
            let payload = protection::checked(bytes, extra).ok_or(Sense::PROTECTION_ON_WRITE.left(left))?;
            warning = self.put(Some(payload)).map_err(|stop| residual(stop, left))?.or(warning);
        }
        if !self.settings.buffered {
            self.flush()?;
        }
        match warning {
            Some(sense) => Err(sense.left(0).into()),
            None => self.complain(Vec::new()),
        }
    }

    /// A block, or a filemark, at the place; what is to be told of the end.
    fn put(&mut self, block: Option<&[u8]>) -> Result<Option<Sense>, Stop> {
        let place = self.place;
        let room = Room::of(self.size(place.partition), self.settings.early);
        let length = block.map_or(0, <[u8]>::len) as u64;
        let before = self.seat.loaded()?.before(place.partition, place.record);
        if before + length + OVERHEAD > room.end {
            self.flush()?;
            return Err(Sense::FULL.into());
        }
        self.strike()?;
        let partition = partition(self.seat.loaded()?, place)?;
        match block {
            Some(block) => partition.write(place.record, block)?,
            None => partition.mark(place.record),
        }
        // More than the buffer holds is on the medium.
        if partition.waiting() > BUFFER {
            let half = (partition.count() - partition.committed()) / 2;
            self.seat.loaded()?.commit(place.partition, half.max(1))?;
        }
        self.spent += self.stream.write(length + OVERHEAD, &mut self.totals);
        self.stream.answered();
        self.place.record += 1;
        self.totals.bytes_written += length;
        self.since.written += length;
        self.seat.loaded()?.chip.bytes_written += length;
        let used = before + length + OVERHEAD;
        if used > room.warning {
            return Ok(Some(Sense::EARLY_WARNING));
        }
        let earlier = room.earlier.is_some_and(|earlier| used > earlier) && !self.warned;
        self.warned |= earlier;
        Ok(earlier.then_some(Sense::EARLIER_WARNING))
    }

    fn strike(&mut self) -> Result<(), Stop> {
        let barcode = self.seat.barcode().unwrap_or_default().to_owned();
        let bad = &Fault::WriteError;
        if self.faults.strikes(&self.subject, bad) || self.faults.strikes(&Subject::Cartridge(barcode), bad) {
            self.alerts.insert(WRITE_FAILURE);
            self.since.write_errors += 1;
            self.seat.loaded()?.chip.write_errors += 1;
            return Err(Sense::UNWRITABLE.into());
        }
        Ok(())
    }

    pub(super) fn write_filemarks(&mut self, command: Fields<'_>) -> Reply {
        // Setmarks are of the past.
        if command.bit(1, 0x02) {
            return Err(Sense::INVALID_FIELD.into());
        }
        let (immediate, count) = (command.bit(1, 0x01), command.three(2));
        if count > 0 {
            self.writable()?;
        } else {
            self.ready()?;
        }
        let mut warning = None;
        for done in 0..count {
            warning = self.put(None).map_err(|stop| residual(stop, i64::from(count - done)))?.or(warning);
        }
        if !immediate {
            self.flush()?;
        }
        warning.map_or(Ok(Vec::new()), |sense| Err(sense.left(0).into()))
    }

    /// SET CAPACITY: the share of the medium that is used; what is on it is gone.
    pub(super) fn set_capacity(&mut self, command: Fields<'_>) -> Reply {
        self.writable()?;
        if self.place != Place::default() {
            return Err(Sense::NOT_AT_BEGINNING.into());
        }
        let share = match command.two(3) {
            0 => 0xffff,
            share => share,
        };
        let chip = &self.seat.loaded()?.chip;
        let bytes = u128::from(chip.capacity) * u128::from(share) / 0xffff;
        let layout = crate::time::Layout::whole(u64::try_from(bytes).unwrap_or(chip.capacity).max(u64::from(u16::MAX)));
        self.stream.stop();
        self.spent += crate::time::FORMAT;
        self.seat.loaded()?.format(layout)?;
        Ok(Vec::new())
    }

    /// ALLOW OVERWRITE: this drive lets everything be overwritten that a cartridge lets be.
    pub(super) fn allow_overwrite(&mut self, command: Fields<'_>) -> Reply {
        self.ready()?;
        match command.byte(2) & 0x0f {
            0..=2 => Ok(Vec::new()),
            _ => Err(Sense::INVALID_FIELD.into()),
        }
    }
}

fn partition(cartridge: &mut Cartridge, place: Place) -> Result<&mut Partition, Stop> {
    cartridge.partition(place.partition).ok_or(Sense::INTERNAL.into())
}

fn residual(stop: Stop, left: i64) -> Stop {
    match stop {
        Stop::Checked(sense) => Stop::Checked(sense.left(left)),
        other => other,
    }
}
