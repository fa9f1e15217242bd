//! A round onto one destination: appended to the tape that has room, synced once, proved; what does not fit goes onto the next one.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use capstan_domain::content::Content;
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::super::fate::GONE_AFTER;
use super::super::plan::Run;
use super::super::small::{self, Ended, Made, arrival, differs};
use super::spool::{Read, Spool};
use super::{Entry, look, prove};
use crate::control::Command;
use crate::held::Held;
use crate::item::{Item, ItemKind};
use crate::ledger::{Settled, Wanted};
use crate::measured::Measured;
use crate::progress::Counters;
use crate::tree::{Stored, Tree};

/// Small files on their way to the tape at a time: the way there costs more than they do. A large one goes alone.
const SMALL_IN_FLIGHT: usize = 8;

/// Answers the entries that have a proved copy here now; the others have ended, or are left because of a pause or a stop.
pub(super) async fn into(
    run: &Arc<Run>,
    index: usize,
    entries: Vec<Entry>,
    ended: &mut Vec<Ended>,
    left: &mut Vec<Entry>,
) -> Vec<Entry> {
    let mut good = Vec::new();
    let mut waiting = admitted(run, index, entries, ended).await;
    if !run.fresh.get(index).copied().unwrap_or(false) {
        waiting = look::present(run, index, waiting, (&mut good, ended, left)).await;
    }
    let trees = small::trees(run, index);
    let first = run.current.get(index).map_or(0, |current| current.load(Relaxed));
    for (number, tree) in trees.iter().enumerate().skip(first) {
        if waiting.is_empty() {
            break;
        }
        let last = number + 1 == trees.len();
        let mut writing = Writing { run, at: (index, number), tree, last, laid: Vec::new(), full: None, refused: 0, ended };
        let rest = writing.all(std::mem::take(&mut waiting)).await;
        let is_full = writing.full.is_some() || writing.refused > 0;
        let (laid, full) = (writing.laid, writing.full);
        match synced(run, tree, &laid).await {
            Ok(()) => good.extend(prove::all(run, (index, number), tree, laid, ended).await),
            Err(failure) => {
                ended.extend(laid.into_iter().map(|laid| (laid.entry.task, Err(failure.clone()))));
                left.extend(rest);
                return good;
            }
        }
        // A ledger that fails has ended the transfer.
        if is_full && run.ledger().found_full(index, number).await.is_err() {
            left.extend(rest);
            return good;
        }
        match full {
            Some(failure) if last => ended.extend(rest.into_iter().map(|entry| (entry.task, Err(failure.clone())))),
            Some(_) => {
                if let Some(current) = run.current.get(index) {
                    current.fetch_max(number + 1, Relaxed);
                }
                waiting = rest;
            }
            None => {
                left.extend(rest);
                break;
            }
        }
    }
    good
}

/// Something that was appended; without `stored`: a folder or a link.
pub(super) struct Laid {
    pub(super) entry: Entry,
    pub(super) stored: Option<Stored>,
}

/// Those that the destination may take; the others have ended.
async fn admitted(run: &Run, index: usize, entries: Vec<Entry>, ended: &mut Vec<Ended>) -> Vec<Entry> {
    let (files, mut admitted): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(Entry::is_file);
    let mut files = files.into_iter();
    loop {
        let some: Vec<Entry> = files.by_ref().take(run.transfer.limits.batch_files.max(1)).collect();
        if some.is_empty() {
            return admitted;
        }
        let wanted: Vec<Wanted> = some.iter().map(|entry| small::wanted(&entry.task, entry.item.size)).collect();
        let answers = match run.ledger().admit(index, &wanted).await {
            Ok(answers) => answers,
            Err(failure) => some.iter().map(|_| Err(failure.clone())).collect(),
        };
        for (entry, answer) in some.into_iter().zip(answers) {
            match answer {
                Ok(()) => admitted.push(entry),
                Err(failure) => ended.push((entry.task, Err(failure))),
            }
        }
    }
}

/// The round's one sync. Its failure ends the transfer: what it was to make durable may be lost, and the next sync would not tell (D7).
async fn synced(run: &Run, tree: &Arc<dyn Tree>, laid: &[Laid]) -> Outcome<()> {
    if laid.is_empty() {
        return Ok(());
    }
    tree.sync().await.map_err(|failure| {
        run.fate.end(failure.clone());
        failure.with_retry(Retry::Never)
    })
}

/// The appending of one round to one tape.
struct Writing<'w> {
    run: &'w Arc<Run>,
    at: (usize, usize),
    tree: &'w Arc<dyn Tree>,
    /// No tape follows this one.
    last: bool,
    laid: Vec<Laid>,
    /// Why nothing more goes onto it.
    full: Option<Failure>,
    /// Files in a row that did not fit onto the last tape; others may.
    refused: u32,
    ended: &'w mut Vec<Ended>,
}

