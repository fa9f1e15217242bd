//! PDUs of an initiator (RFC 7143, section 11). The numbers that only the moment of sending knows are put in then.

use crate::command::{Command, Data};
use crate::event::Function;
use crate::header::{FINAL, Header, NONE, at, opcode};
use crate::login::LoginRequest;
use crate::settings::Isid;

/// A header and what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) header: Header,
    pub(crate) ahs: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

const READ: u8 = 0x40;
const WRITE: u8 = 0x20;
/// Bytes of a CDB in the header.
const SHORT_CDB: usize = 16;
/// Extended CDB (section 11.2.2.3).
const EXTENDED: u8 = 1;

impl Request {
    fn new(header: Header, data: Vec<u8>) -> Self {
        Self { header, ahs: Vec::new(), data }
    }

    /// Section 11.12.
    pub(crate) fn login(tag: u32, isid: Isid, request: &LoginRequest) -> Self {
        let mut header = Header::new(opcode::LOGIN, request.flags);
        header.put(at::LUN, &isid.0);
        header.put_u32(at::TASK_TAG, tag);
        Self::new(header, request.text.bytes().to_vec())
    }

    /// Section 11.10.
    pub(crate) fn text(tag: u32, lun: u64, transfer_tag: u32, text: &[u8]) -> Self {
        let mut header = Header::new(opcode::TEXT, FINAL);
        header.put(at::LUN, &lun.to_be_bytes());
        header.put_u32(at::TASK_TAG, tag);
        header.put_u32(at::TRANSFER_TAG, transfer_tag);
        Self::new(header, text.to_vec())
    }

    /// Section 11.18: a ping of ours.
    pub(crate) fn ping(tag: u32) -> Self {
        let mut header = Header::new(opcode::NOP_OUT, FINAL);
        header.put_u32(at::TASK_TAG, tag);
        header.put_u32(at::TRANSFER_TAG, NONE);
        Self::new(header, Vec::new())
    }

    /// The same section: the answer to a ping of the target's.
    pub(crate) fn pong(lun: u64, transfer_tag: u32) -> Self {
        let mut header = Header::new(opcode::NOP_OUT, FINAL);
        header.put(at::LUN, &lun.to_be_bytes());
        header.put_u32(at::TASK_TAG, NONE);
        header.put_u32(at::TRANSFER_TAG, transfer_tag);
        Self::new(header, Vec::new())
    }

    /// Section 11.14: the session ends.
    pub(crate) fn logout(tag: u32) -> Self {
        let mut header = Header::new(opcode::LOGOUT, FINAL);
        header.put_u32(at::TASK_TAG, tag);
        Self::new(header, Vec::new())
    }

    /// Section 11.5. `of`: the LUN and the CmdSN of a task that is to be ended.
    pub(crate) fn management(tag: u32, function: Function, of: Option<(u64, u32)>) -> Self {
        let (number, lun, task) = match function {
            Function::AbortTask(task) => (1, 0, Some(task)),
            Function::AbortTaskSet { lun } => (2, lun, None),
            Function::ClearAca { lun } => (3, lun, None),
            Function::ClearTaskSet { lun } => (4, lun, None),
            Function::LogicalUnitReset { lun } => (5, lun, None),
            Function::TargetWarmReset => (6, 0, None),
            Function::TargetColdReset => (7, 0, None),
        };
        let (lun, command) = of.unwrap_or((lun, 0));
        let mut header = Header::new(opcode::TASK_MANAGEMENT, FINAL | number);
        header.put(at::LUN, &lun.to_be_bytes());
        header.put_u32(at::TASK_TAG, tag);
        header.put_u32(at::TRANSFER_TAG, task.map_or(NONE, |task| task.0));
        header.put_u32(at::MAX_CMD_SN, command);
        Self::new(header, Vec::new())
    }
}

