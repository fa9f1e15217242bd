//! A share in memory: what is written in ranges and not synced is lost when its server dies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::content::{Body, Content};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Attributes, ByteRange, Files, LocationInfo, NamedValues, Node, NodeKind, NodePage, PutOptions};
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;

#[derive(Clone)]
struct Held {
    kind: NodeKind,
    bytes: Vec<u8>,
    /// What a dead server has of it.
    durable: Vec<u8>,
    modified: i64,
    mode: u32,
    link: Option<String>,
}

#[derive(Default)]
pub(crate) struct MemoryFiles {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    nodes: BTreeMap<String, Held>,
    clock: i64,
    failures: Vec<(&'static str, usize, Failure)>,
    /// Bytes written in ranges so far.
    ranged: u64,
    /// Calls of each kind so far.
    calls: BTreeMap<&'static str, usize>,
    /// Moments are set with the write, in steps of 100 ns, there are no permission bits, and a read says that the file stood still.
    tells: bool,
}

impl MemoryFiles {
    pub(crate) fn new() -> Arc<Self> {
        let files = Self::default();
        files.lock().nodes.insert(String::new(), folder(0));
        Arc::new(files)
    }

    pub(crate) fn capabilities() -> NamedValues {
        [("ranged-write", "true"), ("max-name-bytes", "200"), ("name-escape", ":*")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    /// As a share whose answers spare calls.
    pub(crate) fn telling() -> Arc<Self> {
        let files = Self::new();
        files.lock().tells = true;
        files
    }

    pub(crate) fn calls(&self, call: &'static str) -> usize {
        self.lock().calls.get(call).copied().unwrap_or_default()
    }

    /// After so many more good calls of this kind.
    pub(crate) fn fail_after(&self, good: usize, call: &'static str, failure: Failure) {
        self.lock().failures.push((call, good, failure));
    }

    /// The server dies and comes back.
    pub(crate) fn crash(&self) {
        for held in self.lock().nodes.values_mut() {
            held.bytes.clone_from(&held.durable);
        }
    }

    pub(crate) fn bytes_of(&self, path: &str) -> Option<Vec<u8>> {
        self.lock().nodes.get(path).map(|held| held.bytes.clone())
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.lock().nodes.iter().filter(|(_, held)| held.kind != NodeKind::Directory).map(|(path, _)| path.clone()).collect()
    }

    pub(crate) fn ranged(&self) -> u64 {
        self.lock().ranged
    }

    pub(crate) fn spoil(&self, path: &str, at: usize) {
        let mut state = self.lock();
        let held = state.nodes.get_mut(path).expect("a file");
        held.bytes[at] ^= 1;
        held.durable[at] ^= 1;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn before(&self, call: &'static str) -> Outcome<()> {
        let mut state = self.lock();
        *state.calls.entry(call).or_default() += 1;
        if let Some(at) = state.failures.iter().position(|(of, good, _)| *of == call && *good == 0) {
            return Err(state.failures.remove(at).2);
        }
        for (_, good, _) in state.failures.iter_mut().filter(|(of, _, _)| *of == call) {
            *good -= 1;
        }
        Ok(())
    }
}

fn folder(modified: i64) -> Held {
    Held { kind: NodeKind::Directory, bytes: Vec::new(), durable: Vec::new(), modified, mode: 0o755, link: None }
}

fn missing(path: &str) -> Failure {
    Failure::not_found(format!("no {path:?}"))
}

impl State {
    /// Made with its folders if it is not there.
    fn file(&mut self, path: &str) -> &mut Held {
        self.clock += 1_000_000_000;
        let clock = self.clock;
        for (at, _) in path.match_indices('/') {
            self.nodes.entry(path[..at].to_owned()).or_insert_with(|| folder(clock));
        }
        let held =
            self.nodes.entry(path.to_owned()).or_insert_with(|| Held { kind: NodeKind::File, mode: 0o644, ..folder(clock) });
        held.modified = clock;
        held
    }

    fn node(&self, path: &str) -> Outcome<Node> {
        let held = self.nodes.get(path).ok_or_else(|| missing(path))?;
        Ok(Node {
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            kind: held.kind,
            size: held.bytes.len() as u64,
            modified: held.modified,
            mode: (!self.tells).then_some(held.mode),
            owner: None,
            group: None,
            id: None,
            link: held.link.clone(),
            extras: Vec::new(),
        })
    }
}

async fn collect(content: &Content) -> Outcome<Vec<u8>> {
    let mut body = content.open(0, content.size());
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

#[async_trait]
impl Files for MemoryFiles {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        Ok(Vec::new())
    }

    async fn stat(&self, _: &str, path: &str) -> Outcome<Node> {
        self.before("stat")?;
        self.lock().node(path)
    }

    async fn read_directory(&self, _: &str, path: &str, after: Option<&str>, limit: u32) -> Outcome<NodePage> {
        self.before("list")?;
        let state = self.lock();
        state.node(path)?;
        let under = if path.is_empty() { String::new() } else { format!("{path}/") };
        let names: Vec<String> = state
            .nodes
            .keys()
            .filter(|known| !known.is_empty() && known.starts_with(&under) && !known[under.len()..].contains('/'))
            .map(|known| known[under.len()..].to_owned())
            .filter(|name| after.is_none_or(|after| name.as_str() > after))
            .collect();
        // Smaller pages than asked for: a target may.
        let limit = (limit as usize).min(7);
        let next = (names.len() > limit).then(|| names[limit - 1].clone());
        let nodes = names.iter().take(limit).map(|name| state.node(&format!("{under}{name}"))).collect::<Outcome<Vec<_>>>()?;
        Ok(NodePage { nodes, next })
    }

    async fn read(&self, _: &str, path: &str, range: Option<ByteRange>) -> Outcome<(Node, Body)> {
        self.before("read")?;
        let state = self.lock();
        let mut node = state.node(path)?;
        if state.tells {
            node.extras.push(("steady".to_owned(), "true".to_owned()));
        }
        let held = state.nodes.get(path).ok_or_else(|| missing(path))?;
        let (from, to) = range.map_or((0, held.bytes.len()), |range| {
            let from = (range.offset as usize).min(held.bytes.len());
            (from, range.length.map_or(held.bytes.len(), |length| (from + length as usize).min(held.bytes.len())))
        });
        let chunks: Vec<Outcome<Bytes>> =
            held.bytes[from..to].chunks(300_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        Ok((node, Box::pin(futures::stream::iter(chunks))))
    }

    async fn write(&self, _: &str, path: &str, content: Content, _: &str, options: PutOptions) -> Outcome<Node> {
        self.before("write")?;
        let offset =
            options.extras.iter().find(|(name, _)| name == "offset").map(|(_, value)| value.parse::<usize>().expect("offset"));
        if options.if_absent && self.lock().nodes.contains_key(path) {
            return Err(Failure::new(Kind::AlreadyExists, "there already"));
        }
        let modified =
            options.extras.iter().find(|(name, _)| name == "modified").and_then(|(_, value)| value.parse::<i64>().ok());
        let bytes = collect(&content).await?;
        let mut state = self.lock();
        state.ranged += offset.map_or(0, |_| bytes.len() as u64);
        let modified = modified.filter(|_| state.tells);
        let held = state.file(path);
        held.modified = modified.map_or(held.modified, |modified| modified - modified.rem_euclid(100));
        match offset {
            Some(offset) => {
                let end = offset + bytes.len();
                let size = held.bytes.len().max(end);
                held.bytes.resize(size, 0);
                held.bytes[offset..end].copy_from_slice(&bytes);
            }
            None => {
                held.durable.clone_from(&bytes);
                held.bytes = bytes;
            }
        }
        state.node(path)
    }

    async fn make_directory(&self, _: &str, path: &str, _: &str) -> Outcome<()> {
        let mut state = self.lock();
        let clock = state.clock;
        for (at, _) in path.match_indices('/').chain([(path.len(), "")]) {
            state.nodes.entry(path[..at].to_owned()).or_insert_with(|| folder(clock));
        }
        Ok(())
    }

    async fn remove(&self, _: &str, path: &str, _: &str) -> Outcome<()> {
        self.before("remove")?;
        let mut state = self.lock();
        if state.nodes.keys().any(|known| known.starts_with(&format!("{path}/"))) {
            return Err(Failure::new(Kind::Conflict, "not empty"));
        }
        state.nodes.remove(path);
        Ok(())
    }

    async fn rename(&self, _: &str, path: &str, to: &str, replace: bool, _: &str) -> Outcome<()> {
        self.before("rename")?;
        let mut state = self.lock();
        if !replace && state.nodes.contains_key(to) {
            return Err(Failure::new(Kind::AlreadyExists, "there already"));
        }
        let held = state.nodes.remove(path).ok_or_else(|| missing(path).with_maybe_done())?;
        state.nodes.insert(to.to_owned(), held);
        drop(state);
        self.before("renamed")
    }

    async fn set_attributes(&self, _: &str, path: &str, attributes: Attributes, _: &str) -> Outcome<Node> {
        self.before("set-attributes")?;
        let mut state = self.lock();
        let held = state.nodes.get_mut(path).ok_or_else(|| missing(path))?;
        held.modified = attributes.modified.unwrap_or(held.modified);
        held.mode = attributes.mode.unwrap_or(held.mode);
        state.node(path)
    }

    async fn make_link(&self, _: &str, path: &str, target: &str, _: &str) -> Outcome<Node> {
        let mut state = self.lock();
        let held = state.file(path);
        held.kind = NodeKind::Symlink;
        held.link = Some(target.to_owned());
        state.node(path)
    }

    async fn get_xattrs(&self, _: &str, _: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
        Ok(Vec::new())
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

    async fn sync(&self, _: &str, path: &str) -> Outcome<()> {
        self.before("sync")?;
        let under = format!("{path}/");
        for (_, held) in
            self.lock().nodes.iter_mut().filter(|(known, _)| path.is_empty() || *known == path || known.starts_with(&under))
        {
            held.durable.clone_from(&held.bytes);
        }
        Ok(())
    }
}
