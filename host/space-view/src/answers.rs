//! What the kernel is answered, in its words.

use fuser::{Errno, FileHandle, FopenFlags, Generation, ReplyCreate, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyXattr, Request};

use crate::FRESH;
use crate::making::{Entered, Maker};
use crate::opening::Opened;
use crate::recalls::Reader;
use crate::refusal::{Answer, Refusal};

/// Nothing waits in this process that a close could flush.
const OPENED: FopenFlags = FopenFlags::FOPEN_NOFLUSH;

pub(crate) fn reader(request: &Request) -> Reader {
    Reader { user: request.uid(), group: request.gid(), process: request.pid() }
}

pub(crate) fn maker(request: &Request, mode: u32, umask: u32) -> Maker {
    Maker { user: request.uid(), group: request.gid(), mode, umask }
}

pub(crate) fn done(answer: Answer<()>, reply: ReplyEmpty) {
    match answer {
        Ok(()) => reply.ok(),
        Err(Refusal(error)) => reply.error(error),
    }
}

pub(crate) fn entry(answer: Answer<Entered>, reply: ReplyEntry) {
    match answer {
        Ok((attributes, generation)) => reply.entry(&FRESH, &attributes, Generation(generation)),
        Err(Refusal(error)) => reply.error(error),
    }
}

pub(crate) fn opened(opened: &Opened, reply: ReplyOpen) {
    match &opened.backing {
        Some(backing) => reply.opened_passthrough(FileHandle(opened.handle), OPENED, backing),
        None if opened.keeps => reply.opened(FileHandle(opened.handle), OPENED | FopenFlags::FOPEN_KEEP_CACHE),
        None => reply.opened(FileHandle(opened.handle), OPENED),
    }
}

pub(crate) fn created((attributes, generation): &Entered, opened: &Opened, reply: ReplyCreate) {
    let (generation, handle) = (Generation(*generation), FileHandle(opened.handle));
    match &opened.backing {
        Some(backing) => reply.created_passthrough(&FRESH, attributes, generation, handle, OPENED, backing),
        None => reply.created(&FRESH, attributes, generation, handle, OPENED),
    }
}

pub(crate) fn sized(answer: Answer<Vec<u8>>, size: u32, reply: ReplyXattr) {
    match answer {
        Ok(bytes) if size == 0 => reply.size(u32::try_from(bytes.len()).unwrap_or(u32::MAX)),
        Ok(bytes) if bytes.len() > size as usize => reply.error(Errno::ERANGE),
        Ok(bytes) => reply.data(&bytes),
        Err(Refusal(error)) => reply.error(error),
    }
}
