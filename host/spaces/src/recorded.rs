//! What a raw tree says of its files, in the words of the catalogue.

use capstan_catalogue::{NewReplica, Record};
use capstan_domain::Outcome;
use capstan_domain::entry::{EntryKind, NewEntry, Tree};
use capstan_domain::file_state::{FileState, NewFileState};
use capstan_domain::time::Timestamp;
use capstan_mover::{Item, ItemKind};
use capstan_stub::{Look, State};
use rustix::fs::Stat;

use crate::copies::replicas_of;

/// Owner, mode and when they changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes {
    /// Permission bits.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) changed: Timestamp,
}

impl Attributes {
    pub(crate) fn of(stat: &Stat) -> Self {
        let nanos = i64::try_from(stat.st_ctime_nsec).unwrap_or_default();
        Self {
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            changed: Timestamp(stat.st_ctime.saturating_mul(1_000_000_000).saturating_add(nanos)),
        }
    }
}

/// A file's entry. `look`: what it is; of a stub the content's time, whatever the file's is.
pub(crate) fn file_entry(tree: Tree, path: &str, look: &Look, attributes: Attributes) -> NewEntry {
    NewEntry {
        tree,
        path: path.to_owned(),
        kind: EntryKind::File,
        size: look.size,
        modified: look.modified,
        changed: Some(attributes.changed),
        mode: Some(attributes.mode),
        uid: Some(attributes.uid),
        gid: Some(attributes.gid),
        inode: Some(look.identity.inode),
        blake3: look.record().map(|record| record.content.blake3.to_vec()),
    }
}

/// The entry of what is there; none for a pipe, a socket or a device.
pub(crate) fn entry(tree: Tree, item: &Item) -> Option<NewEntry> {
    let kind = match item.kind {
        ItemKind::File => EntryKind::File,
        ItemKind::Folder { .. } => EntryKind::Folder,
        ItemKind::Link { .. } => EntryKind::Link,
        ItemKind::Other { .. } => return None,
    };
    Some(NewEntry {
        tree,
        path: item.path.clone(),
        kind,
        size: item.size,
        modified: item.modified,
        changed: item.changed,
        mode: item.mode,
        uid: item.uid,
        gid: item.gid,
        inode: item.identity.inode,
        blake3: None,
    })
}

/// A file with everything that the record beside it says: where its copies are, and its state. From this the catalogue is rebuilt, and a
/// worker that died between the file and the catalogue is made up for.
pub(crate) fn from_the_file(record: &mut Whole, path: &str, look: &Look, attributes: Attributes) {
    record.entries.push(file_entry(record.tree, path, look, attributes));
    let (state, leading) = state_of(look);
    if let Some(beside) = look.record() {
        record.beside.extend(replicas_of(&beside.content, path));
    }
    record.states.push(NewFileState { path: path.to_owned(), state, replica: None, leading, failure: None });
}

/// The state that is recorded of a file, and the leading bytes that a stub has.
pub(crate) fn state_of(look: &Look) -> (FileState, u64) {
    match &look.state {
        State::Premigrated(_) => (FileState::Premigrated, 0),
        State::Migrated(stub) | State::Recalling(stub) => (FileState::Migrated, stub.leading),
        State::Resident | State::Foreign(_) | State::Unreadable(_) => (FileState::Resident, 0),
    }
}

/// What is recorded of one tree together.
pub(crate) struct Whole {
    pub(crate) tree: Tree,
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) replicas: Vec<NewReplica>,
    /// What the records beside files say, which is less: recorded where the catalogue knows nothing of the copy.
    pub(crate) beside: Vec<NewReplica>,
    pub(crate) gone: Vec<String>,
    /// Of that, what somebody removed: its copies go once the recycle window is over.
    pub(crate) removed: Vec<String>,
    pub(crate) states: Vec<NewFileState>,
}

impl Whole {
    pub(crate) fn of(tree: Tree) -> Self {
        Self {
            tree,
            entries: Vec::new(),
            replicas: Vec::new(),
            beside: Vec::new(),
            gone: Vec::new(),
            removed: Vec::new(),
            states: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.replicas.is_empty()
            && self.beside.is_empty()
            && self.gone.is_empty()
            && self.states.is_empty()
    }

    /// In one durable transaction. `is_home` false: the states are another site's, and stay.
    pub(crate) async fn write(self, catalogue: &capstan_catalogue::Catalogue, is_home: bool) -> Outcome<()> {
        let Self { tree, entries, mut replicas, beside, gone, removed, states } = self;
        if !beside.is_empty() {
            let paths: Vec<String> = beside.iter().map(|copy| copy.path.clone()).collect();
            let known = catalogue.replicas_at(tree, &paths).await?;
            let is_known = |copy: &NewReplica| {
                let same = |path: &str, location, key: &str| path == copy.path && location == copy.location && key == copy.key;
                replicas.iter().any(|other| same(&other.path, other.location, &other.key))
                    || known.iter().any(|held| {
                        same(&held.path, held.replica.location, &held.replica.key)
                            && held.replica.blake3 == copy.blake3
                            && held.replica.verified.is_some()
                    })
            };
            let unknown: Vec<NewReplica> = beside.into_iter().filter(|copy| !is_known(copy)).collect();
            replicas.extend(unknown);
        }
        let record = Record {
            entries: vec![(tree, entries)],
            replicas: vec![(tree, replicas)],
            removed: if is_home { vec![(tree, removed)] } else { Vec::new() },
            gone: if is_home { vec![(tree, gone)] } else { Vec::new() },
            states: if is_home { vec![(tree, states)] } else { Vec::new() },
            ..Record::default()
        };
        catalogue.record(record).await
    }
}
