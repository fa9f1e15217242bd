//! Whoever wrote the tape meant harm: documents that end early, nest, repeat, or are nearly right, from a generator that is the same in every
//! run. Nothing may panic, and nothing that is read may be larger than its bound.

use crate::bounds::{DEPTH, Room};
use crate::memory::Coherency;
use crate::{
    Error, Extent, HASH, Index, IndexReader, IndexWriter, Keep, Kind, Label, NewFile, Partition, Pointers, Position, Time, Times,
    Uuid, VolumeLabel,
};

const ROUNDS: u32 = 1_000;

/// xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.roll() >> 33).unwrap() % most.max(1)
    }

    fn name(&mut self) -> String {
        const CHARACTERS: [char; 16] =
            ['a', 'B', '7', ' ', '.', '%', ':', '&', '<', '"', '\n', '\u{1}', 'é', '日', '\u{ffff}', '😀'];
        (0..=self.below(12)).map(|_| CHARACTERS[self.below(16)]).collect()
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| u8::try_from(self.roll() >> 56).unwrap()).collect()
    }

    fn index(&mut self) -> Index {
        let time =
            Time::new(i64::from(u32::try_from(self.roll() >> 32).unwrap()), u32::try_from(self.below(1_000_000_000)).unwrap());
        let mut index = Index::new("Capstan <test> & co", Uuid([5; 16]), &self.name(), Partition::B, time);
        let mut directories = vec![String::new()];
        for _ in 0..self.below(40) {
            let around = directories[self.below(directories.len())].clone();
            let path = if around.is_empty() { self.name() } else { format!("{around}/{}", self.name()) };
            let done = match self.below(4) {
                0 => index.make_directory(&path, time).inspect(|_| directories.push(path.clone())),
                1 => index.put_link(&path, &self.name(), time),
                _ => {
                    let extent = Extent {
                        file_offset: self.roll() >> 40,
                        start_block: self.roll() >> 20,
                        byte_count: (self.roll() >> 30) + 1,
                        byte_offset: 17,
                        partition: Partition::B,
                    };
                    let length = extent.file_offset + extent.byte_count + self.roll() % 3;
                    let attributes = vec![
                        (HASH.to_owned(), b"0123".to_vec()),
                        ("x:y".to_owned(), self.bytes(40)),
                        (" k".to_owned(), b" v ".to_vec()),
                    ];
                    index.put_file(&path, NewFile { length, extents: vec![extent], times: Times::all(time), attributes }, time)
                }
            };
            if done.is_ok() && self.below(3) == 0 {
                index.set_read_only(&path, true, time).unwrap();
            }
        }
        index
    }
}

const POINTERS: Pointers = Pointers {
    location: Position { partition: Partition::A, block: 5 },
    previous: Some(Position { partition: Partition::B, block: 77 }),
};

fn document(index: &Index) -> Vec<u8> {
    IndexWriter::new(index, POINTERS, 1000).flatten().collect()
}

fn read(document: &[u8], piece: usize) -> Result<Index, Error> {
    let mut reader = IndexReader::new(Keep::Tree, Room::default());
    document.chunks(piece).try_for_each(|bytes| reader.push(bytes))?;
    reader.finish()
}

fn around(contents: &str) -> String {
    format!(
        "<ltfsindex version=\"2.4.0\"><creator>x</creator><volumeuuid>30a91a08-daae-48d1-ae75-69804e61d2ea</volumeuuid>\
         <generationnumber>3</generationnumber><updatetime>2013-01-12T18:13:07Z</updatetime><location><partition>a</partition>\
         <startblock>5</startblock></location><highestfileuid>9</highestfileuid>\
         <directory><name/><contents>{contents}</contents></directory></ltfsindex>"
    )
}

#[test]
fn whatever_the_tree_holds_comes_back_from_the_document() {
    let mut dice = Dice(1);
    for _ in 0..200 {
        let index = dice.index();
        let document = document(&index);
        let again = read(&document, 1 + dice.below(3000)).unwrap();
        let entries = |index: &Index| index.walk().map(|(path, entry)| (path, entry.clone())).collect::<Vec<_>>();
        assert_eq!(entries(&again), entries(&index));
        assert_eq!(
            (again.entries(), again.highest_uid, again.generation),
            (index.entries(), index.highest_uid, index.generation)
        );
        assert_eq!((again.creator.clone(), again.update_time), (index.creator.clone(), index.update_time));
        assert_eq!((again.location, again.previous), (POINTERS.location, POINTERS.previous));
        assert_eq!(document, self::document(&again));
    }
}

#[test]
fn blocks_are_full_but_for_the_last() {
    let index = Dice(2).index();
    let blocks: Vec<Vec<u8>> = IndexWriter::new(&index, POINTERS, 512).collect();
    let (last, full) = blocks.split_last().unwrap();
    assert!(full.iter().all(|block| block.len() == 512) && (1..=512).contains(&last.len()) && full.len() > 2);
}

