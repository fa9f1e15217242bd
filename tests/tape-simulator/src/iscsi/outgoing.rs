//! Answers as PDUs.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWrite;
use tokio::sync::mpsc;

use super::command::Expected;
use super::header::{self, FINAL, Header, NO_TAG};
use super::transfer::Request;
use super::window::Window;
use super::writer::{Pdu, Writer};
use crate::devices::Answer;

/// What the writer is to tell the initiator.
pub(super) enum Outgoing {
    /// `requests`: R2Ts that were sent for the command.
    Answered {
        tag: u32,
        expected: Expected,
        requests: u32,
        answer: Answer,
    },
    /// The target could not execute the command (section 11.4.3).
    Failed {
        tag: u32,
    },
    ReadyToTransfer {
        tag: u32,
        lun: [u8; 8],
        request: Request,
    },
    Nop {
        tag: u32,
        lun: [u8; 8],
        data: Vec<u8>,
    },
    Text {
        tag: u32,
        text: Vec<u8>,
    },
    TaskManaged {
        tag: u32,
        response: u8,
    },
    /// With the header that is refused; `last`: the connection ends with it.
    Rejected {
        reason: u8,
        refused: Header,
        last: bool,
    },
    /// The last.
    LoggedOut {
        tag: u32,
        response: u8,
    },
}

pub(super) struct Answers<W> {
    pub(super) writer: Writer<W>,
    pub(super) window: Arc<Window>,
    pub(super) stat_sn: u32,
    /// Bytes of a segment and of a sequence of them.
    pub(super) segment: usize,
    pub(super) burst: usize,
}

const RESIDUAL_OVERFLOW: u8 = 0x04;
const RESIDUAL_UNDERFLOW: u8 = 0x02;
const WITH_STATUS: u8 = 0x01;
const TARGET_FAILURE: u8 = 0x01;
const CHECK_CONDITION: u8 = 0x02;
const STATUS: usize = 3;
const DATA_SN: usize = 36;
const OFFSET: usize = 40;
const LAST_FIELD: usize = 44;

impl<W: AsyncWrite + Unpin> Answers<W> {
    /// Writes until a last answer, or until nobody can send one any more.
    pub(super) async fn write_all(mut self, mut queue: mpsc::Receiver<Outgoing>) -> io::Result<()> {
        while let Some(outgoing) = queue.recv().await {
            let last = matches!(outgoing, Outgoing::LoggedOut { .. } | Outgoing::Rejected { last: true, .. });
            self.write(outgoing).await?;
            if last {
                break;
            }
        }
        self.writer.close().await
    }

    async fn write(&mut self, outgoing: Outgoing) -> io::Result<()> {
        match outgoing {
            Outgoing::Answered { tag, expected, requests, answer } => self.answer(tag, expected, requests, answer).await,
            Outgoing::Failed { tag } => {
                let mut response = self.numbered(header::SCSI_RESPONSE, FINAL, tag);
                response.set(2, &[TARGET_FAILURE]);
                self.writer.send(response, &[]).await
            }
            Outgoing::ReadyToTransfer { tag, lun, request } => {
                let mut pdu = self.unnumbered(header::READY_TO_TRANSFER, FINAL, tag);
                pdu.set(header::LUN, &lun);
                pdu.set_number(header::TRANSFER_TAG, request.transfer_tag);
                // The number of the next answer, which this is none of.
                pdu.set_number(header::STAT_SN, self.stat_sn);
                pdu.set_number(DATA_SN, request.number);
                pdu.set_number(OFFSET, request.offset);
                pdu.set_number(LAST_FIELD, request.length);
                self.writer.send(pdu, &[]).await
            }
            Outgoing::Nop { tag, lun, data } => {
                let mut pdu = self.numbered(header::NOP_IN, FINAL, tag);
                pdu.set(header::LUN, &lun);
                pdu.set_number(header::TRANSFER_TAG, NO_TAG);
                self.writer.send(pdu, data.get(..data.len().min(self.segment)).unwrap_or_default()).await
            }
            Outgoing::Text { tag, text } => {
                let mut pdu = self.numbered(header::TEXT_RESPONSE, FINAL, tag);
                pdu.set_number(header::TRANSFER_TAG, NO_TAG);
                self.writer.send(pdu, &text).await
            }
            Outgoing::TaskManaged { tag, response } => {
                let mut pdu = self.numbered(header::TASK_MANAGEMENT_RESPONSE, FINAL, tag);
                pdu.set(2, &[response]);
                self.writer.send(pdu, &[]).await
            }
            Outgoing::Rejected { reason, refused, .. } => {
                let mut pdu = self.numbered(header::REJECT, FINAL, NO_TAG);
                pdu.set(2, &[reason]);
                self.writer.send(pdu, &refused.0).await
            }
            Outgoing::LoggedOut { tag, response } => {
                let mut pdu = self.numbered(header::LOGOUT_RESPONSE, FINAL, tag);
                pdu.set(2, &[response]);
                self.writer.send(pdu, &[]).await
            }
        }
    }

