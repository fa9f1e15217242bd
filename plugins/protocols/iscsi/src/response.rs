//! PDUs of a target (RFC 7143, section 11), read from what came.

use crate::command::Residual;
use crate::error::{Error, LoginStatus};
use crate::frames::Frame;
use crate::header::{FINAL, Header, NONE, at, opcode};

/// The part of a Login Response that a login looks at (section 11.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginResponse {
    pub(crate) flags: u8,
    pub(crate) version: u8,
    pub(crate) tsih: u16,
    pub(crate) status: LoginStatus,
}

/// Status of a command, in a PDU of its own or with the last data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) status: u8,
    pub(crate) residual: Residual,
    pub(crate) sense: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// Section 11.19.
    NopIn {
        tag: u32,
        transfer_tag: u32,
        lun: u64,
    },
    /// Section 11.4; with a response code, there is no status.
    Scsi {
        tag: u32,
        status: Result<Status, u8>,
    },
    /// Section 11.6.
    Management {
        tag: u32,
        response: u8,
    },
    Login {
        tag: u32,
        login: LoginResponse,
        text: Vec<u8>,
    },
    /// Section 11.11.
    Text {
        tag: u32,
        transfer_tag: u32,
        lun: u64,
        last: bool,
        text: Vec<u8>,
    },
    /// Section 11.7.
    DataIn {
        tag: u32,
        number: u32,
        offset: u32,
        data: Vec<u8>,
        status: Option<Status>,
    },
    /// Section 11.15.
    Logout {
        tag: u32,
        response: u8,
    },
    /// Section 11.8.
    R2t {
        tag: u32,
        transfer_tag: u32,
        lun: u64,
        number: u32,
        offset: u32,
        length: u32,
    },
    /// Section 11.9.
    Async {
        event: u8,
        lun: u64,
        parameters: [u16; 3],
        sense: Vec<u8>,
    },
    /// Section 11.17; the header that is rejected.
    Reject {
        reason: u8,
        header: Header,
    },
}

/// ExpCmdSN and MaxCmdSN, and StatSN where the PDU counts as a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) status: Option<u32>,
    pub(crate) expected: u32,
    pub(crate) most: u32,
}

const OVERFLOW: u8 = 0x04;
const UNDERFLOW: u8 = 0x02;
/// Of a Data-In: a status comes with it; the target wants a receipt, which level 0 has none of.
const WITH_STATUS: u8 = 0x01;
const ACKNOWLEDGE: u8 = 0x40;

pub(crate) fn read(frame: Frame) -> Result<(Response, Numbers), Error> {
    let Frame { header, data } = frame;
    let flags = header.u8(at::FLAGS);
    let (tag, transfer_tag, lun) = (header.u32(at::TASK_TAG), header.u32(at::TRANSFER_TAG), header.u64(at::LUN));
    let (number, offset) = (header.u32(at::DATA_SN), header.u32(at::OFFSET));
    let mut counts = true;
    let response = match header.opcode() {
        opcode::NOP_IN => {
            counts = tag != NONE;
            Response::NopIn { tag, transfer_tag, lun }
        }
        opcode::SCSI_RESPONSE => {
            let status = match header.u8(2) {
                0 => Ok(Status { status: header.u8(3), residual: residual(&header), sense: sense(&data)? }),
                code => Err(code),
            };
            Response::Scsi { tag, status }
        }
        opcode::TASK_MANAGEMENT_RESPONSE => Response::Management { tag, response: header.u8(2) },
        opcode::LOGIN_RESPONSE => {
            let status = LoginStatus { class: header.u8(36), detail: header.u8(37) };
            let login = LoginResponse { flags, version: header.u8(3), tsih: header.u16(14), status };
            // The numbers of a refusal mean nothing (section 11.13.5).
            counts = status.class == 0;
            Response::Login { tag, login, text: data }
        }
        opcode::TEXT_RESPONSE => Response::Text { tag, transfer_tag, lun, last: flags & FINAL != 0, text: data },
        opcode::DATA_IN => {
            counts = flags & WITH_STATUS != 0;
            if flags & ACKNOWLEDGE != 0 || (counts && flags & FINAL == 0) {
                return Err(Error::Protocol("flags of data that came in"));
            }
            let status = counts.then(|| Status { status: header.u8(3), residual: residual(&header), sense: Vec::new() });
            Response::DataIn { tag, number, offset, data, status }
        }
        opcode::LOGOUT_RESPONSE => Response::Logout { tag, response: header.u8(2) },
        opcode::R2T => {
            counts = false;
            Response::R2t { tag, transfer_tag, lun, number, offset, length: header.u32(44) }
        }
        opcode::ASYNC => {
            let parameters = [header.u16(38), header.u16(40), header.u16(42)];
            let event = header.u8(36);
            Response::Async { event, lun, parameters, sense: if event == 0 { sense(&data)? } else { Vec::new() } }
        }
        opcode::REJECT => {
            let rejected = data.first_chunk().ok_or(Error::Malformed("the header that is rejected"))?;
            Response::Reject { reason: header.u8(2), header: Header(*rejected) }
        }
        _ => return Err(Error::Malformed("an opcode of a target")),
    };
    let status = counts.then(|| header.u32(at::STAT_SN));
    Ok((response, Numbers { status, expected: header.u32(at::EXP_CMD_SN), most: header.u32(at::MAX_CMD_SN) }))
}

