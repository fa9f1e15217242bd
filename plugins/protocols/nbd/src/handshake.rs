//! The negotiation ("Fixed newstyle negotiation"): structured replies, then the context of allocation, then the export itself.

use crate::bounds::{NAME_BYTES, OPTION_REPLIES};
use crate::error::{Denial, Error, Refused};
use crate::export::Export;
use crate::wire::{MAGIC, OPTION_MAGIC, OPTION_REPLY_MAGIC, Reader};

/// Bytes of the server's first words, and of the head of a reply to an option.
pub(crate) const GREETING_BYTES: usize = 18;
pub(crate) const REPLY_BYTES: usize = 20;

const FIXED_NEWSTYLE: u16 = 1;
const NO_ZEROES: u16 = 2;

const GO: u32 = 7;
const STRUCTURED_REPLY: u32 = 8;
const SET_META_CONTEXT: u32 = 10;

const ACK: u32 = 1;
const INFO: u32 = 3;
const META_CONTEXT: u32 = 4;
const ERROR: u32 = 1 << 31;

const INFO_EXPORT: u16 = 0;
const INFO_BLOCK_SIZE: u16 = 3;

const ALLOCATION: &[u8] = b"base:allocation";
/// Characters of a server's words that are kept.
const WORDS: usize = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Structured,
    Context,
    Go,
}

/// What both sides agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) export: Export,
    pub(crate) structured: bool,
    /// The number under which the server tells allocation.
    pub(crate) context: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct Handshake {
    name: Vec<u8>,
    asked: Asked,
    replies: usize,
    structured: bool,
    context: Option<u32>,
    export: Option<Export>,
    blocks: Option<[u32; 3]>,
}

/// The head of a reply: its type, and how many bytes follow.
#[derive(Debug)]
pub(crate) struct Head {
    kind: u32,
    pub(crate) length: u32,
}

impl Handshake {
    pub(crate) fn new(name: &str) -> Result<Self, Refused> {
        if name.len() > NAME_BYTES {
            return Err(Refused::Invalid("the name of an export"));
        }
        Ok(Self {
            name: name.as_bytes().to_vec(),
            asked: Asked::Structured,
            replies: 0,
            structured: false,
            context: None,
            export: None,
            blocks: None,
        })
    }

    /// Answers the greeting and asks the first option.
    pub(crate) fn greet(&mut self, greeting: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut reader = Reader::new(greeting);
        if reader.u64("greeting")? != MAGIC {
            return Err(Error::NotNbd);
        }
        if reader.u64("greeting")? != OPTION_MAGIC {
            return Err(Error::TooOld);
        }
        let flags = reader.u16("handshake flags")?;
        if flags & FIXED_NEWSTYLE == 0 {
            return Err(Error::TooOld);
        }
        out.extend_from_slice(&u32::from(flags & (FIXED_NEWSTYLE | NO_ZEROES)).to_be_bytes());
        self.ask(Asked::Structured, out);
        Ok(())
    }