impl Writing<'_> {
    /// Answers what is not on the tape and has not ended.
    async fn all(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut spool = Spool::begin(self.run, entries).await;
        let mut flying = FuturesUnordered::new();
        let (mut rest, mut read_all, mut waits) = (Vec::new(), false, None);
        loop {
            let wanted = !read_all && self.full.is_none() && flying.len() < SMALL_IN_FLIGHT;
            let appended = tokio::select! {
                biased;
                Some(appended) = flying.next() => Some(appended),
                read = spool.next(), if wanted => match read {
                    None => {
                        read_all = true;
                        None
                    }
                    Some((entry, read)) => {
                        if let Some(since) = waits.take().filter(|_| flying.is_empty()) {
                            self.count_wait(since);
                        }
                        if let Ok(Read::Small(_)) = read {
                            flying.push(append(self.run, self.at, self.tree, entry, read));
                            None
                        } else {
                            while let Some(appended) = flying.next().await {
                                rest.extend(self.took(appended));
                            }
                            Some(append(self.run, self.at, self.tree, entry, read).await)
                        }
                    }
                },
                else => break,
            };
            if let Some(appended) = appended {
                rest.extend(self.took(appended));
                waits = Some(Instant::now());
            }
        }
        drop(flying);
        rest.extend(spool.end(self.ended).await);
        rest
    }

    fn count_wait(&self, since: Instant) {
        let waited = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        Counters::add(&self.run.transfer.counters.waited_us, waited);
    }

    /// Answers the entry if it is for another tape, or a later time.
    fn took(&mut self, (entry, appended): (Entry, Outcome<Appended>)) -> Option<Entry> {
        match appended {
            Ok(Appended::File(stored)) => {
                self.refused = 0;
                self.laid.push(Laid { entry, stored: Some(*stored) });
            }
            Ok(Appended::Made) => self.laid.push(Laid { entry, stored: None }),
            Ok(Appended::InTheWay) => {
                let settled = Settled::skipped(entry.task.source, entry.item, differs(&entry.task.place));
                self.ended.push((entry.task, Ok(settled)));
            }
            Err(failure) if failure.kind == Kind::NoSpace && !self.last => {
                self.full = Some(failure);
                return Some(entry);
            }
            Err(failure) => {
                if failure.kind == Kind::NoSpace {
                    self.refused += 1;
                    if self.refused >= GONE_AFTER {
                        self.full = Some(failure.clone());
                    }
                } else if self.run.transfer.control.command() == Command::Stop {
                    // What a stop cuts off has not failed.
                    return Some(entry);
                }
                self.ended.push((entry.task, Err(failure)));
            }
        }
        None
    }
}

enum Appended {
    File(Box<Stored>),
    /// A folder or a link.
    Made,
    InTheWay,
}

async fn append(
    run: &Arc<Run>,
    at: (usize, usize),
    tree: &Arc<dyn Tree>,
    mut entry: Entry,
    read: Outcome<Read>,
) -> (Entry, Outcome<Appended>) {
    let appended = match read {
        Ok(read) => append_read(run, at, tree, &mut entry, read).await,
        Err(failure) => Err(failure),
    };
    (entry, appended)
}

async fn append_read(
    run: &Arc<Run>,
    at: (usize, usize),
    tree: &Arc<dyn Tree>,
    entry: &mut Entry,
    read: Read,
) -> Outcome<Appended> {
    let fresh = run.fresh.get(at.0).copied().unwrap_or(false);
    let overwrite = run.transfer.options.overwrite || entry.known || fresh;
    let (item, content, blake3): (Item, Content, _) = match &read {
        Read::Nothing => return made(run, at, entry).await,
        Read::Small(small) if small.item.kind != ItemKind::File => {
            (entry.task.item, entry.item) = (small.item.clone(), small.item.clone());
            return made(run, at, entry).await;
        }
        Read::Small(small) => (small.item.clone(), Arc::new(Held::new(small.bytes.clone())), Some(small.blake3)),
        Read::Large(measured) => (measured.opened().item.clone(), Arc::<Measured>::clone(measured), None),
    };
    let arrival = arrival(run, at.0, &entry.task, &item, blake3, overwrite);
    let stored = match tree.append(&arrival, content).await {
        // Somebody was faster than the look.
        Err(failure) if failure.kind == Kind::AlreadyExists && !overwrite => return Ok(Appended::InTheWay),
        stored => stored?,
    };
    if stored.item.size != item.size {
        return Err(small::wrong_size());
    }
    entry.learn(item, read.digest().await?)?;
    entry.stored = true;
    Ok(Appended::File(Box::new(stored)))
}

/// Folders and links.
async fn made(run: &Run, at: (usize, usize), entry: &mut Entry) -> Outcome<Appended> {
    match small::made(run, at.0, &entry.task).await? {
        Made::InTheWay => Ok(Appended::InTheWay),
        Made::WasThere => Ok(Appended::Made),
        Made::Folder => {
            entry.stored = true;
            Ok(Appended::Made)
        }
        Made::Link(copy) => {
            entry.stored = true;
            entry.copies.push(copy);
            Ok(Appended::Made)
        }
    }
}
