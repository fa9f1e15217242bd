//! What stands at the places of a round already.
//!
//! The looks cost little, reading does: only a file of the same size that was given the same second, or may not be replaced, is read,
//! all such of a tape in the order they lie in. What is the very content is not written again: a run that was killed finds its files.

use std::collections::HashMap;
use std::sync::Arc;

use capstan_domain::Outcome;

use super::super::numbered;
use super::super::plan::Run;
use super::super::small::{self, Ended, copied, differs};
use super::spool::{Read, Spool};
use super::{Entry, prove};
use crate::item::{Item, ItemKind};
use crate::ledger::Settled;
use crate::measured::Digest;
use crate::names;
use crate::tree::{Stored, Tree};

/// Where entries go that are not to be written: found good, ended, left.
pub(super) type Sorted<'s> = (&'s mut Vec<Entry>, &'s mut Vec<Ended>, &'s mut Vec<Entry>);

/// Answers the entries that are to be written, some under another name.
pub(super) async fn present(run: &Arc<Run>, index: usize, entries: Vec<Entry>, sorted: Sorted<'_>) -> Vec<Entry> {
    let (good, ended, left) = sorted;
    let (mut files, mut wanted): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(Entry::is_file);
    for number in 1..=numbered::TRIES {
        let mut looking = Looking { run, index, good, ended, left, in_the_way: Vec::new() };
        wanted.extend(looking.all(files).await);
        let in_the_way = looking.in_the_way;
        if !run.transfer.options.rename {
            ended.extend(in_the_way.into_iter().map(skipped));
            return wanted;
        }
        files = in_the_way.into_iter().map(|entry| beside(run, entry, number)).collect();
        if files.is_empty() {
            return wanted;
        }
    }
    ended.extend(files.into_iter().map(|entry| {
        let failure = numbered::none_free(&entry.task.place);
        (entry.task, Err(failure))
    }));
    wanted
}

/// The same entry under the next name.
fn beside(run: &Run, mut entry: Entry, number: u32) -> Entry {
    let source = run.transfer.sources.get(entry.task.source);
    let below = source.and_then(|source| Some((source, names::below(&entry.task.item.path, &source.path)?)));
    if let Some((source, below)) = below {
        entry.task.place = numbered::numbered(&names::join(&source.place_at, below), number);
    }
    entry
}

fn skipped(entry: Entry) -> Ended {
    let settled = Settled::skipped(entry.task.source, entry.item, differs(&entry.task.place));
    (entry.task, Ok(settled))
}

struct Looking<'l> {
    run: &'l Arc<Run>,
    index: usize,
    good: &'l mut Vec<Entry>,
    ended: &'l mut Vec<Ended>,
    left: &'l mut Vec<Entry>,
    /// Something else stands there, and is to stay.
    in_the_way: Vec<Entry>,
}

impl Looking<'_> {
    /// Answers what is to be written.
    async fn all(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let (run, mut wanted) = (self.run, entries);
        for (number, tree) in small::trees(run, self.index).iter().enumerate() {
            let mut alike = Vec::new();
            let mut rest = Vec::new();
            let mut entries = wanted.into_iter();
            loop {
                let some: Vec<Entry> = entries.by_ref().take(run.transfer.limits.batch_files.max(1)).collect();
                if some.is_empty() {
                    break;
                }
                let paths: Vec<String> = some.iter().map(|entry| entry.task.place.clone()).collect();
                for (entry, looked) in some.into_iter().zip(tree.stat_many(&paths).await) {
                    match looked {
                        Err(failure) => self.ended.push((entry.task, Err(failure))),
                        Ok(None) => rest.push(entry),
                        Ok(Some(there)) if matches!(there.kind, ItemKind::Folder { .. }) => {
                            let failure = small::folder_in_the_way(&entry.task.place);
                            self.ended.push((entry.task, Err(failure)));
                        }
                        Ok(Some(there)) if self.may_be(&entry, &there) => alike.push((entry, there)),
                        Ok(Some(_)) => self.differs(entry, &mut rest),
                    }
                }
            }
            self.compare((self.index, number), tree, alike, &mut rest).await;
            wanted = rest;
        }
        wanted
    }

    /// Whether what stands there is worth reading.
    fn may_be(&self, entry: &Entry, there: &Item) -> bool {
        let second = |item: &Item| item.stamp().0.div_euclid(1_000_000_000);
        let alike = second(there) == second(&entry.item) || entry.known || !self.run.transfer.options.overwrite;
        there.kind == ItemKind::File && there.size == entry.item.size && alike
    }

    fn differs(&mut self, entry: Entry, wanted: &mut Vec<Entry>) {
        if self.run.transfer.options.overwrite { wanted.push(entry) } else { self.in_the_way.push(entry) }
    }

    /// Reads both sides, this tree's in the order they lie in.
    async fn compare(&mut self, at: (usize, usize), tree: &Arc<dyn Tree>, alike: Vec<(Entry, Item)>, wanted: &mut Vec<Entry>) {
        let mut alike = alike;
        alike.sort_by_key(|(_, there)| there.place);
        let (entries, there): (Vec<Entry>, Vec<Item>) = alike.into_iter().unzip();
        let there: HashMap<String, Item> = entries.iter().map(|entry| entry.task.place.clone()).zip(there).collect();
        let mut spool = Spool::begin(self.run, entries).await;
        while let Some((mut entry, read)) = spool.next().await {
            let (Some(there), Some(digest)) = (there.get(&entry.task.place), learned(&mut entry, read).await.transpose()) else {
                // An object that is a link has no content to compare.
                wanted.push(entry);
                continue;
            };
            let same = match digest {
                Ok(digest) => prove::reads_as(self.run, tree, there, &digest).await,
                Err(failure) => {
                    self.ended.push((entry.task, Err(failure)));
                    continue;
                }
            };
            match same {
                Ok(()) => {
                    let key = there.native.clone().unwrap_or_else(|| there.path.clone());
                    entry.copies.push(copied(at, tree.location(), Stored { item: there.clone(), key }, true));
                    self.good.push(entry);
                }
                Err(failure) if failure.code.as_deref() == Some("hash-mismatch") => self.differs(entry, wanted),
                Err(failure) => self.ended.push((entry.task, Err(failure))),
            }
        }
        self.left.extend(spool.end(self.ended).await);
    }
}

/// None: there is no content.
async fn learned(entry: &mut Entry, read: Outcome<Read>) -> Outcome<Option<Digest>> {
    let read = read?;
    let Some(item) = read.file() else { return Ok(None) };
    let digest = read.digest().await?;
    entry.learn(item.clone(), digest.clone())?;
    Ok(Some(digest))
}
