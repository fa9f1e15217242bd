//! The LTFS label (section 7.1.2): one block with a document that both partitions have, equal but for where it says it is.

use crate::bounds::{BLOCK_BYTES, LABEL_BYTES};
use crate::markup::{Markup, Piece, Sink, attribute, known_version};
use crate::text::escape;
use crate::{Error, Layout, Partition, Time, Uuid, VERSION};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Who formatted it: `company product version - platform - program` (section 7.2).
    pub creator: String,
    pub format_time: Time,
    pub volume: Uuid,
    /// The partition that this label is in.
    pub location: Partition,
    pub index: Partition,
    pub data: Partition,
    /// Bytes of all blocks but the last of an extent or an index.
    pub block_bytes: u32,
    /// Whether the drive compresses.
    pub compression: bool,
}

impl Label {
    /// The block's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ltfslabel version=\"{VERSION}\">\n    <creator>").into_bytes();
        escape(&self.creator, &mut out);
        let Self { format_time, volume, location, index, data, block_bytes, compression, .. } = self;
        out.extend_from_slice(
            format!(
                "</creator>\n    <formattime>{format_time}</formattime>\n    <volumeuuid>{volume}</volumeuuid>\n    \
                 <location>\n        <partition>{location}</partition>\n    </location>\n    \
                 <partitions>\n        <index>{index}</index>\n        <data>{data}</data>\n    </partitions>\n    \
                 <blocksize>{block_bytes}</blocksize>\n    <compression>{compression}</compression>\n</ltfslabel>\n"
            )
            .as_bytes(),
        );
        out
    }

    pub fn parse(block: &[u8]) -> Result<Self, Error> {
        if block.len() > LABEL_BYTES {
            return Err(Error::TooMuch("bytes of a label"));
        }
        let (mut markup, mut parts) = (Markup::default(), Parts::default());
        markup.push(block, &mut parts)?;
        if !parts.closed || !markup.is_done() {
            return Err(Error::Malformed("the end of a label"));
        }
        parts.label()
    }

    /// Which partition is which, by the labels of both; `self` was read in the partition with the number that is given first. None: they
    /// are not of one volume.
    pub fn layout(&self, number: u8, other: &Label, other_number: u8) -> Option<Layout> {
        let same = |of: fn(&Label) -> (Uuid, Partition, Partition, u32)| of(self) == of(other);
        if !same(|label| (label.volume, label.index, label.data, label.block_bytes)) {
            return None;
        }
        let (index, data) = (self.index, self.data);
        match (self.location, other.location) {
            (own, others) if own == index && others == data => {
                Some(Layout { index, data, index_number: number, data_number: other_number })
            }
            (own, others) if own == data && others == index => {
                Some(Layout { index, data, index_number: other_number, data_number: number })
            }
            _ => None,
        }
    }
}

/// Elements inside each other, with the outermost.
const LABEL_DEPTH: usize = 8;

/// Texts of a label by the names of their elements, with that of the one around it.
#[derive(Default)]
struct Parts {
    open: Vec<String>,
    text: String,
    found: Vec<(String, String)>,
    closed: bool,
}

impl Sink for Parts {
    fn take(&mut self, piece: Piece<'_>, _source: &str) -> Result<(), Error> {
        match piece {
            Piece::Open { start, empty } => {
                let name = start.name().as_ref().to_owned();
                if self.open.is_empty() {
                    if name != "ltfslabel" || self.closed {
                        return Err(Error::Malformed("a label"));
                    }
                    known_version(&attribute(&start, "version"))?;
                }
                if self.open.len() == LABEL_DEPTH {
                    return Err(Error::TooMuch("elements of a label inside each other"));
                }
                self.text.clear();
                if !empty {
                    self.open.push(name);
                }
            }
            Piece::Close(name) => {
                let open = self.open.pop().filter(|open| open == name).ok_or(Error::Malformed("the end of an element"))?;
                self.closed = self.open.is_empty();
                let key = match self.open.as_slice() {
                    [_] => open,
                    [_, around] => format!("{around}/{open}"),
                    _ => return Ok(()),
                };
                self.found.push((key, std::mem::take(&mut self.text)));
            }
            Piece::Text(text) => self.text.push_str(text),
        }
        Ok(())
    }
}

impl Parts {
    fn text(&self, key: &str, what: &'static str) -> Result<&str, Error> {
        let mut found = self.found.iter().filter(|(known, _)| known == key);
        match (found.next(), found.next()) {
            (Some((_, text)), None) => Ok(text.trim()),
            _ => Err(Error::Malformed(what)),
        }
    }

