//! A volume's blocks: one command, or many at once.
//!
//! A LUN is a number that the VPSA gives to another volume when it is free again, and another instance or host may have freed it.
//! So a unit is asked for its own name before it is read or written, again whenever it says that something has changed, after every
//! new connection, and after every silence: not every target says that a LUN is another unit now. The name is the volume's where
//! the VPSA said before and after the question that the volume is at this LUN.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use capstan_iscsi::{Command, Data, Tag};
use capstan_scsi::block::{self, Capacity};
use capstan_scsi::primary;
use capstan_sdk::failure::{malformed, unavailable, unsupported};
use capstan_sdk::{Failure, Outcome, Retry};

use crate::access;
use crate::lane::Lane;
use crate::outside;
use crate::pools::BLOCK;
use crate::sense::{NO_UNIT, Verdict, verdict};

/// Bytes that one command moves, and commands under way at once.
pub(crate) const PIECE: u32 = 256 << 10;
const WIDTH: usize = 8;
/// How often one command is given in all: a unit may be away for a moment, while it grows or moves to the other controller.
const TRIES: u32 = 12;

/// Pages of vital product data: what a unit calls itself (SPC-4, sections 7.8.6 and 7.8.17).
const NAMES: u8 = 0x83;
const SERIAL: u8 = 0x80;
/// The code of a LUN that is another volume's.
const CHANGED: &str = "unit-changed";

/// How long a unit that answered is still the same: no array takes a volume away and puts another in its place so soon.
const SAME_FOR: Duration = Duration::from_millis(500);

/// Bytes at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl Piece {
    pub(crate) fn block(&self) -> u64 {
        self.offset / u64::from(BLOCK)
    }

    /// Blocks of it: it has no more than a command can name.
    pub(crate) fn blocks(&self) -> u32 {
        u32::try_from(self.length / u64::from(BLOCK)).unwrap_or(u32::MAX)
    }
}

/// A range cut into pieces of so many bytes.
pub(crate) fn pieces(range: Piece, most: u64) -> impl Iterator<Item = Piece> {
    let end = range.offset.saturating_add(range.length);
    let mut at = range.offset;
    std::iter::from_fn(move || {
        let length = most.min(end - at);
        let piece = Piece { offset: at, length };
        at += length;
        (length > 0).then_some(piece)
    })
}

/// A command under way.
struct Flight {
    piece: Piece,
    tries: u32,
    given: Instant,
}

pub(crate) struct Disk {
    lane: Lane,
    lun: u64,
    /// What the unit calls itself.
    unit: Vec<u8>,
    pub(crate) capacity: Capacity,
    subject: String,
    /// The latest moment at which a command was given that the unit has done.
    seen: Instant,
}

impl Disk {
    /// The volume's unit, as large as it is now.
    pub(crate) async fn open(volume: &str, subject: &str) -> Outcome<Self> {
        match Self::open_once(volume, subject).await {
            // It was attached anew meanwhile, or detached.
            Err(failure) if is_elsewhere(&failure) => {
                access::forget(volume);
                Self::open_once(volume, subject).await
            }
            opened => opened,
        }
    }

    async fn open_once(volume: &str, subject: &str) -> Outcome<Self> {
        let way = access::reach(volume, subject).await?;
        let lane = Lane::take(&way.portal, &way.target).await?;
        let lun = Command::lun(way.lun).ok_or_else(|| malformed("the VPSA tells a LUN that cannot be", way.lun.to_string()))?;
        let nothing = Capacity { blocks: 0, block_bytes: BLOCK, thin: false, unmapped_are_zero: false };
        let mut disk = Self { lane, lun, unit: Vec::new(), capacity: nothing, subject: subject.to_owned(), seen: Instant::now() };
        let (name, capacity) = disk.introduce().await?.unzip();
        disk.unit = match name {
            Some(name) => name,
            None => disk.name().await?,
        };
        match &way.unit {
            Some(unit) if *unit == disk.unit => {}
            Some(_) => return Err(another(subject)),
            None if access::leads(volume, &way, subject).await? => access::bind(volume, &disk.unit),
            None => return Err(another(subject)),
        }
        let answer = match capacity {
            Some(answer) => answer,
            None => disk.run(&block::read_capacity(), Data::In(block::CAPACITY_BYTES)).await?,
        };
        disk.capacity = Capacity::read(&answer)
            .map_err(|wrong| malformed("the VPSA's target does not tell how large a volume is", wrong.0))?;
        if disk.capacity.block_bytes != BLOCK {
            let told = format!("{} bytes", disk.capacity.block_bytes);
            return Err(unsupported(format!("the blocks of {subject} have another size than {BLOCK} bytes")).detail(told));
        }
        Ok(disk)
    }

