//! The bytes of drives: read, written, discarded, flushed; and where they may not be zeros.
//!
//! A write that is cut leaves its range as a mixture of before and after; it is made again whole. A discard and a flush may be made
//! again as they are.

use std::collections::VecDeque;

use capstan_nbd_client::{Answer, Cookie, Request};
use capstan_sdk::content::Content;
use capstan_sdk::drive::end_within;
use capstan_sdk::failure::malformed;
use capstan_sdk::types::{Drive, Extent, ExtentPage};
use capstan_sdk::{Failure, FutureReader, Outcome, StreamReader, StreamWriter, spawn_local};

use crate::drives::{self, BLOCK};
use crate::lane::{Subject, change, run};
use crate::link::Link;
use crate::world::{wit_future, wit_stream};

/// Bytes of one READ and of one WRITE. Larger ones gain nothing; a READ lies in the plugin's memory.
const READ_BYTES: u32 = 512 << 10;
const WRITE_BYTES: u32 = 1 << 20;
/// Bytes of one request that carries none.
const ZERO_BYTES: u32 = 1 << 30;
const STATUS_BYTES: u32 = 1 << 30;
/// Requests of one call under way.
const AHEAD: usize = 6;
/// Extents of one page at most, and requests for them.
const EXTENTS: u32 = 10_000;
const STATUS_REQUESTS: u32 = 64;

/// The next piece of a range, at most so long.
fn piece(from: u64, to: u64, most: u32) -> u32 {
    u32::try_from(to - from).unwrap_or(most).min(most)
}

fn odd(what: &str) -> Failure {
    malformed("the storage daemon answered something else than it was asked", what)
}

type Download = (Drive, StreamReader<u8>, FutureReader<Result<(), Failure>>);

pub(crate) async fn read(
    client: &crate::client::Client,
    location: &str,
    name: &str,
    offset: u64,
    length: u64,
) -> Outcome<Download> {
    let subject = Subject::new(client, location, name)?;
    // What a call can fail at, it fails at before it answers: the first bytes are there.
    let (size, to, first) = run(&subject, async |link: &mut Link| {
        let size = link.export.size;
        let to = end_within(size, BLOCK, offset, length)?;
        let first = if offset < to { read_piece(link, offset, to, &subject.text).await? } else { Vec::new() };
        Ok((size, to, first))
    })
    .await?;
    let (mut stream, reader) = wit_stream::new::<u8>();
    let (end, ended) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
    let drive = drives::told(subject.name, size);
    let (location, name) = (location.to_owned(), name.to_owned());
    spawn_local(async move {
        let outcome = hand_on(&location, &name, offset, to, first, &mut stream).await;
        drop(stream);
        // Whoever dropped the stream may not want to know.
        let _ = end.write(outcome).await;
    });
    Ok((drive, reader, ended))
}

async fn read_piece(link: &mut Link, from: u64, to: u64, subject: &str) -> Outcome<Vec<u8>> {
    let length = piece(from, to, READ_BYTES);
    match link.ask(Request::Read { offset: from, length }, subject).await? {
        Answer::Data(bytes) => Ok(bytes),
        _ => Err(odd("no data")),
    }
}

/// Hands everything on. Answers early, and well, when nobody reads any more.
async fn hand_on(location: &str, name: &str, from: u64, to: u64, first: Vec<u8>, stream: &mut StreamWriter<u8>) -> Outcome<()> {
    let mut at = from + first.len() as u64;
    if !stream.write_all(first).await.is_empty() || at == to {
        return Ok(());
    }
    let client = crate::backend::client()?;
    let subject = Subject::new(&client, location, name)?;
    // A connection that breaks on the way is replaced, and reading goes on where it was.
    let mut wanted = true;
    run(&subject, async |link: &mut Link| {
        while wanted && at < to {
            wanted = stream_over(link, &mut at, to, &subject.text, stream).await?;
        }
        Ok(())
    })
    .await
}

