//! A drive that is reached by calls of its facet alone: every request is a call of the guest, or a few.
//!
//! Calls are on the drive's blocks. What a client writes off them is read, changed and written back while nothing else is
//! written, so that no neighbour's bytes are lost.
//!
//! | what is lost | what becomes of it |
//! |---|---|
//! | a call that may be made again | it is, with the same attempt, a few times; then the client gets an error |
//! | the process, in the middle of a write | the range of the request may be mixed of old and new, as of any write that was not answered |
//! | the process, between reading and writing back | nothing was changed |

mod engine;
mod held;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use capstan_domain::ports::Drives;
use capstan_domain::{Failure, Kind, Outcome};
use futures::StreamExt;
use tokio::sync::RwLock;
use uuid::Uuid;

use crate::limits;
use crate::transmission::Request;
use crate::transmission::allocation::Ranges;
use crate::wire::command_flag as flag;

pub(crate) use engine::serve;
use held::Held;

/// The first wait before a call is made again; each one is twice the one before.
const PAUSE: Duration = Duration::from_millis(100);
/// Zeros written with one call, where they have to take room.
const ZEROS: u64 = 4 << 20;
/// Pages of extents that one answer is made of.
const PAGES: u32 = 16;

/// A volume of a target, and how it wants to be called.
pub struct CalledDrive {
    drives: Arc<dyn Drives>,
    location: String,
    volume: String,
    size: u64,
    block: u32,
    read_only: bool,
    /// Makes attempts that no other export ever made.
    export: Uuid,
    changes: AtomicU64,
    /// Held by all who write whole blocks, and alone by who writes back what it read.
    blocks: RwLock<()>,
}

impl CalledDrive {
    /// Offsets and lengths of calls are multiples of `block`, and so is the size.
    pub fn new(
        drives: Arc<dyn Drives>,
        location: impl Into<String>,
        volume: impl Into<String>,
        size: u64,
        block: u32,
        read_only: bool,
    ) -> Outcome<Self> {
        if !block.is_power_of_two() || block > limits::REQUEST_BYTES || !size.is_multiple_of(u64::from(block)) {
            return Err(Failure::invalid(format!("a drive of {size} bytes has no blocks of {block} bytes")).with_code("block"));
        }
        Ok(Self {
            drives,
            location: location.into(),
            volume: volume.into(),
            size,
            block,
            read_only,
            export: Uuid::now_v7(),
            changes: AtomicU64::new(0),
            blocks: RwLock::new(()),
        })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn block(&self) -> u32 {
        self.block
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    async fn read(&self, offset: u64, length: u64) -> Outcome<Bytes> {
        let (from, to) = self.widened(offset, length);
        let bytes = again(|| self.read_blocks(from, to - from)).await?;
        let start = usize::try_from(offset - from).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        if end > bytes.len() {
            return Err(Failure::new(Kind::Corrupt, "the target gave fewer bytes of the drive than were asked for"));
        }
        Ok(bytes.slice(start..end))
    }

    async fn read_blocks(&self, offset: u64, length: u64) -> Outcome<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let (_, mut body) = self.drives.read(&self.location, &self.volume, offset, length).await?;
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let mut whole = BytesMut::new();
        while let Some(piece) = body.next().await {
            let piece = piece?;
            if piece.len() == wanted && whole.is_empty() {
                return Ok(piece);
            }
            if whole.len().saturating_add(piece.len()) > wanted {
                return Err(Failure::new(Kind::Corrupt, "the target gave more bytes of the drive than were asked for"));
            }
            whole.reserve(wanted.saturating_sub(whole.len()));
            whole.extend_from_slice(&piece);
        }
        if whole.len() != wanted {
            return Err(Failure::new(Kind::Corrupt, "the target gave fewer bytes of the drive than were asked for"));
        }
        Ok(whole.freeze())
    }

    async fn write(&self, offset: u64, bytes: Bytes) -> Outcome<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let length = bytes.len() as u64;
        let (from, to) = self.widened(offset, length);
        if (from, to - from) == (offset, length) {
            let _others_may_too = self.blocks.read().await;
            return self.write_blocks(from, bytes).await;
        }
        let _alone = self.blocks.write().await;
        let mut whole = BytesMut::from(again(|| self.read_blocks(from, to - from)).await?.as_ref());
        let start = usize::try_from(offset - from).unwrap_or(usize::MAX);
        let part = whole.get_mut(start..start.saturating_add(bytes.len()));
        part.ok_or_else(|| Failure::host("a write is not within its blocks", offset))?.copy_from_slice(&bytes);
        self.write_blocks(from, whole.freeze()).await
    }

