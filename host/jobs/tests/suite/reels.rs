//! What is on cartridges, in memory: files that lie one behind the other, each with its hash.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::content::{Body, Content};
use capstan_domain::ids::LocationId;
use capstan_domain::ports::{Attributes, ByteRange, Files, LocationInfo, Node, NodeKind, NodePage, PutOptions};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::{FileTree, Tree, digest};
use futures::StreamExt;

#[derive(Clone, Default)]
pub(crate) struct Reels(Arc<Mutex<BTreeMap<String, Reel>>>);

#[derive(Default)]
struct Reel {
    files: BTreeMap<String, Written>,
    used: u64,
    capacity: Option<u64>,
    /// Paths that were read, in order.
    read: Vec<String>,
}

struct Written {
    bytes: Vec<u8>,
    modified: i64,
    place: u64,
    /// None: others wrote it.
    hash: Option<[u8; 32]>,
}

impl Reel {
    fn lay(&mut self, path: &str, bytes: Vec<u8>, modified: i64) {
        let (place, hash) = (self.used, Some(digest::of(&bytes)));
        self.used += bytes.len() as u64 + 1;
        self.files.insert(path.to_owned(), Written { bytes, modified, place, hash });
    }

    fn node(&self, path: &str) -> Outcome<Node> {
        let written = self.files.get(path);
        let under = format!("{path}/");
        if written.is_none() && !path.is_empty() && !self.files.keys().any(|known| known.starts_with(&under)) {
            return Err(Failure::not_found(format!("no {path:?}")));
        }
        Ok(Node {
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            kind: if written.is_some() { NodeKind::File } else { NodeKind::Directory },
            size: written.map_or(0, |written| written.bytes.len() as u64),
            modified: written.map_or(0, |written| written.modified),
            mode: None,
            owner: None,
            group: None,
            id: None,
            link: None,
            extras: written.map(|written| ("place".to_owned(), written.place.to_string())).into_iter().collect(),
        })
    }
}

impl Reels {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Reel>> {
        self.0.lock().unwrap()
    }

    fn on<T>(&self, cartridge: &str, work: impl FnOnce(&mut Reel) -> T) -> T {
        work(self.lock().entry(cartridge.to_owned()).or_default())
    }

    pub(crate) fn tree(&self, location: LocationId, cartridge: &str) -> Arc<dyn Tree> {
        let capabilities = vec![("sequential".to_owned(), "true".to_owned())];
        let id = format!("location:{location}:");
        Arc::new(FileTree::new(id, Some(location), cartridge, "", Arc::new(self.clone()), &capabilities))
    }

    pub(crate) fn lay(&self, cartridge: &str, path: &str, content: &str) {
        self.on(cartridge, |reel| reel.lay(path, content.as_bytes().to_vec(), 7_000_000_000));
    }

    /// Another content of the same size, under the same hash.
    pub(crate) fn spoil(&self, cartridge: &str, path: &str) {
        self.on(cartridge, |reel| reel.files.get_mut(path).unwrap().bytes[0] ^= 1);
    }

    /// As software wrote it that keeps no hashes.
    pub(crate) fn forget_hash(&self, cartridge: &str, path: &str) {
        self.on(cartridge, |reel| reel.files.get_mut(path).unwrap().hash = None);
    }

    pub(crate) fn lose(&self, cartridge: &str, path: &str) {
        self.on(cartridge, |reel| reel.files.remove(path).unwrap());
    }

    pub(crate) fn has_room_for(&self, cartridge: &str, bytes: u64) {
        self.on(cartridge, |reel| reel.capacity = Some(bytes));
    }

    pub(crate) fn paths(&self, cartridge: &str) -> Vec<String> {
        self.on(cartridge, |reel| reel.files.keys().cloned().collect())
    }

    /// The paths that were read since the last time.
    pub(crate) fn read(&self, cartridge: &str) -> Vec<String> {
        self.on(cartridge, |reel| std::mem::take(&mut reel.read))
    }
}

#[async_trait]
impl Files for Reels {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        Ok(Vec::new())
    }

    async fn stat(&self, cartridge: &str, path: &str) -> Outcome<Node> {
        self.on(cartridge, |reel| reel.node(path))
    }

    async fn read_directory(&self, cartridge: &str, path: &str, after: Option<&str>, limit: u32) -> Outcome<NodePage> {
        self.on(cartridge, |reel| {
            reel.node(path)?;
            let under = if path.is_empty() { String::new() } else { format!("{path}/") };
            let below = reel.files.keys().filter_map(|known| known.strip_prefix(&under));
            let mut names: Vec<&str> = below.filter_map(|name| name.split('/').next()).collect();
            names.dedup();
            names.retain(|name| after.is_none_or(|after| *name > after));
            let more = names.len() > limit as usize;
            names.truncate(limit as usize);
            let nodes = names.iter().map(|name| reel.node(&format!("{under}{name}"))).collect::<Outcome<Vec<Node>>>()?;
            let next = nodes.last().filter(|_| more).map(|node| node.name.clone());
            Ok(NodePage { nodes, next })
        })
    }

    async fn read(&self, cartridge: &str, path: &str, range: Option<ByteRange>) -> Outcome<(Node, Body)> {
        assert!(range.is_none(), "a file of a test is read as a whole");
        self.on(cartridge, |reel| {
            reel.read.push(path.to_owned());
            let (node, bytes) = (reel.node(path)?, reel.files[path].bytes.clone());
            let body: Body = Box::pin(futures::stream::iter([Ok(Bytes::from(bytes))]));
            Ok((node, body))
        })
    }

    async fn write(&self, cartridge: &str, path: &str, content: Content, _: &str, options: PutOptions) -> Outcome<Node> {
        let mut body = content.open(0, content.size());
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        self.on(cartridge, |reel| {
            if options.if_absent && reel.files.contains_key(path) {
                return Err(Failure::new(Kind::AlreadyExists, "there already"));
            }
            if reel.capacity.is_some_and(|capacity| reel.used + bytes.len() as u64 > capacity) {
                return Err(Failure::new(Kind::NoSpace, "the tape is full"));
            }
            let modified = options.extras.iter().find(|(name, _)| name == "modified").and_then(|(_, at)| at.parse().ok());
            reel.lay(path, bytes, modified.unwrap_or_default());
            reel.node(path)
        })
    }

    async fn make_directory(&self, _: &str, _: &str, _: &str) -> Outcome<()> {
        Ok(())
    }

    async fn remove(&self, cartridge: &str, path: &str, _: &str) -> Outcome<()> {
        self.on(cartridge, |reel| reel.files.remove(path));
        Ok(())
    }

    async fn rename(&self, _: &str, _: &str, _: &str, _: bool, _: &str) -> Outcome<()> {
        Err(Failure::unsupported("not on a tape"))
    }

    async fn set_attributes(&self, _: &str, _: &str, _: Attributes, _: &str) -> Outcome<Node> {
        Err(Failure::unsupported("not on these tapes"))
    }

    async fn make_link(&self, _: &str, _: &str, _: &str, _: &str) -> Outcome<Node> {
        Err(Failure::unsupported("not in this test"))
    }

    async fn get_xattrs(&self, cartridge: &str, path: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
        let hash = self.on(cartridge, |reel| reel.files.get(path).and_then(|written| written.hash));
        let digits = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
        Ok(hash.map(|hash| ("user.capstan.blake3".to_owned(), digits(hash))).into_iter().collect())
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
        Ok(())
    }
}
