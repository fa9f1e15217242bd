//! Blocks one behind the other to a drive, several at a time where what carries them can: while one is on its way the drive has the next.
//!
//! A drive carries commands out in the order in which they came. So what goes ahead is only what stays right whatever becomes of the command
//! before it: reads of blocks that are wanted anyway, and writes up to the first one that says that the end comes near.

use std::collections::VecDeque;

use capstan_iscsi::Data;
use capstan_scsi::tape::{self, Ended, protection};
use capstan_sdk::failure::{cancelled, invalid};
use capstan_sdk::{Failure, Outcome};

use crate::checksum;
use crate::outside;
use crate::stream::Source;
use crate::unit::Stop;

/// Commands that are under way at once, however many the carrier would take.
pub(crate) const AHEAD: usize = 8;

/// What carries commands of one device.
pub(crate) trait Lane {
    /// Commands, each with so many bytes for the device, that it takes before the first of them ended, and has done in their order.
    fn room(&self, bytes: u32) -> usize;
    /// It turned out to take one at a time; false: that was known.
    fn narrow(&mut self) -> bool;
    /// `asked`: the length in the command.
    async fn begin(&mut self, cdb: &[u8], data: Data, asked: u32) -> Result<(), Stop>;
    /// How the oldest ended that was begun.
    async fn end(&mut self) -> Result<(Ended, Vec<u8>), Stop>;
}

/// Bytes that a checksum adds to a block.
pub(crate) fn extra(protected: bool) -> u32 {
    if protected { protection::BYTES } else { 0 }
}

/// Reads of blocks of one length, of which some are under way.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    under_way: usize,
    length: u32,
}

impl Ahead {
    /// The length of the blocks that are read; none: none is.
    pub(crate) fn length(&self) -> Option<u32> {
        (self.under_way > 0).then_some(self.length)
    }

    /// How the next read of so many bytes ended. `many`: how many such blocks are wanted from there on. The length stays the same as long as some
    /// are under way.
    pub(crate) async fn next(&mut self, lane: &mut impl Lane, length: u32, many: usize) -> Result<(Ended, Vec<u8>), Stop> {
        let many = many.min(lane.room(0)).min(AHEAD);
        self.length = length;
        while self.under_way < many.max(1) {
            let cdb = tape::read(length, true).ok_or_else(|| invalid("a block that is too long"))?;
            lane.begin(&cdb, Data::In(length), length).await?;
            self.under_way += 1;
        }
        self.under_way -= 1;
        lane.end().await
    }

    /// Ends what is under way; false: nothing was. Where the tape is then, only the drive knows.
    pub(crate) async fn drain(&mut self, lane: &mut impl Lane) -> bool {
        let some = self.under_way > 0;
        for _ in 0..std::mem::take(&mut self.under_way) {
            // It would have told of what nobody wants to know.
            let _ = lane.end().await;
        }
        some
    }
}

/// What was written of a content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) blocks: u64,
    pub(crate) bytes: u64,
    pub(crate) near_end: bool,
    /// There was no room for the next block.
    pub(crate) full: bool,
    /// There may be more blocks than these.
    pub(crate) astray: bool,
}

/// Why a content was not written to its end.
pub(crate) enum Broken {
    /// The source, or the caller.
    Failed(Failure),
    /// The drive; where the tape is nobody knows.
    Stopped(Stop),
    Odd(Ended),
}

/// Writes the whole content in blocks of so many bytes, the last as long as it is.
pub(crate) async fn lay(lane: &mut impl Lane, content: &impl Source, block: u32, protected: bool) -> (Run, Option<Broken>) {
    let mut under_way = VecDeque::new();
    let mut run = Run::default();
    let laid = laid(lane, content, block, protected, &mut run, &mut under_way).await;
    // What is under way behind a failure is over before the next command. Where the source failed, it is written like all before it.
    let mut counts = matches!(laid, Err(Broken::Failed(_)));
    for length in under_way {
        counts &= matches!(lane.end().await, Ok((ended, _)) if ended.is_written());
        if counts {
            (run.blocks, run.bytes) = (run.blocks + 1, run.bytes + u64::from(length));
        }
        run.astray |= !counts;
    }
    (run, laid.err())
}

