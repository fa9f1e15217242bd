//! A batch of small files: read, stored, read back, recorded in one transaction, freed with one sync, recorded again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use capstan_catalogue::Held;
use capstan_digest as digest;
use capstan_domain::failure::Kind;
use capstan_domain::file_state::{FileState, NewFileState};
use capstan_domain::ids::LocationId;
use capstan_domain::{Failure, Outcome};

use super::super::lanes::One;
use super::super::rounds::{self, Ended, Round};
use super::content::{GROWN, IS_A_STUB, Standing};
use super::file::File;
use super::free::{Became, Freed, Proved, free};
use super::{Migrating, prove, store};
use crate::changes;
use crate::copies::GoodCopy;
use crate::manifest;
use crate::on_disk::on_disk;
use crate::points::{Point, reached};
use crate::recorded::{Whole, file_entry};

pub(super) async fn settle(work: Arc<Migrating>, files: Vec<One>) -> Outcome<()> {
    rounds::settle(&work.run, files, |waiting| round(&work, waiting)).await
}

async fn round(work: &Arc<Migrating>, files: Vec<One>) -> Outcome<Round> {
    let mut round = Round { ended: Ended::new(), again: Vec::new() };
    for (one, outcome) in attempt(work, files).await? {
        match outcome {
            // Under another of its names it became one meanwhile.
            Err(failure) if failure.code.as_deref() == Some(IS_A_STUB) => {
                round.again.extend(work.survey(vec![one]).await?.into_iter().map(|(one, _)| one));
            }
            // It is a large one by now.
            Err(failure) if failure.code.as_deref() == Some(GROWN) => super::large::settle(Arc::clone(work), one).await?,
            outcome => round.ended.push((one, outcome)),
        }
    }
    Ok(round)
}

/// One try of each. A failure here is of the catalogue.
async fn attempt(work: &Arc<Migrating>, files: Vec<One>) -> Outcome<Ended> {
    let (catalogue, space) = (&work.run.inner.catalogue, &work.run.space);
    let _counting = work.run.inner.counting.read().await;
    let mut ended = Ended::new();
    let mut routed = Vec::with_capacity(files.len());
    for one in files {
        match work.target(one.path()) {
            Ok((location, stubs)) => routed.push((one, location, stubs)),
            Err(failure) => ended.push((one, Err(failure))),
        }
    }
    let paths: Vec<String> = routed.iter().map(|(one, ..)| one.path().to_owned()).collect();
    let held = catalogue.replicas_at(space.tree, &paths).await?;
    let known = known(work, &held, &routed).await;
    let files = read(work, routed, known, &held, &mut ended).await?;
    let good = store::store(work, files, &held, &mut ended).await;
    finish(work, good, &mut ended).await?;
    Ok(ended)
}

/// By path: copies in the buckets that these files go to, recorded of what they held when they were last read, and still there.
async fn known(work: &Migrating, held: &[Held], routed: &[(One, LocationId, bool)]) -> HashMap<String, GoodCopy> {
    let wanted: HashMap<&str, LocationId> = routed.iter().map(|(one, location, _)| (one.path(), *location)).collect();
    let mut by_location: HashMap<LocationId, Vec<Held>> = HashMap::new();
    for held in held {
        let location = held.replica.location;
        let is_of_entry = held.entry_blake3.as_ref() == Some(&held.replica.blake3);
        if is_of_entry && held.replica.verified.is_some() && wanted.get(held.path.as_str()) == Some(&location) {
            by_location.entry(location).or_default().push(held.clone());
        }
    }
    let mut known = HashMap::new();
    for (location, held) in by_location {
        // Where the bucket cannot be reached, storing will say so.
        if let Ok(tree) = work.tree(location).await {
            known.extend(prove::still_there(&tree, held).await);
        }
    }
    known
}

/// What is to be stored is held in memory from here on; of what has a good copy only that is.
async fn read(
    work: &Migrating,
    routed: Vec<(One, LocationId, bool)>,
    known: HashMap<String, GoodCopy>,
    held: &[Held],
    ended: &mut Ended,
) -> Outcome<Vec<File>> {
    let (raw, limit) = (work.run.space.raw.clone(), work.run.inner.settings.limits.small_file);
    let read = on_disk(move || {
        let read = routed.into_iter().map(|(one, location, stubs)| {
            let file = read_one(&raw, &one, location, stubs, known.get(one.path()), limit);
            (one, file)
        });
        read.collect::<Vec<_>>()
    })
    .await?;
    let mut files = Vec::with_capacity(read.len());
    for (one, file) in read {
        match file {
            Ok(mut file) => {
                let others = held.iter().filter(|held| held.path == one.path() && held.replica.location != file.location);
                let others = others.filter(|held| held.replica.blake3 == file.blake3).filter_map(prove::good_copy);
                file.copies.extend(others);
                files.push(file);
            }
            Err(failure) => ended.push((one, Err(failure))),
        }
    }
    Ok(files)
}

