//! Looks at files and reads them. A small file is one round trip: CREATE, READ, CLOSE. What the CLOSE tells shows whether it stood still
//! meanwhile, so that nobody need look once more. A larger one is opened and begun in one round trip, then several reads are under way at
//! a time.

use capstan_sdk::failure::{Failure, conflict, invalid};
use capstan_sdk::range::bounds;
use capstan_sdk::types::{ByteRange, Kind, Node};
use capstan_sdk::{FutureReader, Outcome, StreamReader, StreamWriter, named, spawn_local};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use smb2::types::FileId;

use crate::budget::Share;
use crate::chain::{Chain, Opening, access, option};
use crate::links::{Lease, Links};
use crate::node::Look;
use crate::place::Place;
use crate::world::{wit_future, wit_stream};
use crate::{error, reparse};

/// Asked for together with the open: all of a small file.
const FIRST_BYTES: u64 = 64 << 10;
/// Of a file, or a range, that is read between its open and its close: many of these at once must fit into the instance's memory.
const AT_ONCE: u64 = 256 << 10;
/// Of a node: after its bytes were read the file still looked so.
const STEADY: &str = "steady";

pub(crate) type Download = (Node, StreamReader<u8>, FutureReader<Result<(), Failure>>);

/// Of the link itself, if it is one.
pub(crate) async fn stat(links: &Links, place: &Place) -> Outcome<Node> {
    let look = look(links, place).await?;
    let link = reparse::target(links, place, &look).await?;
    Ok(look.node(place.name(), link))
}

pub(crate) async fn look(links: &Links, place: &Place) -> Outcome<Look> {
    let subject = place.subject();
    let chain = Chain::open(Opening::existing(place.wire(), access::LOOK)).close();
    let answers = links.ask(&chain, &subject).await?;
    let look = Look::opened(&answers.opened(&subject)?);
    if look.is_special() { reparse::tagged(links, place, look).await } else { Ok(look) }
}

pub(crate) async fn read(links: &Links, place: &Place, range: Option<ByteRange>) -> Outcome<Download> {
    let largest = u64::from(links.lease().await?.read_bytes);
    let mut most = range.as_ref().and_then(|range| range.length).unwrap_or(FIRST_BYTES).max(1);
    let mut first = FIRST_BYTES;
    // As much as is asked for, or is usual; then, where the file turns out to have more, all of it.
    while most <= AT_ONCE.min(largest) {
        match read_at_once(links, place, range, most).await? {
            Short::Whole(node, data) => return Ok(given(node, data)),
            Short::Longer(bytes) if bytes > most => {
                most = bytes;
                first = bytes.min(largest);
            }
            Short::Longer(_) => break,
        }
    }
    read_streaming(links, place, range, first).await
}

/// What came of a read of a limited number of bytes.
enum Short {
    Whole(Node, Vec<u8>),
    /// So many would be all.
    Longer(u64),
}

/// Without its own reparse point: what is deduplicated or kept elsewhere is read as the file it looks like.
fn opening(place: &Place) -> Opening {
    let mut opening = Opening::existing(place.wire(), access::READ).options(option::NOT_DIRECTORY);
    opening.options &= !option::REPARSE_POINT;
    opening
}

async fn read_at_once(links: &Links, place: &Place, range: Option<ByteRange>, most: u64) -> Outcome<Short> {
    let subject = place.subject();
    let begins = range.as_ref().map_or(0, |range| range.offset);
    let chain = Chain::open(opening(place)).read(begins, u32::try_from(most).unwrap_or(u32::MAX)).close();
    let answers = links.ask(&chain, &subject).await?;
    let look = Look::opened(&answers.opened(&subject)?);
    let mut node = file(place, &look)?;
    let (from, to) = bounds(look.size, range, "file")?;
    let mut data = answers.data(1, &subject)?;
    let wanted = to - from;
    if wanted > data.len() as u64 {
        return Ok(Short::Longer(wanted));
    }
    data.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
    let closed = answers.closed(2, &subject).ok().and_then(|closed| look.closed(&closed));
    if closed.is_some_and(|closed| closed.is_still(&look)) {
        node.extras.push(named(STEADY, "true"));
    }
    Ok(Short::Whole(node, data))
}

