//! A batch into one destination: looks at what stands there, stores, reads back.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use capstan_domain::failure::Kind;
use capstan_domain::job::PathState;
use capstan_domain::{Failure, Outcome};

use super::super::numbered;
use super::super::plan::{Run, Task};
use super::{Ended, Slot, arrival, attempt_key, copied, differs};
use crate::backoff;
use crate::digest;
use crate::item::{Item, ItemKind};
use crate::ledger::{Copied, Settled, Wanted};
use crate::measured::not_what_was_stored;
use crate::tree::{Stored, Tree};

/// Answers the slots that have a copy here now; the others have ended.
pub(in super::super) async fn into(run: &Run, index: usize, slots: Vec<Slot>, ended: &mut Vec<Ended>) -> Vec<Slot> {
    let mut good = Vec::new();
    let mut absent = admitted(run, index, slots, ended).await;
    if !run.fresh.get(index).copied().unwrap_or(false) {
        absent = present(run, index, absent, &mut good, ended).await;
    }
    let trees = trees(run, index);
    // A pool's trees in turn: what one has no room for, the next one takes.
    let first = run.current.get(index).map_or(0, |current| current.load(Relaxed));
    for (number, tree) in trees.iter().enumerate().skip(first) {
        if absent.is_empty() {
            break;
        }
        let last = number + 1 == trees.len();
        absent = store(run, (index, number), tree, absent, last, &mut good, ended).await;
        if !absent.is_empty()
            && !last
            && let Some(current) = run.current.get(index)
        {
            current.fetch_max(number + 1, Relaxed);
        }
    }
    good
}

/// Those that the destination may take; the others have ended.
async fn admitted(run: &Run, index: usize, slots: Vec<Slot>, ended: &mut Vec<Ended>) -> Vec<Slot> {
    let wanted: Vec<Wanted> = slots.iter().map(|slot| wanted(&slot.task, slot.item.size)).collect();
    match run.ledger().admit(index, &wanted).await {
        Ok(answers) => {
            let mut admitted = Vec::with_capacity(slots.len());
            for (slot, answer) in slots.into_iter().zip(answers) {
                match answer {
                    Ok(()) => admitted.push(slot),
                    Err(failure) => ended.push((slot.task, Err(failure))),
                }
            }
            admitted
        }
        Err(failure) => {
            ended.extend(slots.into_iter().map(|slot| (slot.task, Err(failure.clone()))));
            Vec::new()
        }
    }
}

pub(in super::super) fn wanted(task: &Task, size: u64) -> Wanted {
    Wanted { source: task.source, path: task.item.path.clone(), place: task.place.clone(), size }
}

pub(in super::super) fn trees(run: &Run, index: usize) -> &[Arc<dyn Tree>] {
    run.transfer.destinations.get(index).map(|destination| destination.trees.as_slice()).unwrap_or_default()
}

/// Deals with what stands there already; answers the slots that are to be stored.
async fn present(run: &Run, index: usize, slots: Vec<Slot>, good: &mut Vec<Slot>, ended: &mut Vec<Ended>) -> Vec<Slot> {
    let mut absent = slots;
    let mut renamed = Vec::new();
    for (number, tree) in trees(run, index).iter().enumerate() {
        let paths: Vec<String> = absent.iter().map(|slot| slot.task.place.clone()).collect();
        let looked = tree.stat_many(&paths).await;
        let mut compare = Vec::new();
        let mut rest = Vec::new();
        for (slot, looked) in absent.into_iter().zip(looked) {
            match looked {
                Err(failure) => ended.push((slot.task, Err(failure))),
                Ok(None) => rest.push(slot),
                Ok(Some(item)) => match item.kind {
                    ItemKind::Folder { .. } => ended.push((slot.task.clone(), Err(folder_in_the_way(&slot.task.place)))),
                    _ if run.transfer.options.overwrite && !slot.known => rest.push(slot),
                    ItemKind::File if item.size == slot.item.size => compare.push((slot, item)),
                    _ if run.transfer.options.overwrite => rest.push(slot),
                    _ if run.transfer.options.rename => renamed.push(slot),
                    _ => ended.push(skipped(slot)),
                },
            }
        }
        let items: Vec<Item> = compare.iter().map(|(_, item)| item.clone()).collect();
        let there = tree.hash_small(&items, run.transfer.limits.small_file).await;
        for ((mut slot, item), there) in compare.into_iter().zip(there) {
            match there {
                Ok((there, value)) if Some(value) == slot.blake3 => {
                    let stored = Stored { key: key_of(&there, &item), item: there };
                    slot.copies.push(copied((index, number), tree.location(), stored, true));
                    good.push(slot);
                }
                Ok(_) if run.transfer.options.overwrite => rest.push(slot),
                Ok(_) if run.transfer.options.rename => renamed.push(slot),
                Ok(_) => ended.push(skipped(slot)),
                Err(failure) => ended.push((slot.task, Err(failure))),
            }
        }
        absent = rest;
    }
    for slot in renamed {
        match beside(run, index, slot).await {
            Beside::Free(slot) => absent.push(slot),
            Beside::WasThere(slot) => good.push(slot),
            Beside::Failed(task, failure) => ended.push((task, Err(failure))),
        }
    }
    absent
}

