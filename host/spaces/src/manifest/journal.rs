//! Lines on their way into the manifests of a space: kept in order, written together.
//!
//! While one batch is written, the lines of all others wait and go with the next one. So the batches of small files that a step settles
//! side by side cost fewer objects than there are batches of them, and a large file does not wait for a small one.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ids::{LocationId, SpaceId, Uuid};
use capstan_domain::{Failure, Outcome};
use capstan_mover::Tree;

use super::batch::{self, FULL_BYTES, FULL_LINES, Head};
use super::line::Line;
use super::shelf;
use crate::Inner;

/// Lines that wait for one bucket. Those of files that are stored are refused then; others are left to the next export.
const MOST_WAITING: usize = 200_000;
/// How long lines that nobody waits for are gathered.
const GATHER: Duration = Duration::from_secs(1);
/// Until they are tried again after a failure.
const AGAIN: Duration = Duration::from_secs(30);
/// For the lines that wait when a space is closed.
const CLOSING: Duration = Duration::from_secs(10);
/// Newest batches that are tried for one that can be read, for what it says of the manifest.
const LOOKED_AT: usize = 4;

/// The manifests of one space, by bucket.
pub(crate) struct Manifests {
    of: Arc<Of>,
    journals: Mutex<HashMap<LocationId, Arc<Journal>>>,
    /// One export or rebuild at a time.
    pub(super) whole: tokio::sync::Mutex<()>,
    /// Held from the question what is to be said until the lines that say it have their places.
    pub(super) order: tokio::sync::Mutex<()>,
}

/// What all journals of a space know.
struct Of {
    space: SpaceId,
    name: String,
    inner: Weak<Inner>,
    /// This process, for as long as the space is open.
    writer: String,
}

pub(super) struct Journal {
    of: Arc<Of>,
    location: LocationId,
    waiting: Mutex<Waiting>,
    known: tokio::sync::Mutex<Option<Known>>,
    /// Somebody will write what waits.
    is_due: AtomicBool,
}

/// Lines that got their places.
pub(super) struct Added {
    first: u64,
    last: u64,
}

#[derive(Default)]
struct Waiting {
    /// Each with the number it got when it came.
    lines: VecDeque<(u64, Line)>,
    last: u64,
}

/// What is known of the manifest in the bucket.
struct Known {
    /// Number of the newest batch.
    last: u64,
    after: Vec<SpaceId>,
}

impl Manifests {
    pub(crate) fn new(inner: &Arc<Inner>, space: SpaceId, name: &str) -> Self {
        // The half that is chance.
        let writer = Uuid::now_v7().simple().to_string().chars().skip(16).collect();
        let of = Of { space, name: name.to_owned(), inner: Arc::downgrade(inner), writer };
        Self {
            of: Arc::new(of),
            journals: Mutex::default(),
            whole: tokio::sync::Mutex::default(),
            order: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.of.name
    }

    pub(super) fn journal(&self, location: LocationId) -> Arc<Journal> {
        let mut journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Journal {
            of: Arc::clone(&self.of),
            location,
            waiting: Mutex::default(),
            known: tokio::sync::Mutex::default(),
            is_due: AtomicBool::new(false),
        };
        Arc::clone(journals.entry(location).or_insert_with(|| Arc::new(new())))
    }

    /// What waits is written, if the buckets take it soon.
    pub(crate) async fn close(&self) {
        let all: Vec<Arc<Journal>> =
            self.journals.lock().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect();
        for journal in all {
            match tokio::time::timeout(CLOSING, journal.all_written()).await {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => journal.warn(&failure),
                Err(_) => journal.warn(&Failure::new(Kind::TimedOut, "the bucket does not answer")),
            }
        }
    }
}

impl Journal {
    /// Gives lines their places behind those that came before; [`Self::written`] waits for them. `Busy` (`manifest-full`): too many wait.
    pub(super) fn add(&self, lines: Vec<Line>) -> Outcome<Added> {
        let mut waiting = self.waiting();
        if !lines.is_empty() && waiting.lines.len() + lines.len() > MOST_WAITING {
            return Err(Failure::new(Kind::Busy, "Too many lines wait for the manifest of a bucket")
                .with_retry(Retry::Later)
                .with_code("manifest-full"));
        }
        let first = waiting.last + 1;
        for line in lines {
            waiting.last += 1;
            let number = waiting.last;
            waiting.lines.push_back((number, line));
        }
        Ok(Added { first, last: waiting.last })
    }

    /// Durable in the bucket when it answers, with all that came before. After a failure these are not tried again.
    pub(super) async fn written(&self, added: Added) -> Outcome<()> {
        let written = self.write_up_to(added.last).await;
        if written.is_err() {
            self.waiting().lines.retain(|(number, _)| !(added.first..=added.last).contains(number));
        }
        written
    }

