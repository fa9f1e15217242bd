//! Log pages of a drive (SSC-4, section 8.2; TapeAlert, section 4.2.20).

use std::collections::BTreeSet;

use super::{Drive, Seat};
use crate::fields::Fields;
use crate::plan::Kind;
use crate::primary::log::{self, Parameters};
use crate::sense::Reply;
use crate::time::BUFFER;

const PAGES: [u8; 10] = [0x00, 0x02, 0x03, 0x0c, 0x11, 0x17, 0x1b, 0x2e, 0x30, 0x31];
const MEGABYTE: u64 = 1_000_000;
const MEBIBYTE: u64 = 1 << 20;
/// Flags of TapeAlert: clean now, clean some time.
const CLEAN_NOW: u16 = 20;
const CLEAN_PERIODIC: u16 = 21;

/// Hundredths of what came to what was written; none where nothing came. Nothing is compressed, whatever is set.
fn ratio(bytes: u64) -> u64 {
    if bytes > 0 { 100 } else { 0 }
}

impl Drive {
    /// Flags of TapeAlert that stand: those of the cartridge go when it does, those of a dirty drive when it is cleaned.
    pub(super) fn alerts(&self) -> BTreeSet<u16> {
        let mut flags = self.alerts.clone();
        flags.extend(self.needs_cleaning().map(|now| if now { CLEAN_NOW } else { CLEAN_PERIODIC }));
        flags
    }

    pub(super) fn log_sense(&mut self, command: Fields<'_>) -> Reply {
        let drive = &*self;
        log::sense(command, &PAGES, |page| match page {
            0x02 => Some(drive.errors(drive.totals.bytes_written)),
            0x03 => Some(drive.errors(drive.totals.bytes_read)),
            0x0c => Some(drive.device()),
            0x11 => Some(drive.status()),
            0x17 => Some(drive.volume()),
            0x1b => Some(drive.compression()),
            0x2e => Some(Parameters::alerts(&drive.alerts())),
            0x30 => Some(drive.usage()),
            0x31 => Some(drive.capacity()),
            _ => None,
        })
    }

    /// Errors that were corrected or not, and bytes.
    fn errors(&self, bytes: u64) -> Parameters {
        let none = (0x0000..=0x0004).fold(Parameters::default(), |page, code| page.number(code, 4, 0));
        none.number(0x0005, 8, bytes).number(0x0006, 4, 0)
    }

    /// Sequential-access device.
    fn device(&self) -> Parameters {
        let (written, read) = (self.totals.bytes_written, self.totals.bytes_read);
        let (size, used, here) = self.extent(self.place.partition);
        let warning = super::writing::Room::of(size, 0).warning;
        Parameters::default()
            .number(0x0000, 8, written)
            .number(0x0001, 8, written)
            .number(0x0002, 8, read)
            .number(0x0003, 8, read)
            .number(0x0004, 8, used / MEGABYTE)
            .number(0x0005, 8, warning / MEGABYTE)
            .number(0x0006, 8, (size - warning) / MEGABYTE)
            .number(0x0007, 8, here / MEGABYTE)
            .number(0x0008, 4, BUFFER / MEBIBYTE)
            .number(0x0100, 8, u64::from(self.needs_cleaning().is_some()))
    }

    /// Bytes of a partition, those that are written, and those before the place.
    fn extent(&self, number: u8) -> (u64, u64, u64) {
        let Seat::Loaded(cartridge) = &self.seat else { return (0, 0, 0) };
        let used = cartridge.partitions().nth(usize::from(number)).map_or(0, crate::medium::Partition::end);
        let here = if number == self.place.partition { cartridge.before(number, self.place.record) } else { 0 };
        (self.size(number), used, here)
    }

    /// Very high frequency data of the DT device status page.
    fn status(&self) -> Parameters {
        let (loaded, present) = (matches!(self.seat, Seat::Loaded(_)), self.seat.barcode().is_some());
        let bit = |set: bool, mask: u8| if set { mask } else { 0 };
        let dirty = self.needs_cleaning();
        let first = bit(self.is_protected(), 0x08) | bit(dirty.is_some(), 0x04) | bit(dirty == Some(true), 0x02) | 0x01;
        // In transition; robot may take it; present, mounted, threaded.
        let second = bit(self.pending.is_some(), 0x80) | bit(!loaded && present, 0x20) | bit(present, 0x10) | bit(loaded, 0x07);
        let activity = match (&self.pending, loaded) {
            (Some(_), _) => 0x02,
            _ => 0,
        };
        Parameters::default().text(0x0000, &[first, second, activity, 0])
    }

