//! Reverse stub: a file is made at this site out of its copy, as a stub or with its content.
//!
//! What the copy holds is known from the catalogue, where a worker of any site stored it and read it back. A copy that nobody recorded is
//! read whole for it, once.

use std::sync::Arc;

use capstan_digest as digest;
use capstan_domain::entry::{EntryKind, NewEntry};
use capstan_domain::failure::Kind;
use capstan_domain::file_state::{FileState, NewFileState};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Item, ItemKind, Tree as _, read_whole};
use capstan_stub::{Content, Existing, Look, NewStub};
use capstan_workflows::{ConflictPreference, ReverseStub};
use futures::{StreamExt, stream};

use super::lanes::One;
use super::migrate::prove;
use super::moving::make_parents;
use super::{Run, results};
use crate::changes;
use crate::copies::{GoodCopy, replicas_of};
use crate::links;
use crate::manifest;
use crate::on_disk::on_disk;
use crate::opened::checked;
use crate::points::{Point, reached};
use crate::recorded::Whole;
use crate::routes::Routes;

/// Files that are made at a time.
const AT_A_TIME: usize = 8;
/// Mode of a file that nobody knows one of.
const NEW_FILE: u32 = 0o644;

struct Making {
    run: Arc<Run>,
    step: ReverseStub,
    routes: Routes,
}

/// What a file is to be.
struct Original {
    content: Content,
    mode: u32,
    owner: Option<(u32, u32)>,
    /// The copy, where it was not recorded before.
    found: Option<GoodCopy>,
}

/// What becomes of the file that has the name.
enum Verdict {
    Make(Existing),
    /// It is the very content.
    Is,
    Stays(Failure),
}

pub(super) async fn run(run: Arc<Run>, step: ReverseStub, paths: Vec<One>) -> Outcome<()> {
    let routes = Routes::load(&run.inner.catalogue, run.space.id, run.site, step.endpoint.as_deref()).await?;
    let making = Arc::new(Making { run, step, routes });
    let made = stream::iter(paths).map(|one| settle(Arc::clone(&making), one)).buffer_unordered(AT_A_TIME);
    let mut made = std::pin::pin!(made);
    let mut first = Ok(());
    while let Some(one) = made.next().await {
        first = first.and(one);
    }
    first
}

async fn settle(making: Arc<Making>, one: One) -> Outcome<()> {
    let run = &making.run;
    run.control.ready().await?;
    let told = match making.make(&one).await {
        Ok(None) => vec![results::processed(one.position)],
        Ok(Some(why)) => vec![results::aborted(one.position, &why)],
        Err(failure) => run.failed(vec![(one, failure)]).await,
    };
    run.tell(told).await
}

impl Making {
    /// Answers why the path was left out.
    async fn make(&self, one: &One) -> Outcome<Option<Failure>> {
        let path = checked(one.path())?;
        match one.path.kind {
            EntryKind::Folder => return self.folder(path).await.map(|()| None),
            EntryKind::Link => return self.link(path).await,
            EntryKind::File => {}
        }
        if let Some(why) = self.stubbed(path).await? {
            return Ok(Some(why));
        }
        if self.step.hydrate {
            let first: Vec<_> = self.routes.named().into_iter().collect();
            self.run.space.recalls.whole(&self.run.inner, &self.run.space, path, &first).await?;
        }
        Ok(None)
    }

    async fn stubbed(&self, path: &str) -> Outcome<Option<Failure>> {
        let mut original = self.original(path).await?;
        let inner = &self.run.inner;
        let _counting = inner.counting.read().await;
        // Somebody may have taken away meanwhile what nobody counted on.
        match &original.found {
            None => original = self.original(path).await?,
            Some(copy) if prove::is_there(&inner.buckets.tree(copy.location).await?, copy).await => {}
            Some(_) => return Err(prove::went(path)),
        }
        match self.verdict(path, &original.content).await? {
            Verdict::Stays(why) => return Ok(Some(why)),
            Verdict::Is => {}
            Verdict::Make(existing) => {
                make_parents(&self.run, path).await?;
                self.stub(path, original, existing).await?;
            }
        }
        Ok(None)
    }

