//! A share over a directory, of which some folders may not be read. It remembers which were asked for.

use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use capstan_domain::content::{Body, Content};
use capstan_domain::ports::{Attributes, ByteRange, Files, LocationInfo, Node, NodeKind, NodePage, PutOptions};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::{FileTree, Tree};

pub(crate) struct Share {
    directory: PathBuf,
    closed: Mutex<HashSet<String>>,
    listed: Mutex<Vec<String>>,
}

impl Share {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), closed: Mutex::default(), listed: Mutex::default() }
    }

    /// As a plugin's that says that folders tell of their names.
    pub(crate) fn tree(share: &Arc<Self>) -> Arc<dyn Tree> {
        let capabilities = vec![("directory-times".to_owned(), "names".to_owned())];
        Arc::new(FileTree::new("pool", None, "share", "", share.clone() as Arc<dyn Files>, &capabilities))
    }

    /// From now on nobody may read this folder: it is seen, and nothing in it.
    pub(crate) fn close(&self, folder: &str) {
        self.closed.lock().unwrap().insert(folder.to_owned());
    }

    pub(crate) fn open(&self, folder: &str) {
        self.closed.lock().unwrap().remove(folder);
    }

    /// The folders that were asked for since the last time somebody wanted to know, in order.
    pub(crate) fn listed(&self) -> Vec<String> {
        let mut listed = std::mem::take(&mut *self.listed.lock().unwrap());
        listed.sort();
        listed
    }

    fn is_below_a_closed_one(&self, path: &str) -> bool {
        self.closed.lock().unwrap().iter().any(|closed| path.strip_prefix(closed).is_some_and(|rest| rest.starts_with('/')))
    }

    fn node(&self, path: &str) -> Outcome<Node> {
        if self.is_below_a_closed_one(path) {
            return Err(denied(path));
        }
        let found = std::fs::symlink_metadata(self.directory.join(path)).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Failure::not_found(format!("no {path:?}")),
            _ => Failure::new(Kind::Unavailable, cause.to_string()),
        })?;
        Ok(shown(path, &found))
    }
}

fn denied(path: &str) -> Failure {
    Failure::new(Kind::Denied, format!("nobody may read {path:?}"))
}

fn moment(seconds: i64, nanoseconds: i64) -> i64 {
    seconds * 1_000_000_000 + nanoseconds
}

fn shown(path: &str, found: &Metadata) -> Node {
    Node {
        name: path.rsplit('/').next().unwrap_or_default().to_owned(),
        kind: if found.is_dir() { NodeKind::Directory } else { NodeKind::File },
        size: found.len(),
        modified: moment(found.mtime(), found.mtime_nsec()),
        mode: Some(found.mode() & 0o7777),
        owner: None,
        group: None,
        id: Some(found.ino().to_string()),
        link: None,
        extras: vec![("changed".to_owned(), moment(found.ctime(), found.ctime_nsec()).to_string())],
    }
}

fn refused<T>() -> Outcome<T> {
    Err(Failure::unsupported("this share is looked at, and no more"))
}

#[async_trait]
impl Files for Share {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        refused()
    }

    async fn stat(&self, _: &str, path: &str) -> Outcome<Node> {
        self.node(path)
    }

    async fn read_directory(&self, _: &str, path: &str, after: Option<&str>, limit: u32) -> Outcome<NodePage> {
        if after.is_none() {
            self.listed.lock().unwrap().push(path.to_owned());
        }
        self.node(path)?;
        if self.closed.lock().unwrap().contains(path) {
            return Err(denied(path));
        }
        let names = std::fs::read_dir(self.directory.join(path)).map_err(|cause| Failure::not_found(cause.to_string()))?;
        let mut names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.retain(|name| after.is_none_or(|after| name.as_str() > after));
        let more = names.len() > limit as usize;
        names.truncate(limit as usize);
        let next = names.last().filter(|_| more).cloned();
        let nodes = names.iter().map(|name| self.node(Path::new(path).join(name).to_str().unwrap())).collect::<Outcome<_>>()?;
        Ok(NodePage { nodes, next })
    }

    async fn read(&self, _: &str, _: &str, _: Option<ByteRange>) -> Outcome<(Node, Body)> {
        refused()
    }

    async fn write(&self, _: &str, _: &str, _: Content, _: &str, _: PutOptions) -> Outcome<Node> {
        refused()
    }

    async fn make_directory(&self, _: &str, _: &str, _: &str) -> Outcome<()> {
        refused()
    }

    async fn remove(&self, _: &str, _: &str, _: &str) -> Outcome<()> {
        refused()
    }

    async fn rename(&self, _: &str, _: &str, _: &str, _: bool, _: &str) -> Outcome<()> {
        refused()
    }

    async fn set_attributes(&self, _: &str, _: &str, _: Attributes, _: &str) -> Outcome<Node> {
        refused()
    }

    async fn make_link(&self, _: &str, _: &str, _: &str, _: &str) -> Outcome<Node> {
        refused()
    }

    async fn get_xattrs(&self, _: &str, _: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
        refused()
    }

    async fn set_xattr(&self, _: &str, _: &str, _: &str, _: Option<Vec<u8>>, _: &str) -> Outcome<()> {
        refused()
    }

    async fn get_acl(&self, _: &str, _: &str) -> Outcome<String> {
        refused()
    }

    async fn set_acl(&self, _: &str, _: &str, _: &str, _: &str) -> Outcome<()> {
        refused()
    }

    async fn sync(&self, _: &str, _: &str) -> Outcome<()> {
        refused()
    }
}