    pub(crate) fn give_back(self) {
        self.lane.give_back();
    }

    /// The unit's name and its answer to READ CAPACITY, which every call wants to know first, asked for on one way there and back.
    /// None: something came between, so each is to be asked for alone.
    async fn introduce(&mut self) -> Outcome<Option<(Vec<u8>, Vec<u8>)>> {
        let given = Instant::now();
        let link = &mut self.lane.link;
        let names = link.submit(self.lun, &primary::inquiry_page(NAMES), Data::In(u32::from(primary::PAGE_BYTES)))?;
        let size = link.submit(self.lun, &block::read_capacity(), Data::In(block::CAPACITY_BYTES))?;
        let (mut name, mut capacity) = (None, None);
        for _ in 0..2 {
            let (tag, fate) = self.lane.link.done().await?;
            if let Verdict::Done(data) = verdict(fate, &self.subject) {
                if tag == names {
                    name = Some(own_name(&data)).filter(|name| !name.is_empty());
                } else if tag == size {
                    capacity = Some(data);
                }
            }
        }
        let both = name.zip(capacity);
        if both.is_some() {
            self.seen = given;
        }
        Ok(both)
    }

    async fn name(&mut self) -> Outcome<Vec<u8>> {
        let data = || Data::In(u32::from(primary::PAGE_BYTES));
        let page = self.run_blind(&primary::inquiry_page(NAMES), data()).await?;
        let name = own_name(&page);
        if !name.is_empty() {
            return Ok(name);
        }
        let page = self.run_blind(&primary::inquiry_page(SERIAL), data()).await?;
        let serial = primary::read_page(&page, SERIAL).unwrap_or_default();
        if serial.iter().all(|byte| matches!(byte, 0 | b' ')) {
            return Err(unsupported(format!("the VPSA's target does not tell which volume {} is", self.subject)));
        }
        Ok(serial.to_vec())
    }

    /// The unit is still the one that it was.
    async fn is_same(&mut self) -> Outcome<()> {
        if self.name().await? != self.unit {
            return Err(another(&self.subject));
        }
        // However long its answer took.
        self.seen = Instant::now();
        Ok(())
    }

    /// One command, alone.
    pub(crate) async fn run(&mut self, cdb: &[u8], data: Data) -> Outcome<Vec<u8>> {
        self.repeated(cdb, data, true).await
    }

    /// The same for a unit that may be any.
    async fn run_blind(&mut self, cdb: &[u8], data: Data) -> Outcome<Vec<u8>> {
        self.repeated(cdb, data, false).await
    }

    async fn repeated(&mut self, cdb: &[u8], data: Data, known: bool) -> Outcome<Vec<u8>> {
        let mut tries = 0;
        loop {
            let given = Instant::now();
            let tag = self.lane.link.submit(self.lun, cdb, data.clone())?;
            let (of, fate) = self.lane.link.done().await?;
            if of != tag {
                return Err(malformed("a command ended that was not given", ""));
            }
            tries += 1;
            match verdict(fate, &self.subject) {
                Verdict::Done(data) => {
                    self.seen = given;
                    return Ok(data);
                }
                Verdict::Failed(failure) => return Err(failure),
                Verdict::Again(pause_ms, failure) => {
                    if tries >= TRIES || outside::cancelled() {
                        return Err(failure);
                    }
                    if pause_ms > 0 {
                        outside::wait(pause_ms).await;
                    }
                    if known {
                        Box::pin(self.is_same()).await?;
                    }
                }
            }
        }
    }

