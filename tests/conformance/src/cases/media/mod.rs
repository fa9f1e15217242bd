//! `capstan:target/media`. The kit's location is a cartridge, which the cases write and format; there is one of it, and it is in one drive. So
//! they take turns, and each that needs a tape begins with one that it formats.

pub mod drive;
pub mod lasting;
pub mod library;
pub mod loading;
pub mod marks;
pub mod robot;
pub mod stream;

use anyhow::{Context, ensure};
use capstan_domain::ports::{Laying, Media, TapePlace, Written};
use tokio::sync::MutexGuard;

use crate::case::Case;
use crate::content::{collect, seeded, seeded_bytes};
use crate::stand::Stand;
use crate::{Check, told};

/// What the tape is labelled with.
const LABEL: &str = "KIT001";
/// The first object behind the label and its mark.
const FIRST: u64 = 2;
/// Bytes of the blocks that cases write: every drive there is takes them.
const BLOCK: u32 = 32 << 10;
const ONE: u64 = BLOCK as u64;
/// What no library, drive or cartridge is called.
const NOWHERE: &str = "nowhere-at-all";
const NO_CARTRIDGE: &str = "NOSUCH00";
/// More than any case writes.
const ALL: u64 = 64 << 20;

pub fn all() -> Vec<Case> {
    let groups = [library::all(), robot::all(), loading::all(), drive::all(), stream::all(), marks::all(), lasting::all()];
    groups.into_iter().flatten().collect()
}

/// At the end of the data.
pub(crate) fn at_end(object: u64, filemarks: u32) -> Laying {
    Laying { partition: 0, object, truncate: false, block: BLOCK, filemarks }
}

/// The kit's cartridge in a drive, for one case at a time.
pub(crate) struct Tape<'a> {
    pub media: &'a dyn Media,
    pub drive: String,
    stand: &'a Stand<'a>,
    _turn: MutexGuard<'a, ()>,
}

/// As it is.
pub(crate) async fn loaded<'a>(stand: &'a Stand<'a>) -> anyhow::Result<Tape<'a>> {
    let turn = stand.kit()?.turn.lock().await;
    let media = stand.media()?;
    let drive = media.load(stand.location, None, &stand.key("load")).await.map_err(told).context("load")?;
    ensure!(
        drive.ready && drive.cartridge.as_deref() == Some(stand.location),
        "a load of {:?} answers {drive:?}",
        stand.location
    );
    Ok(Tape { media, drive: drive.name, stand, _turn: turn })
}

/// Once more, as it is.
pub(crate) async fn reload(tape: &mut Tape<'_>) -> Check {
    let load = tape.media.load(tape.stand.location, None, &tape.stand.key("reload")).await.map_err(told).context("load")?;
    tape.drive = load.name;
    Ok(())
}

/// With a label and nothing else on it.
pub(crate) async fn blank<'a>(stand: &'a Stand<'a>) -> anyhow::Result<Tape<'a>> {
    let tape = loaded(stand).await?;
    tape.format("format").await?;
    Ok(tape)
}

impl Tape<'_> {
    pub(crate) async fn format(&self, attempt: &str) -> Check {
        // One that keeps files on its cartridges would lay a volume of them.
        let bare = vec![("files".to_owned(), "none".to_owned())];
        let medium = self.media.format(&self.drive, LABEL, &self.stand.key(attempt), bare).await.map_err(told);
        let medium = medium.context("format")?;
        ensure!(!medium.write_protected && !medium.partitions.is_empty(), "a format answers {medium:?}");
        Ok(())
    }

    /// So many bytes of a seed, and a mark, where the data ends.
    pub(crate) async fn write(&self, object: u64, size: u64, seed: u64, attempt: &str) -> capstan_domain::Outcome<Written> {
        self.media.write(&self.drive, at_end(object, 1), seeded(size, seed), &self.stand.key(attempt)).await
    }

    /// So many bytes of a seed, and so many marks, where it must succeed; answers the object behind them.
    pub(crate) async fn lay(&self, object: u64, size: u64, seed: u64, marks: u32) -> anyhow::Result<u64> {
        let attempt = self.stand.key(&format!("lay {object} {seed}"));
        let written = self.media.write(&self.drive, at_end(object, marks), seeded(size, seed), &attempt).await;
        let written = written.map_err(told).context("write")?;
        let end = object + size.div_ceil(ONE) + u64::from(marks);
        ensure!(
            written.bytes == size && written.place.object == end,
            "a write of {size} bytes and {marks} filemarks at {object} answers {written:?}"
        );
        Ok(end)
    }

    /// The same with one mark; answers the object behind it.
    pub(crate) async fn put(&self, object: u64, size: u64, seed: u64) -> anyhow::Result<u64> {
        self.lay(object, size, seed, 1).await
    }

    pub(crate) async fn read(&self, object: u64, length: u64) -> capstan_domain::Outcome<Vec<u8>> {
        let (_, body) = self.media.read(&self.drive, 0, object, length).await?;
        collect(body, usize::try_from(ALL).unwrap_or(usize::MAX)).await
    }

    /// From there to the mark lie the bytes of this seed, and then the tape is behind the mark.
    pub(crate) async fn holds(&self, object: u64, size: u64, seed: u64) -> Check {
        let bytes = self.read(object, ALL).await.map_err(told).with_context(|| format!("read at {object}"))?;
        ensure!(bytes.len() as u64 == size, "{} bytes lie at {object} instead of {size}", bytes.len());
        ensure!(bytes == seeded_bytes(seed, 0, size), "other bytes lie at {object} than were written there");
        let behind = object + size.div_ceil(u64::from(BLOCK)) + 1;
        self.stands(behind, Some("filemark")).await
    }

    pub(crate) async fn stands(&self, object: u64, met: Option<&str>) -> Check {
        is_at(&self.media.position(&self.drive).await.map_err(told).context("position")?, object, met)
    }
}

pub(crate) fn is_at(place: &TapePlace, object: u64, met: Option<&str>) -> Check {
    ensure!(
        (place.partition, place.object, place.met.as_deref()) == (0, object, met),
        "the tape is at {place:?} instead of {object}, {met:?}"
    );
    Ok(())
}
