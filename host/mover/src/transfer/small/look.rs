//! What need not be done: files whose copies are recorded and still there. Then the rest is read.

use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::job::PathState;

use super::super::plan::{Run, Task};
use super::{Ended, Slot};
use crate::digest;
use crate::item::{Item, ItemKind};
use crate::ledger::{Copied, Evidence, Known, Settled};
use crate::measured::not_what_was_stored;

/// Ends the tasks that are unchanged; answers the others.
pub(in super::super) async fn unknown(run: &Run, tasks: Vec<Task>, ended: &mut Vec<Ended>) -> Vec<(Task, bool)> {
    let mut rest = Vec::new();
    for (source, tasks) in by_source(run, tasks) {
        let items: Vec<Item> = tasks.iter().map(|task| task.item.clone()).collect();
        let known = match run.ledger().known(source, &items).await {
            Ok(known) => known,
            Err(failure) => {
                ended.extend(tasks.into_iter().map(|task| (task, Err(failure.clone()))));
                continue;
            }
        };
        let mut candidates = Vec::new();
        for (task, known) in tasks.into_iter().zip(known) {
            match known.and_then(|known| Some((copies_for(run, &task, &known)?, known))) {
                Some((copies, known)) => candidates.push((task, known, copies)),
                None => rest.push((task, false)),
            }
        }
        for (there, (task, known, _)) in still_there(run, &candidates).await.into_iter().zip(candidates) {
            if there {
                let settled = unchanged(run, &task, &known);
                ended.push((task, Ok(settled)));
            } else {
                rest.push((task, true));
            }
        }
    }
    rest
}

/// Its copies are recorded already, with more than is known here: they are not recorded again.
pub(in super::super) fn unchanged(run: &Run, task: &Task, known: &Known) -> Settled {
    Settled {
        source: task.source,
        item: task.item.clone(),
        state: PathState::Unchanged,
        bytes: 0,
        failure: None,
        blake3: Some(known.blake3),
        subtrees: Vec::new(),
        copies: Vec::new(),
        moved: run.transfer.options.remove_source,
    }
}

fn by_source(run: &Run, tasks: Vec<Task>) -> Vec<(usize, Vec<Task>)> {
    let mut groups: Vec<(usize, Vec<Task>)> = (0..run.transfer.sources.len()).map(|index| (index, Vec::new())).collect();
    for task in tasks {
        if let Some((_, group)) = groups.get_mut(task.source) {
            group.push(task);
        }
    }
    groups.retain(|(_, group)| !group.is_empty());
    groups
}

/// The recorded copies, if the source is as it was then and there is one for every destination, proved where that is asked for.
pub(in super::super) fn copies_for(run: &Run, task: &Task, known: &Known) -> Option<Vec<Copied>> {
    let item = &task.item;
    // Listings of objects and looks at them round differently.
    let same_time = if item.identity.etag.is_some() {
        item.modified.0.div_euclid(1_000_000_000) == known.modified.0.div_euclid(1_000_000_000)
    } else {
        item.modified == known.modified
    };
    let same_inode = known.inode.is_none() || item.identity.inode.is_none() || known.inode == item.identity.inode;
    if !same_time || !same_inode || item.size != known.size {
        return None;
    }
    let of = |destination: usize| {
        let mut copies = known.copies.iter().filter(|copy| copy.destination == destination && copy.path == task.place);
        copies.find(|copy| copy.verified.is_some() || !run.transfer.read_back()).cloned()
    };
    (0..run.transfer.destinations.len()).map(of).collect()
}

async fn still_there(run: &Run, candidates: &[(Task, Known, Vec<Copied>)]) -> Vec<bool> {
    let mut there = vec![true; candidates.len()];
    for (index, destination) in run.transfer.destinations.iter().enumerate() {
        for (number, tree) in destination.trees.iter().enumerate() {
            let here: Vec<(usize, &Copied)> = candidates
                .iter()
                .enumerate()
                .flat_map(|(at, (_, _, copies))| copies.iter().map(move |copy| (at, copy)))
                .filter(|(_, copy)| copy.destination == index && copy.tree == number)
                .collect();
            if here.is_empty() {
                continue;
            }
            let paths: Vec<String> = here.iter().map(|(_, copy)| copy.path.clone()).collect();
            for ((at, copy), looked) in here.into_iter().zip(tree.stat_many(&paths).await) {
                if let Some(there) = there.get_mut(at) {
                    *there &= is_still(copy, &looked);
                }
            }
        }
    }
    there
}