    /// A command for each piece, several under way at once. `taken` gets what came in, in the order of the pieces, and says whether
    /// to go on.
    pub(crate) async fn run_all(
        &mut self,
        pieces: impl Iterator<Item = Piece>,
        mut command: impl AsyncFnMut(Piece) -> Outcome<(Vec<u8>, Data)>,
        mut taken: impl AsyncFnMut(Piece, Vec<u8>) -> Outcome<bool>,
    ) -> Outcome<()> {
        let mut pieces = pieces.peekable();
        let Some(mut next) = pieces.peek().map(|piece| piece.offset) else { return Ok(()) };
        let mut flying: BTreeMap<Tag, Flight> = BTreeMap::new();
        let mut ready: BTreeMap<u64, (Piece, Vec<u8>)> = BTreeMap::new();
        let mut again: VecDeque<(Piece, u32)> = VecDeque::new();
        let mut prepared: Option<(Piece, u32, Vec<u8>, Data)> = None;
        // Something happened: nothing more is given until all that is under way has ended and the unit is known to be the same.
        let (mut unsure, mut pause_ms) = (false, 0);
        loop {
            if prepared.is_none()
                && (!again.is_empty() || flying.len() + ready.len() < WIDTH)
                && let Some((piece, tries)) = again.pop_front().or_else(|| pieces.next().map(|piece| (piece, 0)))
            {
                // The source may take its time; so the unit is asked afterwards.
                let (cdb, data) = command(piece).await?;
                prepared = Some((piece, tries, cdb, data));
            }
            let sure = !unsure && self.seen.elapsed() <= SAME_FOR;
            if sure && let Some((piece, tries, cdb, data)) = prepared.take() {
                let given = Instant::now();
                flying.insert(self.lane.link.submit(self.lun, &cdb, data)?, Flight { piece, tries, given });
                continue;
            }
            if prepared.is_some() && flying.is_empty() {
                if pause_ms > 0 {
                    outside::wait(std::mem::take(&mut pause_ms)).await;
                }
                self.is_same().await?;
                unsure = false;
                continue;
            }
            while let Some((piece, data)) = ready.remove(&next) {
                next += piece.length;
                if !taken(piece, data).await? {
                    return Ok(());
                }
            }
            if flying.is_empty() {
                if again.is_empty() && ready.is_empty() && pieces.peek().is_none() {
                    return Ok(());
                }
                continue;
            }
            let (tag, fate) = self.lane.link.done().await?;
            let Some(Flight { piece, tries, given }) = flying.remove(&tag) else { continue };
            match verdict(fate, &self.subject) {
                Verdict::Done(data) => {
                    self.seen = self.seen.max(given);
                    ready.insert(piece.offset, (piece, data));
                }
                Verdict::Failed(failure) => return Err(failure),
                Verdict::Again(pause, failure) => {
                    if tries + 1 >= TRIES || outside::cancelled() {
                        return Err(failure);
                    }
                    (unsure, pause_ms) = (true, pause_ms.max(pause));
                    again.push_back((piece, tries + 1));
                }
            }
        }
    }
}

/// What a page of names says; empty: nothing.
fn own_name(page: &[u8]) -> Vec<u8> {
    primary::read_page(page, NAMES).map(primary::unit_names).unwrap_or_default()
}

fn another(subject: &str) -> Failure {
    unavailable(format!("the LUN of {subject} belongs to another volume now")).code(CHANGED).retry(Retry::AtOnce)
}

/// Whether another look at where the volume is may help.
pub(crate) fn is_elsewhere(failure: &Failure) -> bool {
    let code = failure.fault().code.as_deref();
    code.is_some_and(|code| [NO_UNIT, CHANGED].contains(&code))
        || matches!(failure, Failure::Unauthenticated(_))
        || code.is_some_and(|code| code.starts_with("iscsi login"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_into_pieces_without_a_gap() {
        let cut = |offset, length, most| pieces(Piece { offset, length }, most).map(|piece| piece.length).collect::<Vec<_>>();
        assert_eq!(cut(512, 1024, 512), [512, 512]);
        assert_eq!(cut(0, 1536, 1024), [1024, 512]);
        assert!(cut(512, 0, 1024).is_empty());
        let piece = Piece { offset: 1 << 40, length: 4096 };
        assert_eq!((piece.block(), piece.blocks()), (1 << 31, 8));
    }
}
