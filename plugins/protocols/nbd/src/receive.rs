//! What comes from the server, in whatever pieces.

use crate::bounds::{DATA_CHUNKS, ERROR_CHUNKS, OPTION_BYTES, STATUS_BYTES, WORDS_BYTES};
use crate::client::{Client, Event, Phase};
use crate::error::{Errno, Error};
use crate::handshake::{Agreed, GREETING_BYTES, Head, REPLY_BYTES};
use crate::request::{Answer, Cookie, Extent, Request};
use crate::wire::{CHUNK_MAGIC, Reader, SIMPLE_MAGIC};

const SIMPLE_BYTES: usize = 16;
const CHUNK_BYTES: usize = 20;
/// Flag and types of a chunk ("Structured reply chunk message").
const DONE: u16 = 1;
const NONE: u16 = 0;
const OFFSET_DATA: u16 = 1;
const OFFSET_HOLE: u16 = 2;
const BLOCK_STATUS: u16 = 5;
const ERROR: u16 = 1 << 15;
/// Flags of an extent.
const HOLE: u32 = 1;
const ZERO: u32 = 2;

/// What is awaited.
#[derive(Debug)]
pub(crate) enum Due {
    Greeting,
    OptionReply,
    OptionData(Head),
    /// The head of a reply.
    Reply,
    Chunk(Chunk),
    /// Bytes of a READ's answer, which go where they belong as they come.
    Data {
        cookie: Cookie,
        /// Where in the answer the next byte goes.
        at: usize,
        left: usize,
        last: bool,
    },
}

/// The head of a chunk, whose payload is read whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    last: bool,
    kind: u16,
    cookie: Cookie,
    length: u32,
    /// Bytes of data behind that: what is read whole is then their offset.
    data: u32,
}

/// A request under way, and what came of its answer.
#[derive(Debug)]
pub(crate) struct Pending {
    request: Request,
    data: Vec<u8>,
    /// Ranges of `data` that came: apart, in the order of their offsets.
    filled: Vec<(usize, usize)>,
    extents: Vec<Extent>,
    failed: Option<Errno>,
    /// Errors that were told of it.
    errors: u32,
}

impl Pending {
    pub(crate) fn new(request: Request) -> Self {
        Self { request, data: Vec::new(), filled: Vec::new(), extents: Vec::new(), failed: None, errors: 0 }
    }

    /// Notes that these bytes of the answer come; none may come twice.
    fn fill(&mut self, from: usize, length: usize) -> Result<(), Error> {
        let at = self.filled.partition_point(|(start, _)| *start < from);
        let before = at.checked_sub(1).and_then(|before| self.filled.get(before)).is_none_or(|(_, end)| *end <= from);
        let behind = self.filled.get(at).is_none_or(|(start, _)| from + length <= *start);
        if length == 0 || !before || !behind {
            return Err(Error::Protocol("data that was not sent before"));
        }
        if self.filled.len() >= DATA_CHUNKS {
            return Err(Error::TooMuch("chunks of one answer"));
        }
        let joins = at.checked_sub(1).and_then(|before| self.filled.get_mut(before)).filter(|(_, end)| *end == from);
        match joins {
            Some((_, end)) => *end = from + length,
            None => self.filled.insert(at, (from, from + length)),
        }
        Ok(())
    }

    fn filled_bytes(&self) -> usize {
        self.filled.iter().map(|(start, end)| end - start).sum()
    }

    fn answer(self) -> Result<Result<Answer, Errno>, Error> {
        if let Some(errno) = self.failed {
            return Ok(Err(errno));
        }
        let filled = self.filled_bytes();
        match self.request {
            Request::Read { length, .. } if filled != length as usize => Err(Error::Protocol("all of the data")),
            Request::Read { .. } => Ok(Ok(Answer::Data(self.data))),
            Request::BlockStatus { .. } if self.extents.is_empty() => Err(Error::Protocol("block status")),
            Request::BlockStatus { .. } => Ok(Ok(Answer::Extents(self.extents))),
            _ => Ok(Ok(Answer::Done)),
        }
    }
}

