//! Drives in memory: what is written and not flushed is lost when their engine dies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::content::{Body, Content};
use capstan_domain::ports::{
    Attachment, CloneSource, DriveInfo, DriveLimits, DrivePage, Drives, Extent, ExtentPage, LocationInfo, NamedValues,
    SnapshotInfo, SnapshotPage,
};
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;

use crate::{Command, Control};

#[derive(Default)]
pub(crate) struct MemoryDrives {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    volumes: BTreeMap<String, Volume>,
    /// Failures of coming calls: which, after how many good ones, what.
    failures: Vec<(&'static str, usize, Failure)>,
    /// Every write stores something else than it was given.
    corrupts: bool,
    tells_no_extents: bool,
    /// After so many writes, the control is told to stop.
    stops: Option<(usize, Control)>,
    /// Ranges in the order in which they were asked for.
    reads: Vec<(u64, u64)>,
    writes: Vec<(u64, u64)>,
    flushes: usize,
}

struct Volume {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// Ordered and apart.
    data: Vec<(u64, u64)>,
}

impl MemoryDrives {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A drive with bytes at these offsets and zeros elsewhere.
    pub(crate) fn put(&self, name: &str, size: u64, data: &[(u64, Vec<u8>)]) {
        let mut bytes = vec![0; size as usize];
        for (offset, piece) in data {
            bytes[*offset as usize..][..piece.len()].copy_from_slice(piece);
        }
        let data = data.iter().map(|(offset, piece)| (*offset, piece.len() as u64)).collect();
        let volume = Volume { durable: bytes.clone(), bytes, data };
        self.lock().volumes.insert(name.to_owned(), volume);
    }

    pub(crate) fn bytes_of(&self, name: &str) -> Vec<u8> {
        self.lock().volumes.get(name).map(|volume| volume.bytes.clone()).unwrap_or_default()
    }

    /// The engine dies and comes back.
    pub(crate) fn crash(&self) {
        for volume in self.lock().volumes.values_mut() {
            volume.bytes.clone_from(&volume.durable);
        }
    }

    pub(crate) fn fail_after(&self, good: usize, call: &'static str, failure: Failure) {
        self.lock().failures.push((call, good, failure));
    }

    pub(crate) fn corrupt_writes(&self) {
        self.lock().corrupts = true;
    }

    pub(crate) fn tell_no_extents(&self) {
        self.lock().tells_no_extents = true;
    }

    pub(crate) fn stop_after(&self, writes: usize, control: &Control) {
        self.lock().stops = Some((writes, control.clone()));
    }

    pub(crate) fn reads(&self) -> Vec<(u64, u64)> {
        self.lock().reads.clone()
    }

    pub(crate) fn writes(&self) -> Vec<(u64, u64)> {
        self.lock().writes.clone()
    }

    pub(crate) fn flushes(&self) -> usize {
        self.lock().flushes
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn before(&self, call: &'static str) -> Outcome<()> {
        let mut state = self.lock();
        if let Some(at) = state.failures.iter().position(|(of, good, _)| *of == call && *good == 0) {
            return Err(state.failures.remove(at).2);
        }
        for (_, good, _) in state.failures.iter_mut().filter(|(of, _, _)| *of == call) {
            *good -= 1;
        }
        Ok(())
    }
}

fn missing(name: &str) -> Failure {
    Failure::not_found(format!("no drive {name}"))
}

fn not_here<T>() -> Outcome<T> {
    Err(Failure::unsupported("not in this test"))
}

fn info(name: &str, volume: &Volume) -> DriveInfo {
    DriveInfo { name: name.to_owned(), size: volume.bytes.len() as u64, used: None, created: None, extras: Vec::new() }
}

#[async_trait]
impl Drives for MemoryDrives {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        not_here()
    }

    async fn limits(&self, _: &str) -> Outcome<DriveLimits> {
        not_here()
    }

    async fn get(&self, _: &str, name: &str) -> Outcome<DriveInfo> {
        self.lock().volumes.get(name).map(|volume| info(name, volume)).ok_or_else(|| missing(name))
    }

