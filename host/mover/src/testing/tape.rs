//! A cartridge in memory: what is written lies behind the rest and is lost until a sync, its room never comes back, and the whole
//! process may die at any step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::content::{Body, Content};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Attributes, ByteRange, Files, LocationInfo, NamedValues, Node, NodeKind, NodePage, PutOptions};
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;
use tokio::sync::watch;

use crate::{FileTree, Tree};

#[derive(Clone)]
struct Written {
    kind: NodeKind,
    bytes: Vec<u8>,
    modified: i64,
    place: u64,
    link: Option<String>,
}

pub(crate) struct MemoryTape {
    state: Mutex<State>,
    dead: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    nodes: BTreeMap<String, Written>,
    /// What a process that dies leaves.
    durable: BTreeMap<String, Written>,
    used: u64,
    capacity: Option<u64>,
    log: Vec<String>,
    steps: usize,
    dies_at: Option<usize>,
    loses_at: Option<usize>,
    failures: Vec<(String, Failure)>,
}

impl MemoryTape {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), dead: watch::Sender::new(false) })
    }

    pub(crate) fn of(capacity: u64) -> Arc<Self> {
        let tape = Self::new();
        tape.lock().capacity = Some(capacity);
        tape
    }

    pub(crate) fn capabilities() -> NamedValues {
        vec![("sequential".to_owned(), "true".to_owned())]
    }

    pub(crate) fn tree(self: &Arc<Self>, id: &str) -> Arc<dyn Tree> {
        Arc::new(FileTree::new(id, None, id, "", Arc::clone(self) as _, &Self::capabilities()))
    }

    /// At the beginning or the end of a call: from then on no call answers.
    pub(crate) fn die_at(&self, step: usize) {
        let mut state = self.lock();
        (state.steps, state.dies_at) = (0, Some(step));
    }

    /// The session breaks at that step, and what was not synced goes with it; the next call finds a new one.
    pub(crate) fn lose_at(&self, step: usize) {
        let mut state = self.lock();
        (state.steps, state.loses_at) = (0, Some(step));
    }

    pub(crate) async fn died(&self) {
        let _ = self.dead.subscribe().wait_for(|dead| *dead).await;
    }

    /// After a death. `kept`: the drive had written what nobody asked it to sync.
    pub(crate) fn revive(&self, kept: bool) {
        let mut state = self.lock();
        if kept {
            state.durable = state.nodes.clone()
        } else {
            state.nodes = state.durable.clone()
        }
        state.dies_at = None;
        state.log.clear();
        self.dead.send_replace(false);
    }

    /// The call, such as "write in/a" or "sync", fails once.
    pub(crate) fn fail(&self, call: &str, failure: Failure) {
        self.lock().failures.push((call.to_owned(), failure));
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.lock().log.clone()
    }

    /// The paths of calls of this kind, in order.
    pub(crate) fn calls(&self, call: &str) -> Vec<String> {
        let under = format!("{call} ");
        self.log().iter().filter_map(|line| line.strip_prefix(&under)).map(str::to_owned).collect()
    }

    pub(crate) fn durable(&self, path: &str) -> Option<Vec<u8>> {
        self.lock().durable.get(path).map(|written| written.bytes.clone())
    }

    pub(crate) fn place(&self, path: &str) -> u64 {
        self.lock().nodes.get(path).map_or(0, |written| written.place)
    }

    pub(crate) fn files(&self) -> usize {
        self.lock().durable.values().filter(|written| written.kind == NodeKind::File).count()
    }

    pub(crate) fn spoil(&self, path: &str) {
        self.lock().nodes.get_mut(path).expect("a file").bytes[0] ^= 1;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn step(&self) -> Outcome<()> {
        let dead = {
            let mut state = self.lock();
            state.steps += 1;
            if state.dies_at == Some(state.steps) {
                self.dead.send_replace(true);
            }
            if state.loses_at == Some(state.steps) {
                state.nodes = state.durable.clone();
                return Err(Failure::new(Kind::Unavailable, "the session broke"));
            }
            *self.dead.borrow()
        };
        if dead { std::future::pending().await } else { Ok(()) }
    }

    async fn begin(&self, call: &str, path: &str) -> Outcome<()> {
        self.step().await?;
        let mut state = self.lock();
        let line = format!("{call} {path}").trim_end().to_owned();
        let failing = state.failures.iter().position(|(of, _)| *of == line);
        state.log.push(line);
        failing.map_or(Ok(()), |at| Err(state.failures.remove(at).1))
    }
}

impl State {
    fn node(&self, path: &str) -> Outcome<Node> {
        let folder = Written { kind: NodeKind::Directory, bytes: Vec::new(), modified: 0, place: 0, link: None };
        let written = match self.nodes.get(path) {
            Some(written) => written,
            None if path.is_empty() || self.nodes.keys().any(|known| known.starts_with(&format!("{path}/"))) => &folder,
            None => return Err(Failure::not_found(format!("no {path:?}"))),
        };
        Ok(Node {
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            kind: written.kind,
            size: written.bytes.len() as u64,
            modified: written.modified,
            mode: None,
            owner: None,
            group: None,
            id: None,
            link: written.link.clone(),
            extras: vec![("place".to_owned(), written.place.to_string())],
        })
    }
}

fn said(options: &PutOptions, name: &str) -> Option<i64> {
    options.extras.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.parse().ok())
}