/// Section 11.3: header and additional header of a command. `last`: no data follows without being asked for.
pub(crate) fn scsi_command(tag: u32, command: &Command, last: bool) -> (Header, Vec<u8>) {
    let direction = match command.data {
        Data::None => 0,
        Data::In(_) => READ,
        Data::Out(_) => WRITE,
    };
    let flags = if last { FINAL } else { 0 } | direction | command.order as u8;
    let mut header = Header::new(opcode::SCSI_COMMAND, flags);
    header.put(at::LUN, &command.lun.to_be_bytes());
    header.put_u32(at::TASK_TAG, tag);
    header.put_u32(at::TRANSFER_TAG, command.expected());
    let (short, long) = command.cdb.split_at(command.cdb.len().min(SHORT_CDB));
    header.put(32, short);
    let mut ahs = Vec::new();
    if !long.is_empty() {
        // The length counts the reserved byte behind the type.
        ahs.extend_from_slice(&u16::try_from(long.len() + 1).unwrap_or(0).to_be_bytes());
        ahs.extend_from_slice(&[EXTENDED, 0]);
        ahs.extend_from_slice(long);
        ahs.resize(ahs.len().next_multiple_of(4), 0);
    }
    (header, ahs)
}

/// Section 11.7: where a piece of data belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DataOut {
    pub(crate) lun: u64,
    pub(crate) tag: u32,
    pub(crate) transfer_tag: u32,
    pub(crate) number: u32,
    pub(crate) offset: u32,
    pub(crate) last: bool,
}

impl DataOut {
    pub(crate) fn header(&self) -> Header {
        let mut header = Header::new(opcode::DATA_OUT, if self.last { FINAL } else { 0 });
        header.put(at::LUN, &self.lun.to_be_bytes());
        header.put_u32(at::TASK_TAG, self.tag);
        header.put_u32(at::TRANSFER_TAG, self.transfer_tag);
        header.put_u32(at::DATA_SN, self.number);
        header.put_u32(at::OFFSET, self.offset);
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Repeat, Tag};

    #[test]
    fn a_command_says_where_its_data_goes_and_how_much() {
        let write = Command::new(Command::lun(3).unwrap(), vec![0x8a; 16], Data::Out(vec![0; 512]), Repeat::Harmless);
        let (header, ahs) = scsi_command(7, &write, true);
        assert_eq!(header.0[..4], [0x01, 0xa1, 0, 0]);
        assert_eq!((header.u64(8), header.u32(16), header.u32(20)), (3 << 48, 7, 512));
        assert_eq!((header.bytes::<16>(32), ahs.len()), ([0x8a; 16], 0));
        let read = Command { data: Data::In(9), order: crate::Order::Ordered, ..write };
        assert_eq!(scsi_command(7, &read, true).0.u8(1), 0xc2);
    }

    #[test]
    fn a_long_cdb_goes_on_behind_the_header() {
        let cdb: Vec<u8> = (0..32).collect();
        let (header, ahs) = scsi_command(7, &Command::new(0, cdb, Data::None, Repeat::Never), true);
        assert_eq!(header.u8(32 + 15), 15);
        assert_eq!((&ahs[..5], ahs.len()), (&[0, 17, EXTENDED, 0, 16][..], 20));
        let (_, ahs) = scsi_command(7, &Command::new(0, vec![1; 260], Data::None, Repeat::Never), true);
        assert_eq!(ahs.len(), 248);
    }

    #[test]
    fn task_management_names_the_task() {
        let request = Request::management(8, Function::AbortTask(Tag(5)), Some((1 << 48, 77)));
        assert_eq!(request.header.0[..2], [0x42, 0x81]);
        assert_eq!((request.header.u64(8), request.header.u32(16), request.header.u32(20)), (1 << 48, 8, 5));
        assert_eq!(request.header.u32(32), 77);
        let request = Request::management(8, Function::LogicalUnitReset { lun: 2 << 48 }, None);
        assert_eq!((request.header.u8(1), request.header.u64(8), request.header.u32(20)), (0x85, 2 << 48, NONE));
    }

    #[test]
    fn requests_that_expect_nothing_have_no_tag() {
        let pong = Request::pong(3, 4).header;
        assert_eq!((pong.u8(0), pong.u64(8), pong.u32(16), pong.u32(20)), (0x40, 3, NONE, 4));
        let ping = Request::ping(5).header;
        assert_eq!((ping.u32(16), ping.u32(20)), (5, NONE));
        assert_eq!(Request::logout(6).header.0[..2], [0x46, 0x80]);
        assert_eq!(Request::text(1, 0, NONE, b"SendTargets=All\0").header.0[..2], [0x44, 0x80]);
    }
}
