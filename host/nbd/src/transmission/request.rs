//! A request, and what is wrong with it whoever serves it.

use super::{Agreed, Error};
use crate::limits::REQUEST_BYTES;
use crate::wire::{self, Reader, command, command_flag as flag};

/// Bytes of a request without what it writes.
pub(crate) const HEAD: usize = 28;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) flags: u16,
    pub(crate) command: u16,
    pub(crate) cookie: u64,
    pub(crate) offset: u64,
    pub(crate) length: u32,
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Serve,
    Refuse(Error),
    /// Nothing that follows can be understood.
    End,
}

impl Request {
    /// None: this is no request.
    pub(crate) fn read(head: &[u8]) -> Option<Self> {
        let mut head = Reader(head);
        if head.u32()? != wire::REQUEST {
            return None;
        }
        Some(Self { flags: head.u16()?, command: head.u16()?, cookie: head.u64()?, offset: head.u64()?, length: head.u32()? })
    }

    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Bytes that follow the request.
    pub(crate) fn payload(&self) -> usize {
        if self.command == command::WRITE { self.length as usize } else { 0 }
    }

    pub(crate) fn changes(&self) -> bool {
        matches!(self.command, command::WRITE | command::TRIM | command::WRITE_ZEROES)
    }

    /// By the protocol: reading behind the end is invalid, writing there finds no room.
    pub(crate) fn judge(&self, size: u64, read_only: bool, agreed: Agreed) -> Verdict {
        if self.command == command::WRITE && self.length > REQUEST_BYTES {
            return Verdict::End;
        }
        let known = match self.command {
            command::READ => flag::FUA | flag::DONT_FRAGMENT,
            command::WRITE | command::TRIM | command::FLUSH | command::CACHE => flag::FUA,
            command::WRITE_ZEROES => flag::FUA | flag::NO_HOLE | flag::FAST_ZERO,
            command::BLOCK_STATUS if agreed.allocation => flag::FUA | flag::REQUEST_ONE,
            command::DISCONNECT => return Verdict::Serve,
            _ => return Verdict::Refuse(Error::Invalid),
        };
        if self.flags & !known != 0 {
            return Verdict::Refuse(Error::Invalid);
        }
        if self.changes() && read_only {
            return Verdict::Refuse(Error::NotPermitted);
        }
        if self.command == command::FLUSH {
            return Verdict::Serve;
        }
        let long = matches!(self.command, command::READ | command::CACHE) && self.length > REQUEST_BYTES;
        let within = self.offset.checked_add(u64::from(self.length)).is_some_and(|end| end <= size);
        match (within, self.command) {
            (true, command::BLOCK_STATUS) if self.length == 0 => Verdict::Refuse(Error::Invalid),
            (true, _) if !long => Verdict::Serve,
            (false, command::WRITE | command::WRITE_ZEROES) => Verdict::Refuse(Error::NoSpace),
            _ => Verdict::Refuse(Error::Invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Agreed = Agreed { structured: true, allocation: true };

    fn request(command: u16, offset: u64, length: u32) -> Request {
        Request { flags: 0, command, cookie: 7, offset, length }
    }

    #[test]
    fn what_leads_out_of_the_drive_is_refused_with_the_number_that_the_protocol_has_for_it() {
        for (command, error) in [
            (command::READ, Error::Invalid),
            (command::WRITE, Error::NoSpace),
            (command::WRITE_ZEROES, Error::NoSpace),
            (command::TRIM, Error::Invalid),
            (command::CACHE, Error::Invalid),
            (command::BLOCK_STATUS, Error::Invalid),
        ] {
            assert_eq!(request(command, 4096, 4096).judge(8192, false, ALL), Verdict::Serve, "{command}");
            for (offset, length) in [(4097, 4096), (8192, 1), (u64::MAX, 1), (u64::MAX, u32::MAX)] {
                let refused = request(command, offset, length).judge(8192, false, ALL);
                let cut = command == command::WRITE && length > REQUEST_BYTES;
                assert_eq!(refused, if cut { Verdict::End } else { Verdict::Refuse(error) }, "{command} {offset}");
            }
        }
    }

    #[test]
    fn nothing_changes_a_drive_that_is_for_reading() {
        for command in [command::WRITE, command::TRIM, command::WRITE_ZEROES] {
            assert_eq!(request(command, 0, 1).judge(8192, true, ALL), Verdict::Refuse(Error::NotPermitted));
        }
        for command in [command::READ, command::FLUSH, command::CACHE, command::BLOCK_STATUS] {
            assert_eq!(request(command, 0, 1).judge(8192, true, ALL), Verdict::Serve);
        }
    }

    #[test]
    fn unknown_commands_and_flags_are_invalid_and_a_request_is_bounded() {
        let size = 1 << 40;
        assert_eq!(request(99, 0, 1).judge(size, false, ALL), Verdict::Refuse(Error::Invalid));
        let odd = Request { flags: 1 << 9, ..request(command::READ, 0, 1) };
        assert_eq!(odd.judge(size, false, ALL), Verdict::Refuse(Error::Invalid));
        assert_eq!(request(command::READ, 0, REQUEST_BYTES + 1).judge(size, false, ALL), Verdict::Refuse(Error::Invalid));
        assert_eq!(request(command::TRIM, 0, u32::MAX).judge(size, false, ALL), Verdict::Serve);
        assert_eq!(request(command::BLOCK_STATUS, 0, 1).judge(size, false, Agreed::default()), Verdict::Refuse(Error::Invalid));
    }
}
