//! An engine of drives in memory that survives its hosts, with a process that dies wherever a test wants it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::content::{Body, Content};
use capstan_domain::ports::{
    Attachment, CloneSource, Connection, Consumption, DriveInfo, DriveLimits, DrivePage, Drives, Extent, ExtentPage, Files,
    LocationInfo, Media, NamedValues, Objects, ProbeReport, SnapshotInfo, SnapshotPage, Uploads,
};
use capstan_domain::{Failure, Kind, Outcome};
use futures::StreamExt;

/// Bytes that every snapshot takes here.
pub(crate) const USED: u64 = 4096;

/// When something befalls a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Nothing was done yet.
    Before,
    /// All was done, and the answer is lost.
    After,
}

struct Plan {
    call: &'static str,
    /// After so many calls that go well.
    good: usize,
    when: When,
    /// None: no answer ever comes.
    failure: Option<Failure>,
}

#[derive(Clone, Default)]
struct Volume {
    bytes: Vec<u8>,
    /// By which it was made.
    attempt: String,
    snapshots: BTreeMap<String, Vec<u8>>,
}

#[derive(Default)]
struct State {
    volumes: BTreeMap<String, Volume>,
    plans: Vec<Plan>,
    calls: Vec<(&'static str, u64)>,
}

/// Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Engine {
    state: Arc<Mutex<State>>,
    hangs: Arc<AtomicBool>,
}

impl Engine {
    pub(crate) fn hang(&self, call: &'static str, good: usize, when: When) {
        self.lock().plans.push(Plan { call, good, when, failure: None });
    }

    pub(crate) fn fail(&self, call: &'static str, good: usize, when: When, failure: Failure) {
        self.lock().plans.push(Plan { call, good, when, failure: Some(failure) });
    }

    /// Whether a call is waiting for ever; told once.
    pub(crate) fn hung(&self) -> bool {
        self.hangs.swap(false, Ordering::SeqCst)
    }

    /// How much has yet to befall it.
    pub(crate) fn planned(&self) -> usize {
        self.lock().plans.len()
    }

    /// Forgets what was to befall it.
    pub(crate) fn heal(&self) {
        self.lock().plans.clear();
    }