    /// Volume statistics.
    fn volume(&self) -> Parameters {
        let Seat::Loaded(cartridge) = &self.seat else { return Parameters::default().number(0x0000, 1, 0) };
        let chip = &cartridge.chip;
        let records = |of: fn(&Self, u8) -> u64| -> Vec<u8> {
            let numbers = (0..u8::MAX).take(chip.layout.partitions());
            let record = |number: u8| {
                let [.., a, b, c, d] = of(self, number).to_be_bytes();
                [7, 0, 0, number, a, b, c, d]
            };
            numbers.flat_map(record).collect()
        };
        let sum =
            |of: fn(&Self, u8) -> u64| (0..u8::MAX).take(chip.layout.partitions()).map(|number| of(self, number)).sum::<u64>();
        Parameters::default()
            .number(0x0000, 1, 1)
            .number(0x0001, 4, chip.loads)
            .number(0x0003, 4, 0)
            .number(0x0004, 2, u64::from(chip.write_errors))
            .number(0x0005, 2, 0)
            .number(0x0006, 2, 0)
            .number(0x0008, 4, 0)
            .number(0x0009, 2, u64::from(chip.read_errors))
            .number(0x000c, 2, u64::from(self.since.write_errors))
            .number(0x000d, 2, u64::from(self.since.read_errors))
            .number(0x000e, 4, self.since.written / MEGABYTE)
            .number(0x000f, 4, self.since.read / MEGABYTE)
            .number(0x0010, 8, chip.bytes_written / MEGABYTE)
            .number(0x0011, 8, chip.bytes_read / MEGABYTE)
            .number(0x0012, 2, ratio(self.since.written))
            .number(0x0013, 2, ratio(self.since.read))
            .number(0x0016, 4, sum(|drive, number| drive.extent(number).0) / MEGABYTE)
            .number(0x0017, 4, sum(|drive, number| drive.extent(number).1) / MEGABYTE)
            .text(0x0040, chip.serial.as_bytes())
            .text(0x0042, chip.barcode.as_bytes())
            .text(0x0043, b"CAPSTAN ")
            .text(0x0045, b"Ultrium-9")
            .number(0x0080, 1, u64::from(self.is_protected()))
            .number(0x0081, 1, u64::from(chip.kind == Kind::Worm))
            .text(0x0202, &records(|drive, number| drive.extent(number).0 / MEGABYTE))
            .text(0x0203, &records(|drive, number| drive.extent(number).1 / MEGABYTE))
            .text(
                0x0204,
                &records(|drive, number| {
                    let (size, used, _) = drive.extent(number);
                    super::writing::Room::of(size, 0).warning.saturating_sub(used) / MEGABYTE
                }),
            )
    }

    /// Data compression.
    fn compression(&self) -> Parameters {
        let moved = |page: Parameters, code: u16, bytes: u64| {
            page.number(code, 4, bytes / MEGABYTE).number(code + 1, 4, bytes % MEGABYTE)
        };
        let (written, read) = (self.since.written, self.since.read);
        let ratios = Parameters::default().number(0x0000, 2, ratio(read)).number(0x0001, 2, ratio(written));
        [(0x0002, read), (0x0004, read), (0x0006, written), (0x0008, written)]
            .into_iter()
            .fold(ratios, |page, (code, bytes)| moved(page, code, bytes))
            .number(0x0100, 2, u64::from(self.settings.compressing))
    }

    /// Tape usage, as LTO drives tell it, over the cartridge's life. Nothing is tried again, nor suspended.
    fn usage(&self) -> Parameters {
        let Seat::Loaded(cartridge) = &self.seat else { return Parameters::default() };
        let chip = &cartridge.chip;
        Parameters::default()
            .number(0x0001, 4, chip.loads)
            .number(0x0003, 4, 0)
            .number(0x0004, 2, u64::from(chip.write_errors))
            .number(0x0005, 2, 0)
            .number(0x0006, 2, 0)
            .number(0x0008, 4, 0)
            .number(0x0009, 2, u64::from(chip.read_errors))
            .number(0x000a, 2, 0)
            .number(0x000b, 2, 0)
    }

    /// Tape capacity, as LTO drives tell it: of the first two partitions, in mebibytes.
    fn capacity(&self) -> Parameters {
        let left = |number| {
            let (size, used, _) = self.extent(number);
            size.saturating_sub(used) / MEBIBYTE
        };
        Parameters::default()
            .number(0x0001, 4, left(0))
            .number(0x0002, 4, left(1))
            .number(0x0003, 4, self.size(0) / MEBIBYTE)
            .number(0x0004, 4, self.size(1) / MEBIBYTE)
    }
}
