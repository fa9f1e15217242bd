//! How much memory an index takes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use capstan_ltfs::bounds::Room;
use capstan_ltfs::{Extent, HASH, Index, IndexReader, IndexWriter, Keep, NewFile, Partition, Pointers, Position, Time, Uuid};

const FILES: u64 = 100_000;
const MOST_BYTES: u64 = 400;

/// Bytes of this process that are in memory; none: not Linux.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/statm").ok()?;
    status.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
}

#[test]
fn a_file_of_an_index_takes_less_than_400_bytes_however_it_came_there() {
    let Some(before) = resident() else { return };
    let mut index = Index::new("Capstan - test", Uuid([1; 16]), "", Partition::B, Time::EPOCH);
    for number in 0..FILES {
        let directory = format!("directory {:04}", number / 1000);
        index.make_directories(&directory, Time::EPOCH).unwrap();
        let extent = Extent { file_offset: 0, start_block: number, byte_count: 4096, byte_offset: 0, partition: Partition::B };
        let attributes = vec![(HASH.to_owned(), vec![b'a'; 64])];
        let file = NewFile { length: 4096, extents: vec![extent], attributes, ..NewFile::default() };
        index.put_file(&format!("{directory}/a name of a file {number:08}"), file, Time::EPOCH).unwrap();
    }
    let made = resident().unwrap() - before;
    assert!(made / FILES < MOST_BYTES, "{} bytes a file that was made", made / FILES);

    let before = resident().unwrap();
    let pointers = Pointers { location: Position { partition: Partition::B, block: 5 }, previous: None };
    let mut reader = IndexReader::new(Keep::Tree, Room::default());
    for block in IndexWriter::new(&index, pointers, 524_288) {
        reader.push(&block).unwrap();
    }
    let again = reader.finish().unwrap();
    let read = resident().unwrap() - before;
    assert_eq!(again.entries(), index.entries());
    assert!(read / FILES < MOST_BYTES, "{} bytes a file that was read", read / FILES);
}
