//! What is on a tape: read as one stream, written in blocks.

use capstan_iscsi::Data;
use capstan_scsi::tape::{self, Ended};
use capstan_sdk::content::Content;
use capstan_sdk::failure::{cancelled, conflict, invalid, malformed};
use capstan_sdk::types;
use capstan_sdk::{Outcome, StreamWriter, gather};
use serde::{Deserialize, Serialize};

use crate::entry::enter;
use crate::held::Taken;
use crate::lane::{Ahead, Broken, Lane, extra, lay, longest, opened};
use crate::outside;
use crate::site::site;
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
pub(crate) enum Next {
    Block(Vec<u8>),
    /// It has so many bytes, which is more than there is room for; the tape stands before it.
    TooLong(u32),
    /// A mark, or the end.
    Over,
}

/// What is still to be read; the drive is this reader's until it is over.
pub(crate) struct Reading {
    taken: Taken<Tape>,
    ahead: Ahead,
    left: u64,
    ready: Vec<u8>,
    over: bool,
}

/// What a call can fail at, it fails at before it answers: the first block is there.
pub(crate) async fn read(drive: &str, from: Spot, length: u64) -> Outcome<(types::Place, Reading)> {
    let site = site().await?;
    let mut taken = enter(&site, site.drive(drive)?).await?;
    let mut ahead = Ahead::default();
    let tape = &mut taken.it;
    tape.go(from).await?;
    tape.as_seen()?;
    let place = types::Place { partition: u32::from(from.partition), object: from.object, met: None };
    let (mut ready, mut over) = (Vec::new(), length == 0);
    if length > 0 {
        match next(tape, &mut ahead, length).await? {
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
    Ok((place, Reading { taken, ahead, left, ready, over }))
}

impl Reading {
    /// Hands everything on. Answers early, and well, when nobody reads any more.
    pub(crate) async fn pour(self, sink: &mut impl Sink) -> Outcome<()> {
        let Self { mut taken, mut ahead, mut left, ready, mut over } = self;
        let mut wanted = ready.is_empty() || sink.give(ready).await;
        while wanted && !over && left > 0 {
            if outside::cancelled() {
                stop(&mut taken.it, &mut ahead).await;
                taken.give_back();
                return Err(cancelled("the job was cancelled"));
            }
            match next(&mut taken.it, &mut ahead, left).await? {
                Next::Block(block) => {
                    left -= block.len() as u64;
                    wanted = sink.give(block).await;
                }
                Next::TooLong(_) | Next::Over => over = true,
            }
        }
        stop(&mut taken.it, &mut ahead).await;
        taken.give_back();
        Ok(())
    }
}

/// Ends what was read ahead and is not wanted.
pub(crate) async fn stop(tape: &mut Tape, ahead: &mut Ahead) {
    if ahead.drain(&mut tape.unit).await {
        tape.lose();
    }
}

/// The same, and the tape is where it was before it.
async fn rest(tape: &mut Tape, ahead: &mut Ahead) -> Outcome<()> {
    let here = tape.here();
    stop(tape, ahead).await;
    match here {
        Some(here) if tape.here().is_none() => tape.go(here).await,
        _ => Ok(()),
    }
}

/// Reads the next block if it has no more than `left` bytes. Blocks may have any length: the last one's is tried first, and of a drive that
/// is sent to places by their numbers several are read ahead as long as they have one length.
pub(crate) async fn next(tape: &mut Tape, ahead: &mut Ahead, left: u64) -> Outcome<Next> {
    let protected = tape.held().protected;
    let room = u32::try_from(left).unwrap_or(u32::MAX).min(longest(protected));
    let wanted = ahead.length().map_or(tape.guess.clamp(1, room), |length| length - extra(protected));
    // From where it ends too far, only such a drive comes back in time.
    let many = if tape.steady && tape.knows_places() { left / u64::from(wanted) } else { 1 };
    let many = usize::try_from(many).unwrap_or(usize::MAX);
    let (ended, data) = match ahead.next(&mut tape.unit, wanted + extra(protected), many).await {
        Ok(read) => read,
        Err(why) if why.is_busy() && tape.unit.narrow() => {
            // It takes one at a time, and may have gone over blocks behind this one.
            rest(tape, ahead).await?;
            ahead.next(&mut tape.unit, wanted + extra(protected), 1).await.map_err(|why| tape.astray(why))?
        }
        Err(why) => {
            stop(tape, ahead).await;
            return Err(tape.astray(why));
        }
    };
    let actual = match ended {
        Ended::Length { actual: Some(actual) } => actual.checked_sub(extra(protected)),
        _ => None,
    };
    match ended {
        Ended::Whole | Ended::NearEnd { .. } if data.len() == (wanted + extra(protected)) as usize => {
            tape.pass(1);
            (tape.guess, tape.steady) = (wanted, true);
            opened(data, wanted, protected, &tape.unit.subject).map(Next::Block)
        }
        Ended::Length { .. } if actual.is_some_and(|actual| actual > 0 && actual != wanted) => {
            let actual = actual.unwrap_or_default();
            (tape.guess, tape.steady) = (actual.min(longest(protected)), false);
            if actual < wanted && data.len() >= (actual + extra(protected)) as usize {
                tape.pass(1);
                return opened(data, actual, protected, &tape.unit.subject).map(Next::Block);
            }
            // The drive goes over a block of another length and gives only a part of it, or nothing.
            before(tape, ahead).await?;
            if actual > room {
                return Ok(Next::TooLong(actual));
            }
            whole(tape, actual, protected).await.map(Next::Block)
        }
        Ended::Filemark { .. } => {
            tape.pass(1);
            tape.steady = false;
            rest(tape, ahead).await?;
            tape.met = Some(Met::Filemark);
            Ok(Next::Over)
        }
        Ended::EndOfData { .. } | Ended::EndOfMedium { .. } => {
            tape.steady = false;
            rest(tape, ahead).await?;
            tape.met = Some(Met::EndOfData);
            tape.ends_here();
            Ok(Next::Over)
        }
        ended => {
            stop(tape, ahead).await;
            Err(tape.odd(ended))
        }
    }
}

/// Back before the block that was just gone over, and before what was read ahead of it.
async fn before(tape: &mut Tape, ahead: &mut Ahead) -> Outcome<()> {
    if ahead.length().is_some() {
        return rest(tape, ahead).await;
    }
    tape.pass(1);
    tape.back().await
}

/// A block that has exactly so many bytes.
async fn whole(tape: &mut Tape, bytes: u32, protected: bool) -> Outcome<Vec<u8>> {
    let length = bytes + extra(protected);
    let cdb = tape::read(length, true).ok_or_else(|| invalid("a block that is too long"))?;
    let (ended, data) = match tape.unit.tell(&cdb, Data::In(length), length).await {
        Ok(read) => read,
        Err(why) => return Err(tape.astray(why)),
    };
    if matches!(ended, Ended::Whole | Ended::NearEnd { .. }) && data.len() == length as usize {
        tape.pass(1);
        return opened(data, bytes, protected, &tape.unit.subject);
    }
    Err(tape.odd(ended))
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
    // What a drive is set to is set with it.
    tape.spot().await?;
    let limits = tape.limits().await?;
    let block = u64::from(laying.block);
    let last = size.checked_rem(block).unwrap_or(0);
    let most = limits.maximum.unwrap_or(tape::LENGTH).min(longest(tape.held().protected));
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
    tape.as_seen()?;
    tape.steady = false;
    let protected = tape.held().protected;
    let (run, broken) = lay(&mut tape.unit, content, laying.block, protected).await;
    let mut laid = Laid { bytes: run.bytes, object: laying.at.object + run.blocks, near_end: run.near_end };
    if run.blocks > 0 {
        tape.pass(i64::try_from(run.blocks).unwrap_or(i64::MAX));
        tape.ends_here();
    }
    match broken {
        None => {}
        Some(Broken::Failed(failure)) => {
            if run.astray {
                tape.lose();
            }
            return Err(failure.maybe_done());
        }
        Some(Broken::Odd(ended)) => return Err(tape.odd(ended).maybe_done()),
        Some(Broken::Stopped(why)) => return Err(tape.astray(why).maybe_done()),
    }
    if run.full {
        // What the buffer held may not all have found room.
        if let Some(spot) = tape.confirmed().await? {
            let blocks = spot.object.checked_sub(laying.at.object).filter(|blocks| *blocks <= run.blocks);
            let blocks =
                blocks.ok_or_else(|| malformed(format!("{} is where it cannot be", tape.unit.subject), format!("{spot:?}")))?;
            tape.pass(i64::try_from(spot.object).unwrap_or(0) - i64::try_from(laid.object).unwrap_or(0));
            (laid.object, laid.bytes) = (spot.object, u64::from(laying.block).saturating_mul(blocks));
        }
        return Ok(laid);
    }
    if laying.filemarks > 0 {
        laid.near_end |= tape.marks(laying.filemarks).await?;
        laid.object += u64::from(laying.filemarks);
    }
    Ok(laid)
}
