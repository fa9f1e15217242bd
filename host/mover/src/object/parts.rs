//! A large object in parts: several on their way at once, each recorded when it is stored, so that a killed transfer goes on
//! with the parts that are missing.
//!
//! | dies after | what is there then | the next run of the attempt | who gives up what a job left |
//! |---|---|---|---|
//! | the attempt is recorded | perhaps an upload without a known id | begins again, is given it | does the same, and aborts it |
//! | the target's id is recorded | an upload without parts | goes on with it | aborts it |
//! | parts are recorded | an upload with parts | goes on with those that the target has too | aborts it |
//! | the upload is completed | the object, and the record | finds the object, forgets the record | aborts what is gone |

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_domain::content::Content;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, Object, Part, PutOptions, Uploads};
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::store::{options, stored, unless_there, while_storing};
use super::{Inner, TRIES};
use crate::backoff;
use crate::control::Control;
use crate::digest;
use crate::ledger::{PartRecord, PartTables, UploadKey, UploadRecord};
use crate::measured::Measured;
use crate::resumable::describe;
use crate::tree::{Arrival, Stored};

/// From this size on an object goes in parts.
pub(super) const FROM: u64 = 32 << 20;
/// Parts of one object on their way at a time.
const PARTS_IN_FLIGHT: usize = 4;
/// Parts asked for at a time when the target's own list is looked at.
const LISTED: u32 = 1000;
/// The most parts an object store takes of one object.
const MOST_PARTS: u64 = 10_000;

struct Upload<'u> {
    inner: &'u Inner,
    uploads: &'u Arc<dyn Uploads>,
    key: String,
    table: UploadKey,
    record: UploadRecord,
}

pub(super) async fn store(
    inner: &Inner,
    uploads: &Arc<dyn Uploads>,
    arrival: &Arrival,
    content: Arc<Measured>,
    tables: &dyn PartTables,
    control: &Control,
) -> Outcome<Stored> {
    let key = inner.keys.of(&arrival.path)?;
    let table = UploadKey { tree: inner.id.clone(), key: key.clone() };
    let described = describe(&content);
    let mut done = BTreeMap::new();
    let record = match earlier(inner, uploads, &key, &table, (&arrival.attempt, described.as_str()), tables).await? {
        Earlier::GoesOn(record) => record,
        Earlier::Completed(record, object) => {
            content.read_in_parts(record.part_size);
            adopt(&content, &record, &mut done);
            tables.forget_upload(&table, &record.id).await?;
            return Ok(stored(arrival, key, &object, None));
        }
        Earlier::None => begin(inner, uploads, &key, &table, arrival, described, tables).await?,
    };
    content.read_in_parts(record.part_size);
    adopt(&content, &record, &mut done);
    let upload = Upload { inner, uploads, key, table, record };
    let put = upload.put_missing(&content, &mut done, tables, control).await;
    if let Err(failure) = put {
        if failure.code.as_deref() == Some("source-changed") || failure.kind == Kind::NotFound {
            upload.give_up(tables).await;
        }
        return Err(failure);
    }
    // A guest may have read the content otherwise than asked; the hash must be of all of it before the object appears.
    let digest = content.complete().await?;
    content.check(&digest)?;
    let object = upload.complete(done, arrival).await?;
    tables.forget_upload(&upload.table, &upload.record.id).await?;
    Ok(stored(arrival, upload.key.clone(), &object, None))
}

enum Earlier {
    None,
    GoesOn(UploadRecord),
    /// The process died between completing the upload and forgetting it.
    Completed(UploadRecord, Object),
}

