//! A part of an image on its way into a drive: gathered into pieces, written, flushed and recorded.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use capstan_catalogue::Catalogue;
use capstan_domain::content::Body;
use capstan_domain::drive::DriveUpload;
use capstan_domain::ids::Uuid;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::Held;
use futures::StreamExt;

use super::Volume;

/// Bytes of one write.
const PIECE: usize = 4 << 20;
/// Bytes after which what came is flushed and recorded.
const CHECKPOINT: u64 = 256 << 20;
/// Bytes that one call discards.
const DISCARD_BYTES: u64 = 64 << 30;
/// Silence of the one who sends; then the part ends.
const SILENCE: Duration = Duration::from_secs(60);
/// Tries of one call; then the part ends.
const TRIES: u32 = 5;
/// The first wait before a call is made again; each one is twice the one before.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

pub(super) struct Part<'p> {
    volume: &'p Volume,
    catalogue: &'p Catalogue,
    /// `received` is what is recorded.
    pub(super) upload: DriveUpload,
    /// Where the next write goes: a whole number of blocks.
    at: u64,
    waiting: BytesMut,
    attempt: Uuid,
}

impl Volume {
    /// All of it from there on reads as zeros.
    pub(super) async fn forget(&self, from: u64) -> Outcome<()> {
        let attempt = Uuid::now_v7();
        let mut at = from;
        while at < self.size {
            let length = DISCARD_BYTES.min(self.size - at);
            let key = format!("image-{attempt}-{at}");
            again(|| self.facet.discard(&self.location, &self.name, at, length, &key)).await?;
            at += length;
        }
        Ok(())
    }
}

impl<'p> Part<'p> {
    pub(super) fn new(volume: &'p Volume, catalogue: &'p Catalogue, upload: DriveUpload) -> Self {
        let at = upload.received;
        Self { volume, catalogue, upload, at, waiting: BytesMut::new(), attempt: Uuid::now_v7() }
    }

    /// Until the body ends. Nothing of it is written behind the end of the image.
    pub(super) async fn take(&mut self, mut body: Body) -> Outcome<()> {
        loop {
            let next = tokio::time::timeout(SILENCE, body.next());
            let silent = || Failure::new(Kind::TimedOut, "nothing more of the image came").with_code("body-too-slow");
            let Some(bytes) = next.await.map_err(|_| silent())? else { return Ok(()) };
            let bytes = bytes?;
            let end = self.at + (self.waiting.len() + bytes.len()) as u64;
            if end > self.upload.size {
                self.waiting.clear();
                return Err(Failure::invalid("more bytes came than the image was said to have").with_code("part"));
            }
            self.waiting.extend_from_slice(&bytes);
            while self.waiting.len() >= PIECE {
                let piece = self.waiting.split_to(PIECE).freeze();
                self.write(piece).await?;
                if self.at - self.upload.received >= CHECKPOINT {
                    self.record(self.at).await?;
                }
            }
        }
    }

    /// What came is written as far as it makes whole blocks, or is the end of the image, and recorded.
    pub(super) async fn settle(&mut self) -> Outcome<()> {
        let block = usize::try_from(self.volume.block).unwrap_or(1);
        let whole = self.at + self.waiting.len() as u64 == self.upload.size;
        if whole {
            let padded = self.waiting.len().next_multiple_of(block);
            self.waiting.resize(padded, 0);
        }
        let length = self.waiting.len() - self.waiting.len() % block;
        let piece = self.waiting.split_to(length).freeze();
        if !piece.is_empty() {
            self.write(piece).await?;
        }
        let received = if whole { self.upload.size } else { self.at };
        if received == self.upload.received { Ok(()) } else { self.record(received).await }
    }

    /// The drive is all zeros there before, so zeros are left out.
    async fn write(&mut self, piece: Bytes) -> Outcome<()> {
        let (volume, at, length) = (self.volume, self.at, piece.len() as u64);
        if piece.iter().any(|byte| *byte != 0) {
            let key = format!("image-{}-{at}", self.attempt);
            let content = Arc::new(Held::new(piece));
            let write = || volume.facet.write(&volume.location, &volume.name, at, Arc::<Held>::clone(&content), &key);
            if let Err(failure) = again(write).await {
                // What waits belongs behind it.
                self.waiting.clear();
                return Err(failure);
            }
        }
        self.at = at + length;
        Ok(())
    }

    async fn record(&mut self, received: u64) -> Outcome<()> {
        again(|| self.volume.facet.flush(&self.volume.location, &self.volume.name)).await?;
        self.catalogue.advance_drive_upload(self.upload.drive, received).await?;
        self.upload.received = received;
        Ok(())
    }
}

/// Makes a call again, as long as its failure says that this may help.
async fn again<T, F: Future<Output = Outcome<T>>>(mut call: impl FnMut() -> F) -> Outcome<T> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match call().await {
            Err(failure) if failure.may_retry() => {
                let asked = failure.retry_after_ms.map_or(Duration::ZERO, Duration::from_millis);
                tokio::time::sleep(pause.max(asked).min(PAUSE_MAX)).await;
                pause *= 2;
            }
            other => return other,
        }
    }
    call().await
}
