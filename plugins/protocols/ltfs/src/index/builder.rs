//! From elements to a tree.

use std::collections::BTreeMap;

use super::frame::{Frame, Leaf, Open};
use super::reader::Keep;
use crate::bounds::{DEPTH, LINK_BYTES, NAME_BYTES, Room, TOKEN_BYTES, UNKNOWN_DEPTH};
use crate::label::boolean;
use crate::markup::{Piece, Sink, attribute, known_version};
use crate::tree::{Directory, File, Header, Kind, storable};
use crate::{Entry, Error, Extent, Index, Partition, Position, Time, Uuid, extent, text};

/// What of the header was read so far.
#[derive(Debug, Default)]
pub(super) struct Parts {
    creator: Option<Box<str>>,
    comment: Option<Box<str>>,
    volume: Option<Uuid>,
    generation: Option<u64>,
    update_time: Option<Time>,
    location: Option<Position>,
    previous: Option<Position>,
    allow_policy_update: bool,
    lock: Option<Box<str>>,
    highest_uid: u64,
    unknown: String,
}

impl Parts {
    pub(super) fn header(&self) -> Result<Header, Error> {
        Ok(Header {
            creator: self.creator.clone().ok_or(Error::Malformed("the creator of an index"))?,
            comment: self.comment.clone(),
            volume: self.volume.ok_or(Error::Malformed("the volume of an index"))?,
            generation: self.generation.ok_or(Error::Malformed("the generation of an index"))?,
            update_time: self.update_time.ok_or(Error::Malformed("the time of an index"))?,
            location: self.location.ok_or(Error::Malformed("where an index is"))?,
            previous: self.previous,
            allow_policy_update: self.allow_policy_update,
            lock: self.lock.clone(),
            highest_uid: self.highest_uid,
            unknown: kept(&self.unknown),
        })
    }
}

#[derive(Debug)]
pub(super) struct Builder {
    keep: Keep,
    room: Room,
    frames: Vec<Frame>,
    directories: usize,
    pub(super) parts: Parts,
    text: String,
    /// Of the leaf that is open: percent-encoded, or base64.
    encoded: bool,
    /// Source of an element that is not known, while it is open.
    raw: String,
    root: Option<(Box<str>, Entry)>,
    entries: u64,
    unnumbered: bool,
    pub(super) closed: bool,
}

impl Builder {
    pub(super) fn new(keep: Keep, room: Room) -> Self {
        Self {
            keep,
            room,
            frames: Vec::new(),
            directories: 0,
            parts: Parts::default(),
            text: String::new(),
            encoded: false,
            raw: String::new(),
            root: None,
            entries: 0,
            unnumbered: false,
            closed: false,
        }
    }