fn file(place: &Place, look: &Look) -> Outcome<Node> {
    let node = look.node(place.name(), None);
    if node.kind == Kind::File { Ok(node) } else { Err(invalid(format!("{} is no file", place.subject()))) }
}

/// All at hand already.
fn given(node: Node, data: Vec<u8>) -> Download {
    let (mut stream, reader) = wit_stream::new::<u8>();
    let (end, ended) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
    spawn_local(async move {
        // Who reads no more has what it wants.
        let _ = stream.write_all(data).await;
        drop(stream);
        let _ = end.write(Ok(())).await;
    });
    (node, reader, ended)
}

/// `first`: asked for together with the open.
async fn read_streaming(links: &Links, place: &Place, range: Option<ByteRange>, first: u64) -> Outcome<Download> {
    let subject = place.subject();
    let begins = range.as_ref().map_or(0, |range| range.offset);
    let chain = Chain::open(opening(place)).read(begins, u32::try_from(first).unwrap_or(u32::MAX));
    let mut lease = links.lease().await?;
    let answers = match lease.run(&chain).await {
        // Nothing was given out yet, so another connection may begin.
        Err(error) if error::is_lost(&error) => {
            lease = links.lease().await?;
            lease.run(&chain).await
        }
        other => other,
    };
    let answers = answers.map_err(|error| error::failure(&error, &subject))?;
    let opened = answers.opened(&subject)?;
    let look = Look::opened(&opened);
    let begun = file(place, &look).and_then(|node| {
        let (from, to) = bounds(look.size, range, "file")?;
        Ok((node, from, to, answers.data(1, &subject)?))
    });
    let (node, from, to, mut data) = match begun {
        Ok(begun) => begun,
        Err(failure) => {
            lease.close(opened.file_id).await;
            return Err(failure);
        }
    };
    data.truncate(usize::try_from(to - from).unwrap_or(usize::MAX));
    let (mut stream, reader) = wit_stream::new::<u8>();
    let (end, ended) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
    spawn_local(async move {
        let open = Open { lease, file: opened.file_id, subject };
        let result = open.feed(&mut stream, from, to, data).await;
        open.lease.close(open.file).await;
        drop(stream);
        let _ = end.write(result).await;
    });
    Ok((node, reader, ended))
}

struct Open {
    lease: Lease,
    file: FileId,
    subject: String,
}

impl Open {
    /// Writes the bytes into the stream, in their order, until nobody reads any more.
    async fn feed(&self, stream: &mut StreamWriter<u8>, from: u64, to: u64, first: Vec<u8>) -> Outcome<()> {
        let mut next = from + first.len() as u64;
        if !stream.write_all(first).await.is_empty() || next >= to {
            return Ok(());
        }
        let share = Share::take();
        let piece = u64::from(self.lease.read_bytes);
        let mut under_way = FuturesOrdered::new();
        loop {
            while next < to && under_way.len() < share.pieces() {
                let length = piece.min(to - next);
                under_way.push_back(self.piece(next, length));
                next += length;
            }
            let Some(data) = under_way.next().await else { return Ok(()) };
            if !stream.write_all(data?).await.is_empty() {
                return Ok(());
            }
        }
    }

    /// All of the piece; a server may answer less than was asked for.
    async fn piece(&self, offset: u64, length: u64) -> Outcome<Vec<u8>> {
        let mut whole = Vec::new();
        loop {
            let have = whole.len() as u64;
            if have >= length {
                return Ok(whole);
            }
            let chain = Chain::on(self.file).read(offset + have, u32::try_from(length - have).unwrap_or(u32::MAX));
            let answers = self.lease.run(&chain).await.map_err(|error| error::failure(&error, &self.subject))?;
            let data = answers.data(0, &self.subject)?;
            if data.is_empty() {
                return Err(conflict(format!("{} became shorter while it was read", self.subject)));
            }
            if whole.is_empty() {
                whole = data;
            } else {
                whole.extend_from_slice(&data);
            }
        }
    }
}
