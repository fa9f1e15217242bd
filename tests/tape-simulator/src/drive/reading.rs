//! READ and VERIFY (SSC-4, sections 6.4 and 6.9).

use super::{Drive, protection};
use crate::faults::{Fault, Subject};
use crate::fields::Fields;
use crate::medium::Kind;
use crate::sense::{Reply, Sense, Stop};

/// Bytes of the longest block, as READ BLOCK LIMITS tells.
pub(super) const MOST_BLOCK: u32 = 8 << 20;
/// Flag of TapeAlert.
const READ_FAILURE: u16 = 5;

/// What stands at the place.
enum Found {
    Block { bytes: Vec<u8>, length: u32 },
    Filemark,
    End,
}

impl Drive {
    /// READ BLOCK LIMITS: any length from one byte on.
    pub(super) fn block_limits() -> Vec<u8> {
        let [_, a, b, c] = MOST_BLOCK.to_be_bytes();
        vec![0, a, b, c, 0, 1]
    }

    pub(super) fn read(&mut self, command: Fields<'_>) -> Reply {
        let (fixed, lenient, length) = (command.bit(1, 0x01), command.bit(1, 0x02), command.three(2));
        if fixed && lenient {
            return Err(Sense::INVALID_FIELD.into());
        }
        self.ready()?;
        let block = self.settings.block;
        if fixed && block == 0 {
            return Err(Sense::INVALID_FIELD.into());
        }
        if length == 0 {
            return Ok(Vec::new());
        }
        if fixed { self.read_blocks(length, block) } else { self.read_block(length, lenient && block == 0, lenient) }
    }

    /// One block of any length. `longer`, `shorter`: no word is said where the block is.
    fn read_block(&mut self, asked: u32, longer: bool, shorter: bool) -> Reply {
        let asked_for = i64::from(asked);
        match self.next(asked as usize).map_err(|stop| left(stop, asked_for))? {
            Found::End => Err(Sense::END_OF_DATA.left(asked_for).into()),
            Found::Filemark => Err(Sense::FILEMARK.left(asked_for).into()),
            Found::Block { bytes, length } => {
                let silent = length == asked || (length > asked && longer) || (length < asked && shorter);
                if silent {
                    return self.complain(bytes);
                }
                Err(Stop::Partly(bytes, Sense::LENGTH.left(asked_for - i64::from(length))))
            }
        }
    }

    fn read_blocks(&mut self, count: u32, block: u32) -> Reply {
        let extra = self.settings.protection.on_read() as u32;
        let mut data = Vec::new();
        for done in 0..count {
            let missing = i64::from(count - done);
            let stop = match self.next((block + extra) as usize) {
                Ok(Found::Block { bytes, length }) if length == block + extra => {
                    data.extend(bytes);
                    continue;
                }
                Ok(Found::Block { .. }) => Sense::LENGTH,
                Ok(Found::Filemark) => Sense::FILEMARK,
                Ok(Found::End) => Sense::END_OF_DATA,
                Err(Stop::Checked(sense)) => sense,
                Err(other) => return Err(other),
            };
            return Err(Stop::Partly(data, stop.left(missing)));
        }
        self.complain(data)
    }

    /// What stands at the place, at most so many bytes of it, protection information among them; the place is behind it.
    fn next(&mut self, most: usize) -> Result<Found, Stop> {
        let place = self.place;
        if self.stream.buffered() > 0 {
            // Reading turns the tape round: what is buffered is written first.
            self.flush()?;
        }
        let bad =
            self.standing(|fault| (*fault == Fault::ReadError { partition: place.partition, block: place.record }).then_some(()));
        let cartridge = self.seat.loaded()?;
        let partition = cartridge.partition(place.partition).ok_or(Sense::INTERNAL)?;
        let Some(record) = partition.record(place.record) else { return Ok(Found::End) };
        if bad.is_some() {
            cartridge.chip.read_errors += 1;
            self.since.read_errors += 1;
            let subject = Subject::Cartridge(cartridge.chip.barcode.clone());
            self.faults.strikes(&subject, &Fault::ReadError { partition: place.partition, block: place.record });
            self.alerts.insert(READ_FAILURE);
            return Err(Sense::UNREADABLE.into());
        }
        self.place.record += 1;
        if record.kind == Kind::Filemark {
            return Ok(Found::Filemark);
        }
        let extra = self.settings.protection.on_read();
        let mut bytes = partition.read(&record, if extra > 0 { usize::MAX } else { most })?;
        if extra > 0 {
            protection::protect(&mut bytes);
            bytes.truncate(most);
        }
        let length = u64::from(record.length);
        cartridge.chip.bytes_read += length;
        self.since.read += length;
        self.totals.bytes_read += length;
        self.spent += self.stream.read(length, &mut self.totals);
        self.stream.answered();
        Ok(Found::Block { bytes, length: record.length + extra as u32 })
    }

    /// The tape is read and nothing comes in.
    pub(super) fn verify(&mut self, command: Fields<'_>) -> Reply {
        // BYTCMP: nothing is compared.
        if command.bit(1, 0x02) {
            return Err(Sense::INVALID_FIELD.into());
        }
        self.ready()?;
        let (fixed, length, block) = (command.bit(1, 0x01), command.three(2), self.settings.block);
        if fixed && block == 0 {
            return Err(Sense::INVALID_FIELD.into());
        }
        let done = match (fixed, length) {
            (_, 0) => Ok(Vec::new()),
            (true, _) => self.read_blocks(length, block),
            (false, _) => self.read_block(length, false, false),
        };
        match done {
            Ok(_) => Ok(Vec::new()),
            Err(Stop::Partly(_, sense)) => Err(sense.into()),
            Err(stop) => Err(stop),
        }
    }
}

fn left(stop: Stop, left: i64) -> Stop {
    match stop {
        Stop::Checked(sense) => Stop::Checked(sense.left(left)),
        other => other,
    }
}
