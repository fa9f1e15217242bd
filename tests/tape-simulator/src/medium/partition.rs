//! The records of a partition: blocks and filemarks one behind the other.
//!
//! Blocks are appended to the data file as they come. They are on the medium once the index tells of them; until then they are in the drive's
//! buffer, and gone if nobody commits them. What is overwritten is gone when what overwrites it is committed, not before.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::record::{ENTRY, Entry, Kind, OVERHEAD, Record};

/// Small blocks are written to the file together, so many bytes at a time.
const TOGETHER: usize = 1 << 20;
/// Where nothing is kept, blocks up to this are: labels, indexes, headers of files.
const KEPT: usize = 16 << 10;

#[derive(Debug)]
pub(crate) struct Partition {
    data: File,
    index: File,
    index_path: PathBuf,
    sink: bool,
    records: Vec<Record>,
    /// Numbers of the records that are filemarks.
    marks: Vec<u64>,
    /// Records that the index tells of.
    committed: usize,
    /// The index tells of more than these: it has to be cut first.
    cut: bool,
    /// How long the index is, where half an entry lies behind it.
    torn: Option<u64>,
    /// What the data file has, and what goes behind it.
    length: u64,
    tail: Vec<u8>,
}

impl Partition {
    /// Opens it as the medium has it; makes an empty one where there is none.
    pub(crate) fn open(directory: &Path, number: usize, sink: bool) -> io::Result<Self> {
        let open =
            |name: String| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(directory.join(name));
        let index_path = directory.join(format!("{number}.index"));
        let mut partition = Self {
            data: open(format!("{number}.data"))?,
            index: OpenOptions::new().read(true).append(true).create(true).open(&index_path)?,
            index_path,
            sink,
            records: Vec::new(),
            marks: Vec::new(),
            committed: 0,
            cut: false,
            torn: None,
            length: 0,
            tail: Vec::new(),
        };
        partition.replay()?;
        Ok(partition)
    }

    fn replay(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.index.read_to_end(&mut bytes)?;
        let (entries, torn) = bytes.as_chunks::<ENTRY>();
        for entry in entries {
            match Entry::read(*entry) {
                Some(Entry::Record { kind, length, offset }) => {
                    if kind == Kind::Block {
                        self.length = self.length.max(offset + u64::from(length));
                    }
                    self.push(kind, length, offset);
                }
                Some(Entry::Cut(count)) => self.truncate(usize::try_from(count).unwrap_or(usize::MAX)),
                None => return Err(io::Error::new(io::ErrorKind::InvalidData, "not an index")),
            }
        }
        // The simulator was ended in the middle of an entry: it goes before another one comes.
        self.torn = (!torn.is_empty()).then(|| (bytes.len() - torn.len()) as u64);
        self.committed = self.records.len();
        self.cut = false;
        Ok(())
    }

    fn push(&mut self, kind: Kind, length: u32, offset: u64) {
        let end = self.end() + u64::from(length) + OVERHEAD;
        if kind == Kind::Filemark {
            self.marks.push(self.records.len() as u64);
        }
        self.records.push(Record { kind, length, offset, end });
    }

