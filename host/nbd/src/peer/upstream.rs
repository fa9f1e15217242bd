//! The client's side of a negotiation: what the host agrees with a peer while its own client agrees with the host.

use std::io;

use capstan_domain::{Failure, Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::PeerDrive;
use crate::export::{Blocks, Facts};
use crate::limits;
use crate::wire::{self, BASE_ALLOCATION, Put, Reader, answer, flag, info, option};

/// Why a peer does not export the drive: what a client is answered, and what stands in the log.
pub(crate) struct Refused {
    pub(crate) answer: u32,
    pub(crate) failure: Failure,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { answer: answer::SHUTDOWN, failure }
    }
}

impl From<io::Error> for Refused {
    fn from(cause: io::Error) -> Self {
        broken(&cause.to_string()).into()
    }
}

/// A connection to a peer, made when it is needed first.
#[derive(Default)]
pub(crate) struct Upstream {
    stream: Option<TcpStream>,
    /// What the peer said of its export last.
    told: Option<Facts>,
}

/// An answer to an option: its kind and what it carries.
struct Answer {
    kind: u32,
    data: Vec<u8>,
}

impl Upstream {
    /// After a `GO` that the peer granted.
    pub(crate) fn into_stream(self) -> Option<TcpStream> {
        self.stream
    }

    /// Whether the peer lets nobody write; known once it described the export.
    pub(crate) fn refuses_writes(&self) -> bool {
        self.told.is_some_and(|facts| facts.flags & flag::READ_ONLY != 0)
    }

    /// Bytes of the drive; known then, too.
    pub(crate) fn size(&self) -> u64 {
        self.told.map_or(0, |facts| facts.size)
    }

    /// Whether the peer answers in the structured form from now on.
    pub(crate) async fn structured(&mut self, drive: &PeerDrive) -> Result<bool, Refused> {
        let answers = self.ask(drive, option::STRUCTURED_REPLY, &[]).await?;
        Ok(answers.last().is_some_and(|last| last.kind == answer::ACK))
    }

    /// The number of the context "base:allocation", if the peer has it.
    pub(crate) async fn allocation(&mut self, drive: &PeerDrive) -> Result<Option<u32>, Refused> {
        let mut data = named(&drive.export);
        data.put_u32(1);
        put_string(&mut data, BASE_ALLOCATION);
        let answers = self.ask(drive, option::SET_META_CONTEXT, &data).await?;
        let agreed = answers.last().is_some_and(|last| last.kind == answer::ACK);
        let context = answers.iter().filter(|one| one.kind == answer::META_CONTEXT).find_map(|one| {
            let mut data = Reader(&one.data);
            data.u32().filter(|_| data.0 == BASE_ALLOCATION.as_bytes())
        });
        Ok(context.filter(|_| agreed))
    }

