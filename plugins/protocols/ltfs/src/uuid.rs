//! The name of a volume, different on every tape that was ever formatted (section 7.8).

use std::fmt;

use crate::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Uuid(pub [u8; 16]);

/// Where the groups of digits end: 8-4-4-4-12.
const DASHES: [usize; 4] = [8, 13, 18, 23];

impl Uuid {
    /// Random bytes as a version 4 UUID (RFC 9562, section 5.4).
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
        *version = (*version & 0x0f) | 0x40;
        *variant = (*variant & 0x3f) | 0x80;
        Self(bytes)
    }

    pub fn parse(text: &str) -> Result<Self, Error> {
        const WHAT: Error = Error::Malformed("a UUID");
        let text = text.as_bytes();
        if text.len() != 36 || DASHES.iter().any(|at| text.get(*at) != Some(&b'-')) {
            return Err(WHAT);
        }
        let mut digits =
            text.iter().enumerate().filter(|(at, _)| !DASHES.contains(at)).map(|(_, byte)| char::from(*byte).to_digit(16));
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else { return Err(WHAT) };
            *byte = u8::try_from((high << 4) | low).map_err(|_| WHAT)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_written_in_small_letters_and_read_in_any() {
        let text = "30a91a08-daae-48d1-ae75-69804e61d2ea";
        assert_eq!(Uuid::parse(text).unwrap().to_string(), text);
        assert_eq!(Uuid::parse(&text.to_uppercase()).unwrap().to_string(), text);
        for bad in ["", "30a91a08", &text.replace('-', "0"), &text.replace('a', "g"), &format!("{text}0")] {
            assert_eq!(Uuid::parse(bad), Err(Error::Malformed("a UUID")), "{bad}");
        }
        assert_eq!(Uuid::from_random([0xff; 16]).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
