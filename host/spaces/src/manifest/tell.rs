//! What the work on files means for the manifests of the buckets that hold their copies.
//!
//! What the catalogue says decides, asked while nobody else adds a line: so of two that tell of one path the later one knows more, and no
//! file that has a copy by now is told to be gone.

use std::collections::{BTreeMap, HashMap, HashSet};

use capstan_catalogue::NewReplica;
use capstan_domain::entry::EntryKind;
use capstan_domain::file_state::FileState;
use capstan_domain::ids::LocationId;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_stub::RawTree;

use super::attributes;
use super::line::{FileLine, Line};
use crate::Inner;
use crate::changes::replica_at;
use crate::on_disk::on_disk;
use crate::opened::OpenSpace;
use crate::recorded::Whole;

/// What a record of the tree says that manifests ought to say, too.
#[derive(Default)]
pub(crate) struct Told {
    /// Files with copies.
    files: Vec<String>,
    gone: HashSet<String>,
    /// The same, of copies that the catalogue may have forgotten.
    left: Vec<(LocationId, String)>,
}

impl Told {
    pub(crate) fn of(record: &Whole) -> Self {
        let files = record.entries.iter().filter(|entry| entry.kind == EntryKind::File && entry.blake3.is_some());
        Self {
            files: files.map(|entry| entry.path.clone()).collect(),
            gone: record.gone.iter().cloned().collect(),
            left: Vec::new(),
        }
    }

    /// These buckets held copies of what stood at these paths.
    pub(crate) fn and_gone(mut self, left: impl IntoIterator<Item = (LocationId, String)>) -> Self {
        self.left.extend(left);
        self
    }
}

/// Copies that were just recorded: in the manifests of their buckets when it answers. Answers, by path, why one could not be written.
pub(crate) async fn stored(space: &OpenSpace, copies: Vec<NewReplica>) -> HashMap<String, Failure> {
    let mut failed = HashMap::new();
    for (location, copies) in by_location(copies) {
        let paths: Vec<String> = copies.iter().map(|copy| copy.path.clone()).collect();
        let put = async {
            let (lines, unread) = lines(space, copies, false).await?;
            let journal = space.manifests.journal(location);
            let added = {
                let _order = space.manifests.order.lock().await;
                journal.add(lines)?
            };
            journal.written(added).await?;
            Ok::<_, Failure>(unread)
        };
        match put.await {
            Ok(unread) => failed.extend(unread),
            Err(failure) => failed.extend(paths.into_iter().map(|path| (path, failure.clone()))),
        }
    }
    failed
}

/// What was recorded goes to the manifests soon. Nothing fails for it: the tree and the catalogue are right, and an export makes up for
/// what could not be written.
pub(crate) async fn note(inner: &Inner, space: &OpenSpace, told: Told) {
    if let Err(failure) = try_note(inner, space, told).await {
        tracing::warn!(%failure, space = %space.id, "changes could not be told to the manifests of a space; an export makes up for it");
    }
}

async fn try_note(inner: &Inner, space: &OpenSpace, told: Told) -> Outcome<()> {
    let Told { files, gone, left } = told;
    let paths: Vec<String> = files.iter().chain(&gone).chain(left.iter().map(|(_, path)| path)).cloned().collect();
    if paths.is_empty() {
        return Ok(());
    }
    let _order = space.manifests.order.lock().await;
    let stored = stored_among(inner, space, &paths).await?;
    let (mut copies, mut going): (Vec<NewReplica>, Vec<(LocationId, String)>) = (Vec::new(), Vec::new());
    for held in inner.catalogue.replicas_at(space.tree, &paths).await? {
        let is_of_file = held.replica.verified.is_some() && held.entry_blake3.as_ref() == Some(&held.replica.blake3);
        if is_of_file && stored.contains(&held.path) {
            copies.push(replica_at(&held.path.clone(), held));
        } else if gone.contains(&held.path) {
            going.push((held.replica.location, held.path));
        }
    }
    let counts: HashSet<(LocationId, &str)> = copies.iter().map(|copy| (copy.location, copy.path.as_str())).collect();
    going.extend(left.into_iter().filter(|(location, path)| !counts.contains(&(*location, path.as_str()))));
    for (location, path) in going {
        space.manifests.journal(location).note(vec![Line::Gone { path }]);
    }
    for (location, copies) in by_location(copies) {
        let (lines, unread) = lines(space, copies, true).await?;
        for (path, failure) in unread {
            tracing::warn!(%failure, path, "a file could not be told to the manifest of its bucket");
        }
        space.manifests.journal(location).note(lines);
    }
    Ok(())
}

/// Files that were just recorded, by who made them: those that still stand there are in the manifest when it answers.
pub(super) async fn made(inner: &Inner, space: &OpenSpace, location: LocationId, mut lines: Vec<Line>) -> Outcome<()> {
    let journal = space.manifests.journal(location);
    let added = {
        let _order = space.manifests.order.lock().await;
        let paths: Vec<String> = lines.iter().map(|line| line.path().to_owned()).collect();
        let stored = stored_among(inner, space, &paths).await?;
        lines.retain(|line| stored.contains(line.path()));
        journal.add(lines)?
    };
    journal.written(added).await
}

/// Those that the catalogue has as premigrated or as stubs.
async fn stored_among(inner: &Inner, space: &OpenSpace, paths: &[String]) -> Outcome<HashSet<String>> {
    let states = inner.catalogue.file_states(space.tree, paths).await?;
    Ok(states.into_iter().filter(|file| file.state != FileState::Resident).map(|file| file.path).collect())
}

fn by_location(copies: Vec<NewReplica>) -> BTreeMap<LocationId, Vec<NewReplica>> {
    let mut by_location: BTreeMap<LocationId, Vec<NewReplica>> = BTreeMap::new();
    for copy in copies {
        by_location.entry(copy.location).or_default().push(copy);
    }
    by_location
}

/// Files that went meanwhile have none. With those that could not be looked at.
async fn lines(space: &OpenSpace, copies: Vec<NewReplica>, has_record: bool) -> Outcome<(Vec<Line>, Vec<(String, Failure)>)> {
    let raw = space.raw.clone();
    on_disk(move || {
        let (mut lines, mut unread) = (Vec::new(), Vec::new());
        for copy in copies {
            let path = copy.path.clone();
            match line(&raw, copy, has_record) {
                Ok(line) => lines.extend(line),
                Err(failure) => unread.push((path, failure)),
            }
        }
        (lines, unread)
    })
    .await
}

/// None: it is not there, or it holds another content by now. `has_record`: the record beside the file is written already, and says so.
pub(super) fn line(raw: &RawTree, copy: NewReplica, has_record: bool) -> Outcome<Option<Line>> {
    let (look, shape, _) = match attributes::look(raw, &copy.path) {
        Ok(found) => found,
        Err(failure) if failure.kind == Kind::NotFound => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let is_it = match look.record() {
        Some(record) => record.content.blake3.as_slice() == copy.blake3,
        None => !has_record,
    };
    Ok((is_it && look.size == copy.size).then(|| Line::File(Box::new(FileLine::new(copy, shape)))))
}