pub(in super::super) fn is_still(copy: &Copied, looked: &Outcome<Option<Item>>) -> bool {
    let Ok(Some(item)) = looked else { return false };
    let same = match (&copy.etag, &item.identity.etag) {
        (Some(then), Some(now)) => then == now,
        _ => item.modified == copy.modified,
    };
    same && item.size == copy.size
}

/// Reads what is to be stored. Objects that turn out to be links end here.
pub(super) async fn read(run: &Run, tasks: Vec<(Task, bool)>, ended: &mut Vec<Ended>) -> Vec<Slot> {
    let mut slots = Vec::new();
    let known: std::collections::HashSet<String> =
        tasks.iter().filter(|(_, known)| *known).map(|(task, _)| task.place.clone()).collect();
    for (source, tasks) in by_source(run, tasks.into_iter().map(|(task, _)| task).collect()) {
        let Some(tree) = run.transfer.sources.get(source).map(|source| &source.tree) else { continue };
        run.throttle.take(tasks.iter().map(|task| task.item.size).sum()).await;
        let items: Vec<Item> = tasks.iter().map(|task| task.item.clone()).collect();
        let evidence = match run.ledger().evidence(source, &items).await {
            Ok(evidence) => evidence,
            Err(failure) => {
                ended.extend(tasks.into_iter().map(|task| (task, Err(failure.clone()))));
                continue;
            }
        };
        let read = tree.read_small(&items, run.transfer.limits.small_file).await;
        for ((mut task, evidence), small) in tasks.into_iter().zip(evidence).zip(read) {
            let small = match small {
                Ok(small) => small,
                Err(failure) if failure.code.as_deref() == Some("grown") => {
                    // It is a large file by now; the other way takes it from here.
                    let outcome = super::super::large::attempt(run, &task).await;
                    ended.push((task, outcome));
                    continue;
                }
                // Gone since the walk: nothing is lost, and nothing was copied.
                Err(failure) => {
                    ended.push((task, Err(failure)));
                    continue;
                }
            };
            if let ItemKind::Link { .. } = small.item.kind {
                task.item = small.item;
                ended.push(super::put::without_content(run, task).await);
                continue;
            }
            let blake3 = digest::of(&small.bytes);
            if !agrees(&small.item, evidence.as_ref(), &blake3) {
                ended.push((task, Err(not_what_was_stored(0))));
                continue;
            }
            crate::progress::Counters::add(&run.transfer.counters.bytes_processed, small.item.size);
            let known = known.contains(&task.place);
            slots.push(Slot {
                item: small.item,
                bytes: small.bytes,
                blake3: Some(blake3),
                copies: Vec::new(),
                stored: false,
                known,
                task,
            });
        }
    }
    slots
}

/// Whether it is what the catalogue, and what is kept beside it, say of its content.
pub(in super::super) fn agrees(item: &Item, evidence: Option<&Evidence>, blake3: &[u8; 32]) -> bool {
    let by_catalogue = evidence.filter(|evidence| is_of(evidence, item)).is_none_or(|evidence| evidence.blake3 == *blake3);
    by_catalogue && item.blake3.is_none_or(|beside| beside == *blake3)
}

/// Whether the evidence is of this very object.
pub(in super::super) fn is_of(evidence: &Evidence, item: &Item) -> bool {
    evidence.size == item.size && (evidence.etag.is_none() || evidence.etag == item.identity.etag)
}

/// A source that is gone before it was read.
pub(in super::super) fn is_gone(failure: &capstan_domain::Failure) -> bool {
    failure.kind == Kind::NotFound
}
