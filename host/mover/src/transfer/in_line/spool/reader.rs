//! Fills a spool: small files together, large ones piece by piece, one after the other.

use std::sync::Arc;

use capstan_domain::{Failure, Outcome};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::super::super::plan::{Run, Task};
use super::super::super::small::{agrees, is_of};
use super::super::goes_on;
use super::{Chunk, Read, Small, Spooled};
use crate::digest;
use crate::item::{Item, ItemKind};
use crate::ledger::Evidence;
use crate::measured::{Digest, Measured, not_what_was_stored};
use crate::progress::Counters;
use crate::tree::{self, Opened, Tree};

/// Bytes of memory are counted in these.
const UNIT: u64 = 1 << 10;
/// Pieces of one file that are ahead, however small they are.
const CHUNKS_AHEAD: usize = 4096;

pub(super) struct Reader {
    run: Arc<Run>,
    reads: mpsc::Sender<Outcome<Read>>,
    room: Arc<Semaphore>,
    units: u32,
}

/// Whoever was to store what is read has gone.
struct Gone;

impl Reader {
    pub(super) fn new(run: Arc<Run>, reads: mpsc::Sender<Outcome<Read>>) -> Self {
        // At least two: while a batch of small files is handed on, one of them may turn out to be large.
        let units = u32::try_from(run.transfer.limits.spool / UNIT).unwrap_or(u32::MAX).max(2);
        let room = Arc::new(Semaphore::new(usize::try_from(units).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)));
        Self { run, reads, room, units }
    }

    /// One answer for each task, in order, until a pause or a stop.
    pub(super) async fn read(self, tasks: Vec<Task>) {
        let mut tasks = tasks.as_slice();
        while let Some((first, after)) = tasks.split_first() {
            if !goes_on(&self.run) {
                return;
            }
            let (handed, rest) = if first.item.kind != ItemKind::File {
                (self.reads.send(Ok(Read::Nothing)).await.map_err(|_| Gone), after)
            } else if self.is_small(first) {
                let (together, rest) = self.together(tasks);
                (self.small(together).await, rest)
            } else {
                (self.large(first).await, after)
            };
            if handed.is_err() {
                return;
            }
            tasks = rest;
        }
    }

    fn is_small(&self, task: &Task) -> bool {
        task.item.kind == ItemKind::File && task.item.size <= self.run.transfer.limits.small_file
    }

    /// Small files of one source that are read at once, and what comes after them.
    fn together<'t>(&self, tasks: &'t [Task]) -> (&'t [Task], &'t [Task]) {
        let limits = &self.run.transfer.limits;
        let (most, source) = (limits.batch_bytes.min(limits.spool / 2), tasks.first().map(|task| task.source));
        let mut bytes = 0;
        let fits = |(at, task): &(usize, &Task)| {
            bytes += task.item.size;
            let first = *at == 0;
            first || (*at < limits.batch_files && bytes <= most && self.is_small(task) && Some(task.source) == source)
        };
        let count = tasks.iter().enumerate().take_while(fits).count();
        tasks.split_at_checked(count).unwrap_or((tasks, &[]))
    }

    fn tree(&self, source: usize) -> Outcome<Arc<dyn Tree>> {
        let source = self.run.transfer.sources.get(source);
        source.map(|source| Arc::clone(&source.tree)).ok_or_else(|| Failure::invalid("There is no such source"))
    }

    async fn evidence(&self, tasks: &[Task]) -> Outcome<Vec<Option<Evidence>>> {
        let source = tasks.first().map_or(0, |task| task.source);
        let items: Vec<Item> = tasks.iter().map(|task| task.item.clone()).collect();
        self.run.ledger().evidence(source, &items).await
    }

    /// Waits until the spool has room for so many bytes. More than half of it is never asked for, so that nobody waits for himself.
    async fn hold(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units / 2).max(1);
        Arc::clone(&self.room).acquire_many_owned(units).await.ok()
    }

    async fn small(&self, tasks: &[Task]) -> Result<(), Gone> {
        let bytes = tasks.iter().map(|task| task.item.size).sum();
        let mut room = self.hold(bytes).await.ok_or(Gone)?;
        for (task, read) in tasks.iter().zip(self.read_small(tasks, bytes).await) {
            match read {
                Err(failure) if failure.code.as_deref() == Some("grown") => self.large(task).await?,
                Err(failure) => self.reads.send(Err(failure)).await.map_err(|_| Gone)?,
                Ok((small, blake3)) => {
                    let units = usize::try_from(small.item.size.div_ceil(UNIT)).unwrap_or(usize::MAX).min(room.num_permits());
                    let room = room.split(units).ok_or(Gone)?;
                    let small = Small { item: small.item, bytes: small.bytes, blake3, _room: room };
                    self.reads.send(Ok(Read::Small(Box::new(small)))).await.map_err(|_| Gone)?;
                }
            }
        }
        Ok(())
    }

    async fn read_small(&self, tasks: &[Task], bytes: u64) -> Vec<Outcome<(tree::Small, digest::Value)>> {
        let run = &self.run;
        let asked = async {
            let tree = self.tree(tasks.first().map_or(0, |task| task.source))?;
            let evidence = self.evidence(tasks).await?;
            run.throttle.take(bytes).await;
            let items: Vec<Item> = tasks.iter().map(|task| task.item.clone()).collect();
            Ok((evidence, tree.read_small(&items, run.transfer.limits.small_file).await))
        };
        let (evidence, read) = match asked.await {
            Ok(answered) => answered,
            Err(failure) => return tasks.iter().map(|_| Err(Failure::clone(&failure))).collect(),
        };
        let proved = read.into_iter().zip(evidence).map(|(read, evidence)| {
            let small = read?;
            let blake3 = digest::of(&small.bytes);
            if small.item.kind == ItemKind::File && !agrees(&small.item, evidence.as_ref(), &blake3) {
                return Err(not_what_was_stored(0));
            }
            Counters::add(&run.transfer.counters.bytes_processed, small.item.size);
            Ok((small, blake3))
        });
        proved.collect()
    }

    /// Handed on before its bytes are, which follow.
    async fn large(&self, task: &Task) -> Result<(), Gone> {
        let opened = match self.open(task).await {
            Ok(opened) => opened,
            Err(failure) => return self.reads.send(Err(failure)).await.map_err(|_| Gone),
        };
        let (Opened { item, content, .. }, expected) = opened;
        let (chunks, ahead) = mpsc::channel(CHUNKS_AHEAD);
        let transfer = &self.run.transfer;
        let spooled = Arc::new(Spooled::new(Arc::clone(&content), ahead, Arc::clone(&transfer.counters)));
        let measured = Measured::new(
            Opened { item, content: spooled, file: None },
            expected,
            Arc::clone(&self.run.throttle),
            transfer.control.clone(),
            Arc::clone(&transfer.counters),
        );
        self.reads.send(Ok(Read::Large(measured))).await.map_err(|_| Gone)?;
        let mut body = content.open(0, content.size());
        while let Some(chunk) = body.next().await {
            let length = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            let chunk: Chunk = (chunk, self.hold(length).await);
            // The next file is read even if nobody wants the rest of this one.
            if chunks.send(chunk).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn open(&self, task: &Task) -> Outcome<(Opened, Option<Digest>)> {
        let tree = self.tree(task.source)?;
        let evidence = self.evidence(std::slice::from_ref(task)).await?.into_iter().next().flatten();
        let opened = tree.open(&task.item).await?;
        let expected = evidence
            .filter(|evidence| is_of(evidence, &opened.item))
            .and_then(|evidence| Some(Digest { root: evidence.blake3, subtrees: digest::from_bytes(&evidence.subtrees)? }));
        Ok((opened, expected))
    }
}
