//! Raw images of drives: read from them in ranges, put into them in parts, through the calls of their targets.
//!
//! An upload begins with a drive that reads as zeros, and goes on from where the last part broke off: what is recorded as received
//! was flushed before, and what is behind it is discarded again. Zeros of the image are not written.
//!
//! | dies or fails | the drive | the upload |
//! |---|---|---|
//! | before it is recorded | as it was | there is none |
//! | while the old bytes are discarded | `Uploading`, some of the old bytes | received: nothing; discarded again when it begins again |
//! | between a write and its record | `Uploading`, more bytes than recorded | the same bytes are sent and written again |
//! | the client goes | `Uploading` | what came is flushed and recorded, to the last whole block |
//! | the last byte is recorded, the drive not yet `Ready` | `Uploading`, whole | its last part is asked for again, which carries nothing, and ends it |
//!
//! A drive whose upload is given up is deleted, or begun again.

mod part;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use capstan_catalogue::Catalogue;
use capstan_domain::content::Body;
use capstan_domain::drive::{Drive, DriveState, DriveUpload};
use capstan_domain::identity::Caller;
use capstan_domain::ids::DriveId;
use capstan_domain::ports;
use capstan_domain::{Failure, Kind, Outcome};
use futures::{Stream, StreamExt, TryStreamExt};
use serde_json::json;
use tokio::runtime::Handle;

use crate::audit::Audit;
use crate::drives::Drives;
use crate::targets::Targets;
use part::Part;

/// Bytes that one call reads; a longer image is read with several.
const READ_BYTES: u64 = 64 << 20;

#[derive(Clone)]
pub struct Images {
    catalogue: Catalogue,
    audit: Audit,
    targets: Targets,
    drives: Drives,
    work: Handle,
    /// Drives that an image is being put into just now.
    receiving: Arc<Mutex<HashSet<DriveId>>>,
}

/// A drive as its calls find it.
#[derive(Clone)]
struct Volume {
    facet: Arc<dyn ports::Drives>,
    location: String,
    name: String,
    size: u64,
    block: u64,
}

impl Images {
    /// To be called on the runtime that is to carry the bytes.
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, targets: Targets, drives: Drives) -> Self {
        Self { catalogue, audit, targets, drives, work: Handle::current(), receiving: Arc::default() }
    }

    /// Bytes of a drive, exactly so many. `Conflict` "state" where it is not ready; `Invalid` "range".
    pub async fn read(&self, caller: &Caller, id: DriveId, offset: u64, length: u64) -> Outcome<Body> {
        let drive = self.drives.get(caller, id).await?;
        if drive.state != DriveState::Ready {
            return Err(not_ready(&drive));
        }
        if offset.checked_add(length).is_none_or(|end| end > drive.size) {
            return Err(Failure::invalid(format!("the drive has {} bytes", drive.size)).with_code("range"));
        }
        let volume = self.volume(&drive).await?;
        let (from, to) = (offset - offset % volume.block, (offset + length).next_multiple_of(volume.block));
        let starts = (0..(to - from).div_ceil(READ_BYTES)).map(move |index| from + index * READ_BYTES);
        let pieces = futures::stream::iter(starts).then(move |at| {
            let volume = volume.clone();
            async move {
                let read = volume.facet.read(&volume.location, &volume.name, at, READ_BYTES.min(to - at)).await?;
                Ok::<_, Failure>(read.1)
            }
        });
        Ok(Box::pin(cut(pieces.try_flatten(), offset - from, length)))
    }

    /// How far an image has come that is put into it. `NotFound` "upload" where none is on its way.
    pub async fn progress(&self, caller: &Caller, id: DriveId) -> Outcome<DriveUpload> {
        let drive = self.drives.get(caller, id).await?;
        let upload = self.catalogue.drive_upload(drive.id).await?;
        upload.ok_or_else(|| Failure::not_found("no image is on its way into the drive").with_code("upload"))
    }

    /// A part of an image of `total` bytes, from `offset` on: as much as comes. From 0 on it begins anew. Answers how far it is
    /// then; where all of it is there, the drive is ready. `Conflict` "offset" where the part does not begin where the last one
    /// ended, "mounted", "state"; `Invalid` "size-too-large" where the image is larger than the drive.
    pub async fn write(&self, caller: &Caller, id: DriveId, offset: u64, total: u64, body: Body) -> Outcome<DriveUpload> {
        let drive = self.drives.get(caller, id).await?;
        let (this, caller) = (self.clone(), caller.clone());
        // To its end, whether the one who sends it waits for it or not: what came is recorded.
        let receiving = self.work.spawn(async move { this.receive(&caller, &drive, offset, total, body).await });
        receiving.await.map_err(|cause| Failure::host("an upload broke off", cause))?
    }

    async fn receive(&self, caller: &Caller, drive: &Drive, offset: u64, total: u64, body: Body) -> Outcome<DriveUpload> {
        if total > drive.size {
            let message = format!("the image has {total} bytes, the drive only {}", drive.size);
            return Err(Failure::invalid(message).with_code("size-too-large"));
        }
        if total == 0 || offset > total {
            return Err(Failure::invalid("the part does not lie within the image").with_code("part"));
        }
        let _alone = Receiving::begin(&self.receiving, drive.id)?;
        let volume = self.volume(drive).await?;
        let upload = if offset == 0 {
            self.catalogue.begin_drive_upload(drive.id, total).await?
        } else {
            self.going_on(drive, offset, total).await?
        };
        if upload.received < upload.size {
            // Also what an earlier part wrote and did not record.
            volume.forget(upload.received).await?;
        }
        let mut part = Part::new(&volume, &self.catalogue, upload);
        let taken = part.take(body).await;
        // Also of a part that broke off.
        let settled = part.settle().await;
        let upload = part.upload;
        taken.and(settled)?;
        if upload.received == upload.size {
            let drive = self.catalogue.finish_drive_upload(drive.id).await?;
            let detail = json!({ "number": drive.number, "id": drive.id, "bytes": total });
            self.audit.done(caller, "upload", "drive", &drive.name, detail).await?;
        }
        Ok(upload)
    }

    async fn going_on(&self, drive: &Drive, offset: u64, total: u64) -> Outcome<DriveUpload> {
        if drive.state != DriveState::Uploading {
            return Err(not_ready(drive));
        }
        let upload = self.catalogue.drive_upload(drive.id).await?;
        let fits = |upload: &DriveUpload| upload.size == total && upload.received == offset;
        match upload {
            Some(upload) if fits(&upload) => Ok(upload),
            found => {
                let come = found.map_or_else(
                    || "none has begun".to_owned(),
                    |upload| format!("{} of {} bytes are there", upload.received, upload.size),
                );
                Err(Failure::new(Kind::Conflict, format!("the part does not go on where the upload is: {come}"))
                    .with_code("offset")
                    .with_next_step("ask how far the upload has come, and go on from there; or begin anew from 0"))
            }
        }
    }

    async fn volume(&self, drive: &Drive) -> Outcome<Volume> {
        let connection = self.targets.connect(drive.target).await?;
        let facet =
            connection.drives().ok_or_else(|| Failure::unsupported("the plugin of the drive's target holds no drives"))?;
        let block = u64::from(facet.limits(&drive.location).await?.block).max(1);
        Ok(Volume { facet, location: drive.location.clone(), name: drive.volume(), size: drive.size, block })
    }
}