fn residual(header: &Header) -> Residual {
    let (flags, count) = (header.u8(at::FLAGS), header.u32(44));
    match flags & (OVERFLOW | UNDERFLOW) {
        OVERFLOW => Residual::Over(count),
        UNDERFLOW => Residual::Under(count),
        _ => Residual::None,
    }
}

/// Section 11.4.7: a length, and so many bytes of sense data.
fn sense(data: &[u8]) -> Result<Vec<u8>, Error> {
    let Some((length, rest)) = data.split_first_chunk() else {
        return if data.is_empty() { Ok(Vec::new()) } else { Err(Error::Malformed("the length of sense data")) };
    };
    let length = usize::from(u16::from_be_bytes(*length));
    rest.get(..length).map(<[u8]>::to_vec).ok_or(Error::Malformed("sense data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, flags: u8, fields: &[(usize, u32)], data: &[u8]) -> Frame {
        let mut header = Header::new(opcode, flags);
        for (at, value) in fields {
            header.put_u32(*at, *value);
        }
        Frame { header, data: data.to_vec() }
    }

    #[test]
    fn a_status_comes_with_sense_and_residual() {
        let pdu = frame(0x21, 0x82, &[(0, 0x2182_0002), (16, 5), (24, 9), (28, 10), (32, 20), (44, 512)], b"\0\x02ab--");
        let (response, numbers) = read(pdu).unwrap();
        let status = Status { status: 2, residual: Residual::Under(512), sense: b"ab".to_vec() };
        assert_eq!(response, Response::Scsi { tag: 5, status: Ok(status) });
        assert_eq!(numbers, Numbers { status: Some(9), expected: 10, most: 20 });
        let (failed, _) = read(frame(0x21, 0x80, &[(0, 0x2180_0100)], b"")).unwrap();
        assert!(matches!(failed, Response::Scsi { status: Err(1), .. }));
        for wrong in [&b"\0\x03ab"[..], b"\xff\xff", b"\0"] {
            assert!(read(frame(0x21, 0x80, &[], wrong)).is_err());
        }
    }

    #[test]
    fn data_may_bring_its_status_and_then_counts_as_one() {
        let (response, numbers) = read(frame(0x25, 0x85, &[(44, 7), (24, 3), (36, 1), (40, 512)], b"abcd")).unwrap();
        let Response::DataIn { number: 1, offset: 512, status: Some(status), .. } = response else { panic!("{response:?}") };
        assert_eq!((status.residual, numbers.status), (Residual::Over(7), Some(3)));
        assert_eq!(read(frame(0x25, 0x00, &[(24, 3)], b"abcd")).unwrap().1.status, None);
        assert!(read(frame(0x25, 0x01, &[], b"")).is_err(), "a status before the end");
        assert!(read(frame(0x25, 0xc0, &[], b"")).is_err(), "a receipt at level 0");
    }

    #[test]
    fn requests_of_the_target_are_read() {
        let (response, numbers) = read(frame(0x31, 0x80, &[(16, 1), (20, 2), (36, 3), (40, 4), (44, 5)], b"")).unwrap();
        assert_eq!(response, Response::R2t { tag: 1, transfer_tag: 2, lun: 0, number: 3, offset: 4, length: 5 });
        assert_eq!(numbers.status, None);
        let (_, numbers) = read(frame(0x20, 0x80, &[(16, NONE), (20, 7)], b"")).unwrap();
        assert_eq!(numbers.status, None, "a ping of the target's is no status");
        let (response, _) = read(frame(0x32, 0x80, &[(36, 0x0100_0001), (40, 0x0002_0003)], b"")).unwrap();
        assert_eq!(response, Response::Async { event: 1, lun: 0, parameters: [1, 2, 3], sense: Vec::new() });
    }

    #[test]
    fn a_reject_shows_what_it_rejects() {
        let (response, _) = read(frame(0x3f, 0x80, &[(0, 0x3f80_0400)], &[0x41; 48])).unwrap();
        assert_eq!(response, Response::Reject { reason: 4, header: Header([0x41; 48]) });
        assert!(read(frame(0x3f, 0x80, &[], &[0x41; 47])).is_err());
    }

    #[test]
    fn what_no_target_sends_is_malformed() {
        for opcode in [0x00, 0x01, 0x1f, 0x27, 0x30, 0x33, 0x3e] {
            assert!(read(frame(opcode, 0, &[], b"")).is_err(), "{opcode:#x}");
        }
    }
}
