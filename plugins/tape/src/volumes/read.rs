//! Bytes of a file, as one stream over the blocks that hold them.

use capstan_sdk::failure::{cancelled, corrupt, invalid};
use capstan_sdk::types::{ByteRange, Kind, Node};
use capstan_sdk::{Failure, Outcome, range};

use super::contents::Run;
use super::enter::{Entered, enter};
use super::{ltfs, paths, sync};
use crate::lane::Ahead;
use crate::outside;
use crate::stream::{Next, Sink, next, stop};
use crate::tape::Tape;

/// Zeros that are handed on at once.
const ZEROS: u64 = 1 << 20;

/// What is still to be read; the drive is this reader's until it is over.
pub(crate) struct Reading {
    entered: Entered,
    ahead: Ahead,
    block: u32,
    /// The last one first.
    runs: Vec<Run>,
    /// The tape is where the run goes on.
    there: bool,
    ready: Vec<u8>,
}

/// What a call can fail at, it fails at before it answers: the first bytes are there.
pub(crate) async fn read(cartridge: &str, path: &str, range: Option<ByteRange>) -> Outcome<(Node, Reading)> {
    paths::check(path)?;
    let mut entered = enter(cartridge).await?;
    let looked = {
        let volume = entered.mount.volume.borrow();
        look(volume.files().node(path), path, range)
    };
    let (node, from, to) = match looked {
        Ok(looked) => looked,
        Err(failure) => {
            entered.leave();
            return Err(failure);
        }
    };
    let mut runs = match flushed(&mut entered, path, from, to).await {
        Ok(Ok(runs)) => runs,
        Ok(Err(failure)) => {
            entered.leave();
            return Err(failure);
        }
        Err(failure) => return Err(entered.lost(failure)),
    };
    runs.reverse();
    let block = entered.mount.volume.borrow().files().block();
    let mut reading = Reading { entered, ahead: Ahead::default(), block, runs, there: false, ready: Vec::new() };
    match reading.next().await {
        Ok(first) => {
            reading.ready = first.unwrap_or_default();
            Ok((node, reading))
        }
        Err(failure) => {
            reading.over().await;
            Err(failure)
        }
    }
}

fn look(node: Outcome<Node>, path: &str, range: Option<ByteRange>) -> Outcome<(Node, u64, u64)> {
    let node = node?;
    if node.kind != Kind::File {
        return Err(invalid(format!("{path:?} is no file")));
    }
    let (from, to) = range::bounds(node.size, range, "file")?;
    Ok((node, from, to))
}

/// Where the bytes are, all of them on the tape. The outer failure: nobody knows what the tape holds.
async fn flushed(entered: &mut Entered, path: &str, from: u64, to: u64) -> Outcome<Outcome<Vec<Run>>> {
    let runs = match entered.mount.volume.borrow().files().runs(path, from, to) {
        Ok(runs) => runs,
        Err(failure) => return Ok(Err(failure)),
    };
    let (next, block) = {
        let volume = entered.mount.volume.borrow();
        (volume.files().next(), u64::from(volume.files().block()))
    };
    let waits = runs.iter().any(|run| match run {
        Run::Data { at, skip, bytes } if at.partition == next.partition => {
            let blocks = u64::from(*skip).saturating_add(*bytes).div_ceil(block.max(1));
            at.object.saturating_add(blocks) > next.object
        }
        Run::Data { .. } | Run::Zeros { .. } => false,
    });
    if waits && !ltfs::flush(&entered.mount, &mut entered.taken.it).await? {
        sync::commit(&entered.mount, &mut entered.taken.it).await?;
    }
    Ok(Ok(runs))
}

impl Reading {
    /// Hands everything on. Answers early, and well, when nobody reads any more.
    pub(crate) async fn pour(mut self, sink: &mut impl Sink) -> Outcome<()> {
        let ready = std::mem::take(&mut self.ready);
        let mut wanted = ready.is_empty() || sink.give(ready).await;
        let poured = loop {
            if !wanted {
                break Ok(());
            }
            if outside::cancelled() {
                break Err(cancelled("the job was cancelled"));
            }
            match self.next().await {
                Ok(Some(bytes)) => wanted = sink.give(bytes).await,
                Ok(None) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        self.over().await;
        poured
    }

    async fn over(mut self) {
        stop(&mut self.entered.taken.it, &mut self.ahead).await;
        self.entered.leave();
    }

    async fn next(&mut self) -> Outcome<Option<Vec<u8>>> {
        match self.runs.last_mut() {
            None => Ok(None),
            Some(Run::Zeros { bytes }) => {
                let some = (*bytes).min(ZEROS);
                *bytes = bytes.saturating_sub(some);
                if *bytes == 0 {
                    self.runs.pop();
                }
                Ok(Some(vec![0; usize::try_from(some).unwrap_or_default()]))
            }
            Some(Run::Data { .. }) => self.data().await.map(Some),
        }
    }

    /// Of the next block of the run that is read.
    async fn data(&mut self) -> Outcome<Vec<u8>> {
        let Some(Run::Data { at, skip, bytes }) = self.runs.last_mut() else { return Ok(Vec::new()) };
        let tape: &mut Tape = &mut self.entered.taken.it;
        if !self.there {
            tape.go(*at).await?;
            tape.as_seen()?;
            (tape.guess, tape.steady) = (self.block, true);
            self.there = true;
        }
        let blocks = u64::from(*skip).saturating_add(*bytes).div_ceil(u64::from(self.block.max(1)));
        let Next::Block(block) = next(tape, &mut self.ahead, blocks.saturating_mul(u64::from(self.block))).await? else {
            return Err(missing(&tape.unit.subject));
        };
        let whole = block.len() == self.block as usize;
        let piece = cut(block, *skip, *bytes).ok_or_else(|| missing(&tape.unit.subject))?;
        *bytes = bytes.saturating_sub(piece.len() as u64);
        (at.object, *skip) = (at.object.saturating_add(1), 0);
        if *bytes == 0 {
            self.runs.pop();
            self.there = false;
        } else if !whole {
            return Err(missing(&tape.unit.subject));
        }
        Ok(piece)
    }
}

/// So many bytes of a block, or as many as it has, without the first; none: it has none of them.
fn cut(mut block: Vec<u8>, skip: u32, bytes: u64) -> Option<Vec<u8>> {
    let begin = usize::try_from(skip).ok()?;
    let end = usize::try_from(bytes).ok().and_then(|bytes| begin.checked_add(bytes)).unwrap_or(usize::MAX);
    block.truncate(end);
    if begin > 0 {
        block.drain(..begin.min(block.len()));
    }
    (!block.is_empty()).then_some(block)
}

fn missing(subject: &str) -> Failure {
    corrupt(format!("{subject} has something else where a file's bytes should be"))
        .next_step("Copy the other files and take the cartridge out of use.")
}