async fn laid(
    lane: &mut impl Lane,
    content: &impl Source,
    block: u32,
    protected: bool,
    run: &mut Run,
    under_way: &mut VecDeque<u32>,
) -> Result<(), Broken> {
    let (size, mut given) = (content.size(), 0);
    let mut next = None;
    loop {
        // Before the one that is under way is over, the next one is there.
        if next.is_none() && given < size && !run.full {
            next = Some(block_of(content, given, u64::from(block).min(size - given), protected).await.map_err(Broken::Failed)?);
        }
        let room = lane.room(block.saturating_add(extra(protected))).clamp(1, AHEAD);
        let room = match run.blocks {
            // Near the end each block waits for the one before: behind one that finds no room a shorter one might find some.
            _ if run.near_end => 1,
            // The first two tell whether the drive takes the second before the first is done.
            0 => room.min(2),
            1 => 1,
            _ => room,
        };
        if under_way.len() < room
            && let Some(bytes) = next.take()
        {
            let sent = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let cdb = tape::write(sent).ok_or_else(|| Broken::Failed(invalid("a block that is too long")))?;
            lane.begin(&cdb, Data::Out(bytes), sent).await.map_err(Broken::Stopped)?;
            under_way.push_back(sent - extra(protected));
            given += u64::from(sent - extra(protected));
            continue;
        }
        let Some(length) = under_way.pop_front() else { return Ok(()) };
        let ended = match lane.end().await {
            Ok(ended) => ended,
            Err(why) if why.is_busy() && lane.narrow() => {
                if ended_unwritten(lane, under_way).await {
                    (given, next) = (run.bytes, None);
                    continue;
                }
                // One behind it was taken: there is a block too few.
                return Err(Broken::Stopped(why));
            }
            Err(why) => return Err(Broken::Stopped(why)),
        };
        match ended {
            // Behind one that there was no room for.
            (ended, _) if ended.is_written() && run.full => return Err(Broken::Odd(ended)),
            (ended, _) if ended.is_written() => {
                run.blocks += 1;
                run.bytes += u64::from(length);
                run.near_end |= ended != Ended::Whole;
            }
            (Ended::EndOfMedium { .. } | Ended::NearEnd { .. }, _) => {
                (run.full, run.near_end) = (true, true);
                next = None;
            }
            (ended, _) => return Err(Broken::Odd(ended)),
        }
    }
}

/// The next block as it goes to the drive.
async fn block_of(content: &impl Source, from: u64, length: u64, protected: bool) -> Outcome<Vec<u8>> {
    if outside::cancelled() {
        return Err(cancelled("the job was cancelled"));
    }
    let bytes = content.bytes(from, length).await?;
    if protected { checksum::seal(bytes) } else { Ok(bytes) }
}

/// Ends what is under way behind a block that was not taken; whether none of it was either.
async fn ended_unwritten(lane: &mut impl Lane, under_way: &mut VecDeque<u32>) -> bool {
    let mut none = true;
    while under_way.pop_front().is_some() {
        none &= lane.end().await.is_err_and(|why| why.is_busy());
    }
    none
}

/// The longest block that a command can name with its checksum.
pub(crate) fn longest(protected: bool) -> u32 {
    tape::LENGTH - extra(protected)
}

/// The block that came in, without its checksum; `length` bytes of it.
pub(crate) fn opened(mut data: Vec<u8>, length: u32, protected: bool, subject: &str) -> Outcome<Vec<u8>> {
    data.truncate((length + extra(protected)) as usize);
    if protected { checksum::unseal(data, subject) } else { Ok(data) }
}

#[cfg(test)]
#[path = "tests/lane.rs"]
mod tests;
