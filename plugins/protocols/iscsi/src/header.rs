//! The basic header segment (RFC 7143, section 11.2.1): 48 bytes, most fields at the same place in all PDUs.

use crate::digest::{Crc, Crc32c};

pub(crate) const BYTES: usize = 48;
/// No tag.
pub(crate) const NONE: u32 = u32::MAX;

/// What an initiator sends; `IMMEDIATE` where it always is.
pub(crate) mod opcode {
    pub(crate) const IMMEDIATE: u8 = 0x40;
    pub(crate) const NOP_OUT: u8 = IMMEDIATE;
    pub(crate) const SCSI_COMMAND: u8 = 0x01;
    pub(crate) const TASK_MANAGEMENT: u8 = 0x02 | IMMEDIATE;
    pub(crate) const LOGIN: u8 = 0x03 | IMMEDIATE;
    pub(crate) const TEXT: u8 = 0x04 | IMMEDIATE;
    pub(crate) const DATA_OUT: u8 = 0x05;
    pub(crate) const LOGOUT: u8 = 0x06 | IMMEDIATE;

    pub(crate) const NOP_IN: u8 = 0x20;
    pub(crate) const SCSI_RESPONSE: u8 = 0x21;
    pub(crate) const TASK_MANAGEMENT_RESPONSE: u8 = 0x22;
    pub(crate) const LOGIN_RESPONSE: u8 = 0x23;
    pub(crate) const TEXT_RESPONSE: u8 = 0x24;
    pub(crate) const DATA_IN: u8 = 0x25;
    pub(crate) const LOGOUT_RESPONSE: u8 = 0x26;
    pub(crate) const R2T: u8 = 0x31;
    pub(crate) const ASYNC: u8 = 0x32;
    pub(crate) const REJECT: u8 = 0x3f;
}

/// The first bit of the second byte: the last of a sequence, or a step forward in a login.
pub(crate) const FINAL: u8 = 0x80;
/// The second: the text goes on in another PDU.
pub(crate) const CONTINUED: u8 = 0x40;

/// Where fields stand.
pub(crate) mod at {
    pub(crate) const FLAGS: usize = 1;
    pub(crate) const AHS_LENGTH: usize = 4;
    pub(crate) const LUN: usize = 8;
    pub(crate) const TASK_TAG: usize = 16;
    pub(crate) const TRANSFER_TAG: usize = 20;
    pub(crate) const CMD_SN: usize = 24;
    pub(crate) const EXP_STAT_SN: usize = 28;
    pub(crate) const STAT_SN: usize = 24;
    pub(crate) const EXP_CMD_SN: usize = 28;
    pub(crate) const MAX_CMD_SN: usize = 32;
    pub(crate) const DATA_SN: usize = 36;
    pub(crate) const OFFSET: usize = 40;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header(pub(crate) [u8; BYTES]);

impl Header {
    pub(crate) fn new(opcode: u8, flags: u8) -> Self {
        let mut header = Self([0; BYTES]);
        header.put(0, &[opcode, flags]);
        header
    }

    /// Fields stand at places that the protocol fixes, all within.
    pub(crate) fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
    }

    pub(crate) fn u8(&self, at: usize) -> u8 {
        u8::from_be_bytes(self.bytes(at))
    }

    pub(crate) fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.bytes(at))
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.bytes(at))
    }

    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64::from_be_bytes(self.bytes(at))
    }

    pub(crate) fn opcode(&self) -> u8 {
        self.u8(0) & 0x3f
    }

    pub(crate) fn ahs_bytes(&self) -> usize {
        usize::from(self.u8(at::AHS_LENGTH)) * 4
    }

    /// Without padding.
    pub(crate) fn data_bytes(&self) -> usize {
        (self.u32(at::AHS_LENGTH) & 0x00ff_ffff) as usize
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.0.get_mut(at..at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }

    pub(crate) fn put_u32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_be_bytes());
    }
}

/// Bytes that fill a segment up to a multiple of four.
pub(crate) fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}

/// Which digests stand in a PDU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digests {
    pub(crate) header: bool,
    pub(crate) data: bool,
}

#[cfg(test)]
pub(crate) fn encode(header: &Header, ahs: &[u8], data: &[u8], digests: Digests, out: &mut Vec<u8>) {
    encode_by(header, ahs, data, digests, crate::digest::crc32c, out);
}

/// The whole PDU behind what is there. `ahs` is a multiple of four, and no more than fits; so is the data. `crc`: of data.
pub(crate) fn encode_by(header: &Header, ahs: &[u8], data: &[u8], digests: Digests, crc: Crc, out: &mut Vec<u8>) {
    let mut header = header.clone();
    let lengths = u32::try_from(ahs.len() / 4).unwrap_or(0) << 24 | u32::try_from(data.len()).unwrap_or(0);
    header.put_u32(at::AHS_LENGTH, lengths);
    out.extend_from_slice(&header.0);
    out.extend_from_slice(ahs);
    if digests.header {
        out.extend_from_slice(&Crc32c::new().update(&header.0).update(ahs).bytes());
    }
    if data.is_empty() {
        return;
    }
    let filling = [0; 3];
    let filling = filling.get(..padding(data.len())).unwrap_or_default();
    out.extend_from_slice(data);
    out.extend_from_slice(filling);
    if digests.data {
        let digest =
            if filling.is_empty() { crc(data).to_le_bytes() } else { Crc32c::new().update(data).update(filling).bytes() };
        out.extend_from_slice(&digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pdu_has_its_lengths_padding_and_digests() {
        let (header, mut out) = (Header::new(opcode::NOP_OUT, FINAL), Vec::new());
        encode(&header, &[1; 8], b"abcde", Digests { header: true, data: true }, &mut out);
        assert_eq!(out.len(), 48 + 8 + 4 + 8 + 4);
        assert_eq!(out[..8], [0x40, 0x80, 0, 0, 2, 0, 0, 5]);
        assert_eq!(out[60..68], *b"abcde\0\0\0");
        let mut bare = Vec::new();
        encode(&header, &[], b"", Digests { header: false, data: true }, &mut bare);
        assert_eq!(bare.len(), 48, "no data has no digest");
    }

    #[test]
    fn fields_outside_read_as_nothing() {
        let header = Header([0xff; BYTES]);
        assert_eq!((header.u32(44), header.u32(46), header.u64(100)), (NONE, 0, 0));
        assert_eq!((header.ahs_bytes(), header.data_bytes()), (1020, (1 << 24) - 1));
    }
}
