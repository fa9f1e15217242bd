//! A batch of small stubs: fetched, proved, written, made data with two syncs, recorded in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use capstan_domain::file_state::{FileState, NewFileState};
use capstan_domain::ids::LocationId;
use capstan_domain::{Failure, Outcome};
use capstan_mover::Item;
use capstan_stub::{FINISH_TOGETHER, Filling, RawTree};

use super::super::lanes::One;
use super::super::rounds::{self, Ended, Round};
use super::Recalled;
use crate::changes;
use crate::copies::item_of;
use crate::on_disk::on_disk;
use crate::points::{Point, reached};
use crate::recall::explained;

pub(super) async fn settle(work: Arc<Recalled>, files: Vec<One>) -> Outcome<()> {
    rounds::settle(&work.run, files, async |waiting| Ok(Round { ended: attempt(&work, waiting).await?, again: Vec::new() })).await
}

struct Stub {
    one: One,
    filling: Filling,
}

async fn attempt(work: &Arc<Recalled>, files: Vec<One>) -> Outcome<Ended> {
    let space = &work.run.space;
    let mut ended = Ended::new();
    let raw = space.raw.clone();
    let begun = on_disk(move || {
        let begin = |one: One| {
            let filling = raw.recall(one.path(), &[]);
            (one, filling)
        };
        files.into_iter().map(begin).collect::<Vec<_>>()
    })
    .await?;
    let mut stubs = Vec::with_capacity(begun.len());
    for (one, filling) in begun {
        match filling {
            Ok(filling) => stubs.push(Stub { one, filling }),
            // Somebody who read it through the view was faster.
            Err(failure) if failure.code.as_deref() == Some("not-a-stub") => ended.push((one, Ok(()))),
            Err(failure) => ended.push((one, Err(failure))),
        }
    }
    reached(Point::Begun);
    let filled = fill(work, stubs, &mut ended).await?;
    reached(Point::Filled);
    let raw = space.raw.clone();
    let finished = on_disk(move || finish(&raw, filled)).await?;
    reached(Point::Whole);
    let mut states = Vec::new();
    for (one, outcome) in finished {
        if outcome.is_ok() {
            states.push(state(one.path()));
        }
        ended.push((one, outcome));
    }
    if space.is_home && !states.is_empty() {
        let recorded = states.iter().map(|state| (state.path.clone(), state.state)).collect();
        work.run.inner.catalogue.set_file_states(space.tree, states).await?;
        changes::confirm(&work.run.inner, space, recorded).await?;
    }
    reached(Point::StateRecorded);
    for (one, outcome) in &mut ended {
        if outcome.is_ok() && work.has_after(one.path()) {
            *outcome = work.after_and_copies(one).await;
        }
    }
    Ok(ended)
}

/// Gets the content of each from its first copy, and of those that this gives nothing good for from the next.
async fn fill(work: &Arc<Recalled>, stubs: Vec<Stub>, ended: &mut Ended) -> Outcome<Vec<Stub>> {
    let (mut filled, mut waiting, mut choice) = (Vec::new(), with_places(work, stubs), 0);
    while !waiting.is_empty() {
        let mut by_location: BTreeMap<LocationId, Vec<Waiting>> = BTreeMap::new();
        for (stub, places, last) in waiting {
            match places.get(choice) {
                Some((location, _)) => by_location.entry(*location).or_default().push((stub, places, last)),
                None => {
                    let failure = last.unwrap_or_else(crate::recall::no_copies);
                    // A stub again, and not on this thread.
                    let Stub { one, filling } = stub;
                    let given_up = on_disk(move || drop(filling)).await;
                    ended.push((one, given_up.and(Err(failure))));
                }
            }
        }
        waiting = Vec::new();
        for (location, stubs) in by_location {
            for (stub, places, outcome) in from(work, location, choice, stubs).await? {
                match outcome {
                    Ok(()) => filled.push(stub),
                    Err(failure) => waiting.push((stub, places, Some(failure))),
                }
            }
        }
        choice += 1;
    }
    Ok(filled)
}

/// A stub, where its content lies, and what is known of the last try.
type Placed<T> = (Stub, Vec<(LocationId, String)>, T);
type Waiting = Placed<Option<Failure>>;
type Tried = Placed<Outcome<()>>;

fn with_places(work: &Recalled, stubs: Vec<Stub>) -> Vec<Waiting> {
    let with = |stub: Stub| {
        let mut places: Vec<(LocationId, String)> =
            stub.filling.content().places.iter().map(|place| (place.location, place.name.clone())).collect();
        places.sort_by_key(|(location, _)| work.first.iter().position(|first| first == location).unwrap_or(usize::MAX));
        (stub, places, None)
    };
    stubs.into_iter().map(with).collect()
}

async fn from(work: &Arc<Recalled>, location: LocationId, choice: usize, stubs: Vec<Waiting>) -> Outcome<Vec<Tried>> {
    let tree = match work.run.inner.buckets.tree(location).await {
        Ok(tree) => tree,
        Err(failure) => return Ok(stubs.into_iter().map(|(stub, places, _)| (stub, places, Err(failure.clone()))).collect()),
    };
    let item = |(stub, places, _): &Waiting| {
        let key = places.get(choice).map(|(_, key)| key.as_str()).unwrap_or_default();
        item_of(key, stub.filling.content().size, stub.filling.content().modified)
    };
    let items: Vec<Item> = stubs.iter().map(item).collect();
    work.run.throttle.take(items.iter().map(|item| item.size).sum()).await;
    let read = tree.read_small(&items, work.run.inner.settings.limits.small_file).await;
    let mut got: Vec<Placed<Outcome<Bytes>>> = Vec::with_capacity(stubs.len());
    for (((stub, places, _), item), read) in stubs.into_iter().zip(&items).zip(read) {
        let bytes = match read {
            Ok(small) => Ok(small.bytes),
            Err(failure) => Err(explained(&tree, item, failure).await),
        };
        got.push((stub, places, bytes));
    }
    on_disk(move || {
        let write = |(stub, places, bytes): Placed<Outcome<Bytes>>| {
            let written = bytes.and_then(|bytes| write(&stub.filling, &bytes));
            (stub, places, written)
        };
        got.into_iter().map(write).collect()
    })
    .await
}

/// A small file is one piece, or none.
fn write(filling: &Filling, bytes: &[u8]) -> Outcome<()> {
    let Some(mut piece) = filling.piece(0)? else { return Ok(()) };
    piece.write(bytes)?;
    piece.finish()
}

fn finish(raw: &RawTree, stubs: Vec<Stub>) -> Ended {
    let mut ended = Ended::with_capacity(stubs.len());
    let (ones, fillings): (Vec<One>, Vec<Filling>) = stubs.into_iter().map(|Stub { one, filling }| (one, filling)).unzip();
    let mut outcomes = Vec::with_capacity(fillings.len());
    for together in fillings.chunks(FINISH_TOGETHER) {
        outcomes.extend(raw.finish_all(&together.iter().collect::<Vec<_>>()));
    }
    ended.extend(ones.into_iter().zip(outcomes));
    ended
}

fn state(path: &str) -> NewFileState {
    NewFileState { path: path.to_owned(), state: FileState::Premigrated, replica: None, leading: 0, failure: None }
}
