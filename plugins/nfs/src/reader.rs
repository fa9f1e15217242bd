//! Looks at files and reads them: several READs under way, their bytes handed on in order.

use std::collections::VecDeque;

use capstan_nfs3::procedures::{Handle, Read};
use capstan_nfs3::{FileKind, Status};
use capstan_sdk::failure::{conflict, invalid, unavailable};
use capstan_sdk::range::bounds;
use capstan_sdk::types::{ByteRange, Node};
use capstan_sdk::{Failure, FutureReader, Outcome, Retry, StreamReader, StreamWriter, spawn_local};

use crate::attributes::{full_node, node};
use crate::failures::refused;
use crate::lane::{Lane, run};
use crate::link::{Ticket, done};
use crate::path::{Place, find};
use crate::world::{wit_future, wit_stream};

/// READs of one file under way. Their answers wait in the socket; what was received and is not its turn lies in memory.
const AHEAD: usize = 6;

pub(crate) async fn stat(place: &Place) -> Outcome<Node> {
    run(async |lane: &mut Lane| {
        let found = find(lane, place).await?;
        full_node(lane, place, &found).await
    })
    .await
}

type Download = (Node, StreamReader<u8>, FutureReader<Result<(), Failure>>);

pub(crate) async fn read(place: &Place, range: Option<ByteRange>) -> Outcome<Download> {
    let subject = place.subject();
    // What a call can fail at, it fails at before it answers: the first bytes are there.
    let (node, mut part) = run(async |lane: &mut Lane| {
        let found = find(lane, place).await?;
        match found.attributes.kind {
            FileKind::File => {}
            FileKind::Directory => return Err(refused(Status::ISDIR, &subject)),
            FileKind::Symlink | FileKind::Other => return Err(invalid(format!("{subject} is no file"))),
        }
        let (from, to) = bounds(found.attributes.size, range, "file")?;
        let mut part = Part { file: found.handle, subject: subject.clone(), from, to, ready: Vec::new() };
        part.read_first(lane).await?;
        Ok((node(place.name(), &found.attributes, None), part))
    })
    .await?;
    let (mut stream, reader) = wit_stream::new::<u8>();
    let (end, ended) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
    spawn_local(async move {
        let outcome = part.stream(&mut stream).await;
        drop(stream);
        // Whoever dropped the stream may not want to know.
        let _ = end.write(outcome).await;
    });
    Ok((node, reader, ended))
}

/// What is still to be read of a file.
struct Part {
    file: Handle,
    subject: String,
    from: u64,
    to: u64,
    /// Bytes that were read and not handed on.
    ready: Vec<u8>,
}

/// A READ under way.
struct Flight {
    offset: u64,
    count: u32,
    ticket: Ticket<Read>,
}

impl Part {
    async fn read_first(&mut self, lane: &mut Lane) -> Outcome<()> {
        if self.from < self.to {
            let flight = self.launch(lane, self.from, self.to);
            let (bytes, end) = done(lane.link.answer_read(flight.ticket).await?, &self.subject)?;
            self.accept(flight.count, &bytes, end)?;
            self.from += bytes.len() as u64;
            self.ready = bytes;
        }
        Ok(())
    }

    fn launch(&self, lane: &mut Lane, offset: u64, to: u64) -> Flight {
        let count = u32::try_from(to - offset).unwrap_or(u32::MAX).min(lane.session.read);
        let ticket = lane.link.post(&Read { file: self.file.clone(), offset, count });
        Flight { offset, count, ticket }
    }

    /// A file that is shorter than it was is not the file that was asked for.
    fn accept(&self, asked: u32, bytes: &[u8], end: bool) -> Outcome<()> {
        if bytes.len() > asked as usize {
            return Err(unavailable("the server gave more bytes than were asked for").code("malformed-answer"));
        }
        if bytes.is_empty() || (end && bytes.len() < asked as usize) {
            return Err(conflict(format!("{} became shorter while it was read", self.subject)).retry(Retry::AtOnce));
        }
        Ok(())
    }

    /// Hands everything on. Answers early, and well, when nobody reads any more.
    async fn stream(&mut self, stream: &mut StreamWriter<u8>) -> Outcome<()> {
        if !stream.write_all(std::mem::take(&mut self.ready)).await.is_empty() || self.from == self.to {
            return Ok(());
        }
        // A connection that breaks on the way is replaced, and reading goes on where it was.
        let mut wanted = true;
        run(async |lane: &mut Lane| {
            if wanted {
                wanted = self.stream_over(lane, stream).await?;
            }
            Ok(())
        })
        .await
    }

    /// False: nobody reads any more.
    async fn stream_over(&mut self, lane: &mut Lane, stream: &mut StreamWriter<u8>) -> Outcome<bool> {
        let mut flying: VecDeque<Flight> = VecDeque::new();
        let mut ahead = self.from;
        while self.from < self.to {
            while flying.len() < AHEAD && ahead < self.to {
                let flight = self.launch(lane, ahead, self.to);
                ahead += u64::from(flight.count);
                flying.push_back(flight);
            }
            let Some(Flight { offset, count, ticket }) = flying.pop_front() else { break };
            let (bytes, end) = done(lane.link.answer_read(ticket).await?, &self.subject)?;
            self.accept(count, &bytes, end)?;
            let got = bytes.len() as u64;
            if got < u64::from(count) {
                // The rest comes before everything behind it.
                let rest = self.launch(lane, offset + got, offset + u64::from(count));
                flying.push_front(rest);
            }
            self.from += got;
            if !stream.write_all(bytes).await.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
