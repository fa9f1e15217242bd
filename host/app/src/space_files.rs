//! Files of spaces as they are on this host's disks now, with what the catalogue knows of where their content lies.

use std::collections::HashMap;
use std::path::PathBuf;

use capstan_catalogue::Catalogue;
use capstan_domain::entry::{EntryKind, Tree as Entries};
use capstan_domain::file_state::FileState;
use capstan_domain::ids::{LocationId, Number};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::site::Site;
use capstan_domain::space_profile::ManagedSpace;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::names::checked;
use capstan_mover::{Item, ItemKind, LocalTree, Tree};
use capstan_stub::RawTree;

use crate::managed_spaces::within;
use crate::workflow_jobs::contains;

/// Things in one folder that are listed; of a larger one the view or a job tells.
const CHILDREN_MAX: usize = 100_000;
/// Things of a folder that are read at once.
const READ_AT_ONCE: u32 = 1_000;
/// Spaces of a site among which a path is looked for, and external targets of one space.
const LOOKED_AT: u32 = capstan_catalogue::WINDOW;

#[derive(Clone)]
pub struct SpaceFiles {
    catalogue: Catalogue,
}

/// What is asked of a path.
#[derive(Clone, Debug)]
pub struct FileWish {
    /// Within the space.
    pub path: String,
    /// Of what is in a folder: only these.
    pub kind: Option<EntryKind>,
    /// With names that begin with a dot.
    pub hidden: bool,
    /// Also what is known of each thing in a folder, not only of the folder.
    pub details: bool,
    pub offset: u64,
    pub limit: u64,
}

/// One thing in a space.
#[derive(Clone, Debug)]
pub struct SeenFile {
    /// Within the space; empty is its root.
    pub path: String,
    /// None: a socket, a device or the like.
    pub kind: Option<EntryKind>,
    /// Bytes, wherever they lie.
    pub size: u64,
    pub modified: Timestamp,
    pub changed: Option<Timestamp>,
    /// None where it was not looked at.
    pub known: Option<Known>,
}

/// What is known of a thing beside what a folder says of it.
#[derive(Clone, Debug)]
pub struct Known {
    pub state: FileState,
    /// Bytes of disk; of a file.
    pub allocated: Option<u64>,
    pub copies: Vec<Copied>,
    /// What went wrong with it last.
    pub failure: Option<Failure>,
}

/// One copy of a file in a bucket.
#[derive(Clone, Debug)]
pub struct Copied {
    /// Number of the external target of the space that leads there, if there still is one.
    pub external_target: Option<Number>,
    /// Name of the bucket.
    pub bucket: String,
    pub key: String,
    pub size: u64,
    pub verified: Option<Timestamp>,
}

impl SpaceFiles {
    pub(crate) fn new(catalogue: Catalogue) -> Self {
        Self { catalogue }
    }

    /// The space of a site that an absolute path is in, and the path within it.
    pub async fn place(&self, site: &Site, path: &str) -> Outcome<(ManagedSpace, String)> {
        let on_site = Listing::first(LOOKED_AT).with("site_number", Operator::Equal, site.number);
        let spaces = self.catalogue.managed_spaces(&on_site).await?.items;
        let nowhere = || Failure::not_found(format!("{path} is in no space of the site {}", site.name)).with_code("not-found");
        let space = spaces.into_iter().find(|space| contains(space, path)).ok_or_else(nowhere)?;
        let rest = inside(&space, path).unwrap_or_default();
        Ok((space, rest))
    }

    /// The thing at a path, and of a folder one window of what is in it, by name.
    pub async fn show(&self, space: &ManagedSpace, wish: &FileWish) -> Outcome<(SeenFile, Page<SeenFile>)> {
        let path = checked(&wish.path)?;
        let directory = PathBuf::from(&space.space.directory);
        let (id, opened) = (format!("space:{}:", space.space.id), directory.clone());
        let tree = on_disk(move || LocalTree::open(id, &opened)).await?;
        let item = tree.stat(path).await?;
        let item = item.ok_or_else(|| Failure::not_found(format!("there is nothing at {path}")).with_code("not-found"))?;
        let mut items = Vec::new();
        if matches!(item.kind, ItemKind::Folder { .. }) {
            items = children(&tree, path, wish).await?;
        }
        let count = items.len() as u64;
        let offset = usize::try_from(wish.offset).unwrap_or(usize::MAX);
        let window: Vec<Item> = items.into_iter().skip(offset).take(usize::try_from(wish.limit).unwrap_or(usize::MAX)).collect();
        let mut looked: Vec<String> =
            if wish.details { window.iter().map(|item| item.path.clone()).collect() } else { Vec::new() };
        looked.push(item.path.clone());
        let mut known = self.known(space, directory, looked).await?;
        let mut seen = |item: Item| SeenFile {
            kind: kind_of(&item.kind),
            size: item.size,
            modified: item.modified,
            changed: item.changed,
            known: known.remove(&item.path),
            path: item.path,
        };
        let items = window.into_iter().map(&mut seen).collect();
        Ok((seen(item), Page { count, items }))
    }