/// Looks for an upload of the same content, and asks the target what it really has of it.
async fn earlier(
    inner: &Inner,
    uploads: &Arc<dyn Uploads>,
    key: &str,
    table: &UploadKey,
    (attempt, described): (&String, &str),
    tables: &dyn PartTables,
) -> Outcome<Earlier> {
    let Some(mut record) = tables.find_upload(table).await? else { return Ok(Earlier::None) };
    if let Some(begun_by) = &record.attempt {
        // The same attempt at the same content is given what it began when it asks again.
        if (begun_by, record.content.as_str()) != (attempt, described) {
            if let Err(failure) = abort_begun(inner, uploads, key, record.size, begun_by).await {
                tracing::warn!(%failure, key, "an upload that may have been begun could not be given up");
            }
            tables.forget_upload(table, &record.id).await?;
        }
        return Ok(Earlier::None);
    }
    if record.content == described {
        match listed(inner, uploads, key, &record.id).await {
            Ok(there) => {
                record.parts.retain(|part| {
                    there.get(&part.part.number).is_some_and(|it| it.etag == part.part.etag && it.size == part.part.size)
                });
                return Ok(Earlier::GoesOn(record));
            }
            Err(failure) if failure.kind == Kind::NotFound => {
                let whole = record.parts.iter().map(|part| part.part.size).sum::<u64>() == record.size;
                if whole
                    && let Ok(object) = inner.asked(|| inner.objects.head(&inner.bucket, key, GetOptions::default())).await
                    && object.size == record.size
                {
                    return Ok(Earlier::Completed(record, object));
                }
            }
            // A target that cannot list parts is taken at the table's word; completing will tell.
            Err(failure) if failure.kind == Kind::Unsupported => return Ok(Earlier::GoesOn(record)),
            Err(failure) => return Err(failure),
        }
    }
    // Of another state of the file: its parts are of no use and cost money.
    if let Err(failure) = uploads.abort(&inner.bucket, key, &record.id).await {
        tracing::warn!(%failure, key, "an outdated upload could not be given up");
    }
    tables.forget_upload(table, &record.id).await?;
    Ok(Earlier::None)
}

async fn listed(inner: &Inner, uploads: &Arc<dyn Uploads>, key: &str, id: &str) -> Outcome<BTreeMap<u32, Part>> {
    let mut there = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = inner.asked(|| uploads.list_parts(&inner.bucket, key, id, after, LISTED)).await?;
        let Some(last) = page.last().map(|part| part.number).filter(|last| *last > after) else { return Ok(there) };
        after = last;
        there.extend(page.into_iter().map(|part| (part.number, part)));
    }
}

async fn begin(
    inner: &Inner,
    uploads: &Arc<dyn Uploads>,
    key: &str,
    table: &UploadKey,
    arrival: &Arrival,
    content: String,
    tables: &dyn PartTables,
) -> Outcome<UploadRecord> {
    let intent = UploadRecord {
        id: String::new(),
        attempt: Some(arrival.attempt.clone()),
        size: arrival.size,
        part_size: 0,
        content,
        extras: Vec::new(),
        parts: Vec::new(),
    };
    // Known before it exists: whatever happens, somebody can give it up.
    tables.begin_upload(table, &intent).await?;
    let start = |options| uploads.begin(&inner.bucket, key, arrival.size, &arrival.attempt, options);
    let upload = match unless_there(inner, key, options(arrival, key, None), start).await {
        Ok(upload) => upload,
        Err(failure) => {
            // What was not begun for certain leaves nothing to give up.
            if !failure.maybe_done {
                tables.forget_upload(table, &intent.id).await?;
            }
            return Err(while_storing(failure));
        }
    };
    if upload.part_size == 0 || arrival.size.div_ceil(upload.part_size) > MOST_PARTS {
        let message =
            format!("The plugin's part size of {} bytes does not fit an object of {} bytes", upload.part_size, arrival.size);
        return Err(Failure::new(Kind::PluginFault, message).with_code("part-size"));
    }
    let record = UploadRecord { id: upload.id, attempt: None, part_size: upload.part_size, extras: upload.extras, ..intent };
    tables.begin_upload(table, &record).await?;
    Ok(record)
}

/// An upload that nobody will finish.
pub(super) async fn abort(inner: &Inner, uploads: &Arc<dyn Uploads>, key: &str, id: &str) -> Outcome<()> {
    // Without an id some services take the request for one about the object itself.
    if id.is_empty() {
        return Err(Failure::host("An upload without an id cannot be given up", key));
    }
    match inner.asked(|| uploads.abort(&inner.bucket, key, id)).await {
        Err(failure) if failure.kind != Kind::NotFound => Err(failure),
        _ => Ok(()),
    }
}

/// One that an attempt may have begun, whose id nobody learnt: the attempt, made again, is given it, or begins another one.
pub(super) async fn abort_begun(inner: &Inner, uploads: &Arc<dyn Uploads>, key: &str, size: u64, attempt: &str) -> Outcome<()> {
    match inner.asked(|| uploads.begin(&inner.bucket, key, size, attempt, PutOptions::default())).await {
        Ok(upload) => abort(inner, uploads, key, &upload.id).await,
        // Then none was begun, or its place is gone.
        Err(failure) if matches!(failure.kind, Kind::NotFound | Kind::Invalid | Kind::Unsupported) => Ok(()),
        Err(failure) => Err(failure),
    }
}