fn read_one(
    raw: &capstan_stub::RawTree,
    one: &One,
    location: LocationId,
    stubs: bool,
    known: Option<&GoodCopy>,
    limit: u64,
) -> Outcome<File> {
    let standing = Standing::open(raw, one.path())?;
    let unchanged = known.filter(|copy| {
        standing.look.record().is_some_and(|record| record.content.blake3 == copy.blake3 && record.content.size == copy.size)
    });
    let (blake3, bytes) = match unchanged {
        Some(copy) => (copy.blake3, None),
        None => {
            let bytes = standing.whole(limit)?;
            (digest::of(&bytes), Some(bytes))
        }
    };
    Ok(File {
        one: one.clone(),
        version: standing.version,
        look: standing.look,
        attributes: standing.attributes,
        location,
        stubs,
        blake3,
        blocks: Vec::new(),
        bytes,
        copies: unchanged.cloned().into_iter().collect(),
    })
}

/// Files with a good copy in their bucket: recorded, then freed, then recorded as what they are.
pub(super) async fn finish(work: &Migrating, files: Vec<File>, ended: &mut Ended) -> Outcome<()> {
    let space = &work.run.space;
    let (mut proved, mut ones, mut record) = (Vec::new(), Vec::new(), Whole::of(space.tree));
    let mut stood = HashSet::new();
    for file in files {
        let proof = match file.proof() {
            Ok(proof) => proof,
            Err(failure) => {
                ended.push((file.one, Err(failure)));
                continue;
            }
        };
        let mut entry = file_entry(space.tree, file.path(), &file.look, file.attributes);
        entry.blake3 = Some(file.blake3.to_vec());
        record.entries.push(entry);
        record.replicas.extend(file.copies.first().map(|copy| copy.replica(file.path())));
        if file.look.record().is_some_and(|record| record.content.blake3 == file.blake3) {
            stood.insert(file.path().to_owned());
        }
        record.states.push(state(file.path(), FileState::Premigrated, 0));
        proved.push(Proved { path: file.path().to_owned(), proof, stubs: file.stubs });
        ones.push((file.one, file.version.size));
    }
    if proved.is_empty() {
        return Ok(());
    }
    let copies = record.replicas.clone();
    reached(Point::ReadBack);
    record.write(&work.run.inner.catalogue, space.is_home).await?;
    reached(Point::CopyRecorded);
    // No content leaves the disk that the bucket itself does not tell of.
    let untold = manifest::stored(space, copies).await;
    let mut after = Whole::of(space.tree);
    proved.retain(|file| !untold.contains_key(&file.path));
    ones.retain(|(one, _)| {
        let Some(failure) = untold.get(one.path()) else { return true };
        if !stood.contains(one.path()) {
            after.states.push(state(one.path(), FileState::Resident, 0));
        }
        ended.push((one.clone(), Err(failure.clone())));
        false
    });
    let (raw, leading) = (space.raw.clone(), work.step.stub_size);
    let freed = on_disk(move || free(&raw, &proved, leading)).await?;
    reached(Point::Freed);
    for ((one, size), Freed { became, has_record }) in ones.into_iter().zip(freed) {
        match became {
            Ok(Became::Stub) => after.states.push(state(one.path(), FileState::Migrated, leading.min(size))),
            // Recorded before it was so: somebody who looked in between may have said something else since.
            Ok(Became::Premigrated) => after.states.push(state(one.path(), FileState::Premigrated, 0)),
            // What was recorded before is not so: the file is without a record of its copies.
            _ if !has_record => after.states.push(state(one.path(), FileState::Resident, 0)),
            _ => {}
        }
        ended.push((one, became.map(|_| ()).map_err(not_now)));
    }
    if space.is_home && !after.is_empty() {
        let recorded = after.states.iter().map(|state| (state.path.clone(), state.state)).collect();
        after.write(&work.run.inner.catalogue, true).await?;
        changes::confirm(&work.run.inner, space, recorded).await?;
    }
    reached(Point::StateRecorded);
    Ok(())
}

/// A file that changed since it was read may be taken anew at once.
fn not_now(failure: Failure) -> Failure {
    match failure.kind {
        Kind::Conflict => failure.with_code("source-changed"),
        _ => failure,
    }
}

fn state(path: &str, state: FileState, leading: u64) -> NewFileState {
    NewFileState { path: path.to_owned(), state, replica: None, leading, failure: None }
}