enum Beside {
    /// Its place is a name that is free.
    Free(Slot),
    /// Stored there by an earlier run.
    WasThere(Slot),
    Failed(Task, Failure),
}

/// A name beside what differs.
async fn beside(run: &Run, index: usize, mut slot: Slot) -> Beside {
    let place = slot.task.place.clone();
    for number in 1..=numbered::TRIES {
        slot.task.place = numbered::numbered(&place, number);
        let mut free = true;
        for (at, tree) in trees(run, index).iter().enumerate() {
            let there = match tree.stat(&slot.task.place).await {
                Ok(None) => continue,
                Ok(Some(there)) => there,
                Err(failure) => return Beside::Failed(slot.task, failure),
            };
            free = false;
            if there.kind != ItemKind::File || there.size != slot.item.size {
                continue;
            }
            match tree.read_small(std::slice::from_ref(&there), run.transfer.limits.small_file).await.pop() {
                Some(Ok(small)) if Some(digest::of(&small.bytes)) == slot.blake3 => {
                    let stored = Stored { key: key_of(&small.item, &there), item: small.item };
                    slot.copies.push(copied((index, at), tree.location(), stored, true));
                    return Beside::WasThere(slot);
                }
                Some(Err(failure)) => return Beside::Failed(slot.task, failure),
                _ => {}
            }
        }
        if free {
            return Beside::Free(slot);
        }
    }
    Beside::Failed(slot.task, numbered::none_free(&place))
}

fn key_of(item: &Item, looked: &Item) -> String {
    item.native.clone().or_else(|| looked.native.clone()).unwrap_or_else(|| item.path.clone())
}

fn skipped(slot: Slot) -> Ended {
    let settled = Settled::skipped(slot.task.source, slot.item, differs(&slot.task.place));
    (slot.task, Ok(settled))
}

pub(in super::super) fn folder_in_the_way(place: &str) -> Failure {
    Failure::new(Kind::Conflict, format!("A folder stands at {place:?}")).with_code("folder-in-the-way")
}

/// Answers the slots that found no room and may be offered to another tree.
async fn store(
    run: &Run,
    at: (usize, usize),
    tree: &Arc<dyn Tree>,
    slots: Vec<Slot>,
    last: bool,
    good: &mut Vec<Slot>,
    ended: &mut Vec<Ended>,
) -> Vec<Slot> {
    let fresh = run.fresh.get(at.0).copied().unwrap_or(false);
    let files = slots
        .iter()
        .map(|slot| {
            let overwrite = run.transfer.options.overwrite || slot.known || fresh;
            (arrival(run, at.0, &slot.task, &slot.item, slot.blake3, overwrite), slot.bytes.clone())
        })
        .collect();
    let results = tree.store_small(files).await;
    let (mut stored, mut without_room) = (Vec::new(), Vec::new());
    for (slot, result) in slots.into_iter().zip(results) {
        match result {
            Ok(one) if one.item.size == slot.item.size => stored.push((slot, one)),
            Ok(_) => ended.push((slot.task, Err(wrong_size()))),
            Err(failure) if failure.kind == Kind::NoSpace && !last => without_room.push(slot),
            // Somebody was faster than the look.
            Err(failure) if failure.kind == Kind::AlreadyExists && !run.transfer.options.overwrite => ended.push(skipped(slot)),
            Err(failure) => ended.push((slot.task, Err(failure))),
        }
    }
    let proofs =
        if run.transfer.read_back() { read_back(run, tree, &stored).await } else { stored.iter().map(|_| Ok(false)).collect() };
    for ((mut slot, stored), proof) in stored.into_iter().zip(proofs) {
        match proof {
            Ok(verified) => {
                slot.copies.push(copied(at, tree.location(), stored, verified));
                slot.stored = true;
                good.push(slot);
            }
            Err(failure) => ended.push((slot.task, Err(failure))),
        }
    }
    without_room
}