    pub(crate) fn put(&self, name: &str, at: u64, bytes: &[u8]) {
        let mut state = self.lock();
        let volume = state.volumes.get_mut(name).unwrap();
        volume.bytes[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn bytes_of(&self, name: &str) -> Vec<u8> {
        self.lock().volumes.get(name).map(|volume| volume.bytes.clone()).unwrap_or_default()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().volumes.keys().cloned().collect()
    }

    pub(crate) fn snapshots_of(&self, name: &str) -> Vec<String> {
        self.lock().volumes.get(name).map(|volume| volume.snapshots.keys().cloned().collect()).unwrap_or_default()
    }

    /// Offsets, or zeros, of the calls of a kind so far.
    pub(crate) fn calls(&self, of: &str) -> Vec<u64> {
        self.lock().calls.iter().filter(|(call, _)| *call == of).map(|(_, at)| *at).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn meets(&self, call: &'static str, when: When) -> Outcome<()> {
        let due = {
            let mut state = self.lock();
            let found = state.plans.iter().position(|plan| plan.call == call && plan.when == when);
            match found {
                Some(at) if state.plans[at].good == 0 => Some(state.plans.remove(at).failure),
                Some(at) => {
                    state.plans[at].good -= 1;
                    None
                }
                None => None,
            }
        };
        match due {
            None => Ok(()),
            Some(Some(failure)) => Err(failure),
            Some(None) => {
                self.hangs.store(true, Ordering::SeqCst);
                std::future::pending().await
            }
        }
    }

    /// One call: what befalls it before, what it does, what befalls it after.
    async fn call<T>(&self, call: &'static str, at: u64, does: impl FnOnce(&mut State) -> Outcome<T> + Send) -> Outcome<T>
    where
        T: Send,
    {
        self.meets(call, When::Before).await?;
        let done = {
            let mut state = self.lock();
            state.calls.push((call, at));
            does(&mut state)
        }?;
        self.meets(call, When::After).await?;
        Ok(done)
    }
}

fn missing<T>(what: &str) -> Outcome<T> {
    Err(Failure::not_found(format!("no {what}")))
}

fn info(name: &str, volume: &Volume) -> DriveInfo {
    DriveInfo { name: name.to_owned(), size: volume.bytes.len() as u64, used: None, created: None, extras: Vec::new() }
}

impl State {
    fn volume(&mut self, name: &str) -> Outcome<&mut Volume> {
        self.volumes.get_mut(name).ok_or_else(|| Failure::not_found(format!("no drive {name}")))
    }

    /// The same attempt again is answered with what it made.
    fn make(&mut self, name: &str, bytes: Vec<u8>, attempt: &str) -> Outcome<DriveInfo> {
        match self.volumes.get(name) {
            Some(volume) if volume.attempt != attempt => Err(Failure::new(Kind::AlreadyExists, "there already")),
            Some(volume) => Ok(info(name, volume)),
            None => {
                let volume = Volume { bytes, attempt: attempt.to_owned(), snapshots: BTreeMap::new() };
                let made = info(name, &volume);
                self.volumes.insert(name.to_owned(), volume);
                Ok(made)
            }
        }
    }
}

#[async_trait]
impl Drives for Engine {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        Ok(vec![LocationInfo { name: "pool".to_owned(), created: None, extras: Vec::new() }])
    }

    async fn limits(&self, _: &str) -> Outcome<DriveLimits> {
        self.call("limits", 0, |_| {
            Ok(DriveLimits { minimum: 4096, maximum: 1 << 40, granularity: 4096, block: 512, extras: Vec::new() })
        })
        .await
    }

    async fn get(&self, _: &str, name: &str) -> Outcome<DriveInfo> {
        self.call("get", 0, |state| state.volume(name).map(|volume| info(name, volume))).await
    }

    async fn list(&self, _: &str, _: Option<&str>, _: u32) -> Outcome<DrivePage> {
        Err(Failure::unsupported("not in this test"))
    }

    async fn create(&self, _: &str, name: &str, size: u64, attempt: &str, _: NamedValues) -> Outcome<DriveInfo> {
        self.call("create", 0, |state| state.make(name, vec![0; size as usize], attempt)).await
    }

    async fn resize(&self, _: &str, name: &str, size: u64, _: &str) -> Outcome<DriveInfo> {
        self.call("resize", 0, |state| {
            let volume = state.volume(name)?;
            volume.bytes.resize(size as usize, 0);
            Ok(info(name, volume))
        })
        .await
    }

    async fn clone_drive(&self, _: &str, source: CloneSource<'_>, to: &str, attempt: &str, _: NamedValues) -> Outcome<DriveInfo> {
        self.call("clone", 0, |state| {
            let from = state.volume(source.name)?;
            let bytes = match source.snapshot {
                Some(snapshot) => from.snapshots.get(snapshot).cloned(),
                None => Some(from.bytes.clone()),
            };
            match bytes {
                Some(bytes) => state.make(to, bytes, attempt),
                None => missing("snapshot"),
            }
        })
        .await
    }

    async fn delete(&self, _: &str, name: &str, _: &str) -> Outcome<()> {
        self.call("delete", 0, |state| {
            state.volumes.remove(name);
            Ok(())
        })
        .await
    }

    async fn take_snapshot(&self, _: &str, name: &str, snapshot: &str, _: &str) -> Outcome<SnapshotInfo> {
        self.call("take", 0, |state| {
            let volume = state.volume(name)?;
            let bytes = volume.bytes.clone();
            let bytes = volume.snapshots.entry(snapshot.to_owned()).or_insert(bytes);
            let extras = vec![("used".to_owned(), USED.to_string())];
            Ok(SnapshotInfo { name: snapshot.to_owned(), size: bytes.len() as u64, created: None, extras })
        })
        .await
    }

    async fn list_snapshots(&self, _: &str, name: &str, _: Option<&str>, _: u32) -> Outcome<SnapshotPage> {
        self.call("snapshots", 0, |state| {
            let told = |(name, bytes): (&String, &Vec<u8>)| SnapshotInfo {
                name: name.clone(),
                size: bytes.len() as u64,
                created: None,
                extras: Vec::new(),
            };
            Ok(SnapshotPage { snapshots: state.volume(name)?.snapshots.iter().map(told).collect(), next: None })
        })
        .await
    }

    async fn restore_snapshot(&self, _: &str, name: &str, snapshot: &str, _: &str) -> Outcome<DriveInfo> {
        self.call("restore", 0, |state| {
            let volume = state.volume(name)?;
            let Some(mut bytes) = volume.snapshots.get(snapshot).cloned() else { return missing("snapshot") };
            bytes.resize(bytes.len().max(volume.bytes.len()), 0);
            volume.bytes = bytes;
            Ok(info(name, volume))
        })
        .await
    }

    async fn delete_snapshot(&self, _: &str, name: &str, snapshot: &str, _: &str) -> Outcome<()> {
        self.call("forget", 0, |state| {
            state.volume(name)?.snapshots.remove(snapshot);
            Ok(())
        })
        .await
    }

    async fn read(&self, _: &str, name: &str, offset: u64, length: u64) -> Outcome<(DriveInfo, Body)> {
        let (info, bytes) = self
            .call("read", offset, |state| {
                let volume = state.volume(name)?;
                let bytes = Bytes::copy_from_slice(&volume.bytes[offset as usize..(offset + length) as usize]);
                Ok((info(name, volume), bytes))
            })
            .await?;
        Ok((info, Box::pin(futures::stream::iter(vec![Ok(bytes)]))))
    }

    async fn write(&self, _: &str, name: &str, offset: u64, content: Content, _: &str) -> Outcome<()> {
        let mut body = content.open(0, content.size());
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        self.call("write", offset, |state| {
            state.volume(name)?.bytes[offset as usize..][..bytes.len()].copy_from_slice(&bytes);
            Ok(())
        })
        .await
    }

    async fn discard(&self, _: &str, _: &str, _: u64, _: u64, _: &str) -> Outcome<()> {
        Err(Failure::unsupported("not in this test"))
    }

    async fn flush(&self, _: &str, _: &str) -> Outcome<()> {
        self.call("flush", 0, |_| Ok(())).await
    }

    async fn extents(&self, _: &str, name: &str, offset: u64, length: u64, _: u32) -> Outcome<ExtentPage> {
        self.call("extents", offset, |state| {
            state.volume(name)?;
            Ok(ExtentPage { extents: vec![Extent { offset, length }], next: None })
        })
        .await
    }

    async fn attach(&self, _: &str, _: &str, _: bool, _: &str) -> Outcome<Attachment> {
        Ok(Attachment::Calls)
    }

    async fn detach(&self, _: &str, _: &str, _: &str) -> Outcome<()> {
        self.call("detach", 0, |_| Ok(())).await
    }
}

#[async_trait]
impl Connection for Engine {
    async fn probe(&self) -> Outcome<ProbeReport> {
        Err(Failure::unsupported("not in this test"))
    }

    async fn usage(&self, _: Option<&str>) -> Outcome<Consumption> {
        Err(Failure::unsupported("not in this test"))
    }

    fn capabilities(&self) -> NamedValues {
        Vec::new()
    }

    fn objects(&self) -> Option<Arc<dyn Objects>> {
        None
    }

    fn uploads(&self) -> Option<Arc<dyn Uploads>> {
        None
    }

    fn files(&self) -> Option<Arc<dyn Files>> {
        None
    }

    fn drives(&self) -> Option<Arc<dyn Drives>> {
        Some(Arc::new(self.clone()))
    }

    fn media(&self) -> Option<Arc<dyn Media>> {
        None
    }
}
