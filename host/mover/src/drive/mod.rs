//! A drive copied into another, through the host: only what may hold data is read, what is all zeros is not written, and every
//! piece that is written is read back and compared.
//!
//! The drive that is written to is fresh: what nobody wrote reads as zeros. Pieces are settled several at a time and counted in
//! their order, so that one offset tells what is done: all before it was read back and flushed. The offset is `bytes_finalized`
//! of the counters, which whoever runs the copy records with its progress; the next run is given it as `from`.
//!
//! | dies after | is there then | the next run |
//! |---|---|---|
//! | a piece was read | nothing of it | reads it again |
//! | it was written, in part or whole | bytes beyond the recorded offset | writes the same bytes there again |
//! | it was read back | the same | the same |
//! | a flush, before its offset is recorded | durable bytes beyond the recorded offset | the same |
//! | the offset is recorded | all before it, proved | goes on there |
//! | the last flush | the whole drive, proved | asks for what is beyond its end, of which there is none |

mod pieces;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ports::Drives;
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;
use futures::stream::FuturesOrdered;

use crate::backoff::patiently;
use crate::control::{Control, stopped};
use crate::held::{Held, gather};
use crate::progress::Counters;
use crate::throttle::Throttle;
use pieces::{Piece, Pieces};

/// Bytes of a piece: what is read, written and read back at once.
pub const PIECE: u64 = 4 << 20;
/// Pieces on their way at a time.
const PIECES_IN_FLIGHT: usize = 8;
/// How long pieces that were read back wait for a flush: what a crash may cost.
const CHECKPOINT: Duration = Duration::from_secs(3);
/// Bytes that are looked at together for being zeros.
const LOOK: usize = 4096;

/// One drive, and how to reach it.
#[derive(Clone)]
pub struct DriveEnd {
    pub drives: Arc<dyn Drives>,
    pub location: String,
    pub name: String,
    /// Offsets and lengths of what is read and written are multiples of it, as its limits say. A power of two.
    pub block: u32,
}

pub struct DriveCopy {
    pub source: DriveEnd,
    /// At least as large as the source, and without any data from `from` on but what an earlier run of this copy wrote.
    pub destination: DriveEnd,
    /// Bytes of the source.
    pub size: u64,
    /// What an earlier run came to; 0: there was none.
    pub from: u64,
    pub control: Control,
    pub counters: Arc<Counters>,
    /// Bytes a second; none: unlimited.
    pub bandwidth: Option<u64>,
    /// Idempotency key of the copy; the same after a restart.
    pub attempt: String,
    /// Tries of one piece, the first one included.
    pub tries: u32,
}

/// How far a run is.
struct Mark {
    /// All before it was read back.
    proved: u64,
    flushed: Instant,
}

impl DriveCopy {
    /// Runs to the end: then every byte of the source is in the destination, proved and durable. What was proved counts also when
    /// this fails.
    pub async fn run(&self) -> Outcome<()> {
        self.counters.bytes_found.store(self.size, Relaxed);
        self.counters.bytes_processed.store(self.from, Relaxed);
        self.counters.bytes_finalized.store(self.from, Relaxed);
        self.counters.walked.store(1, Relaxed);
        let mut mark = Mark { proved: self.from, flushed: Instant::now() };
        match self.pump(&mut mark).await {
            Ok(()) => {
                mark.proved = self.size;
                self.save(&mut mark).await
            }
            Err(failure) => {
                if mark.proved > self.counters.bytes_finalized.load(Relaxed)
                    && let Err(lost) = self.save(&mut mark).await
                {
                    tracing::debug!(failure = %lost, "what was copied of a drive could not be flushed; it will be copied again");
                }
                Err(failure)
            }
        }
    }

    async fn pump(&self, mark: &mut Mark) -> Outcome<()> {
        let throttle = Throttle::new(self.bandwidth);
        let mut pieces = Pieces::new(self);
        let mut going = FuturesOrdered::new();
        loop {
            while going.len() < PIECES_IN_FLIGHT {
                self.control.ready().await?;
                let Some(piece) = pieces.next().await? else { break };
                going.push_back(self.settle(piece, &throttle));
            }
            let Some(settled) = going.next().await else { return Ok(()) };
            mark.proved = settled?.end();
            if mark.flushed.elapsed() >= CHECKPOINT {
                self.save(mark).await?;
            }
        }
    }

    async fn settle(&self, piece: Piece, throttle: &Throttle) -> Outcome<Piece> {
        tokio::select! {
            () = throttle.take(piece.length) => {}
            () = self.control.stopped() => return Err(stopped()),
        }
        patiently(&self.control, self.tries, || self.carry(piece)).await?;
        Counters::add(&self.counters.bytes_processed, piece.length);
        Ok(piece)
    }

    /// One try.
    async fn carry(&self, piece: Piece) -> Outcome<()> {
        let bytes = read(&self.source, piece.offset, piece.length).await?;
        if is_zero(&bytes) {
            return Ok(());
        }
        let bytes = padded(bytes, self.destination.block);
        let DriveEnd { drives, location, name, .. } = &self.destination;
        let attempt = format!("{}-{}", self.attempt, piece.offset);
        drives.write(location, name, piece.offset, Arc::new(Held::new(bytes.clone())), &attempt).await?;
        let found = read(&self.destination, piece.offset, bytes.len() as u64).await?;
        if found == bytes { Ok(()) } else { Err(differs(piece)) }
    }

    /// What was proved is durable, and counts.
    async fn save(&self, mark: &mut Mark) -> Outcome<()> {
        let DriveEnd { drives, location, name, .. } = &self.destination;
        patiently(&self.control, self.tries, || drives.flush(location, name)).await?;
        self.counters.bytes_finalized.store(mark.proved, Relaxed);
        mark.flushed = Instant::now();
        Ok(())
    }
}

async fn read(end: &DriveEnd, offset: u64, length: u64) -> Outcome<Bytes> {
    let (_, body) = end.drives.read(&end.location, &end.name, offset, length).await?;
    gather(body, &end.name, length, length, wrong_length).await
}

fn wrong_length() -> Failure {
    Failure::new(Kind::Corrupt, "The drive gave another number of bytes than it was asked for")
        .with_code("size-mismatch")
        .with_retry(Retry::AtOnce)
}

fn differs(piece: Piece) -> Failure {
    Failure::new(Kind::Corrupt, "What the drive holds is not what was written to it")
        .with_code("hash-mismatch")
        .with_detail(format!("{} bytes at {}", piece.length, piece.offset))
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(LOOK).all(|chunk| chunk.iter().fold(0_u8, |any, byte| any | *byte) == 0)
}

/// Whole blocks: what lies behind the source's end is zeros.
fn padded(bytes: Bytes, block: u32) -> Bytes {
    let whole = bytes.len().next_multiple_of(usize::try_from(block.max(1)).unwrap_or(usize::MAX));
    if whole == bytes.len() {
        return bytes;
    }
    let mut padded = BytesMut::with_capacity(whole);
    padded.extend_from_slice(&bytes);
    padded.resize(whole, 0);
    padded.freeze()
}
