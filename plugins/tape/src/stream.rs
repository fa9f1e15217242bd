//! What is on a tape: read as one stream, written in blocks.

use capstan_iscsi::Data;
use capstan_scsi::tape::{self, Ended};
use capstan_sdk::content::Content;
use capstan_sdk::failure::{cancelled, conflict, invalid, malformed};
use capstan_sdk::types;
use capstan_sdk::{Outcome, StreamWriter, gather};
use serde::{Deserialize, Serialize};

use crate::held::Taken;
use crate::outside;
use crate::site::Drive;
use crate::tape::{Found, Met, Spot, Tape};

const BLOCK_LENGTH: &str = "block-length";
const NOT_AT_END: &str = "not-at-end";

/// Where bytes go that were read. False: nobody wants them any more.
pub(crate) trait Sink {
    async fn give(&mut self, bytes: Vec<u8>) -> bool;
}

impl Sink for StreamWriter<u8> {
    async fn give(&mut self, bytes: Vec<u8>) -> bool {
        self.write_all(bytes).await.is_empty()
    }
}

/// Where bytes come from that are written.
pub(crate) trait Source {
    fn size(&self) -> u64;
    async fn bytes(&self, from: u64, length: u64) -> Outcome<Vec<u8>>;
}

impl Source for Content {
    fn size(&self) -> u64 {
        Content::size(self)
    }

    async fn bytes(&self, from: u64, length: u64) -> Outcome<Vec<u8>> {
        gather::exactly(self, from, usize::try_from(length).unwrap_or(usize::MAX)).await
    }
}

/// The next object, as a reader finds it. Behind a block and a mark the tape stands behind it.
enum Next {
    Block(Vec<u8>),
    /// It has so many bytes, which is more than there is room for; the tape stands before it.
    TooLong(u32),
    /// A mark, or the end.
    Over,
}

/// What is still to be read; the drive is this reader's until it is over.
pub(crate) struct Reading {
    taken: Taken<Tape>,
    left: u64,
    ready: Vec<u8>,
    over: bool,
}

/// What a call can fail at, it fails at before it answers: the first block is there.
pub(crate) async fn read(drive: &Drive, from: Spot, length: u64) -> Outcome<(types::Place, Reading)> {
    let mut taken = drive.take().await?;
    let tape = &mut taken.it;
    tape.go(from).await?;
    let place = types::Place { partition: u32::from(from.partition), object: from.object, met: None };
    let (mut ready, mut over) = (Vec::new(), length == 0);
    if length > 0 {
        match next(tape, length).await? {
            Next::Block(block) => ready = block,
            Next::Over => over = true,
            Next::TooLong(bytes) => {
                let message = format!("the block there has {bytes} bytes; {length} were asked for");
                taken.give_back();
                return Err(invalid(message).code(BLOCK_LENGTH));
            }
        }
    }
    let left = length - ready.len() as u64;
    Ok((place, Reading { taken, left, ready, over }))
}

impl Reading {
    /// Hands everything on. Answers early, and well, when nobody reads any more.
    pub(crate) async fn pour(self, sink: &mut impl Sink) -> Outcome<()> {
        let Self { mut taken, mut left, ready, mut over } = self;
        let mut wanted = ready.is_empty() || sink.give(ready).await;
        while wanted && !over && left > 0 {
            if outside::cancelled() {
                return Err(cancelled("the job was cancelled"));
            }
            match next(&mut taken.it, left).await? {
                Next::Block(block) => {
                    left -= block.len() as u64;
                    wanted = sink.give(block).await;
                }
                Next::TooLong(_) | Next::Over => over = true,
            }
        }
        taken.give_back();
        Ok(())
    }
}

/// Reads the next block if it has no more than `left` bytes. Blocks may have any length: the last one's is tried first.
async fn next(tape: &mut Tape, left: u64) -> Outcome<Next> {
    let room = u32::try_from(left).unwrap_or(u32::MAX).min(tape::LENGTH);
    let wanted = tape.guess.clamp(1, room);
    let (ended, mut data) = block(tape, wanted).await?;
    match ended {
        Ended::Whole | Ended::NearEnd { .. } if data.len() == wanted as usize => {
            tape.pass(1);
            Ok(Next::Block(data))
        }
        Ended::Length { actual: Some(actual) } if actual > 0 && actual != wanted => {
            tape.pass(1);
            if actual > room {
                tape.back().await?;
                return Ok(Next::TooLong(actual));
            }
            tape.guess = actual;
            if actual < wanted && data.len() >= actual as usize {
                data.truncate(actual as usize);
                return Ok(Next::Block(data));
            }
            // The drive goes over a block of another length and gives only a part of it, or nothing.
            tape.back().await?;
            let (ended, data) = block(tape, actual).await?;
            if matches!(ended, Ended::Whole | Ended::NearEnd { .. }) && data.len() == actual as usize {
                tape.pass(1);
                return Ok(Next::Block(data));
            }
            Err(tape.odd(ended))
        }
        Ended::Filemark { .. } => {
            tape.pass(1);
            tape.met = Some(Met::Filemark);
            Ok(Next::Over)
        }
        Ended::EndOfData { .. } | Ended::EndOfMedium { .. } => {
            tape.met = Some(Met::EndOfData);
            tape.ends_here();
            Ok(Next::Over)
        }
        ended => Err(tape.odd(ended)),
    }
}

