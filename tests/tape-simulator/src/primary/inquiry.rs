//! INQUIRY and vital product data (SPC-4, sections 6.6 and 7.8).

use crate::fields::{Fields, cut, padded, two};
use crate::sense::{Reply, Sense};

/// The only thing by which one can tell that this is no hardware.
const VENDOR: &str = "CAPSTAN ";
const REVISION: &str = "R3G0";
/// SAM-5, SPC-4, and the standard of the kind.
const VERSIONS: [u16; 2] = [0x00a0, 0x0460];
const SSC: u16 = 0x0400;
const SMC: u16 = 0x0480;
const TAPE: u8 = 0x01;
const CHANGER: u8 = 0x08;

/// What a device calls itself.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    kind: u8,
    product: &'static str,
    pub(crate) serial: String,
}

impl Identity {
    pub(crate) fn drive(serial: String) -> Self {
        Self { kind: TAPE, product: "ULT3580-TD9", serial }
    }

    pub(crate) fn changer(serial: String) -> Self {
        Self { kind: CHANGER, product: "3573-TL", serial }
    }

    pub(crate) fn inquiry(&self, command: Fields<'_>) -> Reply {
        let allocated = usize::from(command.two(3));
        if !command.bit(1, 0x01) {
            return match command.byte(2) {
                0 => Ok(cut(self.standard(), allocated)),
                _ => Err(Sense::INVALID_FIELD.into()),
            };
        }
        let tape = self.kind == TAPE;
        let page = match command.byte(2) {
            0x00 if tape => vec![0x00, 0x80, 0x83, 0xb0],
            0x00 => vec![0x00, 0x80, 0x83],
            0x80 => self.serial.as_bytes().to_vec(),
            0x83 => self.designators(),
            // WORM: cartridges that are written once are known.
            0xb0 if tape => vec![0x01, 0],
            _ => return Err(Sense::INVALID_FIELD.into()),
        };
        let mut data = vec![self.kind, command.byte(2)];
        data.extend_from_slice(&two(page.len()));
        data.extend_from_slice(&page);
        Ok(cut(data, allocated))
    }

    fn standard(&self) -> Vec<u8> {
        // Removable media; SPC-4; hierarchical addresses, response format 2; commands can be queued.
        let mut data = vec![self.kind, 0x80, 0x06, 0x12, 91, 0, 0, 0x02];
        data.extend_from_slice(VENDOR.as_bytes());
        data.extend(padded(self.product, 16));
        data.extend_from_slice(REVISION.as_bytes());
        data.resize(58, 0);
        let of_kind = if self.kind == TAPE { SSC } else { SMC };
        data.extend(VERSIONS.into_iter().chain([of_kind]).flat_map(u16::to_be_bytes));
        data.resize(96, 0);
        data
    }

    /// Vendor, product and serial number, as the robot tells them of its drives too.
    pub(crate) fn designator(&self) -> Vec<u8> {
        let name = [VENDOR.as_bytes().to_vec(), padded(self.product, 16), self.serial.as_bytes().to_vec()].concat();
        let mut bytes = vec![0x02, 0x01, 0];
        bytes.extend(u8::try_from(name.len()));
        bytes.extend(name);
        bytes
    }

    fn designators(&self) -> Vec<u8> {
        let mut bytes = self.designator();
        // NAA 5: IEEE registered, with a number that follows from the serial number.
        let number = self
            .serial
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        bytes.extend_from_slice(&[0x01, 0x03, 0, 8]);
        bytes.extend_from_slice(&((0x5 << 60) | (number >> 4)).to_be_bytes());
        bytes
    }
}

/// What a unit answers that is not there: INQUIRY and REQUEST SENSE do not fail.
pub(crate) fn absent(command: Fields<'_>) -> Reply {
    match command.byte(0) {
        0x12 => {
            let mut data = vec![0x7f, 0, 0x06, 0x02, 31];
            data.resize(36, b' ');
            Ok(cut(data, usize::from(command.two(3))))
        }
        0x03 => Ok(cut(Sense::NO_UNIT.bytes(), usize::from(command.byte(4)))),
        _ => Err(Sense::NO_UNIT.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_says_what_it_is_and_which_pages_it_has() {
        let drive = Identity::drive("SIM0001".to_owned());
        let data = drive.inquiry(Fields(&[0x12, 0, 0, 0, 255, 0])).unwrap();
        assert_eq!((data.len(), data[0], &data[8..27]), (96, 1, &b"CAPSTAN ULT3580-TD9"[..]));
        assert_eq!(drive.inquiry(Fields(&[0x12, 1, 0x80, 0, 255, 0])).unwrap(), b"\x01\x80\x00\x07SIM0001");
        assert_eq!(drive.inquiry(Fields(&[0x12, 1, 0xb1, 0, 255, 0])), Err(Sense::INVALID_FIELD.into()));
        assert_eq!(drive.inquiry(Fields(&[0x12, 0, 0, 0, 5, 0])).unwrap().len(), 5);
    }
}