pub(in super::super) fn wrong_size() -> Failure {
    Failure::new(Kind::Corrupt, "The target stored another number of bytes than it was given").with_code("size-mismatch")
}

async fn read_back(run: &Run, tree: &Arc<dyn Tree>, stored: &[(Slot, Stored)]) -> Vec<Outcome<bool>> {
    let items: Vec<Item> = stored.iter().map(|(_, stored)| stored.item.clone()).collect();
    let mut read = tree.hash_small(&items, run.transfer.limits.small_file).await;
    for wait in backoff::UNSEEN {
        let again = read.iter_mut().zip(&items).filter(|(read, _)| is_unseen(read));
        let (again, unseen): (Vec<_>, Vec<_>) = again.map(|(read, item)| (read, item.clone())).unzip();
        if unseen.is_empty() {
            break;
        }
        tokio::time::sleep(wait).await;
        for (read, now) in again.into_iter().zip(tree.hash_small(&unseen, run.transfer.limits.small_file).await) {
            *read = now;
        }
    }
    let proofs = stored.iter().zip(read).map(|((slot, _), read)| match read {
        Ok((_, value)) if Some(value) == slot.blake3 => Ok(true),
        Ok(_) => Err(not_what_was_stored(0)),
        Err(failure) if super::look::is_gone(&failure) => Err(Failure { kind: Kind::Corrupt, ..failure }.with_code("vanished")),
        Err(failure) => Err(failure),
    });
    proofs.collect()
}

fn is_unseen<T>(read: &Outcome<T>) -> bool {
    read.as_ref().is_err_and(super::look::is_gone)
}

/// Folders and links: made, looked at, done.
pub(super) async fn without_content(run: &Run, task: Task) -> Ended {
    let outcome = make(run, &task).await;
    (task, outcome)
}

async fn make(run: &Run, task: &Task) -> Outcome<Settled> {
    let mut settled = Settled::without_copies(task.source, task.item.clone(), PathState::Done, None);
    for index in 0..run.transfer.destinations.len() {
        match made(run, index, task).await? {
            Made::Folder => {}
            Made::WasThere => settled.state = PathState::Unchanged,
            Made::InTheWay => return Ok(Settled::skipped(task.source, task.item.clone(), differs(&task.place))),
            Made::Link(copy) => {
                settled.state = PathState::Done;
                settled.copies.push(copy);
            }
        }
    }
    // Folders of a move go when all that was in them has gone.
    settled.moved = run.transfer.options.remove_source && matches!(task.item.kind, ItemKind::Link { .. });
    Ok(settled)
}

/// What became of a folder or a link in one destination.
pub(in super::super) enum Made {
    Folder,
    Link(Copied),
    /// The very link.
    WasThere,
    InTheWay,
}

pub(in super::super) async fn made(run: &Run, index: usize, task: &Task) -> Outcome<Made> {
    let attempt = attempt_key(run, index, &task.place);
    let current = run.current.get(index).map_or(0, |current| current.load(Relaxed));
    let Some(tree) = trees(run, index).get(current) else { return Ok(Made::Folder) };
    match &task.item.kind {
        ItemKind::Link { to } => {
            match tree.stat(&task.place).await? {
                Some(there) if there.kind == task.item.kind => return Ok(Made::WasThere),
                Some(there) if matches!(there.kind, ItemKind::Folder { .. }) => return Err(folder_in_the_way(&task.place)),
                Some(_) if !run.transfer.options.overwrite => return Ok(Made::InTheWay),
                _ => {}
            }
            let stored = tree.make_link(&task.place, to, &task.item, &attempt, run.transfer.options.overwrite).await?;
            let there = tree.stat(&task.place).await?;
            if there.is_none_or(|there| there.kind != task.item.kind) {
                return Err(not_what_was_stored(0));
            }
            Ok(Made::Link(copied((index, current), tree.location(), stored, true)))
        }
        ItemKind::Folder { empty } if *empty || tree.keeps_folders() => {
            tree.make_folder(&task.place, &task.item, &attempt).await?;
            Ok(Made::Folder)
        }
        _ => Ok(Made::Folder),
    }
}