    async fn folder(&self, path: &str) -> Outcome<()> {
        let run = &self.run;
        if let Some(there) = run.space.names.stat(path).await? {
            return match there.kind {
                ItemKind::Folder { .. } => Ok(()),
                _ => Err(Failure::new(Kind::Conflict, format!("A file stands at {path:?}")).with_code("file-in-the-way")),
            };
        }
        let known = run.inner.catalogue.entry_at(run.space.tree, path).await.ok();
        let item = Item {
            kind: ItemKind::Folder { empty: false },
            mode: known.and_then(|entry| entry.mode).or(Some(0o755)),
            ..Item::file(path, 0, Timestamp::now())
        };
        run.space.names.make_folder(path, &item, &run.attempt(path, b"folder")).await
    }

    /// As its copy says. Answers why the path was left out.
    async fn link(&self, path: &str) -> Outcome<Option<Failure>> {
        let run = &self.run;
        let reading = self.routes.reading(&run.space.absolute(path));
        let link = links::find(&run.inner, &reading, path).await?.ok_or_else(|| {
            Failure::not_found(format!("There is no copy of the link {path:?} in the buckets of its external targets"))
                .with_code("no-copies")
                .with_next_step("Store it with a step before this one, in a bucket that can hold links.")
        })?;
        let there = run.space.names.stat(path).await?;
        let to = match (&link.kind, there.as_ref().map(|there| &there.kind)) {
            (one, Some(other)) if one == other => return Ok(None),
            (_, Some(ItemKind::Folder { .. })) => {
                return Err(Failure::new(Kind::Conflict, format!("A folder stands at {path:?}")).with_code("folder-in-the-way"));
            }
            (ItemKind::Link { to }, _) => to,
            _ => return Err(Failure::not_found(format!("The copy of {path:?} is no link any more")).with_code("no-copies")),
        };
        let replaces = match there {
            None => false,
            Some(there) => match self.stays(path, there.modified > link.stamp())? {
                Some(why) => return Ok(Some(why)),
                None => true,
            },
        };
        make_parents(run, path).await?;
        run.space.names.make_link(path, to, &link, &run.attempt(path, to.as_bytes()), replaces).await?;
        if run.space.is_home {
            changes::look_again(&run.inner, &run.space, vec![path.to_owned()]).await?;
        }
        Ok(None)
    }

    async fn original(&self, path: &str) -> Outcome<Original> {
        let run = &self.run;
        let reading = self.routes.reading(&run.space.absolute(path));
        let held = run.inner.catalogue.replicas_at(run.space.tree, &[path.to_owned()]).await?;
        let good = held.iter().filter(|held| {
            held.replica.verified.is_some()
                && held.entry_blake3.as_ref() == Some(&held.replica.blake3)
                && reading.contains(&held.replica.location)
        });
        let mut content: Option<Content> = None;
        for held in good {
            let (Ok(blake3), Some(blocks)) =
                (digest::Value::try_from(held.replica.blake3.as_slice()), digest::from_bytes(&held.replica.subtrees))
            else {
                continue;
            };
            let place = capstan_stub::Place {
                location: held.replica.location,
                name: held.replica.key.clone(),
                version: held.replica.version.clone(),
            };
            let new = || Content { size: held.entry_size, modified: held.entry_modified, blake3, blocks, places: Vec::new() };
            content.get_or_insert_with(new).places.push(place);
        }
        match content {
            Some(content) => {
                let entry = run.inner.catalogue.entry_at(run.space.tree, path).await?;
                let owner = self.owner(entry.uid, entry.gid);
                Ok(Original { content, mode: entry.mode.unwrap_or(NEW_FILE), owner, found: None })
            }
            None => self.unrecorded(path, &reading).await,
        }
    }