#[async_trait]
impl Files for MemoryTape {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        Ok(Vec::new())
    }

    async fn stat(&self, _: &str, path: &str) -> Outcome<Node> {
        self.begin("stat", path).await?;
        self.lock().node(path)
    }

    async fn read_directory(&self, _: &str, path: &str, after: Option<&str>, limit: u32) -> Outcome<NodePage> {
        self.begin("list", path).await?;
        let state = self.lock();
        state.node(path)?;
        let under = if path.is_empty() { String::new() } else { format!("{path}/") };
        let below = state.nodes.keys().filter_map(|known| known.strip_prefix(&under)).filter(|name| !name.is_empty());
        let mut names: Vec<&str> = below.filter_map(|name| name.split('/').next()).collect();
        names.dedup();
        names.retain(|name| after.is_none_or(|after| *name > after));
        let more = names.len() > limit as usize;
        names.truncate(limit as usize);
        let nodes = names.iter().map(|name| state.node(&format!("{under}{name}"))).collect::<Outcome<Vec<Node>>>()?;
        let next = nodes.last().filter(|_| more).map(|node| node.name.clone());
        Ok(NodePage { nodes, next })
    }

    async fn read(&self, _: &str, path: &str, range: Option<ByteRange>) -> Outcome<(Node, Body)> {
        self.begin("read", path).await?;
        let state = self.lock();
        let node = state.node(path)?;
        let bytes = state.nodes.get(path).map(|written| written.bytes.clone()).unwrap_or_default();
        let (from, to) = range.map_or((0, bytes.len()), |range| {
            let from = (range.offset as usize).min(bytes.len());
            (from, range.length.map_or(bytes.len(), |length| (from + length as usize).min(bytes.len())))
        });
        let chunks: Vec<Outcome<Bytes>> =
            bytes[from..to].chunks(300_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        Ok((node, Box::pin(futures::stream::iter(chunks))))
    }

    async fn write(&self, _: &str, path: &str, content: Content, _: &str, options: PutOptions) -> Outcome<Node> {
        self.begin("write", path).await?;
        let mut body = content.open(0, content.size());
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        let node = {
            let mut state = self.lock();
            if options.if_absent && state.nodes.contains_key(path) {
                return Err(Failure::new(Kind::AlreadyExists, "there already"));
            }
            let used = state.used + bytes.len() as u64;
            if state.capacity.is_some_and(|capacity| used > capacity) {
                return Err(Failure::new(Kind::NoSpace, "the tape is full"));
            }
            let place = std::mem::replace(&mut state.used, used) + 1;
            let modified = said(&options, "modified").unwrap_or_default();
            state.nodes.insert(path.to_owned(), Written { kind: NodeKind::File, bytes, modified, place, link: None });
            state.node(path)
        };
        self.step().await?;
        node
    }

    async fn make_directory(&self, _: &str, path: &str, _: &str) -> Outcome<()> {
        self.begin("folder", path).await?;
        let folder = Written { kind: NodeKind::Directory, bytes: Vec::new(), modified: 0, place: 0, link: None };
        self.lock().nodes.entry(path.to_owned()).or_insert(folder);
        Ok(())
    }

    async fn remove(&self, _: &str, path: &str, _: &str) -> Outcome<()> {
        self.begin("remove", path).await?;
        self.lock().nodes.remove(path);
        Ok(())
    }

    async fn rename(&self, _: &str, _: &str, _: &str, _: bool, _: &str) -> Outcome<()> {
        Err(Failure::unsupported("not on a tape"))
    }

    async fn set_attributes(&self, _: &str, path: &str, attributes: Attributes, _: &str) -> Outcome<Node> {
        let mut state = self.lock();
        if let Some((written, modified)) = state.nodes.get_mut(path).zip(attributes.modified) {
            written.modified = modified;
        }
        state.node(path)
    }

    async fn make_link(&self, _: &str, path: &str, target: &str, _: &str) -> Outcome<Node> {
        self.begin("link", path).await?;
        let mut state = self.lock();
        let link = Some(target.to_owned());
        state.nodes.insert(path.to_owned(), Written { kind: NodeKind::Symlink, bytes: Vec::new(), modified: 0, place: 0, link });
        state.node(path)
    }

    async fn get_xattrs(&self, _: &str, path: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
        let state = self.lock();
        let file = state.nodes.get(path).filter(|written| written.kind == NodeKind::File);
        let hash = file.map(|written| blake3::hash(&written.bytes).to_hex().as_bytes().to_vec());
        Ok(hash.map(|hash| ("user.capstan.blake3".to_owned(), hash)).into_iter().collect())
    }

    async fn set_xattr(&self, _: &str, _: &str, _: &str, _: Option<Vec<u8>>, _: &str) -> Outcome<()> {
        Err(Failure::unsupported("not in this test"))
    }

    async fn get_acl(&self, _: &str, _: &str) -> Outcome<String> {
        Err(Failure::unsupported("not in this test"))
    }

    async fn set_acl(&self, _: &str, _: &str, _: &str, _: &str) -> Outcome<()> {
        Err(Failure::unsupported("not in this test"))
    }

    async fn sync(&self, _: &str, _: &str) -> Outcome<()> {
        self.begin("sync", "").await?;
        {
            let mut state = self.lock();
            state.durable = state.nodes.clone();
        }
        self.step().await
    }
}