    fn truncate(&mut self, count: usize) {
        if count < self.records.len() {
            self.records.truncate(count);
            self.marks.truncate(self.marks.partition_point(|mark| *mark < count as u64));
            if count < self.committed {
                (self.committed, self.cut) = (count, true);
            }
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.records.len() as u64
    }

    pub(crate) fn committed(&self) -> u64 {
        self.committed as u64
    }

    /// Bytes of the tape that are in the buffer only.
    pub(crate) fn waiting(&self) -> u64 {
        self.end() - self.before(self.committed())
    }

    /// Bytes of the tape that are written.
    pub(crate) fn end(&self) -> u64 {
        self.records.last().map_or(0, |record| record.end)
    }

    /// Bytes of the tape before a record.
    pub(crate) fn before(&self, record: u64) -> u64 {
        let before = usize::try_from(record).ok().and_then(|record| record.checked_sub(1));
        before.map_or(0, |before| self.records.get(before).map_or(self.end(), |record| record.end))
    }

    pub(crate) fn record(&self, number: u64) -> Option<Record> {
        self.records.get(usize::try_from(number).ok()?).copied()
    }

    /// Numbers of the filemarks, in order.
    pub(crate) fn marks(&self) -> &[u64] {
        &self.marks
    }

    /// A block at this record; what was there and behind it is gone.
    pub(crate) fn write(&mut self, at: u64, block: &[u8]) -> io::Result<()> {
        self.truncate(usize::try_from(at).unwrap_or(usize::MAX));
        let length = u32::try_from(block.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        if self.sink && block.len() > KEPT {
            self.push(Kind::Sunk, length, self.count());
            return Ok(());
        }
        let offset = self.length + self.tail.len() as u64;
        if block.len() >= TOGETHER {
            self.settle()?;
            self.data.write_all_at(block, self.length)?;
            self.length += block.len() as u64;
        } else {
            self.tail.extend_from_slice(block);
            if self.tail.len() >= TOGETHER {
                self.settle()?;
            }
        }
        self.push(Kind::Block, length, offset);
        Ok(())
    }

    pub(crate) fn mark(&mut self, at: u64) {
        self.truncate(usize::try_from(at).unwrap_or(usize::MAX));
        self.push(Kind::Filemark, 0, 0);
    }

    /// Everything from this record on is gone.
    pub(crate) fn erase(&mut self, from: u64) -> io::Result<()> {
        self.truncate(usize::try_from(from).unwrap_or(usize::MAX));
        self.commit(u64::MAX)
    }

    /// The file has what was gathered.
    fn settle(&mut self) -> io::Result<()> {
        self.data.write_all_at(&self.tail, self.length)?;
        self.length += self.tail.len() as u64;
        self.tail.clear();
        Ok(())
    }

    /// So many more records are on the medium, in their order.
    pub(crate) fn commit(&mut self, most: u64) -> io::Result<()> {
        let count = self.records.len() - self.committed;
        let count = usize::try_from(most).map_or(count, |most| most.min(count));
        if count == 0 && !self.cut {
            return Ok(());
        }
        self.settle()?;
        if let Some(whole) = self.torn.take() {
            self.index.set_len(whole)?;
        }
        let mut entries = Vec::with_capacity((count + 1) * ENTRY);
        if self.cut {
            entries.extend_from_slice(&Entry::Cut(self.committed as u64).bytes());
        }
        for record in self.records.iter().skip(self.committed).take(count) {
            let Record { kind, length, offset, .. } = *record;
            entries.extend_from_slice(&Entry::Record { kind, length, offset }.bytes());
        }
        self.index.write_all(&entries)?;
        self.committed += count;
        self.cut = false;
        if self.records.is_empty() {
            self.forget()?;
        }
        Ok(())
    }

    /// Nothing is left: neither are the files' bytes.
    fn forget(&mut self) -> io::Result<()> {
        File::create(&self.index_path)?;
        self.data.set_len(0)?;
        self.length = 0;
        Ok(())
    }

    /// The bytes of a record, at most so many.
    pub(crate) fn read(&mut self, record: &Record, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; most.min(record.length as usize)];
        match record.kind {
            Kind::Filemark => {}
            Kind::Sunk => pattern(record.offset, &mut bytes),
            Kind::Block => {
                if record.offset + u64::from(record.length) > self.length {
                    self.settle()?;
                }
                self.data.read_exact_at(&mut bytes, record.offset)?;
            }
        }
        Ok(bytes)
    }
}

/// What a block reads as whose bytes were not kept: its number, again and again.
fn pattern(number: u64, bytes: &mut [u8]) {
    let number = number.to_be_bytes();
    let (whole, rest) = bytes.as_chunks_mut();
    whole.fill(number);
    for (byte, of) in rest.iter_mut().zip(number) {
        *byte = of;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(directory: &tempfile::TempDir) -> Partition {
        Partition::open(directory.path(), 0, false).unwrap()
    }

    fn block(partition: &mut Partition, at: u64) -> Vec<u8> {
        let record = partition.record(at).unwrap();
        partition.read(&record, usize::MAX).unwrap()
    }

    #[test]
    fn what_was_committed_is_there_again_and_what_was_not_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let mut partition = open(&directory);
        partition.write(0, b"one").unwrap();
        partition.mark(1);
        partition.commit(u64::MAX).unwrap();
        partition.write(2, b"two").unwrap();
        assert_eq!(block(&mut partition, 2), b"two");
        let mut partition = open(&directory);
        assert_eq!((partition.count(), partition.marks()), (2, &[1][..]));
        assert_eq!(block(&mut partition, 0), b"one");
    }

    #[test]
    fn what_is_overwritten_stays_until_what_overwrites_it_is_committed() {
        let directory = tempfile::tempdir().unwrap();
        let mut partition = open(&directory);
        (0..4).for_each(|at| partition.write(at, &[b'a'; 9]).unwrap());
        partition.commit(u64::MAX).unwrap();
        partition.write(1, b"new").unwrap();
        assert_eq!(partition.count(), 2);
        assert_eq!(open(&directory).count(), 4);
        partition.commit(u64::MAX).unwrap();
        let mut partition = open(&directory);
        assert_eq!((partition.count(), block(&mut partition, 1)), (2, b"new".to_vec()));
    }

    #[test]
    fn a_buffer_comes_to_the_medium_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let mut partition = open(&directory);
        (0..4).for_each(|at| partition.write(at, b"x").unwrap());
        partition.commit(3).unwrap();
        assert_eq!(open(&directory).count(), 3);
    }

    #[test]
    fn an_erased_partition_takes_no_room_and_can_be_written() {
        let directory = tempfile::tempdir().unwrap();
        let mut partition = open(&directory);
        partition.write(0, &vec![1; 2 << 20]).unwrap();
        partition.commit(u64::MAX).unwrap();
        partition.erase(0).unwrap();
        assert_eq!(std::fs::metadata(directory.path().join("0.data")).unwrap().len(), 0);
        partition.write(0, b"anew").unwrap();
        partition.commit(u64::MAX).unwrap();
        assert_eq!(block(&mut open(&directory), 0), b"anew");
    }

    #[test]
    fn a_sink_keeps_small_blocks_and_the_lengths_of_large_ones() {
        let directory = tempfile::tempdir().unwrap();
        let mut partition = Partition::open(directory.path(), 0, true).unwrap();
        partition.write(0, b"label").unwrap();
        partition.write(1, &vec![7; 1 << 20]).unwrap();
        assert_eq!(block(&mut partition, 0), b"label");
        let sunk = block(&mut partition, 1);
        assert_eq!((sunk.len(), &sunk[..9]), (1 << 20, &[0, 0, 0, 0, 0, 0, 0, 1, 0][..]));
    }
}