impl Client {
    /// Takes what came. An error is the connection's end.
    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            if let Phase::Failed(error) = &self.phase {
                return Err(error.clone());
            }
            self.take(&mut bytes).map_err(|error| self.fail(error))?;
        }
        Ok(())
    }

    fn take(&mut self, bytes: &mut &[u8]) -> Result<(), Error> {
        if matches!(self.phase, Phase::Closed) {
            *bytes = &[];
            return Ok(());
        }
        if let Due::Data { cookie, at, left, last } = self.due {
            return self.data(bytes, cookie, (at, left), last);
        }
        let wanted = self.wanted()?;
        let (front, rest) = bytes.split_at(bytes.len().min(wanted.saturating_sub(self.held.len())));
        self.held.extend_from_slice(front);
        *bytes = rest;
        // Its first word says how long the head of a reply is.
        if self.held.len() < wanted || self.held.len() < self.wanted()? {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        match std::mem::replace(&mut self.due, Due::Reply) {
            Due::Greeting => {
                let Phase::Negotiating(handshake) = &mut self.phase else { return Err(Error::Protocol("a negotiation")) };
                handshake.greet(&held, &mut self.out)?;
                self.due = Due::OptionReply;
                Ok(())
            }
            Due::OptionReply => {
                let Phase::Negotiating(handshake) = &mut self.phase else { return Err(Error::Protocol("a negotiation")) };
                let head = handshake.head(&held)?;
                if head.length as usize > OPTION_BYTES {
                    return Err(Error::TooMuch("bytes of a reply to an option"));
                }
                if head.length > 0 {
                    self.due = Due::OptionData(head);
                    return Ok(());
                }
                self.option(&head, &[])
            }
            Due::OptionData(head) => self.option(&head, &held),
            Due::Reply => self.reply(&held),
            Due::Chunk(chunk) => self.chunk(chunk, &held),
            Due::Data { .. } => Err(Error::Protocol("data")),
        }
    }

    /// Bytes of what is awaited whole.
    fn wanted(&self) -> Result<usize, Error> {
        Ok(match &self.due {
            Due::Greeting => GREETING_BYTES,
            Due::OptionReply => REPLY_BYTES,
            Due::OptionData(head) => head.length as usize,
            Due::Reply => match self.held.first_chunk::<4>().map(|magic| u32::from_be_bytes(*magic)) {
                None => 4,
                Some(SIMPLE_MAGIC) => SIMPLE_BYTES,
                Some(CHUNK_MAGIC) => CHUNK_BYTES,
                Some(_) => return Err(Error::Protocol("reply")),
            },
            Due::Chunk(chunk) => chunk.length as usize,
            Due::Data { left, .. } => *left,
        })
    }

    fn option(&mut self, head: &Head, data: &[u8]) -> Result<(), Error> {
        let Phase::Negotiating(handshake) = &mut self.phase else { return Err(Error::Protocol("a negotiation")) };
        match handshake.reply(head, data, &mut self.out)? {
            None => self.due = Due::OptionReply,
            Some(agreed) => {
                self.phase = Phase::Open(agreed);
                self.due = Due::Reply;
                self.events.push_back(Event::Ready(agreed.export));
            }
        }
        Ok(())
    }

    fn agreed(&self) -> Result<Agreed, Error> {
        if let Phase::Open(agreed) = &self.phase { Ok(*agreed) } else { Err(Error::Protocol("an export")) }
    }

    fn pending(&mut self, cookie: Cookie) -> Result<&mut Pending, Error> {
        self.pending.get_mut(&cookie).ok_or(Error::Protocol("reply to what was asked"))
    }

    fn reply(&mut self, head: &[u8]) -> Result<(), Error> {
        let structured = self.agreed()?.structured;
        let mut reader = Reader::new(head);
        if reader.u32("reply")? == SIMPLE_MAGIC {
            let (errno, cookie) = (reader.u32("error")?, Cookie(reader.u64("cookie")?));
            return self.simple(cookie, errno, structured);
        }
        if !structured {
            return Err(Error::Protocol("simple reply, as agreed"));
        }
        let flags = reader.u16("flags of a chunk")?;
        let kind = reader.u16("type of a chunk")?;
        let cookie = Cookie(reader.u64("cookie")?);
        let length = reader.u32("length of a chunk")?;
        self.begin(Chunk { last: flags & DONE != 0, kind, cookie, length, data: 0 })
    }

    fn simple(&mut self, cookie: Cookie, errno: u32, structured: bool) -> Result<(), Error> {
        let pending = self.pending(cookie)?;
        if errno != 0 {
            pending.failed = Some(Errno(errno));
            return self.finish(cookie);
        }
        match pending.request {
            // "Structured replies": a READ and a BLOCK_STATUS are then answered by nothing else.
            Request::Read { .. } if structured => Err(Error::Protocol("structured reply, as agreed")),
            Request::BlockStatus { .. } => Err(Error::Protocol("structured reply, as agreed")),
            Request::Read { length, .. } => {
                let left = length as usize;
                pending.fill(0, left)?;
                pending.data = vec![0; left];
                self.due = Due::Data { cookie, at: 0, left, last: true };
                Ok(())
            }
            _ => self.finish(cookie),
        }
    }

    /// A chunk whose head came.
    fn begin(&mut self, mut chunk: Chunk) -> Result<(), Error> {
        let pending = self.pending(chunk.cookie)?;
        let bound = match chunk.kind {
            OFFSET_DATA => {
                let Request::Read { length, .. } = pending.request else { return Err(Error::Protocol("reply to a READ")) };
                chunk.data = chunk.length.checked_sub(8).ok_or(Error::Protocol("data"))?;
                if chunk.data > length {
                    return Err(Error::TooMuch("bytes of data"));
                }
                chunk.length = 8;
                8
            }
            OFFSET_HOLE => 12,
            BLOCK_STATUS => STATUS_BYTES,
            NONE => 0,
            kind if kind & ERROR != 0 => WORDS_BYTES,
            _ => return Err(Error::Protocol("chunk of a known type")),
        };
        if chunk.length > bound {
            return Err(Error::TooMuch("bytes of a chunk"));
        }
        if chunk.length == 0 {
            return self.chunk(chunk, &[]);
        }
        self.due = Due::Chunk(chunk);
        Ok(())
    }

    /// A chunk that is whole, or the offset of one with data.
    fn chunk(&mut self, chunk: Chunk, payload: &[u8]) -> Result<(), Error> {
        let context = self.agreed()?.context;
        let Chunk { last, kind, cookie, .. } = chunk;
        let pending = self.pending(cookie)?;
        let mut reader = Reader::new(payload);
        match kind {
            // "Structured reply types": it does nothing but end an answer.
            NONE if !last => return Err(Error::Protocol("last chunk")),
            NONE => {}
            OFFSET_DATA | OFFSET_HOLE => {
                let Request::Read { offset, length } = pending.request else { return Err(Error::Protocol("reply to a READ")) };
                let at = reader.u64("offset of data")?.checked_sub(offset).ok_or(Error::Protocol("data that was asked for"))?;
                let bytes = if kind == OFFSET_HOLE { reader.u32("length of a hole")? } else { chunk.data };
                if !reader.is_empty() || at.checked_add(u64::from(bytes)).is_none_or(|end| end > u64::from(length)) {
                    return Err(Error::Protocol("data that was asked for"));
                }
                let (at, bytes) = (usize::try_from(at).unwrap_or(usize::MAX), bytes as usize);
                pending.fill(at, bytes)?;
                if pending.data.is_empty() {
                    pending.data = vec![0; length as usize];
                }
                if kind == OFFSET_DATA {
                    self.due = Due::Data { cookie, at, left: bytes, last };
                    return Ok(());
                }
            }
            BLOCK_STATUS => {
                let Request::BlockStatus { length, .. } = pending.request else {
                    return Err(Error::Protocol("reply to a BLOCK_STATUS"));
                };
                if context != Some(reader.u32("context")?) || !pending.extents.is_empty() {
                    return Err(Error::Protocol("status of the context that was agreed"));
                }
                pending.extents = extents(reader, u64::from(length))?;
            }
            _ => {
                let errno = reader.u32("error")?;
                if errno == 0 {
                    return Err(Error::Protocol("error"));
                }
                pending.failed.get_or_insert(Errno(errno));
                pending.errors += 1;
                if pending.errors > ERROR_CHUNKS {
                    return Err(Error::TooMuch("errors of one answer"));
                }
            }
        }
        if last { self.finish(cookie) } else { Ok(()) }
    }

    fn data(&mut self, bytes: &mut &[u8], cookie: Cookie, (at, left): (usize, usize), last: bool) -> Result<(), Error> {
        let (front, rest) = bytes.split_at(bytes.len().min(left));
        *bytes = rest;
        let pending = self.pending(cookie)?;
        let place = pending.data.get_mut(at..at + front.len()).ok_or(Error::Protocol("data that was asked for"))?;
        place.copy_from_slice(front);
        let left = left - front.len();
        if left > 0 {
            self.due = Due::Data { cookie, at: at + front.len(), left, last };
            return Ok(());
        }
        self.due = Due::Reply;
        if last { self.finish(cookie) } else { Ok(()) }
    }

    fn finish(&mut self, cookie: Cookie) -> Result<(), Error> {
        let pending = self.pending.remove(&cookie).ok_or(Error::Protocol("reply to what was asked"))?;
        if let Request::Read { length, .. } = pending.request {
            self.reading = self.reading.saturating_sub(u64::from(length));
        }
        let answer = pending.answer()?;
        self.events.push_back(Event::Done(cookie, answer));
        Ok(())
    }
}

/// One after the other from the request's offset on. The last may lead over the request's end, and is cut there.
fn extents(mut reader: Reader<'_>, length: u64) -> Result<Vec<Extent>, Error> {
    let (mut found, mut told) = (Vec::new(), 0_u64);
    while !reader.is_empty() {
        let (bytes, flags) = (u64::from(reader.u32("length of an extent")?), reader.u32("flags of an extent")?);
        if bytes == 0 || told >= length {
            return Err(Error::Protocol("extent of the range that was asked for"));
        }
        found.push(Extent { length: bytes.min(length - told), hole: flags & HOLE != 0, zero: flags & ZERO != 0 });
        told += bytes;
    }
    if found.is_empty() { Err(Error::Protocol("block status")) } else { Ok(found) }
}
