//! Files read ahead of whoever stores them: in the order that is best for the source, into a bounded amount of memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use capstan_domain::content::{Body, Content, Source};
use capstan_domain::{Failure, Outcome};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;

use super::super::plan::Run;
use super::super::small::Ended;
use super::Entry;
use crate::digest;
use crate::in_order::{InOrder, Whole};
use crate::item::{Item, ItemKind};
use crate::measured::{Digest, Measured};
use crate::progress::Counters;

mod reader;

use reader::Reader;

/// Files ahead, however small they are.
const FILES_AHEAD: usize = 4096;

/// What was read of a task.
pub(super) enum Read {
    /// A folder or a link has no content.
    Nothing,
    Small(Box<Small>),
    /// Its bytes are on their way.
    Large(Arc<Measured>),
}

impl Read {
    /// None: there is no content.
    pub(super) fn file(&self) -> Option<&Item> {
        match self {
            Self::Nothing => None,
            Self::Small(small) => Some(&small.item).filter(|item| item.kind == ItemKind::File),
            Self::Large(measured) => Some(&measured.opened().item),
        }
    }

    /// Of all of the content; what nobody has read of it is read.
    pub(super) async fn digest(&self) -> Outcome<Digest> {
        match self {
            Self::Nothing => Ok(Digest { root: digest::of(b""), subtrees: Vec::new() }),
            Self::Small(small) => Ok(Digest { root: small.blake3, subtrees: Vec::new() }),
            Self::Large(measured) => measured.proved().await,
        }
    }
}

/// A file in memory, or an object that turned out to be a link.
pub(super) struct Small {
    pub(super) item: Item,
    pub(super) bytes: Bytes,
    pub(super) blake3: [u8; 32],
    /// Of the spool's memory.
    _room: OwnedSemaphorePermit,
}

/// Ends its reader when dropped.
pub(super) struct Spool {
    reads: mpsc::Receiver<Outcome<Read>>,
    /// In the order they are read in, and so handed out.
    entries: VecDeque<Entry>,
    reader: JoinHandle<()>,
}

impl Spool {
    pub(super) async fn begin(run: &Arc<Run>, entries: Vec<Entry>) -> Self {
        let entries = in_order(run, entries).await;
        let (sender, reads) = mpsc::channel(FILES_AHEAD);
        let tasks = entries.iter().map(|entry| entry.task.clone()).collect();
        let reader = tokio::spawn(Reader::new(Arc::clone(run), sender).read(tasks));
        Self { reads, entries: entries.into(), reader }
    }

    /// None: all were handed out, or a pause or a stop ended the reading; what is left, `end` tells.
    pub(super) async fn next(&mut self) -> Option<(Entry, Outcome<Read>)> {
        let read = self.reads.recv().await?;
        Some((self.entries.pop_front()?, read))
    }

    /// The same of what is there already.
    pub(super) fn next_at_hand(&mut self) -> Option<(Entry, Outcome<Read>)> {
        let read = self.reads.try_recv().ok()?;
        Some((self.entries.pop_front()?, read))
    }

    /// What was not handed out.
    pub(super) async fn end(mut self, ended: &mut Vec<Ended>) -> Vec<Entry> {
        let left: Vec<Entry> = std::mem::take(&mut self.entries).into();
        self.reader.abort();
        match (&mut self.reader).await {
            Err(error) if error.is_panic() => {
                let failure = Failure::host("The host's own task broke off", error);
                ended.extend(left.into_iter().map(|entry| (entry.task, Err(failure.clone()))));
                Vec::new()
            }
            _ => left,
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Tree by tree, each in the order it is best read in: files that were named one by one may lie on one tape.
async fn in_order(run: &Run, entries: Vec<Entry>) -> Vec<Entry> {
    let sources = &run.transfer.sources;
    let (mut ordered, mut rest) = (Vec::with_capacity(entries.len()), entries);
    for tree in sources.iter().map(|source| &source.tree) {
        let is_of = |entry: &Entry| sources.get(entry.task.source).is_some_and(|source| source.tree.id() == tree.id());
        let (of_tree, others): (Vec<Entry>, Vec<Entry>) = rest.into_iter().partition(is_of);
        rest = others;
        if of_tree.is_empty() || !tree.sequential() {
            ordered.extend(of_tree);
            continue;
        }
        let items: Vec<Item> = of_tree.iter().map(|entry| entry.task.item.clone()).collect();
        let order = tree.reading_order(&items).await.unwrap_or_else(|failure| {
            tracing::warn!(%failure, tree = tree.id(), "files are read in the order of their names");
            Vec::new()
        });
        let mut of_tree: Vec<Option<Entry>> = of_tree.into_iter().map(Some).collect();
        ordered.extend(order.into_iter().filter_map(|at| of_tree.get_mut(at)?.take()));
        ordered.extend(of_tree.into_iter().flatten());
    }
    ordered
}

/// Content that is read ahead, once; whoever wants it again has it from where it came.
struct Spooled {
    origin: Content,
    in_order: Arc<InOrder>,
}

/// A piece, and what it takes of the spool's memory.
type Chunk = (Outcome<Bytes>, Option<OwnedSemaphorePermit>);

impl Spooled {
    fn new(origin: Content, chunks: mpsc::Receiver<Chunk>, counters: Arc<Counters>) -> Self {
        let ahead: Body = Box::pin(futures::stream::unfold((chunks, counters), |(mut chunks, counters)| async move {
            let began = Instant::now();
            let (chunk, _room) = chunks.recv().await?;
            Counters::add(&counters.waited_us, u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
            Some((chunk, (chunks, counters)))
        }));
        let (ahead, size, again) = (Mutex::new(Some(ahead)), origin.size(), Arc::clone(&origin));
        let whole: Whole = Arc::new(move || {
            let first = ahead.lock().unwrap_or_else(PoisonError::into_inner).take();
            let body = first.unwrap_or_else(|| again.open(0, size));
            Box::pin(async move { Ok(body) })
        });
        Self { origin, in_order: InOrder::new(size, whole, crate::measured::ended_early) }
    }
}

impl Source for Spooled {
    fn size(&self) -> u64 {
        self.origin.size()
    }

    fn checksum(&self, algorithm: &str) -> Option<Vec<u8>> {
        self.origin.checksum(algorithm)
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        self.in_order.open(offset, length)
    }
}
