//! REPORT DENSITY SUPPORT (SSC-4, section 7.12): LTO-9, and that LTO-8 is read and written.

use super::Drive;
use super::settings::LTO9;
use crate::fields::{Fields, cut, padded, two};
use crate::sense::Reply;

const LTO8: u8 = 0x5e;

impl Drive {
    pub(super) fn report_density(&mut self, command: Fields<'_>) -> Reply {
        let (medium, types) = (command.bit(1, 0x01), command.bit(1, 0x02));
        if medium {
            self.ready()?;
        }
        let descriptors = if types {
            medium_type(0x98, LTO9, "U-918", "Ultrium 9 Data")
        } else {
            let lto9 = density(LTO9, true, 21_457, 8_960, 18_000_000, "U-918", "Ultrium 9/18T");
            let lto8 = density(LTO8, false, 20_669, 6_656, 12_000_000, "U-832", "Ultrium 8/32T");
            if medium { lto9 } else { [lto8, lto9].concat() }
        };
        let [a, b] = two(descriptors.len() + 2);
        let mut data = vec![a, b, 0, 0];
        data.extend(descriptors);
        Ok(cut(data, usize::from(command.two(7))))
    }
}

/// `bits`: of a millimetre. `megabytes`: not compressed.
fn density(code: u8, is_default: bool, bits: u32, tracks: u16, megabytes: u32, name: &str, description: &str) -> Vec<u8> {
    let mut bytes = vec![code, code, 0x80 | if is_default { 0x20 } else { 0 }, 0, 0];
    let [_, a, b, c] = bits.to_be_bytes();
    bytes.extend_from_slice(&[a, b, c]);
    // Tenths of a millimetre.
    bytes.extend_from_slice(&127_u16.to_be_bytes());
    bytes.extend_from_slice(&tracks.to_be_bytes());
    bytes.extend_from_slice(&megabytes.to_be_bytes());
    bytes.extend(padded("LTO-CVE", 8));
    bytes.extend(padded(name, 8));
    bytes.extend(padded(description, 20));
    bytes
}

fn medium_type(code: u8, density: u8, name: &str, description: &str) -> Vec<u8> {
    let mut bytes = vec![code, 0, 0, 52, 1, density];
    bytes.resize(14, 0);
    bytes.extend_from_slice(&127_u16.to_be_bytes());
    bytes.extend_from_slice(&1_035_u16.to_be_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend(padded("LTO-CVE", 8));
    bytes.extend(padded(name, 8));
    bytes.extend(padded(description, 20));
    bytes
}
