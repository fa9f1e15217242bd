//! The basic header segment (RFC 7143, section 11.2.1): 48 bytes, all numbers big-endian.

pub(super) const BYTES: usize = 48;

/// Initiator opcodes.
pub(super) const NOP_OUT: u8 = 0x00;
pub(super) const SCSI_COMMAND: u8 = 0x01;
pub(super) const TASK_MANAGEMENT: u8 = 0x02;
pub(super) const LOGIN: u8 = 0x03;
pub(super) const TEXT: u8 = 0x04;
pub(super) const DATA_OUT: u8 = 0x05;
pub(super) const LOGOUT: u8 = 0x06;
/// Target opcodes.
pub(super) const NOP_IN: u8 = 0x20;
pub(super) const SCSI_RESPONSE: u8 = 0x21;
pub(super) const TASK_MANAGEMENT_RESPONSE: u8 = 0x22;
pub(super) const LOGIN_RESPONSE: u8 = 0x23;
pub(super) const TEXT_RESPONSE: u8 = 0x24;
pub(super) const DATA_IN: u8 = 0x25;
pub(super) const LOGOUT_RESPONSE: u8 = 0x26;
pub(super) const READY_TO_TRANSFER: u8 = 0x31;
pub(super) const REJECT: u8 = 0x3f;

/// Bit of the second byte of most PDUs: the last of its sequence.
pub(super) const FINAL: u8 = 0x80;
/// A tag that stands for none.
pub(super) const NO_TAG: u32 = u32::MAX;

const IMMEDIATE: u8 = 0x40;
const OPCODE: u8 = 0x3f;

/// Offsets that several PDUs have in common.
pub(super) const LUN: usize = 8;
pub(super) const TASK_TAG: usize = 16;
pub(super) const TRANSFER_TAG: usize = 20;
pub(super) const STAT_SN: usize = 24;
/// In what an initiator sends.
pub(super) const COMMAND_SN: usize = 24;
/// In what a target sends.
pub(super) const EXPECTED_COMMAND_SN: usize = 28;
pub(super) const MAXIMUM_COMMAND_SN: usize = 32;

#[derive(Clone, Copy, Debug)]
pub(super) struct Header(pub(super) [u8; BYTES]);

impl Header {
    pub(super) fn new(opcode: u8, flags: u8) -> Self {
        let mut header = Self([0; BYTES]);
        header.set(0, &[opcode, flags]);
        header
    }

    pub(super) fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    pub(super) fn set(&mut self, at: usize, value: &[u8]) {
        if let Some(place) = self.0.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    }

    pub(super) fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    pub(super) fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.bytes(at))
    }

    pub(super) fn set_number(&mut self, at: usize, value: u32) {
        self.set(at, &value.to_be_bytes());
    }

    pub(super) fn opcode(&self) -> u8 {
        self.byte(0) & OPCODE
    }

    pub(super) fn is_immediate(&self) -> bool {
        self.byte(0) & IMMEDIATE != 0
    }

    pub(super) fn flags(&self) -> u8 {
        self.byte(1)
    }

    pub(super) fn is_final(&self) -> bool {
        self.flags() & FINAL != 0
    }

    pub(super) fn additional_length(&self) -> usize {
        usize::from(self.byte(4)) * 4
    }

    /// Without padding.
    pub(super) fn data_length(&self) -> usize {
        let [first, second, third] = self.bytes(5);
        usize::from(first) << 16 | usize::from(second) << 8 | usize::from(third)
    }

    /// At most 2²⁴ − 1, as every segment is.
    pub(super) fn set_data_length(&mut self, length: usize) {
        let [_, low @ ..] = u32::try_from(length).unwrap_or(0).to_be_bytes();
        self.set(5, &low);
    }

    pub(super) fn lun(&self) -> [u8; 8] {
        self.bytes(LUN)
    }

    pub(super) fn task_tag(&self) -> u32 {
        self.number(TASK_TAG)
    }
}

/// Bytes that fill a segment up to a multiple of four.
pub(super) fn padding(length: usize) -> usize {
    length.wrapping_neg() & 3
}
