//! A target in memory that takes the facet's calls, and nothing that is off its blocks.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::content::{Body, Content};
use capstan_domain::ports::{
    Attachment, CloneSource, DriveInfo, DriveLimits, DrivePage, Drives, Extent, ExtentPage, LocationInfo, NamedValues,
    SnapshotInfo, SnapshotPage,
};
use capstan_domain::{Failure, Kind, Outcome};
use futures::StreamExt;
use tokio::sync::watch;

pub(crate) const BLOCK: u64 = 512;

#[derive(Default)]
pub(crate) struct Memory {
    bytes: Mutex<Vec<u8>>,
    /// Attempts of changes that were made.
    attempts: Mutex<HashSet<String>>,
    /// So many calls are turned away first.
    pub(crate) busy: AtomicU32,
    /// Calls that were turned away, or made.
    pub(crate) calls: AtomicU32,
    pub(crate) flushes: AtomicU32,
    /// While this is true, reads and writes wait.
    pub(crate) held: watch::Sender<bool>,
    /// Reads and writes under way, and how many there were at most.
    pub(crate) under_way: AtomicU32,
    pub(crate) most: AtomicU32,
    /// An attempt came twice, or a call off the blocks.
    pub(crate) wrong: AtomicU32,
}

impl Memory {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: Mutex::new(bytes), ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    fn call(&self, offset: u64, length: u64) -> Outcome<std::ops::Range<usize>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |busy| busy.checked_sub(1)).is_ok() {
            return Err(Failure::new(Kind::Busy, "later"));
        }
        let end = offset + length;
        if !offset.is_multiple_of(BLOCK) || !length.is_multiple_of(BLOCK) || end > self.bytes.lock().unwrap().len() as u64 {
            self.wrong.fetch_add(1, Ordering::SeqCst);
            return Err(Failure::invalid("off the blocks"));
        }
        Ok(usize::try_from(offset).unwrap()..usize::try_from(end).unwrap())
    }

    /// A read or a write takes its time.
    async fn pass(&self) {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let mut held = self.held.subscribe();
        held.wait_for(|held| !held).await.unwrap();
        self.under_way.fetch_sub(1, Ordering::SeqCst);
    }

    fn once(&self, attempt: &str) {
        if !self.attempts.lock().unwrap().insert(attempt.to_owned()) {
            self.wrong.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn info(&self) -> DriveInfo {
        let size = self.bytes.lock().unwrap().len() as u64;
        DriveInfo { name: "capstan-1".to_owned(), size, used: None, created: None, extras: Vec::new() }
    }
}

/// What an export never calls.
fn not_for_exports<T>() -> Outcome<T> {
    Err(Failure::unsupported("no export calls this"))
}

#[async_trait]
impl Drives for Memory {
    async fn read(&self, _: &str, _: &str, offset: u64, length: u64) -> Outcome<(DriveInfo, Body)> {
        let range = self.call(offset, length)?;
        self.pass().await;
        let bytes = self.bytes.lock().unwrap()[range].to_vec();
        let pieces: Vec<Outcome<Bytes>> = bytes.chunks(3000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Ok((self.info(), Box::pin(futures::stream::iter(pieces))))
    }

    async fn write(&self, _: &str, _: &str, offset: u64, content: Content, attempt: &str) -> Outcome<()> {
        let range = self.call(offset, content.size())?;
        self.once(attempt);
        self.pass().await;
        let mut body = content.open(0, content.size());
        let mut written = Vec::new();
        while let Some(piece) = body.next().await {
            written.extend_from_slice(&piece?);
        }
        self.bytes.lock().unwrap()[range].copy_from_slice(&written);
        Ok(())
    }

    async fn discard(&self, _: &str, _: &str, offset: u64, length: u64, attempt: &str) -> Outcome<()> {
        let range = self.call(offset, length)?;
        self.once(attempt);
        self.bytes.lock().unwrap()[range].fill(0);
        Ok(())
    }

    async fn flush(&self, _: &str, _: &str) -> Outcome<()> {
        self.call(0, 0)?;
        self.flushes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Two pages of two halves each, the second half of each of which is a hole.
    async fn extents(&self, _: &str, _: &str, offset: u64, length: u64, _: u32) -> Outcome<ExtentPage> {
        self.call(offset, length)?;
        let size = self.bytes.lock().unwrap().len() as u64;
        let half = if offset < size / 2 { 0 } else { size / 2 };
        let data = Extent { offset: half.max(offset), length: (half + size / 4).saturating_sub(half.max(offset)) };
        let next = (half == 0 && offset + length > size / 2).then_some(size / 2);
        Ok(ExtentPage { extents: Some(data).filter(|data| data.length > 0).into_iter().collect(), next })
    }

    async fn get(&self, _: &str, _: &str) -> Outcome<DriveInfo> {
        Ok(self.info())
    }

    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        not_for_exports()
    }
    async fn limits(&self, _: &str) -> Outcome<DriveLimits> {
        not_for_exports()
    }
    async fn list(&self, _: &str, _: Option<&str>, _: u32) -> Outcome<DrivePage> {
        not_for_exports()
    }
    async fn create(&self, _: &str, _: &str, _: u64, _: &str, _: NamedValues) -> Outcome<DriveInfo> {
        not_for_exports()
    }
    async fn resize(&self, _: &str, _: &str, _: u64, _: &str) -> Outcome<DriveInfo> {
        not_for_exports()
    }
    async fn clone_drive(&self, _: &str, _: CloneSource<'_>, _: &str, _: &str, _: NamedValues) -> Outcome<DriveInfo> {
        not_for_exports()
    }
    async fn delete(&self, _: &str, _: &str, _: &str) -> Outcome<()> {
        not_for_exports()
    }
    async fn take_snapshot(&self, _: &str, _: &str, _: &str, _: &str) -> Outcome<SnapshotInfo> {
        not_for_exports()
    }
    async fn list_snapshots(&self, _: &str, _: &str, _: Option<&str>, _: u32) -> Outcome<SnapshotPage> {
        not_for_exports()
    }
    async fn restore_snapshot(&self, _: &str, _: &str, _: &str, _: &str) -> Outcome<DriveInfo> {
        not_for_exports()
    }
    async fn delete_snapshot(&self, _: &str, _: &str, _: &str, _: &str) -> Outcome<()> {
        not_for_exports()
    }
    async fn attach(&self, _: &str, _: &str, _: bool, _: &str) -> Outcome<Attachment> {
        not_for_exports()
    }
    async fn detach(&self, _: &str, _: &str, _: &str) -> Outcome<()> {
        not_for_exports()
    }
}