    pub(super) fn index(mut self) -> Result<Index, Error> {
        let (name, mut root) = self.root.take().ok_or(Error::Malformed("the root of an index"))?;
        if self.unnumbered {
            number(&mut root, &mut self.parts.highest_uid);
        }
        Ok(Index::of(self.parts.header()?, name, root, self.entries))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Error> {
        self.room.bytes = self.room.bytes.checked_sub(bytes as u64).ok_or(Error::TooMuch("bytes of an index"))?;
        Ok(())
    }

    fn open(&mut self, start: &quick_xml::events::BytesStart<'_>, source: &str) -> Result<(), Error> {
        let name = start.name();
        let Some(around) = self.frames.last() else {
            if name.as_ref() != "ltfsindex" || self.closed {
                return Err(Error::Malformed("an index"));
            }
            known_version(&attribute(start, "version"))?;
            self.frames.push(Frame::Index);
            return Ok(());
        };
        let frame = around.child(name.as_ref());
        match &frame {
            Frame::Leaf(leaf, _) => {
                self.text.clear();
                self.encoded = match leaf {
                    Leaf::Name | Leaf::Link | Leaf::Key => boolean(&attribute(start, "percentencoded")).unwrap_or(false),
                    Leaf::Value => attribute(start, "type") == "base64",
                    _ => false,
                };
            }
            Frame::Directory(_) | Frame::File(_) => {
                if matches!(around, Frame::Index) && self.root.is_some() {
                    return Err(Error::Malformed("one root"));
                }
                self.room.entries = self.room.entries.checked_sub(1).ok_or(Error::TooMuch("files and directories"))?;
                self.entries += 1;
                self.directories += usize::from(matches!(frame, Frame::Directory(_)));
                // The root is no name of a path.
                if self.directories > DEPTH + 1 {
                    return Err(Error::TooMuch("directories inside each other"));
                }
            }
            Frame::Unknown(_) => {
                if !matches!(around, Frame::Unknown(_)) {
                    self.raw.clear();
                }
                self.raw.push_str(source);
                // Elements that are not known have no others around them than a bounded number of those that are.
                if self.frames.iter().rev().take_while(|frame| matches!(frame, Frame::Unknown(_))).count() == UNKNOWN_DEPTH {
                    return Err(Error::TooMuch("elements inside each other"));
                }
            }
            _ => {}
        }
        self.frames.push(frame);
        Ok(())
    }

    fn close(&mut self, name: &str, source: &str) -> Result<(), Error> {
        let frame = self.frames.pop().filter(|frame| frame.name() == name).ok_or(Error::Malformed("the end of an element"))?;
        match frame {
            Frame::Index => self.closed = true,
            Frame::Location(pointer) => self.parts.location = Some(pointer.position()?),
            Frame::Previous(pointer) => self.parts.previous = Some(pointer.position()?),
            Frame::Directory(open) => {
                self.directories -= 1;
                self.close_entry(*open, true)?;
            }
            Frame::File(open) => self.close_entry(*open, false)?,
            Frame::Extent(place) => {
                let Some(open) = self.entry() else { return Ok(()) };
                let behind = open.extents.last().map_or(0, |last| last.file_offset.saturating_add(last.byte_count));
                let extent = place.extent(behind)?;
                // Of no bytes it says nothing.
                if extent.byte_count > 0 {
                    open.extents.push(extent);
                    self.spend(size_of::<Extent>())?;
                }
            }
            Frame::Attribute(name, value) => {
                self.spend(name.len() + value.len())?;
                let set = self.entry().is_none_or(|open| open.attributes.set(&name, &value));
                set.then_some(()).ok_or(Error::TooMuch("bytes of attributes"))?;
            }
            Frame::Leaf(leaf, _) => self.close_leaf(leaf)?,
            Frame::Unknown(_) => self.close_unknown(source)?,
            Frame::Contents | Frame::Extents | Frame::Attributes => {}
        }
        Ok(())
    }

    /// The file or directory that is open.
    fn entry(&mut self) -> Option<&mut Open> {
        self.frames.iter_mut().rev().find_map(|frame| match frame {
            Frame::Directory(open) | Frame::File(open) => Some(open.as_mut()),
            _ => None,
        })
    }

    fn close_unknown(&mut self, source: &str) -> Result<(), Error> {
        self.raw.push_str(source);
        let raw = match self.frames.last_mut() {
            Some(Frame::Unknown(_)) => return Ok(()),
            Some(Frame::Index) => &mut self.parts.unknown,
            Some(Frame::Directory(open) | Frame::File(open)) => &mut open.unknown,
            // Elsewhere the format does not ask to keep it (section 9.2.10).
            _ => return Ok(()),
        };
        raw.push_str(&self.raw);
        self.spend(self.raw.len())
    }

    fn close_leaf(&mut self, leaf: Leaf) -> Result<(), Error> {
        let text = std::mem::take(&mut self.text);
        match self.frames.last_mut() {
            Some(Frame::Index) => self.parts.set(leaf, &text)?,
            Some(Frame::Location(pointer) | Frame::Previous(pointer)) => match leaf {
                Leaf::Partition => pointer.partition = Some(Partition::parse(text.trim())?),
                _ => pointer.block = Some(number_of(&text)?),
            },
            Some(Frame::Extent(place)) => match leaf {
                Leaf::Partition => place.pointer.partition = Some(Partition::parse(text.trim())?),
                Leaf::StartBlock => place.pointer.block = Some(number_of(&text)?),
                Leaf::FileOffset => place.file_offset = Some(number_of(&text)?),
                Leaf::ByteOffset => {
                    place.byte_offset = u32::try_from(number_of(&text)?).map_err(|_| Error::TooMuch("the offset in a block"))?;
                }
                _ => place.byte_count = Some(number_of(&text)?),
            },
            Some(Frame::Attribute(name, value)) => match leaf {
                Leaf::Key => *name = decoded(&text, self.encoded)?,
                _ if self.encoded => *value = text::base64_decode(&text).ok_or(Error::Malformed("base64"))?,
                _ => *value = text.as_bytes().to_vec(),
            },
            Some(Frame::Directory(open) | Frame::File(open)) => match leaf {
                Leaf::Name if open.name.is_some() => return Err(Error::Malformed("one name")),
                Leaf::Name => open.name = Some(decoded(&text, self.encoded)?),
                Leaf::Uid => open.uid = number_of(&text)?,
                Leaf::ReadOnly => open.read_only = boolean(&text)?,
                Leaf::OpenForWrite => open.open_for_write = boolean(&text)?,
                Leaf::Length => open.length = Some(number_of(&text)?),
                Leaf::Link => open.link = Some(decoded(&text, self.encoded)?.into()),
                _ => open.set_time(leaf, Time::parse(text.trim())?),
            },
            _ => {}
        }
        // Its memory is taken again.
        self.text = text;
        Ok(())
    }

    fn close_entry(&mut self, open: Open, is_directory: bool) -> Result<(), Error> {
        let Open { name, uid, times, read_only, open_for_write, length, link, extents, attributes, unknown, mut children } = open;
        let kind = match link {
            _ if is_directory => {
                // In order a map is built at once, and its memory is full.
                children.sort_by(|one, other| one.0.cmp(&other.0));
                if children.windows(2).any(|pair| matches!(pair, [one, other] if one.0 == other.0)) {
                    return Err(Error::Malformed("one entry of a name"));
                }
                Kind::Directory(Directory { children: BTreeMap::from_iter(children) })
            }
            Some(link) if link.len() > LINK_BYTES => return Err(Error::TooMuch("bytes of a link")),
            Some(link) => Kind::Link(link),
            None => {
                let length = length.ok_or(Error::Malformed("the length of a file"))?;
                let extents = extent::ordered(extents, length).ok_or(Error::Malformed("the extents of a file"))?;
                Kind::File(File { length, open_for_write, extents: extents.into() })
            }
        };
        let name = name.ok_or(Error::Malformed("the name of a file"))?;
        self.spend(name.len())?;
        self.unnumbered |= uid == 0;
        self.parts.highest_uid = self.parts.highest_uid.max(uid);
        let entry = Entry { uid, times, read_only, kind, attributes, unknown: kept(&unknown) };
        match self.frames.iter_mut().rev().nth(1) {
            // Inside `contents`, inside the directory.
            Some(Frame::Directory(around)) => {
                let name = storable(name).ok_or(Error::Malformed("a name"))?;
                if self.keep == Keep::Tree {
                    around.children.push((name.into(), Box::new(entry)));
                }
            }
            // The volume's name is not in any path, and may be empty.
            _ if name.len() > NAME_BYTES => return Err(Error::TooMuch("bytes of a name")),
            _ => self.root = Some((name.into(), entry)),
        }
        Ok(())
    }
}

impl Sink for Builder {
    fn take(&mut self, piece: Piece<'_>, source: &str) -> Result<(), Error> {
        match piece {
            Piece::Open { start, empty } => {
                self.open(&start, source)?;
                if empty {
                    self.close(start.name().as_ref(), "")?;
                }
                Ok(())
            }
            Piece::Close(name) => self.close(name, source),
            Piece::Text(text) => {
                match self.frames.last() {
                    Some(Frame::Leaf(..)) => self.text.push_str(text),
                    Some(Frame::Unknown(_)) => self.raw.push_str(source),
                    _ => {}
                }
                if self.text.len().max(self.raw.len()) > TOKEN_BYTES {
                    return Err(Error::TooMuch("bytes of an element"));
                }
                Ok(())
            }
        }
    }
}

impl Parts {
    fn set(&mut self, leaf: Leaf, text: &str) -> Result<(), Error> {
        match leaf {
            Leaf::Creator => self.creator = Some(text.into()),
            Leaf::Comment => self.comment = Some(text.into()),
            Leaf::Volume => self.volume = Some(Uuid::parse(text.trim())?),
            Leaf::Generation => self.generation = Some(number_of(text)?),
            Leaf::UpdateTime => self.update_time = Some(Time::parse(text.trim())?),
            Leaf::AllowPolicyUpdate => self.allow_policy_update = boolean(text)?,
            Leaf::LockState => self.lock = Some(text.trim().into()),
            _ => self.highest_uid = self.highest_uid.max(number_of(text)?),
        }
        Ok(())
    }
}

fn kept(unknown: &str) -> Option<Box<str>> {
    (!unknown.is_empty()).then(|| unknown.into())
}

fn decoded(text: &str, encoded: bool) -> Result<String, Error> {
    if encoded { text::percent_decode(text).ok_or(Error::Malformed("a name")) } else { Ok(text.to_owned()) }
}

fn number_of(text: &str) -> Result<u64, Error> {
    let text = text.trim();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::Malformed("a number"));
    }
    text.parse().map_err(|_| Error::Malformed("a number"))
}

/// Gives a uid to all that have none.
fn number(entry: &mut Entry, highest: &mut u64) {
    if entry.uid == 0 {
        *highest = highest.saturating_add(1);
        entry.uid = *highest;
    }
    if let Kind::Directory(directory) = &mut entry.kind {
        directory.children.values_mut().for_each(|child| number(child, highest));
    }
}
