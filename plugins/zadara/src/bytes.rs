//! A drive's bytes: read, written, flushed.

use capstan_iscsi::Data;
use capstan_scsi::block;
use capstan_sdk::content::Content;
use capstan_sdk::drive::end_within;
use capstan_sdk::failure::malformed;
use capstan_sdk::types::Drive;
use capstan_sdk::{Failure, Outcome, StreamWriter, gather, named};

use crate::access;
use crate::disk::{Disk, PIECE, Piece, is_elsewhere, pieces};
use crate::pools::BLOCK;
use crate::record::{self, Place};

/// Where bytes go that were read. False: nobody wants them any more.
pub(crate) trait Sink {
    async fn give(&mut self, bytes: Vec<u8>) -> bool;
}

impl Sink for StreamWriter<u8> {
    async fn give(&mut self, bytes: Vec<u8>) -> bool {
        self.write_all(bytes).await.is_empty()
    }
}

/// Where bytes come from that are written.
pub(crate) trait Source {
    fn size(&self) -> u64;
    async fn bytes(&self, from: u64, length: u64) -> Outcome<Vec<u8>>;
}

impl Source for Content {
    fn size(&self) -> u64 {
        Content::size(self)
    }

    async fn bytes(&self, from: u64, length: u64) -> Outcome<Vec<u8>> {
        gather::exactly(self, from, usize::try_from(length).unwrap_or(usize::MAX)).await
    }
}

/// The volume of a drive, opened; the session is left for the next call where the work went well.
pub(crate) async fn on_disk<T>(place: Place<'_>, work: impl AsyncFnOnce(&mut Disk) -> Outcome<T>) -> Outcome<T> {
    let (_, volume) = record::ready(place).await?;
    let mut disk = Disk::open(&volume, &place.subject()).await?;
    let done = work(&mut disk).await.inspect_err(|failure| astray(&volume, failure))?;
    disk.give_back();
    Ok(done)
}

fn astray(volume: &str, failure: &Failure) {
    if is_elsewhere(failure) {
        access::forget(volume);
    }
}

/// What is still to be read of a drive.
pub(crate) struct Reading {
    volume: String,
    disk: Disk,
    rest: Piece,
    ready: Vec<u8>,
}

/// What a call can fail at, it fails at before it answers: the first bytes are there.
pub(crate) async fn read(place: Place<'_>, range: Piece) -> Outcome<(Drive, Reading)> {
    let (_, volume) = record::ready(place).await?;
    let mut disk = Disk::open(&volume, &place.subject()).await?;
    let size = disk.capacity.bytes();
    end_within(size, BLOCK, range.offset, range.length)?;
    let drive =
        Drive { name: place.name.to_owned(), size, used: None, created: None, extras: vec![named("engine-id", volume.as_str())] };
    let (mut rest, mut ready) = (range, Vec::new());
    if let Some(first) = pieces(range, u64::from(PIECE)).next() {
        let (cdb, data) = reading(first);
        ready = whole(first, disk.run(&cdb, data).await.inspect_err(|failure| astray(&volume, failure))?)?;
        rest = Piece { offset: first.offset + first.length, length: range.length - first.length };
    }
    Ok((drive, Reading { volume, disk, rest, ready }))
}

fn reading(piece: Piece) -> (Vec<u8>, Data) {
    let bytes = u32::try_from(piece.length).unwrap_or(u32::MAX);
    (block::read(piece.block(), piece.blocks()).to_vec(), Data::In(bytes))
}

fn whole(piece: Piece, data: Vec<u8>) -> Outcome<Vec<u8>> {
    if data.len() as u64 == piece.length {
        return Ok(data);
    }
    Err(malformed(
        "the VPSA's target gave another number of bytes than was asked for",
        format!("{} of {}", data.len(), piece.length),
    ))
}

impl Reading {
    /// Hands everything on. Answers early, and well, when nobody reads any more.
    pub(crate) async fn pour(self, sink: &mut impl Sink) -> Outcome<()> {
        let Self { volume, mut disk, rest, ready } = self;
        if !ready.is_empty() && !sink.give(ready).await {
            return Ok(());
        }
        let cut = pieces(rest, u64::from(PIECE));
        let poured = disk
            .run_all(cut, async |piece| Ok(reading(piece)), async |piece, data| Ok(sink.give(whole(piece, data)?).await))
            .await;
        poured.inspect_err(|failure| astray(&volume, failure))?;
        disk.give_back();
        Ok(())
    }
}

pub(crate) async fn write(place: Place<'_>, offset: u64, content: &impl Source) -> Outcome<()> {
    let range = Piece { offset, length: content.size() };
    on_disk(place, async |disk: &mut Disk| {
        end_within(disk.capacity.bytes(), BLOCK, range.offset, range.length)?;
        let command = async |piece: Piece| {
            let bytes = content.bytes(piece.offset - offset, piece.length).await?;
            Ok((block::write(piece.block(), piece.blocks(), false).to_vec(), Data::Out(bytes)))
        };
        disk.run_all(pieces(range, u64::from(PIECE)), command, async |_, _| Ok(true)).await
    })
    .await
}

pub(crate) async fn flush(place: Place<'_>) -> Outcome<()> {
    on_disk(place, async |disk: &mut Disk| disk.run(&block::synchronize_cache(0, 0), Data::None).await.map(drop)).await
}
