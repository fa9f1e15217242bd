//! The record VOL1, 80 bytes of ASCII (section 7.1.1, after ISO 1001). Any software for tapes can read whose this one is.

use crate::Error;

pub const VOLUME_LABEL_BYTES: usize = 80;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeLabel {
    /// Up to six characters, as on the label of the cartridge.
    pub identifier: String,
    /// Up to 14 characters of whoever owns it.
    pub owner: String,
}

const IDENTIFIER: usize = 6;
const OWNER: usize = 14;

impl VolumeLabel {
    /// Of a barcode: its first six characters are the volume, what follows is the generation of the medium.
    pub fn of_barcode(barcode: &str) -> Self {
        let identifier = barcode.chars().filter(char::is_ascii_graphic).take(IDENTIFIER).collect();
        Self { identifier, owner: String::new() }
    }

    /// Characters that ASCII has no print for, and those for which there is no room, are left out.
    pub fn to_bytes(&self) -> [u8; VOLUME_LABEL_BYTES] {
        let mut record = [b' '; VOLUME_LABEL_BYTES];
        let fields = [
            (0, 4, "VOL1"),
            (4, IDENTIFIER, self.identifier.as_str()),
            (10, 1, "L"),
            (24, 13, "LTFS"),
            (37, OWNER, self.owner.as_str()),
            (79, 1, "4"),
        ];
        for (at, length, text) in fields {
            let text = text.bytes().filter(|byte| matches!(byte, 0x20..=0x7e));
            let field = record.iter_mut().skip(at).take(length);
            field.zip(text).for_each(|(byte, character)| *byte = character);
        }
        record
    }

    /// Of the first record of a partition.
    pub fn parse(record: &[u8]) -> Result<Self, Error> {
        let record: &[u8; VOLUME_LABEL_BYTES] = record.try_into().map_err(|_| Error::Malformed("a record VOL1"))?;
        let field = |at: usize, length: usize| -> String {
            let bytes = record.iter().skip(at).take(length);
            bytes.map(|byte| char::from(*byte)).collect::<String>().trim_end().to_owned()
        };
        if field(0, 4) != "VOL1" || field(24, 13) != "LTFS" {
            return Err(Error::Malformed("a record VOL1 of LTFS"));
        }
        Ok(Self { identifier: field(4, IDENTIFIER), owner: field(37, OWNER) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_where_the_standard_puts_them() {
        let label = VolumeLabel { identifier: "TST001".to_owned(), owner: "The archive".to_owned() };
        let record = label.to_bytes();
        let text = format!("{:24}{:13}{:42}4", "VOL1TST001L", "LTFS", "The archive");
        assert_eq!(std::str::from_utf8(&record).unwrap(), text);
        assert_eq!(VolumeLabel::parse(&record), Ok(label));
    }

    #[test]
    fn a_barcode_names_the_volume_by_its_first_six() {
        assert_eq!(VolumeLabel::of_barcode("ABC123L9").identifier, "ABC123");
        assert_eq!(VolumeLabel::of_barcode("A\u{e9} 1").identifier, "A1");
        let long = VolumeLabel { identifier: "ABCDEFGHIJ".to_owned(), owner: "ü".repeat(40) };
        assert_eq!(
            VolumeLabel::parse(&long.to_bytes()).unwrap(),
            VolumeLabel { identifier: "ABCDEF".to_owned(), owner: String::new() }
        );
    }

    #[test]
    fn a_label_of_other_software_is_none() {
        let mut record = VolumeLabel::of_barcode("ABC123").to_bytes();
        assert!(VolumeLabel::parse(&record[..79]).is_err() && VolumeLabel::parse(&[0; 80]).is_err());
        record[24] = b'X';
        assert!(VolumeLabel::parse(&record).is_err());
    }
}
