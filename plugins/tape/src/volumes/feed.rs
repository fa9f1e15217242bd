//! Blocks to the end of a volume, several under way where what carries them can.

use std::collections::VecDeque;

use capstan_iscsi::Data;
use capstan_scsi::tape::{self, Ended};
use capstan_sdk::Outcome;
use capstan_sdk::failure::{invalid, no_space};

use super::room::FULL;
use crate::checksum;
use crate::lane::{AHEAD, Lane};
use crate::tape::{Spot, Tape};
use crate::unit::Stop;

pub(crate) struct Feed {
    /// Bytes of those that are.
    under_way: VecDeque<u32>,
    protected: bool,
    /// The drive said that the end comes near.
    pub(crate) near_end: bool,
    /// That went.
    pub(crate) bytes: u64,
}

impl Feed {
    /// What is given goes there, and what lay there and behind is gone.
    pub(crate) async fn begin(tape: &mut Tape, at: Spot) -> Outcome<Self> {
        tape.go(at).await?;
        tape.as_seen()?;
        tape.steady = false;
        Ok(Self { under_way: VecDeque::new(), protected: tape.held().protected, near_end: false, bytes: 0 })
    }

    /// A failure may be that of a block before it; nobody knows then what the tape holds.
    pub(crate) async fn block(&mut self, tape: &mut Tape, block: Vec<u8>) -> Outcome<()> {
        let length = u32::try_from(block.len()).unwrap_or(u32::MAX);
        let bytes = if self.protected { checksum::seal(block)? } else { block };
        let sent = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let cdb = tape::write(sent).ok_or_else(|| invalid("a block that is too long"))?;
        // Near the end each waits for the one before: behind one that finds no room a shorter one might find some.
        while self.under_way.len() >= if self.near_end { 1 } else { tape.unit.room(sent).clamp(1, AHEAD) } {
            self.end(tape).await?;
        }
        tape.unit.begin(&cdb, Data::Out(bytes), sent).await.map_err(|stop| self.failed(tape, stop))?;
        self.under_way.push_back(length);
        Ok(())
    }

    /// A filemark; `durable`: all before it is on the medium when this answers.
    pub(crate) async fn mark(&mut self, tape: &mut Tape, durable: bool) -> Outcome<()> {
        self.settle(tape).await?;
        if durable {
            self.near_end |= tape.marks(1).await?;
            return Ok(());
        }
        let cdb = tape::write_filemarks(1, true).ok_or_else(|| invalid("a mark that cannot be"))?;
        let ended = tape.unit.tell(&cdb, Data::None, 1).await.map_err(|stop| self.failed(tape, stop))?.0;
        self.went(tape, ended, 0)
    }

    /// All of them are with the drive.
    pub(crate) async fn settle(&mut self, tape: &mut Tape) -> Outcome<()> {
        while !self.under_way.is_empty() {
            self.end(tape).await?;
        }
        Ok(())
    }

    async fn end(&mut self, tape: &mut Tape) -> Outcome<()> {
        let length = self.under_way.pop_front().unwrap_or_default();
        match tape.unit.end().await {
            Ok((ended, _)) => self.went(tape, ended, length),
            Err(stop) => {
                if stop.is_busy() {
                    // What goes next goes one at a time.
                    tape.unit.narrow();
                }
                Err(self.failed(tape, stop))
            }
        }
    }

    fn went(&mut self, tape: &mut Tape, ended: Ended, length: u32) -> Outcome<()> {
        if ended.is_written() {
            tape.pass(1);
            tape.ends_here();
            self.near_end |= ended != Ended::Whole;
            self.bytes = self.bytes.saturating_add(u64::from(length));
            return Ok(());
        }
        match ended {
            Ended::EndOfMedium { .. } | Ended::NearEnd { .. } => {
                tape.lose();
                Err(no_space(format!("the cartridge in {} is full", tape.unit.subject)).code(FULL).maybe_done())
            }
            ended => Err(tape.odd(ended).maybe_done()),
        }
    }

    fn failed(&self, tape: &mut Tape, stop: Stop) -> capstan_sdk::Failure {
        tape.astray(stop).maybe_done()
    }
}