    /// What the export is; with `go` the connection is ready for requests when this answers.
    pub(crate) async fn describe(&mut self, drive: &PeerDrive, go: bool) -> Result<Facts, Refused> {
        let mut data = named(&drive.export);
        data.put_u16(1);
        data.put_u16(info::BLOCK_SIZE);
        let answers = self.ask(drive, if go { option::GO } else { option::INFO }, &data).await?;
        let last = answers.last().map_or(answer::UNSUPPORTED, |last| last.kind);
        if last != answer::ACK {
            let why = answers.last().map(|last| String::from_utf8_lossy(&last.data).into_owned());
            let (kind, message) = match last {
                answer::UNKNOWN => (Kind::NotFound, "the drive's NBD server does not know its export"),
                answer::TLS_REQUIRED => (Kind::Unsupported, "the drive's NBD server wants TLS, which is not spoken with it"),
                _ => (Kind::Unavailable, "the drive's NBD server does not export it"),
            };
            return Err(Refused { answer: last, failure: Failure::new(kind, message).with_detail(why.unwrap_or_default()) });
        }
        let mut facts = Facts { size: 0, flags: 0, blocks: Blocks::default() };
        let mut told = false;
        for one in answers.iter().filter(|one| one.kind == answer::INFO) {
            let mut data = Reader(&one.data);
            match data.u16() {
                Some(info::EXPORT) => {
                    let (size, flags) = (data.u64(), data.u16());
                    (facts.size, facts.flags) = size.zip(flags).ok_or_else(nonsense)?;
                    told = true;
                }
                Some(info::BLOCK_SIZE) => {
                    let (minimum, preferred, maximum) = (data.u32(), data.u32(), data.u32());
                    let ((minimum, preferred), maximum) = minimum.zip(preferred).zip(maximum).ok_or_else(nonsense)?;
                    facts.blocks = Blocks { minimum, preferred, maximum };
                }
                _ => {}
            }
        }
        if !told {
            return Err(nonsense());
        }
        self.told = Some(facts);
        if drive.is_read_only() && !self.refuses_writes() {
            facts.flags |= flag::READ_ONLY;
            // What is judged here is held to the bounds that hold here.
            facts.blocks.maximum = facts.blocks.maximum.min(limits::REQUEST_BYTES);
        }
        Ok(facts)
    }

    async fn ask(&mut self, drive: &PeerDrive, option: u32, data: &[u8]) -> Result<Vec<Answer>, Refused> {
        let asked = tokio::time::timeout(limits::UPSTREAM, async {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                none => none.insert(greet(drive).await?),
            };
            put_option(stream, option, data).await
        });
        match asked.await {
            Ok(answers) => answers,
            Err(_) => Err(drive.slow(limits::UPSTREAM).into()),
        }
    }
}

async fn greet(drive: &PeerDrive) -> Result<TcpStream, Refused> {
    let mut stream = drive.connect().await?;
    let (greeting, haggling) = (stream.read_u64().await?, stream.read_u64().await?);
    if (greeting, haggling) != (wire::GREETING, wire::OPTION) {
        return Err(nonsense());
    }
    let flags = stream.read_u16().await?;
    if flags & wire::FIXED_NEWSTYLE == 0 {
        return Err(nonsense());
    }
    stream.write_u32(u32::from(flags & (wire::FIXED_NEWSTYLE | wire::NO_ZEROES))).await?;
    Ok(stream)
}

/// Asks, and takes answers up to the last one.
async fn put_option(stream: &mut TcpStream, option: u32, data: &[u8]) -> Result<Vec<Answer>, Refused> {
    let mut asked = Vec::with_capacity(16 + data.len());
    asked.put_u64(wire::OPTION);
    asked.put_u32(option);
    asked.put_u32(u32::try_from(data.len()).unwrap_or(u32::MAX));
    asked.put(data);
    stream.write_all(&asked).await?;
    let mut answers = Vec::new();
    for _ in 0..limits::QUERIES {
        let (magic, of, kind) = (stream.read_u64().await?, stream.read_u32().await?, stream.read_u32().await?);
        let length = stream.read_u32().await?;
        if magic != wire::OPTION_REPLY || of != option || length > limits::OPTION_BYTES {
            return Err(nonsense());
        }
        let mut data = vec![0; length as usize];
        stream.read_exact(&mut data).await?;
        answers.push(Answer { kind, data });
        if kind == answer::ACK || answer::is_error(kind) {
            return Ok(answers);
        }
    }
    Err(nonsense())
}

fn named(export: &str) -> Vec<u8> {
    let mut data = Vec::new();
    put_string(&mut data, export);
    data
}

fn put_string(data: &mut Vec<u8>, text: &str) {
    data.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    data.put(text.as_bytes());
}

fn nonsense() -> Refused {
    broken("what answered there does not speak the protocol's fixed newstyle").into()
}

fn broken(why: &str) -> Failure {
    Failure::new(Kind::Unavailable, "the drive's NBD server could not be agreed with").with_detail(why)
}