    /// What the catalogue and the disk know of these paths.
    async fn known(&self, space: &ManagedSpace, directory: PathBuf, paths: Vec<String>) -> Outcome<HashMap<String, Known>> {
        let tree = Entries::Space(space.space.id);
        let mut states: HashMap<String, (FileState, Option<Failure>)> = HashMap::new();
        for state in self.catalogue.file_states(tree, &paths).await? {
            states.insert(state.path, (state.state, state.failure));
        }
        let mut copies = self.copies(space, tree, &paths).await?;
        let allocated = on_disk(move || Ok(allocated(&directory, paths))).await?;
        let known = allocated.into_iter().map(|(path, allocated)| {
            let (state, failure) = states.remove(&path).unwrap_or((FileState::Resident, None));
            let copies = copies.remove(&path).unwrap_or_default();
            (path, Known { state, allocated, copies, failure })
        });
        Ok(known.collect())
    }

    async fn copies(&self, space: &ManagedSpace, tree: Entries, paths: &[String]) -> Outcome<HashMap<String, Vec<Copied>>> {
        let held = self.catalogue.replicas_at(tree, paths).await?;
        if held.is_empty() {
            return Ok(HashMap::new());
        }
        let of_space = Listing::first(LOOKED_AT).with("space", Operator::Equal, space.space.id);
        let targets = self.catalogue.external_targets(&of_space).await?.items;
        let mut names: HashMap<LocationId, String> = HashMap::new();
        let mut copies: HashMap<String, Vec<Copied>> = HashMap::new();
        for one in held {
            let location = one.replica.location;
            let bucket = match names.get(&location) {
                Some(name) => name.clone(),
                None => {
                    let name = self.catalogue.bucket(location).await?.profile.name;
                    names.insert(location, name.clone());
                    name
                }
            };
            copies.entry(one.path).or_default().push(Copied {
                external_target: targets.iter().find(|target| target.location == location).map(|target| target.number),
                bucket,
                key: one.replica.key,
                size: one.replica.size,
                verified: one.replica.verified,
            });
        }
        Ok(copies)
    }
}

/// The path within a space that an absolute one means; none if it is elsewhere.
pub fn inside(space: &ManagedSpace, absolute: &str) -> Option<String> {
    within(space.profile.mountpoint.as_deref()?, absolute.trim_end_matches('/')).map(str::to_owned)
}

/// All of a folder that is asked for, by name.
async fn children(tree: &LocalTree, path: &str, wish: &FileWish) -> Outcome<Vec<Item>> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = tree.children(path, after.as_deref(), READ_AT_ONCE).await?;
        items.extend(page.items.into_iter().filter(|item| asked_for(item, wish)));
        if items.len() > CHILDREN_MAX {
            let message = format!("the folder holds more than {CHILDREN_MAX} things, which are not listed");
            return Err(Failure::unsupported(message).with_code("too-many"));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    items.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(items)
}

fn asked_for(item: &Item, wish: &FileWish) -> bool {
    let kind = wish.kind.is_none_or(|kind| kind_of(&item.kind) == Some(kind));
    kind && (wish.hidden || !is_hidden(&item.path))
}

/// Whether the last name of a path begins with a dot.
pub fn is_hidden(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with('.'))
}

fn kind_of(kind: &ItemKind) -> Option<EntryKind> {
    match kind {
        ItemKind::File => Some(EntryKind::File),
        ItemKind::Folder { .. } => Some(EntryKind::Folder),
        ItemKind::Link { .. } => Some(EntryKind::Link),
        ItemKind::Other { .. } => None,
    }
}

/// Bytes of disk of each file among these; none for what is no file, or where the file system cannot hold stubs.
fn allocated(directory: &std::path::Path, paths: Vec<String>) -> Vec<(String, Option<u64>)> {
    let tree = RawTree::open(directory).ok();
    let look = |path: &str| tree.as_ref().filter(|_| !path.is_empty())?.look(path).ok().map(|look| look.allocated);
    paths.into_iter().map(|path| (path.clone(), look(&path))).collect()
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::host("the disk could not be read", error))?
}