    async fn list(&self, _: &str, _: Option<&str>, _: u32) -> Outcome<DrivePage> {
        not_here()
    }

    async fn create(&self, _: &str, _: &str, _: u64, _: &str, _: NamedValues) -> Outcome<DriveInfo> {
        not_here()
    }

    async fn resize(&self, _: &str, _: &str, _: u64, _: &str) -> Outcome<DriveInfo> {
        not_here()
    }

    async fn clone_drive(&self, _: &str, _: CloneSource<'_>, _: &str, _: &str, _: NamedValues) -> Outcome<DriveInfo> {
        not_here()
    }

    async fn delete(&self, _: &str, _: &str, _: &str) -> Outcome<()> {
        not_here()
    }

    async fn take_snapshot(&self, _: &str, _: &str, _: &str, _: &str) -> Outcome<SnapshotInfo> {
        not_here()
    }

    async fn list_snapshots(&self, _: &str, _: &str, _: Option<&str>, _: u32) -> Outcome<SnapshotPage> {
        not_here()
    }

    async fn restore_snapshot(&self, _: &str, _: &str, _: &str, _: &str) -> Outcome<DriveInfo> {
        not_here()
    }

    async fn delete_snapshot(&self, _: &str, _: &str, _: &str, _: &str) -> Outcome<()> {
        not_here()
    }

    async fn read(&self, _: &str, name: &str, offset: u64, length: u64) -> Outcome<(DriveInfo, Body)> {
        self.before("read")?;
        let mut state = self.lock();
        state.reads.push((offset, length));
        let volume = state.volumes.get(name).ok_or_else(|| missing(name))?;
        let bytes = Bytes::copy_from_slice(&volume.bytes[offset as usize..(offset + length) as usize]);
        let chunks: Vec<Outcome<Bytes>> = bytes.chunks(300_000).map(|chunk| Ok(bytes.slice_ref(chunk))).collect();
        Ok((info(name, volume), Box::pin(futures::stream::iter(chunks))))
    }

    async fn write(&self, _: &str, name: &str, offset: u64, content: Content, _: &str) -> Outcome<()> {
        self.before("write")?;
        let mut body = content.open(0, content.size());
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        let mut state = self.lock();
        if state.corrupts {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        state.writes.push((offset, bytes.len() as u64));
        let count = state.writes.len();
        let volume = state.volumes.get_mut(name).ok_or_else(|| missing(name))?;
        volume.bytes[offset as usize..][..bytes.len()].copy_from_slice(&bytes);
        if let Some((writes, control)) = &state.stops
            && count >= *writes
        {
            control.set(Command::Stop);
        }
        Ok(())
    }

    async fn discard(&self, _: &str, _: &str, _: u64, _: u64, _: &str) -> Outcome<()> {
        not_here()
    }

    async fn flush(&self, _: &str, name: &str) -> Outcome<()> {
        self.before("flush")?;
        let mut state = self.lock();
        state.flushes += 1;
        let volume = state.volumes.get_mut(name).ok_or_else(|| missing(name))?;
        volume.durable.clone_from(&volume.bytes);
        Ok(())
    }

    async fn extents(&self, _: &str, name: &str, offset: u64, length: u64, _: u32) -> Outcome<ExtentPage> {
        self.before("extents")?;
        let state = self.lock();
        if state.tells_no_extents {
            return not_here();
        }
        let volume = state.volumes.get(name).ok_or_else(|| missing(name))?;
        let end = offset + length;
        let within = volume.data.iter().filter_map(|(at, bytes)| {
            let (from, to) = ((*at).max(offset), (at + bytes).min(end));
            (from < to).then(|| Extent { offset: from, length: to - from })
        });
        // Small pages: a target may.
        let mut extents: Vec<Extent> = within.take(3).collect();
        let next = (extents.len() == 3).then(|| extents.pop().map(|extent| extent.offset)).flatten();
        Ok(ExtentPage { extents, next })
    }

    async fn attach(&self, _: &str, _: &str, _: bool, _: &str) -> Outcome<Attachment> {
        not_here()
    }

    async fn detach(&self, _: &str, _: &str, _: &str) -> Outcome<()> {
        not_here()
    }
}