#[test]
fn an_index_that_ends_early_is_none() {
    let document = document(&Dice(3).index());
    for length in (0..document.len() - 1).rev().step_by(3) {
        assert!(read(&document[..length], 4096).is_err(), "{length}");
    }
    assert!(read(&[&document, &b"\n\0\0"[..]].concat(), 7).is_ok());
    assert!(read(&[&document, &b"<a/>"[..]].concat(), 7).is_err());
}

#[test]
fn noise_in_a_document_never_panics() {
    let mut dice = Dice(4);
    let index = document(&dice.index());
    let label = Label::parse(
        b"<ltfslabel version=\"2.4.0\"><creator>c</creator><formattime>2013-01-12T18:13:07Z</formattime><volumeuuid>30a91a08-daae-48d1-ae75-69804e61d2ea</volumeuuid><location><partition>a</partition></location><partitions><index>a</index><data>b</data></partitions><blocksize>4096</blocksize><compression>true</compression></ltfslabel>",
    );
    let label = label.unwrap().to_bytes();
    for _ in 0..ROUNDS {
        let mut bytes = if dice.below(2) == 0 { index.clone() } else { label.clone() };
        for _ in 0..=dice.below(6) {
            let at = dice.below(bytes.len());
            match dice.below(4) {
                0 => bytes[at] = b"<>/&;\"0-%\xff \0"[dice.below(12)],
                1 => drop(bytes.drain(at..(at + dice.below(40)).min(bytes.len()))),
                2 => bytes.extend_from_within(at..(at + dice.below(300)).min(bytes.len())),
                _ => {
                    let noise = dice.bytes(20);
                    drop(bytes.splice(at..at, noise));
                }
            }
        }
        let _ = Label::parse(&bytes);
        if let Ok(index) = read(&bytes, 4096) {
            assert_eq!(read(&document(&index), 999).unwrap().entries(), index.entries());
            for (_, entry) in index.walk() {
                if let Kind::File(file) = &entry.kind {
                    crate::runs(file.extents(), file.length, 3, u64::MAX, 4096);
                }
            }
            index.end_of_extents(Partition::B, 512);
        }
        let noise = dice.bytes(100);
        let _ = (Coherency::parse(&noise), VolumeLabel::parse(&noise), crate::memory::change_reference(&noise));
    }
}

#[test]
fn what_is_not_known_is_kept_where_it_was() {
    let file = "<file><name>f</name><length>0</length><v:x xmlns:v=\"u\"><a b=\"&lt;\">t &amp; <c/></a></v:x><fileuid>2</fileuid><odd/></file>";
    let text = around(file).replace("<highestfileuid>", "<dataplacementpolicy><indexpartitioncriteria><size>1</size><name>*.txt</name></indexpartitioncriteria></dataplacementpolicy><volumelockstate>locked</volumelockstate><highestfileuid>");
    let text = text.replace("</contents></directory>", "</contents><mine>1</mine></directory>");
    let index = read(text.as_bytes(), 11).unwrap();
    assert!(index.is_locked());
    let again = String::from_utf8(document(&index)).unwrap();
    for kept in [
        "<v:x xmlns:v=\"u\"><a b=\"&lt;\">t &amp; <c/></a></v:x><odd/></file>",
        "<size>1</size><name>*.txt</name></indexpartitioncriteria></dataplacementpolicy></ltfsindex>",
        "</contents><mine>1</mine></directory>",
        "<volumelockstate>locked</volumelockstate>",
    ] {
        assert!(again.contains(kept), "{kept}\n{again}");
    }
    assert_eq!(document(&read(again.as_bytes(), 5).unwrap()), again.as_bytes());
}

#[test]
fn what_other_software_writes_is_read() {
    let contents = "<file><length>5</length><name percentencoded=\"true\">a%3Ab%2Fc</name><readonly>TRUE</readonly><symlink>../x</symlink></file>\
        <file><name>..</name><length> 10 </length><extentinfo><extent><partition>b</partition><startblock>9</startblock><byteoffset>3</byteoffset>\
        <bytecount>4</bytecount></extent><extent><partition>b</partition><startblock>11</startblock><byteoffset>0</byteoffset><bytecount>6</bytecount>\
        </extent><extent><partition>b</partition><startblock>0</startblock><byteoffset>0</byteoffset><bytecount>0</bytecount></extent></extentinfo>\
        <extendedattributes><xattr><key>k</key><value type=\"base64\">/w==</value></xattr><xattr><key>t</key><value type=\"text\">a&#10;b</value></xattr>\
        <xattr><key>e</key><value/></xattr></extendedattributes></file>";
    let index = read(around(contents).as_bytes(), 1).unwrap();
    let link = index.lookup("a:b%2Fc").unwrap();
    assert!(link.read_only && link.kind == Kind::Link("../x".into()));
    let file = index.lookup("%2E%2E").unwrap();
    let extents: Vec<_> = file.file().unwrap().extents().iter().map(|extent| (extent.file_offset, extent.byte_count)).collect();
    assert_eq!(extents, [(0, 4), (4, 6)]);
    assert_eq!(
        (file.attributes.get("k"), file.attributes.get("t"), file.attributes.get("e")),
        (Some(&[0xff][..]), Some(&b"a\nb"[..]), Some(&b""[..]))
    );
    // Without uids, as before 2.0: new ones, none twice.
    let mut uids: Vec<u64> = index.walk().map(|(_, entry)| entry.uid).collect();
    uids.sort_unstable();
    assert_eq!((uids, index.highest_uid), (vec![11, 12], 12));
}

