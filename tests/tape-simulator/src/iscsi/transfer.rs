//! The data-out of one command: immediate, unsolicited, then asked for burst by burst (RFC 7143, sections 4.2.5.2 and 11.7 to 11.8).

use tokio::sync::oneshot;

use super::command::{Gathered, INCORRECT_AMOUNT_OF_DATA, UNEXPECTED_UNSOLICITED_DATA, aborted};
use super::header::{self, Header};
use super::negotiation::Parameters;

/// Data that is still to come.
pub(super) struct Transfer {
    pub(super) lun: [u8; 8],
    pub(super) data: Vec<u8>,
    expected: usize,
    burst: Burst,
    /// DataSN of the next PDU of the burst.
    number: u32,
    /// R2Ts so far.
    requests: u32,
    refused: Option<(u8, u8)>,
    done: oneshot::Sender<Gathered>,
}

#[derive(Clone, Copy)]
struct Burst {
    transfer_tag: u32,
    /// Where in the data it ends at the latest.
    end: usize,
}

/// An R2T.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) transfer_tag: u32,
    pub(super) number: u32,
    pub(super) offset: u32,
    pub(super) length: u32,
}

/// What follows a PDU.
pub(super) enum Next {
    More,
    Ask(Request),
    Whole,
}

const OFFSET: usize = 40;
const DATA_SN: usize = 36;

impl Transfer {
    /// Of `expected` bytes; `immediate`: bytes that come with the command, which the caller puts into `data`.
    pub(super) fn new(
        command: &Header,
        expected: u32,
        buffer: Vec<u8>,
        parameters: &Parameters,
        done: oneshot::Sender<Gathered>,
    ) -> Self {
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        let unsolicited = usize::try_from(parameters.first_burst).unwrap_or(usize::MAX).min(expected);
        let immediate = command.data_length();
        let refused = if immediate > 0 && !parameters.immediate_data || !command.is_final() && parameters.initial_r2t {
            Some(UNEXPECTED_UNSOLICITED_DATA)
        } else if immediate > unsolicited {
            Some(INCORRECT_AMOUNT_OF_DATA)
        } else {
            None
        };
        let burst = Burst { transfer_tag: header::NO_TAG, end: unsolicited };
        Self { lun: command.lun(), data: buffer, expected, burst, number: 0, requests: 0, refused, done }
    }

    /// Whether the data of this PDU belongs where this transfer is. `false`: it is to be thrown away, and the command fails.
    pub(super) fn takes(&mut self, pdu: &Header) -> bool {
        if self.refused.is_none() && pdu.opcode() == header::DATA_OUT {
            let in_order = pdu.number(DATA_SN) == self.number
                && usize::try_from(pdu.number(OFFSET)).is_ok_and(|offset| offset == self.data.len());
            let fits = self.data.len() + pdu.data_length() <= self.burst.end;
            if pdu.number(header::TRANSFER_TAG) != self.burst.transfer_tag || !in_order || !fits {
                self.refused = Some(INCORRECT_AMOUNT_OF_DATA);
            }
            self.number = self.number.wrapping_add(1);
        }
        self.refused.is_none()
    }

    /// After a PDU was taken or thrown away.
    pub(super) fn next(&mut self, is_final: bool, parameters: &Parameters) -> Next {
        if !is_final {
            return Next::More;
        }
        let solicited = self.burst.transfer_tag != header::NO_TAG;
        // An R2T is answered with all that it asks for.
        if solicited && self.data.len() < self.burst.end {
            self.refused.get_or_insert(INCORRECT_AMOUNT_OF_DATA);
        }
        if self.refused.is_some() || self.data.len() >= self.expected {
            return Next::Whole;
        }
        let length = (self.expected - self.data.len()).min(usize::try_from(parameters.burst).unwrap_or(usize::MAX));
        let request = Request {
            transfer_tag: self.requests,
            number: self.requests,
            offset: u32::try_from(self.data.len()).unwrap_or(u32::MAX),
            length: u32::try_from(length).unwrap_or(u32::MAX),
        };
        self.burst = Burst { transfer_tag: request.transfer_tag, end: self.data.len() + length };
        self.number = 0;
        self.requests += 1;
        Next::Ask(request)
    }

    /// Hands the data to whoever waits for it.
    pub(super) fn finish(self) {
        let data = match self.refused {
            None => Ok(self.data),
            Some(why) => Err(aborted(why)),
        };
        // Nobody waits for a command that was aborted.
        let _ = self.done.send(Gathered { requests: self.requests, data });
    }
}
