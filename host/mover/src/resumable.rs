//! A large file written in parts, several at a time, into one temporary file that outlives a crash.
//!
//! A part is recorded only after its bytes were synced, and taken over after a restart only if what stands there gives the recorded
//! value (D8).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use capstan_domain::failure::Kind;
use capstan_domain::ports::Part;
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::backoff;
use crate::control::Control;
use crate::digest::{self, BLOCK, Value};
use crate::ledger::{PartRecord, PartTables, UploadKey, UploadRecord};
use crate::measured::Measured;

/// Bytes of a part: one block.
pub(crate) const PART: u64 = BLOCK;
/// Parts on their way at a time.
const PARTS_IN_FLIGHT: usize = 4;
/// Tries of one part.
const TRIES: u32 = 5;
/// How long finished parts wait to be synced and recorded: what a crash may cost.
const CHECKPOINT: Duration = Duration::from_secs(3);

/// The temporary file.
#[async_trait]
pub(crate) trait Partial: Send + Sync {
    /// Puts a range of the content to its place.
    async fn write(&self, content: &Arc<Measured>, offset: u64, length: u64) -> Outcome<()>;

    /// What stands in the range, as a block of a file of `whole` bytes.
    async fn value(&self, offset: u64, length: u64, whole: u64) -> Outcome<Value>;

    /// What was written before this call is durable when it answers.
    async fn sync(&self) -> Outcome<()>;
}

/// One run of filling it.
pub(crate) struct Filling<'f> {
    pub(crate) partial: &'f dyn Partial,
    pub(crate) content: &'f Arc<Measured>,
    pub(crate) tables: &'f dyn PartTables,
    pub(crate) key: &'f UploadKey,
    /// Without parts.
    pub(crate) upload: &'f UploadRecord,
    /// Whether the tables has the upload.
    pub(crate) begun: bool,
}

/// Finished parts that no checkpoint has yet: number, offset, length.
struct Unsaved {
    parts: Vec<(u32, u64, u64)>,
    last: Instant,
}

impl Filling<'_> {
    /// Takes over what `earlier` recorded and writes the rest. What was good is recorded also when this fails.
    pub(crate) async fn run(&mut self, earlier: &[PartRecord], control: &Control) -> Outcome<()> {
        self.content.read_in_parts(PART);
        let mut kept = BTreeSet::new();
        for part in earlier {
            control.ready().await?;
            if self.adopt(part).await? {
                kept.insert(part.part.number);
            }
        }
        let mut unsaved = Unsaved { parts: Vec::new(), last: Instant::now() };
        let written = self.write_missing(&kept, &mut unsaved, control).await;
        if let Err(failure) = &written
            && !is_hopeless(failure)
            && !unsaved.parts.is_empty()
        {
            self.save(&mut unsaved).await?;
        }
        written
    }

    async fn adopt(&self, record: &PartRecord) -> Outcome<bool> {
        let Some(values) = digest::from_bytes(&record.blocks) else { return Ok(false) };
        let [expected] = values.as_slice() else { return Ok(false) };
        let offset = u64::from(record.part.number.saturating_sub(1)) * PART;
        let found = self.partial.value(offset, record.part.size, self.upload.size).await;
        Ok(found.is_ok_and(|found| found == *expected) && self.content.adopt(offset, record.part.size, &values))
    }

    async fn write_missing(&mut self, kept: &BTreeSet<u32>, unsaved: &mut Unsaved, control: &Control) -> Outcome<()> {
        let size = self.upload.size;
        let count = u32::try_from(size.div_ceil(PART)).unwrap_or(u32::MAX);
        let mut waiting = (1..=count).filter(|number| !kept.contains(number));
        let mut going = FuturesUnordered::new();
        let (partial, content) = (self.partial, self.content);
        loop {
            while going.len() < PARTS_IN_FLIGHT
                && let Some(number) = waiting.next()
            {
                control.ready().await?;
                let offset = u64::from(number - 1) * PART;
                let length = PART.min(size - offset);
                going.push(async move {
                    write_with_retries(partial, content, offset, length).await.map(|()| (number, offset, length))
                });
            }
            let Some(written) = going.next().await else { return Ok(()) };
            match written {
                Ok(part) => unsaved.parts.push(part),
                Err(failure) => {
                    // The others on their way are worth keeping, if anything is.
                    while !is_hopeless(&failure)
                        && let Some(written) = going.next().await
                    {
                        unsaved.parts.extend(written);
                    }
                    return Err(failure);
                }
            }
            if unsaved.last.elapsed() >= CHECKPOINT {
                self.save(unsaved).await?;
            }
        }
    }

    async fn save(&mut self, unsaved: &mut Unsaved) -> Outcome<()> {
        let parts = std::mem::take(&mut unsaved.parts);
        self.partial.sync().await?;
        if !self.begun {
            self.tables.begin_upload(self.key, self.upload).await?;
            self.begun = true;
        }
        let (tables, key, upload, content) = (self.tables, self.key, &self.upload.id, self.content);
        // Together, so that they share a transaction.
        let mut saves: FuturesUnordered<_> = parts
            .into_iter()
            .filter_map(|(number, offset, length)| {
                let values = content.values(offset, length)?;
                let part = Part { number, size: length, etag: String::new(), checksums: Vec::new() };
                Some(PartRecord { part, blocks: digest::to_bytes(&values) })
            })
            .map(|part| async move { tables.save_part(key, upload, &part).await })
            .collect();
        while let Some(saved) = saves.next().await {
            saved?;
        }
        unsaved.last = Instant::now();
        Ok(())
    }
}

async fn write_with_retries(partial: &dyn Partial, content: &Arc<Measured>, offset: u64, length: u64) -> Outcome<()> {
    let mut tries = 1;
    loop {
        let Err(failure) = partial.write(content, offset, length).await else { return Ok(()) };
        match backoff::wait_after(&failure, tries, TRIES) {
            Some(wait) if !is_hopeless(&failure) => tokio::time::sleep(wait).await,
            _ => return Err(failure),
        }
        tries += 1;
    }
}

/// What can never be finished: the file changed as a whole, so that another try of one part would mix two states of it; or it does
/// not fit, and what it takes is wanted by others.
pub(crate) fn is_hopeless(failure: &Failure) -> bool {
    failure.code.as_deref() == Some("source-changed") || failure.kind == Kind::NoSpace
}

/// Which content the parts are of.
pub(crate) fn describe(content: &Measured) -> String {
    let item = &content.opened().item;
    let tag = item.identity.etag.clone().or_else(|| item.identity.inode.map(|inode| inode.to_string())).unwrap_or_default();
    format!("{} {} {} {tag}", item.path, item.size, item.modified.0)
}