    /// What waits now is in the bucket when it answers.
    pub(super) async fn all_written(&self) -> Outcome<()> {
        let last = self.waiting().last;
        self.write_up_to(last).await
    }

    /// Written soon, by nobody's leave.
    pub(super) fn note(self: &Arc<Self>, lines: Vec<Line>) {
        if lines.is_empty() {
            return;
        }
        if let Err(failure) = self.add(lines) {
            self.warn(&failure);
            return;
        }
        if self.is_due.swap(true, Ordering::AcqRel) {
            return;
        }
        let journal = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut wait = GATHER;
            loop {
                tokio::time::sleep(wait).await;
                let Some(journal) = journal.upgrade() else { return };
                journal.is_due.store(false, Ordering::Release);
                let Err(failure) = journal.all_written().await else { return };
                journal.warn(&failure);
                if journal.is_due.swap(true, Ordering::AcqRel) {
                    return;
                }
                wait = AGAIN;
            }
        });
    }

    /// A number for a batch of which all that is in the catalogue now is a part; what waits was written before.
    pub(super) async fn number(&self, tree: &Arc<dyn Tree>) -> Outcome<(u64, Vec<SpaceId>)> {
        self.all_written().await?;
        let mut known = self.known.lock().await;
        let known = asked(&mut known, tree, self.of.space).await?;
        known.last = shelf::number_after(known.last);
        Ok((known.last, known.after.clone()))
    }

    /// From now on the manifest says that it goes on from that of another space.
    pub(super) async fn goes_on_from(&self, tree: &Arc<dyn Tree>, others: &[SpaceId]) -> Outcome<()> {
        let mut known = self.known.lock().await;
        let known = asked(&mut known, tree, self.of.space).await?;
        let is_new = |other: &SpaceId| *other != self.of.space && !known.after.contains(other);
        let new: Vec<SpaceId> = others.iter().copied().filter(is_new).collect();
        if new.is_empty() {
            return Ok(());
        }
        known.after.extend(new);
        self.store(tree, known, &[]).await
    }

    pub(super) fn writer(&self) -> &str {
        &self.of.writer
    }

    async fn write_up_to(&self, last: u64) -> Outcome<()> {
        let is_waiting = || self.waiting().lines.front().is_some_and(|(number, _)| *number <= last);
        if !is_waiting() {
            return Ok(());
        }
        let mut known = self.known.lock().await;
        while is_waiting() {
            let inner = self.of.inner.upgrade().ok_or_else(|| Failure::new(Kind::Unavailable, "The space is being closed"))?;
            let tree = inner.buckets.tree(self.location).await?;
            let known = asked(&mut known, &tree, self.of.space).await?;
            // They stay until they are written: whoever waits for it may give up in between.
            let (lines, up_to) = self.first();
            self.store(&tree, known, &lines).await?;
            self.waiting().lines.retain(|(number, _)| *number > up_to);
        }
        Ok(())
    }

    async fn store(&self, tree: &Arc<dyn Tree>, known: &mut Known, lines: &[Line]) -> Outcome<()> {
        let head = Head::new(self.of.space, &self.of.name, known.after.clone());
        let bytes = batch::encode(&head, lines)?;
        known.last = shelf::number_after(known.last);
        shelf::store(tree, shelf::path(self.of.space, known.last, &self.of.writer, 0), bytes).await
    }

    /// What fits a batch, and the number of the last.
    fn first(&self) -> (Vec<Line>, u64) {
        let waiting = self.waiting();
        let (mut lines, mut bytes, mut last) = (Vec::new(), 0, 0);
        for (number, line) in waiting.lines.iter().take(FULL_LINES) {
            bytes += line.weight();
            lines.push(line.clone());
            last = *number;
            if bytes >= FULL_BYTES {
                break;
            }
        }
        (lines, last)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn warn(&self, failure: &Failure) {
        let (space, location) = (self.of.space, self.location);
        tracing::warn!(%failure, %space, %location, "changes could not be written to the manifest of a bucket; an export makes up for it");
    }
}

/// Asked of the bucket once, in case somebody wrote there before this process.
async fn asked<'k>(known: &'k mut Option<Known>, tree: &Arc<dyn Tree>, space: SpaceId) -> Outcome<&'k mut Known> {
    if known.is_none() {
        let standing = shelf::list(tree, space).await?;
        let last = standing.last().map_or(0, |newest| newest.number);
        let mut after = Vec::new();
        for newest in standing.iter().rev().take(LOOKED_AT) {
            match shelf::read(tree, newest).await {
                Ok((head, _)) => {
                    after = head.after;
                    break;
                }
                Err(failure) if failure.kind == Kind::Corrupt => {}
                Err(failure) => return Err(failure),
            }
        }
        *known = Some(Known { last, after });
    }
    known.as_mut().ok_or_else(|| Failure::host("A manifest is not known", "it was just read"))
}
