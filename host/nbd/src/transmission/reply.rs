//! Answers, put at the end of a buffer. Each call makes one whole answer, or its head.

use super::{Agreed, Error, Request};
use crate::wire::{self, Put, chunk, command};

/// The whole answer of a request that has nothing to tell.
pub(crate) fn done(out: &mut impl Put, request: &Request) {
    simple(out, request.cookie, 0);
}

pub(crate) fn failed(out: &mut impl Put, agreed: Agreed, request: &Request, error: Error) {
    let shaped = agreed.structured && matches!(request.command, command::READ | command::BLOCK_STATUS);
    if !shaped {
        simple(out, request.cookie, error.number());
        return;
    }
    head(out, chunk::ERROR, request.cookie, 6);
    out.put_u32(error.number());
    out.put_u16(0);
}

/// What stands before the bytes that were read; those follow at once.
pub(crate) fn read_head(out: &mut impl Put, agreed: Agreed, request: &Request) {
    match (agreed.structured, request.length) {
        (false, _) => simple(out, request.cookie, 0),
        (true, 0) => head(out, chunk::NONE, request.cookie, 0),
        (true, length) => {
            head(out, chunk::OFFSET_DATA, request.cookie, length.saturating_add(8));
            out.put_u64(request.offset);
        }
    }
}

/// Ranges one behind the other from the request's offset on, with their flags.
pub(crate) fn allocation(out: &mut impl Put, request: &Request, context: u32, ranges: &[(u32, u32)]) {
    let length = u32::try_from(ranges.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_add(4);
    head(out, chunk::BLOCK_STATUS, request.cookie, length);
    out.put_u32(context);
    for (length, flags) in ranges {
        out.put_u32(*length);
        out.put_u32(*flags);
    }
}

fn simple(out: &mut impl Put, cookie: u64, error: u32) {
    out.put_u32(wire::SIMPLE_REPLY);
    out.put_u32(error);
    out.put_u64(cookie);
}

/// Of the only chunk of an answer.
fn head(out: &mut impl Put, kind: u16, cookie: u64, length: u32) {
    out.put_u32(wire::STRUCTURED_REPLY);
    out.put_u16(chunk::DONE);
    out.put_u16(kind);
    out.put_u64(cookie);
    out.put_u32(length);
}