/// False: nobody reads any more.
async fn stream_over(link: &mut Link, at: &mut u64, to: u64, subject: &str, stream: &mut StreamWriter<u8>) -> Outcome<bool> {
    end_within(link.export.size, BLOCK, *at, to - *at)?;
    let mut flying: VecDeque<Cookie> = VecDeque::new();
    let mut ahead = *at;
    while *at < to {
        while flying.len() < AHEAD && ahead < to {
            let length = piece(ahead, to, READ_BYTES);
            flying.push_back(link.post(Request::Read { offset: ahead, length })?);
            ahead += u64::from(length);
        }
        let Some(cookie) = flying.pop_front() else { break };
        let Answer::Data(bytes) = link.answer(cookie, subject).await? else { return Err(odd("no data")) };
        *at += bytes.len() as u64;
        if !stream.write_all(bytes).await.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(crate) async fn write(subject: &Subject<'_>, offset: u64, content: &Content) -> Outcome<()> {
    let length = content.size();
    change(subject, async |link: &mut Link| {
        let to = end_within(link.export.size, BLOCK, offset, length)?;
        let mut flying: VecDeque<Cookie> = VecDeque::new();
        let mut at = offset;
        while at < to {
            let length = piece(at, to, WRITE_BYTES);
            if flying.len() >= AHEAD
                && let Some(cookie) = flying.pop_front()
            {
                link.answer(cookie, &subject.text).await?;
            }
            flying.push_back(link.post_write(at, content, at - offset, length).await?);
            at += u64::from(length);
        }
        finish(link, flying, subject).await
    })
    .await
}

/// Zeros, and the room given back where whole objects of the cluster are meant: a trim alone would promise no zeros.
pub(crate) async fn discard(subject: &Subject<'_>, offset: u64, length: u64) -> Outcome<()> {
    change(subject, async |link: &mut Link| {
        let to = end_within(link.export.size, BLOCK, offset, length)?;
        let mut flying: VecDeque<Cookie> = VecDeque::new();
        let mut at = offset;
        while at < to {
            let length = piece(at, to, ZERO_BYTES);
            if flying.len() >= AHEAD
                && let Some(cookie) = flying.pop_front()
            {
                link.answer(cookie, &subject.text).await?;
            }
            flying.push_back(link.post(Request::WriteZeroes { offset: at, length, hole: true })?);
            at += u64::from(length);
        }
        finish(link, flying, subject).await
    })
    .await
}

async fn finish(link: &mut Link, flying: VecDeque<Cookie>, subject: &Subject<'_>) -> Outcome<()> {
    for cookie in flying {
        link.answer(cookie, &subject.text).await?;
    }
    Ok(())
}

pub(crate) async fn flush(subject: &Subject<'_>) -> Outcome<()> {
    change(subject, async |link: &mut Link| {
        if link.export.can_flush() {
            link.ask(Request::Flush, &subject.text).await?;
        }
        Ok(())
    })
    .await
}

pub(crate) async fn extents(subject: &Subject<'_>, offset: u64, length: u64, limit: u32) -> Outcome<ExtentPage> {
    run(subject, async |link: &mut Link| {
        let to = end_within(link.export.size, BLOCK, offset, length)?;
        let mut found = Found { extents: Vec::new(), at: offset, limit: limit.clamp(1, EXTENTS) as usize };
        if !link.export.allocation && offset < to {
            found.take(to - offset, true);
        }
        let mut requests = 0;
        while found.at < to && requests < STATUS_REQUESTS && !found.is_full() {
            let request = Request::BlockStatus { offset: found.at, length: piece(found.at, to, STATUS_BYTES) };
            let Answer::Extents(extents) = link.ask(request, &subject.text).await? else { return Err(odd("no extents")) };
            // A page that is full ends in the middle of an answer; the next one asks for the rest again.
            let _ = extents.iter().all(|extent| found.take(extent.length, !extent.zero));
            requests += 1;
        }
        let next = (found.at < to).then_some(found.at);
        Ok(ExtentPage { extents: found.extents, next })
    })
    .await
}

/// Extents of data as they are found; neighbours become one.
struct Found {
    extents: Vec<Extent>,
    /// Up to where it was looked.
    at: u64,
    limit: usize,
}

impl Found {
    fn is_full(&self) -> bool {
        self.extents.len() >= self.limit
    }

    /// False: there is no room for another extent.
    fn take(&mut self, length: u64, data: bool) -> bool {
        if data {
            let full = self.is_full();
            match self.extents.last_mut() {
                Some(last) if last.offset + last.length == self.at => last.length += length,
                _ if full => return false,
                _ => self.extents.push(Extent { offset: self.at, length }),
            }
        }
        self.at += length;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_range_of_any_length() {
        assert_eq!((piece(0, 10, 4), piece(8, 10, 4), piece(0, u64::MAX, 1 << 30)), (4, 2, 1 << 30));
    }

    #[test]
    fn neighbours_are_one_extent_and_a_full_page_says_where_to_go_on() {
        let mut found = Found { extents: Vec::new(), at: 512, limit: 2 };
        assert!(found.take(512, true) && found.take(512, true) && found.take(1024, false) && found.take(512, true));
        assert!(found.is_full() && found.take(512, false) && !found.take(512, true));
        assert_eq!(found.at, 3584);
        let (first, second) = (Extent { offset: 512, length: 1024 }, Extent { offset: 2560, length: 512 });
        assert_eq!(found.extents, [first, second]);
    }
}
