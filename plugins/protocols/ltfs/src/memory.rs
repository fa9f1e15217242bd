//! What a cartridge's memory says of the volume (section 10): whether an index that is known is still the newest, which saves the search
//! for it, and attributes that tell people and libraries what the cartridge is.

use capstan_scsi::attribute::{Attribute, Format};

use crate::{Error, Uuid, VERSION};

/// Attributes (SPC-4, tables of the host type attributes; sections 10.2 and 10.4).
pub mod id {
    /// Read only: changes whenever the medium is written.
    pub const VOLUME_CHANGE_REFERENCE: u16 = 0x0009;
    pub const TEXT_LOCALIZATION: u16 = 0x0805;
    pub const MEDIA_POOL: u16 = 0x0808;
    pub const FORMAT_VERSION: u16 = 0x080b;
    pub use capstan_scsi::attribute::id::{
        APPLICATION_NAME, APPLICATION_VENDOR, APPLICATION_VERSION, BARCODE, COHERENCY as VOLUME_COHERENCY, USER_LABEL,
    };
}

/// The volume coherency information of one partition (section 10.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coherency {
    /// The volume change reference when this was written. While it is the same, so is the medium.
    pub change_reference: u64,
    /// Of the newest index in this partition, and the block where it begins.
    pub generation: u64,
    pub block: u64,
    pub volume: Uuid,
}

/// Of the part that is LTFS's own: `LTFS`, the volume's name, each with a zero behind it, and a version.
const OWN_BYTES: u16 = 43;
const OWN_VERSION: u8 = 1;

impl Coherency {
    /// The value of the attribute.
    pub fn to_attribute(&self) -> Attribute {
        let mut value = vec![8];
        value.extend_from_slice(&self.change_reference.to_be_bytes());
        value.extend_from_slice(&self.generation.to_be_bytes());
        value.extend_from_slice(&self.block.to_be_bytes());
        value.extend_from_slice(&OWN_BYTES.to_be_bytes());
        value.extend_from_slice(b"LTFS\0");
        value.extend_from_slice(self.volume.to_string().as_bytes());
        value.extend_from_slice(&[0, OWN_VERSION]);
        Attribute { id: id::VOLUME_COHERENCY, read_only: false, format: Format::Binary, value }
    }

    pub fn parse(value: &[u8]) -> Result<Self, Error> {
        const WHAT: Error = Error::Malformed("the coherency of a volume");
        let (length, rest) = value.split_first().ok_or(WHAT)?;
        let (reference, rest) = rest.split_at_checked(usize::from(*length)).ok_or(WHAT)?;
        let (generation, rest) = rest.split_first_chunk().ok_or(WHAT)?;
        let (block, rest) = rest.split_first_chunk().ok_or(WHAT)?;
        let (own_length, rest) = rest.split_first_chunk().ok_or(WHAT)?;
        let own = rest.get(..usize::from(u16::from_be_bytes(*own_length))).ok_or(WHAT)?;
        let uuid = own.strip_prefix(b"LTFS\0").and_then(|own| own.get(..36)).ok_or(WHAT)?;
        let block = u64::from_be_bytes(*block);
        if block == 0 {
            return Err(WHAT);
        }
        Ok(Self {
            change_reference: change_reference(reference).ok_or(WHAT)?,
            generation: u64::from_be_bytes(*generation),
            block,
            volume: Uuid::parse(std::str::from_utf8(uuid).map_err(|_| WHAT)?)?,
        })
    }
}

