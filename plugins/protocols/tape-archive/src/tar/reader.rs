//! The members of a tar, from its blocks as they come.

use super::{EXTENDED, Member, RECORD, RECORD_BYTES, Type, ZEROS, header, padded, pax};
use crate::Malformed;

/// Who is told what a tar holds. An error ends the reading.
pub trait Sink {
    /// A member begins: its headers so many bytes from the beginning of the tar, its data so many.
    fn begins(&mut self, member: &Member, header: u64, data: u64) -> Result<(), Malformed>;
    /// Some of its data.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Malformed>;
    /// All of its data came.
    fn ended(&mut self) -> Result<(), Malformed>;
    /// The member of this number was given up.
    fn void(&mut self, id: u64) -> Result<(), Malformed>;
}

#[derive(Debug)]
enum State {
    Header,
    /// An extended header, of one member or of no one, and how much of it and its padding is to come.
    Extended {
        bytes: Vec<u8>,
        size: u64,
        left: u64,
        began: Option<u64>,
    },
    /// Of a member: bytes of data and of padding that are to come.
    Data {
        data: u64,
        padding: u64,
    },
    /// Of something that is none: bytes to go over.
    Passing {
        left: u64,
    },
    /// Zeros.
    End,
}

/// Holds an extended header at most.
#[derive(Debug)]
pub struct Reader {
    state: State,
    /// Bytes that came, or were gone over.
    at: u64,
    /// Of the member that comes next: its extended header, and where that began.
    extended: Option<(Vec<u8>, u64)>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { state: State::Header, at: 0, extended: None }
    }
}

impl Reader {
    /// The tar has ended: what comes now is filling.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::End)
    }

    /// Bytes that need not be read: data of a member that nobody asked for.
    pub fn passable(&self) -> u64 {
        match self.state {
            State::Data { data, padding } => data.saturating_add(padding),
            State::Passing { left } => left,
            _ => 0,
        }
    }

    /// Goes over so many bytes, no more than [`Self::passable`], as if they had come.
    pub fn pass(&mut self, bytes: u64, sink: &mut dyn Sink) -> Result<(), Malformed> {
        self.at = self.at.saturating_add(bytes);
        match &mut self.state {
            State::Data { data, padding } => {
                let over = bytes.saturating_sub(*data);
                let whole = *data > 0 && bytes >= *data;
                (*data, *padding) = (data.saturating_sub(bytes), padding.saturating_sub(over));
                let left = *data > 0 || *padding > 0;
                if whole {
                    sink.ended()?;
                }
                if !left {
                    self.state = State::Header;
                }
            }
            State::Passing { left } => {
                *left = left.saturating_sub(bytes);
                if *left == 0 {
                    self.state = State::Header;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The next block: whole records.
    pub fn push(&mut self, block: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        const WHAT: &str = "a block of a tar";
        if !block.len().is_multiple_of(RECORD_BYTES) {
            return Err(Malformed(WHAT));
        }
        let mut rest = block;
        while !rest.is_empty() {
            let used = match &mut self.state {
                State::End => return Ok(()),
                State::Header => {
                    let record = rest.first_chunk::<RECORD_BYTES>().ok_or(Malformed(WHAT))?;
                    self.at = self.at.saturating_add(RECORD);
                    self.header(record, sink)?;
                    RECORD_BYTES
                }
                State::Extended { bytes, size, left, began } => {
                    let part = part(rest, *left);
                    bytes.extend_from_slice(part);
                    self.at = self.at.saturating_add(length(part));
                    *left = left.saturating_sub(length(part));
                    if *left == 0 {
                        bytes.truncate(usize::try_from(*size).map_err(|_| Malformed(WHAT))?);
                        let bytes = std::mem::take(bytes);
                        match *began {
                            Some(began) => self.extended = Some((bytes, began)),
                            None => pax::read_void(&bytes)?.map_or(Ok(()), |id| sink.void(id))?,
                        }
                        self.state = State::Header;
                    }
                    part.len()
                }
                State::Data { data, .. } => {
                    let wanted = part(rest, *data);
                    if !wanted.is_empty() {
                        sink.data(wanted)?;
                    }
                    let used = part(rest, self.passable()).len();
                    self.pass(u64::try_from(used).unwrap_or(u64::MAX), sink)?;
                    used
                }
                State::Passing { left } => {
                    let used = part(rest, *left).len();
                    self.pass(u64::try_from(used).unwrap_or(u64::MAX), sink)?;
                    used
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    fn header(&mut self, record: &[u8; RECORD_BYTES], sink: &mut dyn Sink) -> Result<(), Malformed> {
        const WHAT: &str = "a member of a tar";
        if record == &ZEROS {
            self.state = State::End;
            return Ok(());
        }
        let began = self.at.saturating_sub(RECORD);
        let Some((mut member, kind)) = header::read(record)? else { return Ok(()) };
        if kind == header::EXTENDED || kind == header::GLOBAL {
            let size = member.size;
            let left = padded(size).filter(|_| (1..=EXTENDED).contains(&size)).ok_or(Malformed("an extended header"))?;
            let began = (kind == header::EXTENDED).then_some(began);
            self.state = State::Extended { bytes: Vec::new(), size, left, began };
            return Ok(());
        }
        let mut first = began;
        if let Some((extended, began)) = self.extended.take() {
            pax::read(&extended, &mut member)?;
            first = began;
        }
        if let Some(path) = member.path.strip_suffix('/') {
            member.path = path.to_owned();
        }
        let whole = padded(member.size).ok_or(Malformed(WHAT))?;
        match member.kind {
            Type::Other => {
                self.state = if whole == 0 { State::Header } else { State::Passing { left: whole } };
                return Ok(());
            }
            Type::File => {}
            Type::Directory | Type::Link if member.size == 0 => {}
            Type::Directory | Type::Link => return Err(Malformed(WHAT)),
        }
        sink.begins(&member, first, self.at)?;
        if member.size == 0 {
            return sink.ended();
        }
        self.state = State::Data { data: member.size, padding: whole.saturating_sub(member.size) };
        Ok(())
    }
}

fn part(bytes: &[u8], most: u64) -> &[u8] {
    usize::try_from(most).ok().and_then(|most| bytes.get(..most)).unwrap_or(bytes)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