#[test]
fn an_index_is_refused_that_is_against_the_format() {
    let refused = |contents: &str| read(around(contents).as_bytes(), 4096).unwrap_err();
    let file = |name: &str| format!("<file><name>{name}</name><length>1</length></file>");
    assert_eq!(refused(&(file("a") + &file("b") + &file("a"))), Error::Malformed("one entry of a name"));
    assert_eq!(refused(&file(&"x".repeat(256))), Error::Malformed("a name"));
    assert_eq!(refused(&file("")), Error::Malformed("a name"));
    assert_eq!(refused(&file("<b/>x</name><name>y")), Error::Malformed("one name"));
    assert_eq!(refused("<file><name>a</name></file>"), Error::Malformed("the length of a file"));
    assert_eq!(refused("<file><name>a</name><length>-1</length></file>"), Error::Malformed("a number"));
    assert_eq!(refused("<file><name>a</name><length>18446744073709551616</length></file>"), Error::Malformed("a number"));
    let extent = |offset: &str, count: &str| {
        format!(
            "<extent><fileoffset>{offset}</fileoffset><partition>b</partition><startblock>1</startblock><bytecount>{count}</bytecount></extent>"
        )
    };
    let with = |extents: String| format!("<file><name>a</name><length>10</length><extentinfo>{extents}</extentinfo></file>");
    assert_eq!(refused(&with(extent("0", "11"))), Error::Malformed("the extents of a file"));
    assert_eq!(refused(&with(extent("18446744073709551615", "2"))), Error::Malformed("the extents of a file"));
    assert_eq!(refused(&with(extent("0", "5") + &extent("4", "5"))), Error::Malformed("the extents of a file"));
    assert_eq!(refused(&with("<extent/>".to_owned())), Error::Malformed("a pointer"));
    assert_eq!(refused("<file></directory>"), Error::Malformed("the end of an element"));
    assert!(matches!(read(around("").replace("2.4.0", "4.0").as_bytes(), 9), Err(Error::Version(_))));
    assert_eq!(
        read(around("").replace("<generationnumber>3</generationnumber>", "").as_bytes(), 9).unwrap_err(),
        Error::Malformed("the generation of an index")
    );
    assert_eq!(
        read(around("").replace("<creator>x", "<creator>\u{fffd}").replace('\u{fffd}', "").as_bytes(), 9)
            .map(|index| index.creator),
        Ok("".into())
    );
    let mut bytes = around("").into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'x').unwrap();
    bytes[at] = 0xff;
    assert!(read(&bytes, 9).is_err());
}

#[test]
fn what_is_too_much_is_refused_before_it_is_held() {
    let nested = |count: usize| "<directory><name>d</name><contents>".repeat(count) + &"</contents></directory>".repeat(count);
    assert!(read(around(&nested(DEPTH)).as_bytes(), 4096).is_ok());
    assert_eq!(read(around(&nested(DEPTH + 1)).as_bytes(), 4096).unwrap_err(), Error::TooMuch("directories inside each other"));
    assert_eq!(read(around(&"<x>".repeat(100_000)).as_bytes(), 4096).unwrap_err(), Error::TooMuch("elements inside each other"));
    assert_eq!(
        read(around(&("<".to_owned() + &"x".repeat(2 << 20))).as_bytes(), 4096).unwrap_err(),
        Error::TooMuch("bytes of an element")
    );
    let many = "<file><name>n</name><length>0</length><comment>y</comment></file>";
    let tight = |room: Room| {
        let mut reader = IndexReader::new(Keep::Header, room);
        around(&many.repeat(100)).as_bytes().chunks(100).try_for_each(|bytes| reader.push(bytes))
    };
    assert_eq!(tight(Room { entries: 101, bytes: 10_000 }), Ok(()));
    assert_eq!(tight(Room { entries: 100, bytes: 10_000 }), Err(Error::TooMuch("files and directories")));
    assert_eq!(tight(Room { entries: 101, bytes: 1000 }), Err(Error::TooMuch("bytes of an index")));
}