/// The value of [`id::VOLUME_CHANGE_REFERENCE`]: a number in whatever number of bytes a drive has for it. None: the drive does not know.
pub fn change_reference(value: &[u8]) -> Option<u64> {
    let significant = value.iter().skip_while(|byte| **byte == 0).count();
    if significant == 0 || significant > 8 || value.iter().all(|byte| *byte == 0xff) {
        return None;
    }
    Some(value.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

/// What the cartridge's memory tells of whoever formatted it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Up to 8 characters, 32, 8.
    pub vendor: String,
    pub name: String,
    pub version: String,
    /// Up to 160 bytes for people.
    pub label: String,
    /// Up to 32 characters.
    pub barcode: String,
    /// Up to 160 bytes; empty: none.
    pub media_pool: String,
}

/// Text in UTF-8 (SPC-4, the text localization identifiers).
const UTF_8: u8 = 0x81;

impl Host {
    /// As they are written to a partition, in the order of their numbers. Text that is too long is cut.
    pub fn to_attributes(&self) -> Vec<Attribute> {
        let ascii = |id, text: &str, bytes| {
            let text = text.bytes().filter(|byte| matches!(byte, 0x20..=0x7e));
            let value = text.chain(std::iter::repeat(b' ')).take(bytes).collect();
            Attribute { id, read_only: false, format: Format::Ascii, value }
        };
        let text = |id, text: &str, bytes: usize| {
            let cut = text.char_indices().map(|(at, character)| at + character.len_utf8()).take_while(|end| *end <= bytes).last();
            let mut value = text.as_bytes().get(..cut.unwrap_or(0)).unwrap_or_default().to_vec();
            value.resize(bytes, 0);
            Attribute { id, read_only: false, format: Format::Text, value }
        };
        let localization = Attribute { id: id::TEXT_LOCALIZATION, read_only: false, format: Format::Binary, value: vec![UTF_8] };
        let mut attributes = vec![
            ascii(id::APPLICATION_VENDOR, &self.vendor, 8),
            ascii(id::APPLICATION_NAME, &self.name, 32),
            ascii(id::APPLICATION_VERSION, &self.version, 8),
            text(id::USER_LABEL, &self.label, 160),
            localization,
            ascii(id::BARCODE, &self.barcode, 32),
        ];
        if !self.media_pool.is_empty() {
            attributes.push(text(id::MEDIA_POOL, &self.media_pool, 160));
        }
        attributes.push(ascii(id::FORMAT_VERSION, VERSION, 16));
        attributes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coherency() -> Coherency {
        let volume = Uuid::parse("30a91a08-daae-48d1-ae75-69804e61d2ea").unwrap();
        Coherency { change_reference: 0x33, generation: 7, block: 1234, volume }
    }

    #[test]
    fn coherency_is_laid_out_as_the_standard_says() {
        let value = coherency().to_attribute().value;
        let mut expected = vec![8, 0, 0, 0, 0, 0, 0, 0, 0x33, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 4, 0xd2, 0, 43];
        expected.extend_from_slice(b"LTFS\x0030a91a08-daae-48d1-ae75-69804e61d2ea\0\x01");
        assert_eq!((value.len(), &value), (70, &expected));
        assert_eq!(Coherency::parse(&value), Ok(coherency()));
    }

    #[test]
    fn a_reference_is_the_same_in_any_number_of_bytes() {
        let value = coherency().to_attribute().value;
        let short = [&[4, 0, 0, 0, 0x33], &value[9..]].concat();
        assert_eq!(Coherency::parse(&short), Ok(coherency()));
        assert_eq!(change_reference(&[0, 0, 0, 0x33]), Some(0x33));
        assert_eq!((change_reference(&[0; 4]), change_reference(&[0xff; 4]), change_reference(&[1; 9])), (None, None, None));
    }

    #[test]
    fn what_is_cut_or_of_somebody_else_is_refused() {
        let value = coherency().to_attribute().value;
        for length in 0..value.len() - 2 {
            assert!(Coherency::parse(&value[..length]).is_err(), "{length}");
        }
        let mut other = value.clone();
        other[27] = b'X';
        assert!(Coherency::parse(&other).is_err());
        assert!(Coherency::parse(&[value[..17].to_vec(), vec![0; 8], value[25..].to_vec()].concat()).is_err());
    }

    #[test]
    fn text_is_filled_and_cut_between_characters() {
        let host = Host { vendor: "A very long vendor".to_owned(), label: "ü".repeat(100), ..Host::default() };
        let attributes = host.to_attributes();
        assert_eq!(
            attributes.iter().map(|attribute| (attribute.id, attribute.value.len())).collect::<Vec<_>>(),
            [(0x800, 8), (0x801, 32), (0x802, 8), (0x803, 160), (0x805, 1), (0x806, 32), (0x80b, 16),]
        );
        assert_eq!((attributes[0].value.as_slice(), attributes[3].text().unwrap()), (&b"A very l"[..], "ü".repeat(80)));
        assert_eq!(attributes[6].text().as_deref(), Some("2.4.0"));
    }
}