    fn label(&self) -> Result<Label, Error> {
        let block_bytes =
            self.text("blocksize", "the size of blocks")?.parse().map_err(|_| Error::Malformed("the size of blocks"))?;
        // Older volumes may have smaller blocks than may be formatted now.
        if block_bytes == 0 || block_bytes > *BLOCK_BYTES.end() {
            return Err(Error::TooMuch("the size of blocks"));
        }
        let label = Label {
            creator: self.text("creator", "the creator of a label")?.to_owned(),
            format_time: Time::parse(self.text("formattime", "the time of a label")?)?,
            volume: Uuid::parse(self.text("volumeuuid", "the name of a volume")?)?,
            location: Partition::parse(self.text("location/partition", "where a label is")?)?,
            index: Partition::parse(self.text("partitions/index", "the index partition")?)?,
            data: Partition::parse(self.text("partitions/data", "the data partition")?)?,
            block_bytes,
            compression: boolean(self.text("compression", "compression")?)?,
        };
        if label.index == label.data || (label.location != label.index && label.location != label.data) {
            return Err(Error::Malformed("two partitions"));
        }
        Ok(label)
    }
}

pub(crate) fn boolean(text: &str) -> Result<bool, Error> {
    match text.trim() {
        text if text.eq_ignore_ascii_case("true") || text == "1" => Ok(true),
        text if text.eq_ignore_ascii_case("false") || text == "0" => Ok(false),
        _ => Err(Error::Malformed("true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(location: Partition) -> Label {
        Label {
            creator: "Capstan 0.1 & sons - Linux - format".to_owned(),
            format_time: Time::new(1_358_014_387, 5),
            volume: Uuid([7; 16]),
            location,
            index: Partition::A,
            data: Partition::B,
            block_bytes: 524_288,
            compression: true,
        }
    }

    #[test]
    fn a_label_is_read_as_it_is_written() {
        for location in [Partition::A, Partition::B] {
            assert_eq!(Label::parse(&label(location).to_bytes()), Ok(label(location)));
        }
    }

    #[test]
    fn a_label_of_other_software_is_read_in_any_order_with_what_is_not_known() {
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ltfslabel version=\"2.2.0\"><compression>0</compression><blocksize> 65536 </blocksize>\
            <vendor><blocksize>x</blocksize><index>q</index></vendor><creator>Other</creator><partitions><data>d</data><index>c</index></partitions>\
            <formattime>2013-01-12T18:13:07.1Z</formattime><location><partition>c</partition></location>\
            <volumeuuid>30A91A08-daae-48d1-ae75-69804e61d2ea</volumeuuid><empty/></ltfslabel>\n\0\0";
        let label = Label::parse(text.as_bytes()).unwrap();
        assert_eq!(
            (label.index.to_string(), label.data.to_string(), label.block_bytes),
            ("c".to_owned(), "d".to_owned(), 65_536)
        );
        assert!(!label.compression);
    }

    #[test]
    fn a_label_that_lacks_or_doubles_something_is_refused() {
        let text = String::from_utf8(label(Partition::A).to_bytes()).unwrap();
        let bad = [
            text.replace("<blocksize>524288</blocksize>", ""),
            text.replace("524288", "0"),
            text.replace("524288", "99999999999"),
            text.replace("<creator>", "<creator>a</creator><creator>"),
            text.replace("<index>a", "<index>b"),
            text.replace("</ltfslabel>", ""),
            text.replace("</partitions>", "</location>"),
            text.replace("ltfslabel", "ltfsindex"),
            "<a>".repeat(50),
        ];
        for text in bad {
            assert!(Label::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(matches!(Label::parse(text.replace("2.4.0", "3.0.0").as_bytes()), Err(Error::Version(_))));
        assert_eq!(Label::parse(&vec![b' '; LABEL_BYTES + 1]), Err(Error::TooMuch("bytes of a label")));
    }

    #[test]
    fn two_labels_of_one_volume_tell_which_partition_is_which() {
        let (a, b) = (label(Partition::A), label(Partition::B));
        assert_eq!(a.layout(0, &b, 1), Some(Layout::default()));
        assert_eq!(b.layout(0, &a, 1).map(|layout| (layout.index_number, layout.data_number)), Some((1, 0)));
        assert_eq!(a.layout(0, &a, 1), None);
        assert_eq!(a.layout(0, &Label { volume: Uuid([8; 16]), ..b }, 1), None);
    }
}
