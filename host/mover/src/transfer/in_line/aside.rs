//! Destinations that are no tapes, served from a spool: in batches of small files and one large one after the other.

use std::sync::Arc;

use capstan_domain::Outcome;

use super::super::large::{self, Arrived};
use super::super::plan::Run;
use super::super::small::{self, Ended, Made, Slot, differs};
use super::Entry;
use super::spool::{Read, Small, Spool};
use crate::item::ItemKind;
use crate::ledger::Settled;
use crate::measured::{Digest, Measured};

/// What is stored together: small files, or at the end something else.
pub(super) type Bite = Vec<(Entry, Outcome<Read>)>;

/// Answers the entries that have a copy in each of these destinations; the others have ended, or are left because of a pause or a stop.
pub(super) async fn store(
    run: &Arc<Run>,
    destinations: &[usize],
    entries: Vec<Entry>,
    ended: &mut Vec<Ended>,
    left: &mut Vec<Entry>,
) -> Vec<Entry> {
    let mut good = Vec::new();
    let mut spool = Spool::begin(run, entries).await;
    while let Some(bite) = next(run, &mut spool).await {
        good.extend(deliver(run, destinations, bite, ended).await);
    }
    left.extend(spool.end(ended).await);
    good
}

/// Waits for one file, and takes what small ones are at hand with it.
pub(super) async fn next(run: &Run, spool: &mut Spool) -> Option<Bite> {
    let limits = &run.transfer.limits;
    let mut bite = vec![spool.next().await?];
    let mut bytes = 0;
    while let Some((entry, Ok(Read::Small(_)))) = bite.last()
        && bite.len() < limits.batch_files
    {
        bytes += entry.item.size;
        if bytes >= limits.batch_bytes {
            break;
        }
        match spool.next_at_hand() {
            Some(read) => bite.push(read),
            None => break,
        }
    }
    Some(bite)
}

/// Answers the entries that have a copy in each of these destinations now.
pub(super) async fn deliver(run: &Run, destinations: &[usize], bite: Bite, ended: &mut Vec<Ended>) -> Vec<Entry> {
    let (mut held, mut slots, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (entry, read) in bite {
        match read {
            Ok(Read::Small(small)) if small.item.kind == ItemKind::File => {
                slots.push(slot(entry, &small));
                held.push(small);
            }
            read => others.push((entry, read)),
        }
    }
    for index in destinations {
        slots = small::into(run, *index, slots, ended).await;
    }
    let mut good: Vec<Entry> = slots.into_iter().map(entry).collect();
    // Before a large file is waited for: it may need their memory.
    drop(held);
    for (mut entry, read) in others {
        let delivered = match read {
            Ok(Read::Large(measured)) => copied(run, destinations, &mut entry, &measured).await,
            Ok(Read::Small(small)) => {
                (entry.task.item, entry.item) = (small.item.clone(), small.item);
                made(run, destinations, &mut entry).await
            }
            Ok(Read::Nothing) => made(run, destinations, &mut entry).await,
            Err(failure) => Err(failure),
        };
        match delivered {
            Ok(true) => good.push(entry),
            Ok(false) => {
                let settled = Settled::skipped(entry.task.source, entry.item, differs(&entry.task.place));
                ended.push((entry.task, Ok(settled)));
            }
            Err(failure) => ended.push((entry.task, Err(failure))),
        }
    }
    good
}

fn slot(entry: Entry, small: &Small) -> Slot {
    Slot {
        task: entry.task,
        item: small.item.clone(),
        bytes: small.bytes.clone(),
        blake3: Some(small.blake3),
        copies: entry.copies,
        stored: entry.stored,
        known: entry.known,
    }
}

fn entry(slot: Slot) -> Entry {
    let digest = slot.blake3.map(|root| Digest { root, subtrees: Vec::new() });
    Entry { task: slot.task, item: slot.item, digest, copies: slot.copies, stored: slot.stored, known: slot.known }
}

/// False: something is in the way.
async fn copied(run: &Run, destinations: &[usize], entry: &mut Entry, measured: &Arc<Measured>) -> Outcome<bool> {
    for index in destinations {
        match large::copy(run, *index, &entry.task, measured).await? {
            Arrived::New(copy) => {
                entry.stored = true;
                entry.copies.push(copy);
            }
            Arrived::WasThere(copy) => entry.copies.push(copy),
            Arrived::InTheWay => return Ok(false),
        }
    }
    entry.learn(measured.opened().item.clone(), measured.proved().await?)?;
    Ok(true)
}

async fn made(run: &Run, destinations: &[usize], entry: &mut Entry) -> Outcome<bool> {
    for index in destinations {
        match small::made(run, *index, &entry.task).await? {
            Made::Folder => entry.stored = true,
            Made::WasThere => {}
            Made::InTheWay => return Ok(false),
            Made::Link(copy) => {
                entry.stored = true;
                entry.copies.push(copy);
            }
        }
    }
    Ok(true)
}
