//! A command under way.

use crate::command::{Command, Data, Outcome};
use crate::error::Error;

#[derive(Debug)]
pub(super) struct Task {
    pub(super) command: Command,
    /// CmdSN; none: not sent over this connection.
    pub(super) number: Option<u32>,
    /// How often it was sent, over all connections.
    pub(super) sendings: u8,
    /// What came in.
    pub(super) data: Vec<u8>,
    pub(super) data_number: u32,
    /// Up to where data went out or was asked for, and by how many requests.
    pub(super) given: usize,
    pub(super) request_number: u32,
    pub(super) open_requests: u16,
}

/// Data that goes out in a sequence of PDUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Burst {
    pub(super) tag: u32,
    pub(super) lun: u64,
    pub(super) transfer_tag: u32,
    /// DataSN of the next.
    pub(super) number: u32,
    pub(super) from: usize,
    pub(super) end: usize,
}

impl Task {
    pub(super) fn new(command: Command) -> Self {
        Self {
            command,
            number: None,
            sendings: 0,
            data: Vec::new(),
            data_number: 0,
            given: 0,
            request_number: 0,
            open_requests: 0,
        }
    }

    /// Back to where it was before it was sent.
    pub(super) fn recall(&mut self) {
        self.number = None;
        self.data = Vec::new();
        self.data_number = 0;
        self.given = 0;
        self.request_number = 0;
        self.open_requests = 0;
    }

    /// What it ends with when it is not sent any more.
    pub(super) fn withdrawn(&self) -> Outcome {
        if self.sendings == 0 { Outcome::NotSent } else { Outcome::Unknown }
    }

    /// Data comes in order, as was agreed on (RFC 7143, sections 13.18 and 13.19), and no more than was asked for.
    pub(super) fn take_data(&mut self, number: u32, offset: u32, data: &[u8]) -> Result<(), Error> {
        let Data::In(expected) = self.command.data else { return Err(Error::Protocol("data that nobody asked for")) };
        let expected = expected as usize;
        if number != self.data_number || offset as usize != self.data.len() {
            return Err(Error::Protocol("data out of order"));
        }
        if data.len() > expected - self.data.len().min(expected) {
            return Err(Error::TooMuch("data of one command"));
        }
        if self.data.capacity() == 0 && !data.is_empty() {
            // The caller's number, not the target's.
            self.data.reserve_exact(expected);
        }
        self.data_number = number.wrapping_add(1);
        self.data.extend_from_slice(data);
        Ok(())
    }

    /// The target asks for data: the next part, no longer than agreed, no more parts ahead than agreed (sections 11.8, 13.13, 13.17).
    pub(super) fn take_request(
        &mut self,
        number: u32,
        offset: u32,
        length: u32,
        max_burst: u32,
        ahead: u16,
    ) -> Result<(usize, usize), Error> {
        let total = self.command.out().len();
        let (from, length_here) = (offset as usize, length as usize);
        if number != self.request_number || from != self.given {
            return Err(Error::Protocol("a request for data out of order"));
        }
        if length == 0 || length > max_burst || length_here > total - from.min(total) {
            return Err(Error::Protocol("a request for data that is not there"));
        }
        if self.open_requests >= ahead {
            return Err(Error::TooMuch("requests for data"));
        }
        self.request_number = number.wrapping_add(1);
        self.open_requests += 1;
        self.given = from + length_here;
        Ok((from, self.given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Repeat;

    fn task(data: Data) -> Task {
        Task::new(Command::new(0, [0; 6], data, Repeat::Never))
    }

    #[test]
    fn data_comes_in_order_and_within_what_was_asked() {
        let mut read = task(Data::In(8));
        read.take_data(0, 0, b"abcd").unwrap();
        for (number, offset, data) in [(0, 4, &b"e"[..]), (2, 4, b"e"), (1, 0, b"e"), (1, 5, b"e"), (1, 4, b"efghi")] {
            assert!(read.take_data(number, offset, data).is_err());
        }
        read.take_data(1, 4, b"efgh").unwrap();
        assert_eq!(read.data, b"abcdefgh");
        assert!(task(Data::None).take_data(0, 0, b"").is_err());
        assert!(task(Data::Out(vec![0; 8])).take_data(0, 0, b"a").is_err());
    }

    #[test]
    fn data_is_given_once_in_order_and_in_parts_that_were_agreed_on() {
        let mut write = task(Data::Out(vec![0; 100]));
        write.given = 10;
        for (number, offset, length) in [(1, 10, 5), (0, 0, 5), (0, 11, 5), (0, 10, 0), (0, 10, 41), (0, 10, u32::MAX)] {
            assert!(write.take_request(number, offset, length, 40, 1).is_err());
        }
        assert_eq!(write.take_request(0, 10, 40, 40, 1), Ok((10, 50)));
        assert_eq!(write.take_request(1, 50, 40, 40, 1), Err(Error::TooMuch("requests for data")));
        write.open_requests = 0;
        assert_eq!(write.take_request(1, 50, 40, 40, 1), Ok((50, 90)));
        write.open_requests = 0;
        assert!(write.take_request(2, 90, 11, 40, 1).is_err(), "beyond the end");
        assert!(task(Data::In(9)).take_request(0, 0, 1, 40, 1).is_err());
    }
}