    /// A copy that stands in a bucket under the path.
    async fn unrecorded(&self, path: &str, reading: &[capstan_domain::ids::LocationId]) -> Outcome<Original> {
        let run = &self.run;
        for location in reading {
            let tree = run.inner.buckets.tree(*location).await?;
            let Some(item) = tree.stat(path).await?.filter(|item| item.kind == ItemKind::File) else { continue };
            let limits = capstan_mover::Limits { tries: run.inner.settings.limits.tries, ..Default::default() };
            let read = read_whole(&tree, &item, &limits, &run.control).await?;
            let copy = GoodCopy {
                location: *location,
                key: tree.key(&item)?,
                size: item.size,
                modified: item.modified,
                etag: item.identity.etag.clone(),
                version: item.identity.version.clone(),
                blake3: read.root,
                blocks: read.subtrees.clone(),
                verified: Timestamp::now(),
            };
            let content = Content {
                size: item.size,
                modified: item.stamp(),
                blake3: read.root,
                blocks: read.subtrees,
                places: vec![copy.place()],
            };
            let (mode, owner) = (item.mode.unwrap_or(NEW_FILE), self.owner(item.uid, item.gid));
            return Ok(Original { content, mode, owner, found: Some(copy) });
        }
        Err(Failure::not_found(format!("There is no copy of {path:?} in the buckets of its external targets"))
            .with_code("no-copies"))
    }

    /// None: those of the service, who may give files to others only as root.
    fn owner(&self, uid: Option<u32>, gid: Option<u32>) -> Option<(u32, u32)> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        uid.or(self.step.default_uid).zip(gid.or(self.step.default_gid))
    }

    async fn verdict(&self, path: &str, content: &Content) -> Outcome<Verdict> {
        let (raw, at) = (self.run.space.raw.clone(), path.to_owned());
        let look: Look = match on_disk(move || raw.look(&at)).await? {
            Ok(look) => look,
            Err(failure) if failure.kind == Kind::NotFound => return Ok(Verdict::Make(Existing::Keep)),
            Err(failure) => return Err(failure),
        };
        if look.record().is_some_and(|record| record.content.blake3 == content.blake3) {
            return Ok(Verdict::Is);
        }
        Ok(match self.stays(path, look.modified > content.modified)? {
            Some(why) => Verdict::Stays(why),
            None => Verdict::Make(Existing::Replace),
        })
    }

    /// Whether what differs at this site stays, and why; none: it goes. `is_newer`: than what comes.
    fn stays(&self, path: &str, is_newer: bool) -> Outcome<Option<Failure>> {
        let stays = |why: &str| {
            let message = format!("The file {path:?} of this site stays: {why}");
            Ok(Some(Failure::new(Kind::AlreadyExists, message).with_code("kept")))
        };
        match self.step.conflict_preference {
            Some(ConflictPreference::Ignore) => stays("it differs"),
            Some(ConflictPreference::Newest) if is_newer => stays("it is newer"),
            Some(ConflictPreference::Newest | ConflictPreference::Local) => Ok(None),
            None if self.step.overwrite => Ok(None),
            None => Err(Failure::new(Kind::AlreadyExists, format!("Another file stands at {path:?}"))
                .with_code("differs")
                .with_next_step("Let the step overwrite, or say which file stays.")),
        }
    }

    async fn stub(&self, path: &str, original: Original, existing: Existing) -> Outcome<()> {
        let run = &self.run;
        let Original { content, mode, owner, found } = original;
        let (raw, at) = (run.space.raw.clone(), path.to_owned());
        let (version, content) = on_disk(move || {
            let version = raw.reverse_stub(&at, &NewStub { content: &content, mode, owner }, existing)?;
            Ok::<_, Failure>((version, content))
        })
        .await??;
        reached(Point::StubMade);
        if !run.space.is_home && found.is_none() {
            return Ok(());
        }
        let mut record = Whole::of(run.space.tree);
        record.entries.push(NewEntry {
            tree: run.space.tree,
            path: path.to_owned(),
            kind: EntryKind::File,
            size: version.size,
            modified: content.modified,
            changed: None,
            mode: Some(mode),
            uid: owner.map(|(uid, _)| uid),
            gid: owner.map(|(_, gid)| gid),
            inode: run.space.is_home.then_some(version.inode),
            blake3: Some(content.blake3.to_vec()),
        });
        match found {
            Some(copy) => record.replicas.push(copy.replica(path)),
            None => record.beside.extend(replicas_of(&content, path)),
        }
        let state = if content.size == 0 { FileState::Premigrated } else { FileState::Migrated };
        record.states.push(NewFileState { path: path.to_owned(), state, replica: None, leading: 0, failure: None });
        let told = manifest::Told::of(&record);
        record.write(&run.inner.catalogue, run.space.is_home).await?;
        manifest::note(&run.inner, &run.space, told).await;
        Ok(())
    }
}