    fn ask(&mut self, option: Asked, out: &mut Vec<u8>) {
        let mut data = Vec::new();
        let number = match option {
            Asked::Structured => STRUCTURED_REPLY,
            Asked::Context => {
                put_text(&mut data, &self.name);
                data.extend_from_slice(&1_u32.to_be_bytes());
                put_text(&mut data, ALLOCATION);
                SET_META_CONTEXT
            }
            Asked::Go => {
                put_text(&mut data, &self.name);
                data.extend_from_slice(&1_u16.to_be_bytes());
                data.extend_from_slice(&INFO_BLOCK_SIZE.to_be_bytes());
                GO
            }
        };
        out.extend_from_slice(&OPTION_MAGIC.to_be_bytes());
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&length_of(&data).to_be_bytes());
        out.extend_from_slice(&data);
        self.asked = option;
        self.replies = 0;
    }

    pub(crate) fn head(&mut self, head: &[u8]) -> Result<Head, Error> {
        let mut reader = Reader::new(head);
        if reader.u64("option reply")? != OPTION_REPLY_MAGIC {
            return Err(Error::Protocol("option reply"));
        }
        let number = match self.asked {
            Asked::Structured => STRUCTURED_REPLY,
            Asked::Context => SET_META_CONTEXT,
            Asked::Go => GO,
        };
        if reader.u32("option")? != number {
            return Err(Error::Protocol("reply to the option that was asked"));
        }
        self.replies += 1;
        if self.replies > OPTION_REPLIES {
            return Err(Error::TooMuch("replies to an option"));
        }
        Ok(Head { kind: reader.u32("reply type")?, length: reader.u32("reply length")? })
    }

    /// Takes a whole reply; answers what was agreed when it was the last.
    pub(crate) fn reply(&mut self, head: &Head, data: &[u8], out: &mut Vec<u8>) -> Result<Option<Agreed>, Error> {
        let denied = || Error::Denied { denial: Denial::read(head.kind), words: words(data) };
        match (self.asked, head.kind) {
            (Asked::Structured, ACK) => {
                self.structured = true;
                self.ask(Asked::Context, out);
            }
            (Asked::Context, META_CONTEXT) => {
                let mut reader = Reader::new(data);
                let number = reader.u32("context")?;
                // One context was asked for: another one is none of ours, two of it are none at all.
                if reader.rest() != ALLOCATION || self.context.replace(number).is_some() {
                    return Err(Error::Protocol("context that was asked for"));
                }
            }
            (Asked::Context, ACK) => self.ask(Asked::Go, out),
            (Asked::Go, INFO) => self.info(data)?,
            (Asked::Go, ACK) => return self.agreed().map(Some),
            // Such a server says nothing about a connection, but what it cannot do it says ("Fixed newstyle negotiation").
            (Asked::Structured | Asked::Context, kind) if kind & ERROR != 0 => match Denial::read(kind) {
                Denial::TlsRequired | Denial::Shutdown => return Err(denied()),
                _ => {
                    self.context = None;
                    self.ask(Asked::Go, out);
                }
            },
            (Asked::Go, kind) if kind & ERROR != 0 => return Err(denied()),
            _ => return Err(Error::Protocol("reply of a known type")),
        }
        Ok(None)
    }

    fn info(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut reader = Reader::new(data);
        match reader.u16("type of an information")? {
            INFO_EXPORT => {
                let (size, flags) = (reader.u64("size of the export")?, reader.u16("flags of the export")?);
                if !reader.is_empty() || size > i64::MAX.cast_unsigned() {
                    return Err(Error::Protocol("size and flags of the export"));
                }
                self.export = Some(Export::new(size, flags));
            }
            INFO_BLOCK_SIZE => {
                let sizes = [reader.u32("minimum block")?, reader.u32("preferred block")?, reader.u32("maximum payload")?];
                self.blocks = Some(sizes);
            }
            // "Clients MUST ignore information they do not know."
            _ => {}
        }
        Ok(())
    }

    fn agreed(&self) -> Result<Agreed, Error> {
        let mut export = self.export.ok_or(Error::Protocol("size and flags of the export"))?;
        if let Some([minimum, preferred, maximum]) = self.blocks {
            let sane = minimum.is_power_of_two() && minimum <= 64 << 10 && preferred >= minimum && maximum >= minimum;
            if !sane {
                return Err(Error::Protocol("block sizes that can be"));
            }
            export.minimum_block = minimum;
            export.preferred_block = preferred;
            export.maximum_payload = maximum.min(crate::bounds::PAYLOAD_BYTES) & !(minimum - 1);
        }
        export.allocation = self.context.is_some();
        Ok(Agreed { export, structured: self.structured, context: self.context })
    }
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&length_of(text).to_be_bytes());
    out.extend_from_slice(text);
}

fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// What a server says for people, fit to be shown.
fn words(data: &[u8]) -> String {
    String::from_utf8_lossy(data).chars().filter(|character| !character.is_control()).take(WORDS).collect()
}