/// That nobody else puts an image into the drive at the same time.
struct Receiving<'r> {
    all: &'r Mutex<HashSet<DriveId>>,
    drive: DriveId,
}

impl<'r> Receiving<'r> {
    fn begin(all: &'r Mutex<HashSet<DriveId>>, drive: DriveId) -> Outcome<Self> {
        if all.lock().unwrap_or_else(PoisonError::into_inner).insert(drive) {
            return Ok(Self { all, drive });
        }
        Err(Failure::new(Kind::Busy, "an image is being put into the drive just now").with_code("state"))
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.drive);
    }
}

fn not_ready(drive: &Drive) -> Failure {
    let state = serde_json::to_value(drive.state).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
    Failure::new(Kind::Conflict, format!("the drive is {state}")).with_code("state")
}

/// Of a stream, so many bytes behind those that are skipped.
fn cut(
    pieces: impl Stream<Item = Outcome<Bytes>> + Send + 'static,
    mut skip: u64,
    mut left: u64,
) -> impl Stream<Item = Outcome<Bytes>> + Send + 'static {
    let kept = pieces.map(move |piece: Outcome<Bytes>| {
        piece.map(|mut bytes| {
            let skipped = skip.min(bytes.len() as u64);
            skip -= skipped;
            let mut bytes = bytes.split_off(usize::try_from(skipped).unwrap_or_default());
            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= bytes.len() as u64;
            bytes
        })
    });
    kept.filter(|piece| std::future::ready(!matches!(piece, Ok(bytes) if bytes.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_whole_blocks_the_bytes_that_were_asked_for_are_kept() {
        for (skip, length) in [(0, 10), (3, 4), (9, 1), (2, 0), (4, 3)] {
            let pieces = [b"01".as_slice(), b"23456", b"789"].map(|piece| Ok(Bytes::from_static(piece)));
            let kept: Vec<Bytes> = cut(futures::stream::iter(pieces), skip, length).try_collect().await.unwrap();
            let from = usize::try_from(skip).unwrap();
            assert_eq!(kept.concat(), b"0123456789"[from..from + usize::try_from(length).unwrap()], "{skip} {length}");
        }
    }
}
