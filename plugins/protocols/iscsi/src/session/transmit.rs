//! What a session sends: first requests that are always taken at once, then commands as the window lets them, then data.

use super::task::Burst;
use super::{Phase, Session};
use crate::header::{Digests, NONE, at, encode_by};
use crate::request::{DataOut, scsi_command};

impl Session {
    /// The next bytes for the target: PDUs until there are `most` bytes or more, or nothing is left to say. They count as sent: who cannot
    /// hand them all over has lost the connection. Empty: nothing to send for now.
    pub fn transmit(&mut self, most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while out.len() < most.max(1) && self.one(&mut out) {}
        out
    }

    pub(super) fn digests(&self) -> Digests {
        Digests { header: self.agreed.header_digest, data: self.agreed.data_digest }
    }

    fn one(&mut self, out: &mut Vec<u8>) -> bool {
        match self.phase {
            Phase::Down | Phase::Failed(_) => false,
            Phase::Login { .. } => self.request(Digests::default(), out),
            Phase::Full => {
                let digests = self.digests();
                self.request(digests, out) || self.command(digests, out) || self.data(digests, out)
            }
        }
    }

    /// All are immediate: they carry the number of the next command and take none.
    fn request(&mut self, digests: Digests, out: &mut Vec<u8>) -> bool {
        let Some(mut request) = self.requests.pop_front() else { return false };
        request.header.put_u32(at::CMD_SN, self.window.next);
        request.header.put_u32(at::EXP_STAT_SN, self.statuses.expected);
        encode_by(&request.header, &request.ahs, &request.data, digests, self.crc, out);
        true
    }

    fn command(&mut self, digests: Digests, out: &mut Vec<u8>) -> bool {
        if self.draining || self.in_flight >= self.settings.in_flight || !self.window.has_room() {
            return false;
        }
        let Some(tag) = self.waiting.pop_front() else { return false };
        let Some(task) = self.tasks.get_mut(&tag) else { return true };
        let number = self.window.take();
        let total = task.command.out().len();
        let (immediate, unasked) = self.agreed.unasked(total);
        let (mut header, ahs) = scsi_command(tag, &task.command, immediate == unasked);
        header.put_u32(at::CMD_SN, number);
        header.put_u32(at::EXP_STAT_SN, self.statuses.expected);
        encode_by(&header, &ahs, task.command.out().get(..immediate).unwrap_or_default(), digests, self.crc, out);
        task.number = Some(number);
        task.sendings = task.sendings.saturating_add(1);
        task.given = unasked;
        self.in_flight += 1;
        if immediate < unasked {
            let lun = task.command.lun;
            self.bursts.push_back(Burst { tag, lun, transfer_tag: NONE, number: 0, from: immediate, end: unasked });
        }
        true
    }

    /// One PDU of the oldest sequence.
    fn data(&mut self, digests: Digests, out: &mut Vec<u8>) -> bool {
        let Some(burst) = self.bursts.front_mut() else { return false };
        let end = burst.end.min(burst.from + self.agreed.segment());
        let Burst { tag, lun, transfer_tag, number, from, .. } = *burst;
        let last = end == burst.end;
        (burst.from, burst.number) = (end, number.wrapping_add(1));
        if last {
            self.bursts.pop_front();
        }
        let Some(task) = self.tasks.get_mut(&tag) else { return true };
        if last && transfer_tag != NONE {
            task.open_requests = task.open_requests.saturating_sub(1);
        }
        // Within the 32 bits of a transfer: `Command::check`.
        let offset = u32::try_from(from).unwrap_or(u32::MAX);
        let mut header = DataOut { lun, tag, transfer_tag, number, offset, last }.header();
        header.put_u32(at::EXP_STAT_SN, self.statuses.expected);
        encode_by(&header, &[], task.command.out().get(from..end).unwrap_or_default(), digests, self.crc, out);
        true
    }
}
