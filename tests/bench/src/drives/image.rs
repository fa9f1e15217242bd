//! Raw images that are sparse: noise in pieces, evenly spread, and holes between.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;

use crate::rivals;

/// Bytes of a piece of noise.
const PIECE: u64 = 1 << 20;
/// Pieces begin at multiples of it.
const BLOCK: u64 = 4096;

#[derive(Clone, Copy, Debug)]
pub(super) struct Image {
    /// Bytes.
    pub size: u64,
    /// Bytes of noise.
    data: u64,
}

impl Image {
    /// Both in MiB.
    pub(super) fn new(size: u64, data: u64) -> anyhow::Result<Self> {
        ensure!(data > 0 && data <= size, "an image of {size} MiB cannot hold {data} MiB of data");
        Ok(Self { size: size << 20, data: data << 20 })
    }

    pub(super) fn text(&self) -> String {
        format!("{} MiB with {} MiB of data in pieces of 1 MiB", self.size >> 20, self.data >> 20)
    }

    /// MiB of data a second.
    pub(super) fn rate(&self, took: Duration) -> f64 {
        (self.data >> 20) as f64 / took.as_secs_f64().max(1e-9)
    }

    fn offsets(&self) -> impl Iterator<Item = u64> {
        let pieces = self.data / PIECE;
        let stride = self.size / pieces / BLOCK * BLOCK;
        (0..pieces).map(move |piece| piece * stride)
    }

    /// Into a file of its own, or into that of a fresh drive, which has the size already: how it came there is not measured.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut noise = File::open("/dev/urandom")?;
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        file.set_len(self.size)?;
        let mut piece = piece()?;
        for offset in self.offsets() {
            noise.read_exact(&mut piece)?;
            file.write_all_at(&piece, offset)?;
        }
        Ok(file.sync_all()?)
    }

    /// The page cache has its noise: so both sides begin alike.
    pub(super) fn warm(&self, path: &Path) -> anyhow::Result<()> {
        let file = File::open(path)?;
        let mut piece = piece()?;
        for offset in self.offsets() {
            file.read_exact_at(&mut piece, offset)?;
        }
        Ok(())
    }

    /// A copy of the image at `one` has the same noise, and its holes take no room.
    pub(super) fn check_copy(&self, one: &Path, copy: &Path) -> anyhow::Result<()> {
        let (from, to) = (File::open(one)?, File::open(copy)?);
        let (mut expected, mut found) = (piece()?, piece()?);
        for offset in self.offsets() {
            from.read_exact_at(&mut expected, offset)?;
            to.read_exact_at(&mut found, offset)?;
            ensure!(expected == found, "the copy has other bytes at {offset}");
        }
        // The kernel counts in units of 512 bytes.
        let (size, taken) = (to.metadata()?.size(), to.metadata()?.blocks() * 512);
        ensure!(size == self.size, "the copy has {size} bytes");
        ensure!(taken <= self.data + (self.size - self.data) / 2 + PIECE, "the copy is not sparse: it takes {taken} bytes");
        Ok(())
    }
}

fn piece() -> anyhow::Result<Vec<u8>> {
    Ok(vec![0; usize::try_from(PIECE)?])
}

/// `sync FILE`, which other tools leave to whoever runs them.
pub(super) fn synced(file: &Path) -> anyhow::Result<Duration> {
    let mut command = Command::new("sync");
    command.arg(file);
    rivals::run(command)
}
