//! A cartridge in a drive: its memory and its partitions, open.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Chip, Partition};
use crate::plan::CartridgePlan;
use crate::time::{Layout, Spot};

#[derive(Debug)]
pub(crate) struct Cartridge {
    directory: PathBuf,
    pub(crate) chip: Chip,
    partitions: Vec<Partition>,
}

impl Cartridge {
    /// Makes one, unless there is one of that label.
    pub(crate) fn make(shelf: &Path, plan: &CartridgePlan) -> io::Result<()> {
        let directory = shelf.join(&plan.barcode);
        if directory.exists() {
            return Ok(());
        }
        fs::create_dir_all(&directory)?;
        Chip::new(plan).save(&directory)
    }

    pub(crate) fn open(shelf: &Path, barcode: &str) -> io::Result<Self> {
        let directory = shelf.join(barcode);
        let chip = Chip::read(&directory)?;
        let partitions = (0..chip.layout.partitions()).map(|number| Partition::open(&directory, number, chip.sink));
        let partitions = partitions.collect::<io::Result<_>>()?;
        Ok(Self { directory, chip, partitions })
    }

    /// None: it has no such partition.
    pub(crate) fn partition(&mut self, number: u8) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::from(number))
    }

    pub(crate) fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter()
    }

    /// Bytes of the tape before a record.
    pub(crate) fn before(&self, partition: u8, record: u64) -> u64 {
        self.partitions.get(usize::from(partition)).map_or(0, |partition| partition.before(record))
    }

    pub(crate) fn spot(&self, partition: u8, record: u64) -> Spot {
        self.chip.layout.spot(partition, self.before(partition, record))
    }

    /// At most so many records of the buffer come to the medium; the memory tells of it.
    pub(crate) fn commit(&mut self, partition: u8, most: u64) -> io::Result<()> {
        let Some(of) = self.partitions.get_mut(usize::from(partition)) else { return Ok(()) };
        let before = of.committed();
        of.commit(most)?;
        if of.committed() != before {
            self.chip.changes = self.chip.changes.wrapping_add(1);
            self.save()?;
        }
        Ok(())
    }

    pub(crate) fn save(&self) -> io::Result<()> {
        self.chip.save(&self.directory)
    }

    /// Nothing that was on it is left.
    pub(crate) fn format(&mut self, layout: Layout) -> io::Result<()> {
        for partition in &mut self.partitions {
            partition.erase(0)?;
        }
        self.chip.divide(layout);
        self.chip.formats = self.chip.formats.saturating_add(1);
        self.chip.changes = self.chip.changes.wrapping_add(1);
        self.save()?;
        let numbers = 0..self.chip.layout.partitions();
        self.partitions =
            numbers.map(|number| Partition::open(&self.directory, number, self.chip.sink)).collect::<io::Result<_>>()?;
        for partition in &mut self.partitions {
            partition.erase(0)?;
        }
        Ok(())
    }
}