    /// Data-in, and the status in its last PDU where it is a good one; otherwise in a response of its own (section 11.7.3).
    async fn answer(&mut self, tag: u32, expected: Expected, requests: u32, answer: Answer) -> io::Result<()> {
        let (flags, residual) = residual(expected, answer.data.len());
        let wanted = if let Expected::In(length) = expected { usize::try_from(length).unwrap_or(usize::MAX) } else { 0 };
        let data = answer.data.get(..wanted.min(answer.data.len())).unwrap_or_default();
        let collapsed = !data.is_empty() && answer.status != CHECK_CONDITION && answer.sense.is_empty();
        let mut pdus = Vec::with_capacity(data.len() / self.segment.max(1) + 1);
        let (mut from, mut sequence, mut number) = (0, self.burst, 0_u32);
        while from < data.len() {
            let to = data.len().min(from + self.segment).min(sequence);
            let ends = to == data.len();
            let mut pdu = if ends && collapsed {
                let mut pdu = self.numbered(header::DATA_IN, FINAL | WITH_STATUS | flags, tag);
                pdu.set(STATUS, &[answer.status]);
                pdu.set_number(LAST_FIELD, residual);
                pdu
            } else {
                self.unnumbered(header::DATA_IN, if ends || to == sequence { FINAL } else { 0 }, tag)
            };
            pdu.set_number(header::TRANSFER_TAG, NO_TAG);
            pdu.set_number(DATA_SN, number);
            pdu.set_number(OFFSET, u32::try_from(from).unwrap_or(u32::MAX));
            pdus.push(Pdu { header: pdu, data: from..to });
            (from, number) = (to, number.wrapping_add(1));
            if from == sequence {
                sequence += self.burst;
            }
        }
        self.writer.send_all(pdus, data).await?;
        if collapsed {
            return Ok(());
        }
        let mut response = self.numbered(header::SCSI_RESPONSE, FINAL | flags, tag);
        response.set(STATUS, &[answer.status]);
        response.set_number(DATA_SN, if number > 0 { number } else { requests });
        response.set_number(LAST_FIELD, residual);
        let mut sense = Vec::new();
        if !answer.sense.is_empty() {
            sense.extend(u16::try_from(answer.sense.len()).unwrap_or(0).to_be_bytes());
            sense.extend(&answer.sense);
        }
        self.writer.send(response, &sense).await
    }

    /// One that has a StatSN of its own.
    fn numbered(&mut self, opcode: u8, flags: u8, tag: u32) -> Header {
        let mut header = self.unnumbered(opcode, flags, tag);
        header.set_number(header::STAT_SN, self.stat_sn);
        self.stat_sn = self.stat_sn.wrapping_add(1);
        header
    }

    fn unnumbered(&self, opcode: u8, flags: u8, tag: u32) -> Header {
        let (expected, maximum) = self.window.bounds();
        let mut header = Header::new(opcode, flags);
        header.set_number(header::TASK_TAG, tag);
        header.set_number(header::EXPECTED_COMMAND_SN, expected);
        header.set_number(header::MAXIMUM_COMMAND_SN, maximum);
        header
    }
}

/// Flag and number of bytes (section 11.4.5). What a device takes of data-out it does not say: that counts as all.
fn residual(expected: Expected, data: usize) -> (u8, u32) {
    let data = u32::try_from(data).unwrap_or(u32::MAX);
    let expected = match expected {
        Expected::In(length) => length,
        Expected::Nothing | Expected::Out(_) => 0,
    };
    match data.checked_sub(expected) {
        Some(0) => (0, 0),
        Some(more) => (RESIDUAL_OVERFLOW, more),
        None => (RESIDUAL_UNDERFLOW, expected - data),
    }
}

#[cfg(test)]
mod tests {
    use super::{RESIDUAL_OVERFLOW, RESIDUAL_UNDERFLOW, residual};
    use crate::iscsi::command::Expected;

    #[test]
    fn a_residual_is_what_is_missing_or_too_much() {
        assert_eq!(residual(Expected::In(96), 96), (0, 0));
        assert_eq!(residual(Expected::In(255), 96), (RESIDUAL_UNDERFLOW, 159));
        assert_eq!(residual(Expected::In(36), 96), (RESIDUAL_OVERFLOW, 60));
        assert_eq!(residual(Expected::Nothing, 4), (RESIDUAL_OVERFLOW, 4));
        assert_eq!(residual(Expected::Out(512), 0), (0, 0));
    }
}
