//! Files of a manifest made anew, some at a time: folders, stubs, attributes, then rows.
//!
//! The row comes last. A file that is there and has none is one that a rebuild died over, or whose catalogue is lost: it gets what it has
//! not yet.

use std::collections::{BTreeSet, HashMap, HashSet};

use capstan_domain::failure::Kind;
use capstan_domain::file_state::{FileState, NewFileState};
use capstan_domain::ids::LocationId;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Item, ItemKind, Tree as _, names};
use capstan_stub::{Existing, Look, NewStub, RawTree, State};
use futures::{StreamExt, stream};

use super::super::attributes;
use super::super::line::{FileLine, Line};
use super::super::tell::made as made_known;
use super::Rebuilding;
use crate::on_disk::on_disk;
use crate::opened::{OpenSpace, checked};
use crate::recorded::{Attributes, Whole, file_entry};

/// Stubs that are made at a time: each waits for the disk.
const AT_A_TIME: usize = 16;
/// Mode of folders made on the way: a manifest is of files.
const NEW_FOLDER: u32 = 0o755;

/// What became of one.
enum Made {
    Now(Look, Attributes),
    Before(Look, Attributes),
    /// Another content stands there.
    Kept(Failure),
}

impl Rebuilding<'_> {
    pub(super) async fn make(&mut self, files: Vec<FileLine>) -> Outcome<()> {
        if files.is_empty() {
            return Ok(());
        }
        let (inner, space, location) = (self.inner, self.space, self.rebuilt.location);
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let known = inner.catalogue.replicas_at(space.tree, &paths).await?;
        let known: HashSet<(String, Vec<u8>)> = known
            .into_iter()
            .filter(|held| held.replica.location == location && held.entry_blake3.as_ref() == Some(&held.replica.blake3))
            .map(|held| (held.path, held.replica.blake3))
            .collect();
        let stated = inner.catalogue.file_states(space.tree, &paths).await?;
        let stated: HashSet<String> =
            stated.into_iter().filter(|file| file.state != FileState::Resident).map(|file| file.path).collect();
        let unmade = folders(space, &files).await;
        let made = stream::iter(files).map(|file| {
            let (raw, unmade) = (space.raw.clone(), unmade.get(names::parent_of(&file.path)).cloned());
            let is_known = stated.contains(&file.path) && known.contains(&(file.path.clone(), file.blake3.0.clone()));
            async move {
                if let Some(failure) = unmade {
                    return Ok((file, is_known, Err(failure)));
                }
                on_disk(move || {
                    let made = make(&raw, &file, location, is_known);
                    (file, is_known, made)
                })
                .await
            }
        });
        let mut made = std::pin::pin!(made.buffer_unordered(AT_A_TIME));
        let (mut record, mut lines) = (Whole::of(space.tree), Vec::new());
        while let Some(one) = made.next().await {
            let (file, is_known, made) = one?;
            let (look, attributes) = match made {
                Ok(Made::Now(look, attributes)) => {
                    self.rebuilt.made += 1;
                    (look, attributes)
                }
                Ok(Made::Before(look, attributes)) => {
                    self.rebuilt.there += 1;
                    if is_known {
                        continue;
                    }
                    (look, attributes)
                }
                Ok(Made::Kept(why)) => {
                    self.rebuilt.kept += 1;
                    self.rebuilt.leave(&file.path, why);
                    continue;
                }
                Err(failure) if is_fatal(&failure) => return Err(failure),
                Err(failure) => {
                    self.rebuilt.failed += 1;
                    self.rebuilt.leave(&file.path, failure);
                    continue;
                }
            };
            record.entries.push(file_entry(space.tree, &file.path, &look, attributes));
            record.replicas.push(file.replica(location));
            record.states.push(state(&file.path, &look));
            lines.push(Line::File(Box::new(file)));
        }
        if record.is_empty() {
            return Ok(());
        }
        record.write(&inner.catalogue, space.is_home).await?;
        // From here on the space has a manifest of its own.
        if self.is_own { Ok(()) } else { made_known(inner, space, location, lines).await }
    }
}

/// The folders of these files. Answers those that could not be made.
async fn folders(space: &OpenSpace, files: &[FileLine]) -> HashMap<String, Failure> {
    let wanted: BTreeSet<&str> = files.iter().map(|file| names::parent_of(&file.path)).filter(|path| !path.is_empty()).collect();
    let mut unmade = HashMap::new();
    for path in wanted {
        let make = async {
            checked(path)?;
            if space.names.stat(path).await?.is_some() {
                return Ok(());
            }
            let folder =
                Item { kind: ItemKind::Folder { empty: false }, mode: Some(NEW_FOLDER), ..Item::file(path, 0, Timestamp::now()) };
            space.names.make_folder(path, &folder, "rebuild").await
        };
        match make.await {
            Ok(()) => {}
            Err(failure) if failure.kind == Kind::AlreadyExists => {}
            Err(failure) => {
                unmade.insert(path.to_owned(), failure);
            }
        }
    }
    unmade
}

/// Blocking. `is_known`: the catalogue has it as it is.
fn make(raw: &RawTree, file: &FileLine, location: LocationId, is_known: bool) -> Outcome<Made> {
    let path = checked(&file.path)?;
    let content = file.content(location)?;
    let there = match raw.look(path) {
        Ok(look) => Some(look),
        Err(failure) if failure.kind == Kind::NotFound => None,
        Err(failure) => return Err(failure),
    };
    if let Some(look) = &there
        && look.record().is_none_or(|record| record.content.blake3 != content.blake3)
    {
        let message = format!("Another file stands at {path:?}");
        return Ok(Made::Kept(Failure::new(Kind::AlreadyExists, message).with_code("kept")));
    }
    if there.is_none() {
        let owner = rustix::process::geteuid().is_root().then_some((file.uid, file.gid));
        raw.reverse_stub(path, &NewStub { content: &content, mode: file.mode, owner }, Existing::Keep)?;
    }
    if !is_known {
        attributes::put(raw, file, there.is_none())?;
    }
    let (look, _, stat) = attributes::look(raw, path)?;
    let attributes = Attributes::of(&stat);
    Ok(if there.is_none() { Made::Now(look, attributes) } else { Made::Before(look, attributes) })
}

fn state(path: &str, look: &Look) -> NewFileState {
    let (state, leading) = match &look.state {
        State::Premigrated(_) => (FileState::Premigrated, 0),
        State::Migrated(record) | State::Recalling(record) => (FileState::Migrated, record.leading),
        // Written to a moment ago.
        State::Resident | State::Foreign(_) | State::Unreadable(_) => (FileState::Resident, 0),
    };
    NewFileState { path: path.to_owned(), state, replica: None, leading, failure: None }
}

/// What the next file would find too.
fn is_fatal(failure: &Failure) -> bool {
    failure.kind == Kind::NoSpace
}