fn adopt(content: &Measured, record: &UploadRecord, done: &mut BTreeMap<u32, Part>) {
    for part in &record.parts {
        let offset = u64::from(part.part.number.saturating_sub(1)) * record.part_size;
        // Without values the part stays, and its bytes are read once more for the hash at the end.
        let _ = digest::from_bytes(&part.blocks).is_some_and(|values| content.adopt(offset, part.part.size, &values));
        done.insert(part.part.number, part.part.clone());
    }
}

impl Upload<'_> {
    async fn put_missing(
        &self,
        content: &Arc<Measured>,
        done: &mut BTreeMap<u32, Part>,
        tables: &dyn PartTables,
        control: &Control,
    ) -> Outcome<()> {
        let (size, part_size) = (self.record.size, self.record.part_size);
        let count = u32::try_from(size.div_ceil(part_size)).unwrap_or(u32::MAX);
        let missing: Vec<u32> = (1..=count).filter(|number| !done.contains_key(number)).collect();
        let mut missing = missing.into_iter();
        let mut going = FuturesUnordered::new();
        loop {
            while going.len() < PARTS_IN_FLIGHT
                && let Some(number) = missing.next()
            {
                control.ready().await?;
                let offset = u64::from(number - 1) * part_size;
                let length = part_size.min(size - offset);
                going.push(async move {
                    let part = self.put_part(content, number, offset, length).await?;
                    let values = content.values(offset, length).unwrap_or_default();
                    let record = PartRecord { part, blocks: digest::to_bytes(&values) };
                    tables.save_part(&self.table, &self.record.id, &record).await?;
                    Ok::<_, Failure>(record.part)
                });
            }
            let Some(part) = going.next().await else { return Ok(()) };
            let part = part?;
            done.insert(part.number, part);
        }
    }

    async fn put_part(&self, content: &Arc<Measured>, number: u32, offset: u64, length: u64) -> Outcome<Part> {
        let mut tries = 1;
        loop {
            let _permit = self.inner.permit().await?;
            let whole: Content = Arc::clone(content) as Content;
            let put =
                self.uploads.put_part(&self.inner.bucket, &self.key, &self.record.id, number, whole, (offset, length)).await;
            let failure = match put {
                Ok(part) if part.number == number && part.size == length => return Ok(part),
                Ok(part) => {
                    Failure::new(Kind::Corrupt, format!("Part {number} was stored with {} bytes instead of {length}", part.size))
                        .with_code("size-mismatch")
                }
                Err(failure) => failure,
            };
            let hopeless = failure.code.as_deref() == Some("source-changed");
            match backoff::wait_after(&failure, tries, TRIES) {
                Some(wait) if !hopeless => tokio::time::sleep(wait).await,
                _ => return Err(failure),
            }
            tries += 1;
        }
    }

    async fn complete(&self, done: BTreeMap<u32, Part>, arrival: &Arrival) -> Outcome<Object> {
        let parts: Vec<Part> = done.into_values().collect();
        let mut tries = 1;
        loop {
            let options = options(arrival, &self.key, None);
            let complete = |options| {
                self.uploads.complete(&self.inner.bucket, &self.key, &self.record.id, parts.clone(), &arrival.attempt, options)
            };
            let completed = unless_there(self.inner, &self.key, options, complete).await;
            let failure = match completed {
                Ok(object) => return Ok(object),
                Err(failure) => failure,
            };
            // The answer may have been lost on the way: what was asked for may be done (D5). A look tells.
            let doubt = failure.maybe_done || failure.kind == Kind::NotFound;
            if doubt
                && let Ok(object) = self.inner.objects.head(&self.inner.bucket, &self.key, GetOptions::default()).await
                && object.size == self.record.size
            {
                return Ok(object);
            }
            match backoff::wait_after(&failure, tries, TRIES) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(failure),
            }
            tries += 1;
        }
    }

    async fn give_up(&self, tables: &dyn PartTables) {
        if let Err(failure) = self.uploads.abort(&self.inner.bucket, &self.key, &self.record.id).await {
            tracing::warn!(%failure, key = %self.key, "an upload could not be given up");
        }
        if let Err(failure) = tables.forget_upload(&self.table, &self.record.id).await {
            tracing::warn!(%failure, key = %self.key, "an upload that was given up could not be forgotten");
        }
    }
}