async fn block(tape: &mut Tape, bytes: u32) -> Outcome<(Ended, Vec<u8>)> {
    let cdb = tape::read(bytes, true).ok_or_else(|| invalid("a block that is too long"))?;
    match tape.unit.tell(&cdb, Data::In(bytes), bytes).await {
        Ok(read) => Ok(read),
        Err(stop) => Err(tape.astray(stop)),
    }
}

/// What a write is to leave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Laying {
    pub(crate) at: Spot,
    pub(crate) truncate: bool,
    pub(crate) block: u32,
    pub(crate) filemarks: u32,
}

/// What it left.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Laid {
    pub(crate) bytes: u64,
    /// The object that is next.
    pub(crate) object: u64,
    pub(crate) near_end: bool,
}

/// Whether content of this size can be laid down so.
pub(crate) async fn check(tape: &mut Tape, laying: &Laying, size: u64) -> Outcome<()> {
    let limits = tape.limits().await?;
    let block = u64::from(laying.block);
    let last = size.checked_rem(block).unwrap_or(0);
    let most = limits.maximum.unwrap_or(tape::LENGTH).min(tape::LENGTH);
    let fits = |bytes: u64| (u64::from(limits.minimum.max(1))..=u64::from(most)).contains(&bytes);
    if size > 0 && ((size >= block && !fits(block)) || (last > 0 && !fits(last))) {
        let message = format!("blocks in {} have {} to {most} bytes, not {block}", tape.unit.subject, limits.minimum.max(1));
        return Err(invalid(message).code(BLOCK_LENGTH));
    }
    Ok(())
}

/// Goes to the place, and holds that the data ends there.
pub(crate) async fn approach(tape: &mut Tape, laying: &Laying) -> Outcome<()> {
    let message = || format!("the data does not end at object {}", laying.at.object);
    match tape.go(laying.at).await {
        Err(failure) if failure.fault().code.as_deref() == Some(crate::tape::END_OF_DATA) => {
            return Err(conflict(message()).code(NOT_AT_END));
        }
        other => other?,
    }
    if laying.truncate || tape.is_at_end() {
        return Ok(());
    }
    if tape.peek().await? != Found::End {
        return Err(conflict(message()).code(NOT_AT_END));
    }
    Ok(())
}

/// Writes from where the tape is.
pub(crate) async fn write(tape: &mut Tape, laying: &Laying, content: &impl Source) -> Outcome<Laid> {
    let (size, block) = (content.size(), u64::from(laying.block));
    let mut laid = Laid { bytes: 0, object: laying.at.object, near_end: false };
    let mut full = false;
    while laid.bytes < size && !full {
        if outside::cancelled() {
            return Err(cancelled("the job was cancelled").maybe_done());
        }
        let bytes = content.bytes(laid.bytes, block.min(size - laid.bytes)).await.map_err(|failure| failure.maybe_done())?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let cdb = tape::write(length).ok_or_else(|| invalid("a block that is too long"))?;
        match tape.unit.tell(&cdb, Data::Out(bytes), length).await {
            Ok((ended, _)) if ended.is_written() => {
                tape.pass(1);
                tape.ends_here();
                laid = Laid { bytes: laid.bytes + u64::from(length), object: laid.object + 1, near_end: ended != Ended::Whole };
            }
            Ok((Ended::EndOfMedium { .. } | Ended::NearEnd { .. }, _)) => full = true,
            Ok((ended, _)) => return Err(tape.odd(ended).maybe_done()),
            Err(stop) => return Err(tape.astray(stop).maybe_done()),
        }
    }
    if full {
        laid.near_end = true;
        // What the buffer held may not all have found room.
        if let Some(spot) = tape.confirmed().await? {
            let blocks = spot.object.checked_sub(laying.at.object).filter(|blocks| *blocks <= laid.object - laying.at.object);
            let blocks =
                blocks.ok_or_else(|| malformed(format!("{} is where it cannot be", tape.unit.subject), format!("{spot:?}")))?;
            tape.pass(i64::try_from(spot.object).unwrap_or(0) - i64::try_from(laid.object).unwrap_or(0));
            (laid.object, laid.bytes) = (spot.object, block.saturating_mul(blocks));
        }
        return Ok(laid);
    }
    if laying.filemarks > 0 {
        laid.near_end |= tape.marks(laying.filemarks).await?;
        laid.object += u64::from(laying.filemarks);
    }
    Ok(laid)
}
