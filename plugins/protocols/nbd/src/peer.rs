//! The other side, for tests: bytes as a server sends them, and a server over memory that answers any request.

use crate::wire::{CHUNK_MAGIC, MAGIC, OPTION_MAGIC, OPTION_REPLY_MAGIC, SIMPLE_MAGIC};
use crate::{Client, Event};

pub(crate) const SIZE: u64 = 1 << 20;
/// Flags that qemu's server has: FLUSH, FUA, TRIM, WRITE_ZEROES, DF, MULTI_CONN and their first bit.
pub(crate) const ALL: u16 = 0x1ed;

pub(crate) fn greeting(flags: u16) -> Vec<u8> {
    [&MAGIC.to_be_bytes()[..], &OPTION_MAGIC.to_be_bytes(), &flags.to_be_bytes()].concat()
}

pub(crate) fn option_reply(option: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    let words = [option, kind, length].map(u32::to_be_bytes).concat();
    [&OPTION_REPLY_MAGIC.to_be_bytes()[..], &words, data].concat()
}

pub(crate) fn export_info(size: u64, flags: u16) -> Vec<u8> {
    [&0_u16.to_be_bytes()[..], &size.to_be_bytes(), &flags.to_be_bytes()].concat()
}

pub(crate) fn block_info(sizes: [u32; 3]) -> Vec<u8> {
    [&3_u16.to_be_bytes()[..], &sizes.map(u32::to_be_bytes).concat()].concat()
}

pub(crate) fn context(number: u32, name: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], name].concat()
}

pub(crate) fn simple(cookie: u64, error: u32, data: &[u8]) -> Vec<u8> {
    [&SIMPLE_MAGIC.to_be_bytes()[..], &error.to_be_bytes(), &cookie.to_be_bytes(), data].concat()
}

pub(crate) fn chunk(cookie: u64, last: bool, kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let head = [&CHUNK_MAGIC.to_be_bytes()[..], &u16::from(last).to_be_bytes(), &kind.to_be_bytes(), &cookie.to_be_bytes()];
    [&head.concat()[..], &length.to_be_bytes(), payload].concat()
}

pub(crate) fn data(cookie: u64, last: bool, offset: u64, bytes: &[u8]) -> Vec<u8> {
    chunk(cookie, last, 1, &[&offset.to_be_bytes()[..], bytes].concat())
}

pub(crate) fn hole(cookie: u64, last: bool, offset: u64, length: u32) -> Vec<u8> {
    chunk(cookie, last, 2, &[&offset.to_be_bytes()[..], &length.to_be_bytes()].concat())
}

pub(crate) fn status(cookie: u64, last: bool, number: u32, extents: &[(u32, u32)]) -> Vec<u8> {
    let words: Vec<u8> =
        extents.iter().flat_map(|(length, flags)| [length.to_be_bytes(), flags.to_be_bytes()].concat()).collect();
    chunk(cookie, last, 5, &[&number.to_be_bytes()[..], &words].concat())
}

pub(crate) fn error(cookie: u64, last: bool, errno: u32) -> Vec<u8> {
    chunk(cookie, last, (1 << 15) + 1, &[&errno.to_be_bytes()[..], &3_u16.to_be_bytes(), b"why"].concat())
}

/// All that a server with everything says until the export is open.
pub(crate) fn welcome(size: u64, flags: u16) -> Vec<u8> {
    [
        greeting(3),
        option_reply(8, 1, b""),
        option_reply(10, 4, &context(7, b"base:allocation")),
        option_reply(10, 1, b""),
        option_reply(7, 3, &export_info(size, flags)),
        option_reply(7, 3, &block_info([512, 4096, 32 << 20])),
        option_reply(7, 1, b""),
    ]
    .concat()
}

/// A client whose export is open.
pub(crate) fn open() -> Client {
    opened(&welcome(SIZE, ALL))
}

pub(crate) fn opened(welcome: &[u8]) -> Client {
    let mut client = Client::new("disk").unwrap();
    client.receive(welcome).unwrap();
    assert!(matches!(client.event(), Some(Event::Ready(_))));
    let _ = client.transmit();
    client
}