    async fn write_blocks(&self, offset: u64, bytes: Bytes) -> Outcome<()> {
        let attempt = self.attempt();
        let content = Arc::new(Held(bytes));
        again(|| self.drives.write(&self.location, &self.volume, offset, Arc::<Held>::clone(&content), &attempt)).await
    }

    async fn flush(&self) -> Outcome<()> {
        again(|| self.drives.flush(&self.location, &self.volume)).await
    }

    /// Whole blocks in the range may be forgotten.
    async fn trim(&self, request: &Request) -> Outcome<()> {
        let (offset, length) = (request.offset, u64::from(request.length));
        match self.narrowed(offset, length) {
            Some((from, to)) => self.discard(from, to - from).await,
            None => Ok(()),
        }
    }

    /// The range reads as zeros; it keeps its room where the client wants that.
    async fn zero(&self, request: &Request) -> Outcome<()> {
        let (offset, length) = (request.offset, u64::from(request.length));
        let end = offset.saturating_add(length);
        let holes = if request.has(flag::NO_HOLE) { None } else { self.narrowed(offset, length) };
        let Some((from, to)) = holes else { return self.write_zeros(offset, end).await };
        self.write_zeros(offset, from).await?;
        self.discard(from, to - from).await?;
        self.write_zeros(to, end).await
    }

    async fn write_zeros(&self, mut at: u64, end: u64) -> Outcome<()> {
        while at < end {
            let length = (end - at).min(ZEROS);
            self.write(at, Bytes::from(vec![0; usize::try_from(length).unwrap_or_default()])).await?;
            at = at.saturating_add(length);
        }
        Ok(())
    }

    async fn discard(&self, offset: u64, length: u64) -> Outcome<()> {
        let _others_may_too = self.blocks.read().await;
        let attempt = self.attempt();
        again(|| self.drives.discard(&self.location, &self.volume, offset, length, &attempt)).await
    }

    async fn allocation(&self, request: &Request) -> Outcome<Vec<(u32, u32)>> {
        let end = request.offset.saturating_add(u64::from(request.length));
        let mut ranges = Ranges::new(request.offset, request.length, request.has(flag::REQUEST_ONE));
        let (mut at, to) = self.widened(request.offset, u64::from(request.length));
        for _ in 0..PAGES {
            if ranges.is_full() {
                break;
            }
            let page =
                again(|| self.drives.extents(&self.location, &self.volume, at, to.saturating_sub(at), limits::EXTENTS)).await?;
            for extent in page.extents {
                ranges.data(extent.offset, extent.length);
            }
            at = page.next.unwrap_or(end).max(at);
            ranges.holes_until(at);
        }
        let found = ranges.found();
        if found.is_empty() {
            return Err(Failure::new(Kind::PluginFault, "the target's listing of extents does not come forward"));
        }
        Ok(found)
    }

    /// Down and up to whole blocks.
    fn widened(&self, offset: u64, length: u64) -> (u64, u64) {
        let block = u64::from(self.block);
        let end = offset.saturating_add(length);
        (offset - offset % block, end.checked_next_multiple_of(block).unwrap_or(end))
    }

    /// Up and down to whole blocks, if there are any.
    fn narrowed(&self, offset: u64, length: u64) -> Option<(u64, u64)> {
        let block = u64::from(self.block);
        let end = offset.saturating_add(length);
        let (from, to) = (offset.checked_next_multiple_of(block)?, end - end % block);
        (from < to).then_some((from, to))
    }

    fn attempt(&self) -> String {
        format!("nbd-{}-{}", self.export, self.changes.fetch_add(1, Ordering::Relaxed))
    }
}

/// Makes a call again, as long as its failure says that this may help.
async fn again<T, F: Future<Output = Outcome<T>>>(mut call: impl FnMut() -> F) -> Outcome<T> {
    let mut pause = PAUSE;
    for _ in 1..limits::TRIES {
        match call().await {
            Err(failure) if failure.may_retry() => {
                let asked = failure.retry_after_ms.map_or(Duration::ZERO, Duration::from_millis);
                tokio::time::sleep(pause.max(asked).min(limits::TRY_PAUSE)).await;
                pause *= 2;
            }
            other => return other,
        }
    }
    call().await
}
