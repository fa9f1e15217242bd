//! What is set in a tape drive: its mode pages (SSC-4, clause 8.3). A page is read, changed in one place and sent back as it was: what this
//! crate has no word for stays.

use crate::{Malformed, field};

/// Data compression, page 0x0f.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression(Vec<u8>);

impl Compression {
    pub const PAGE: u8 = 0x0f;

    pub fn read(page: &[u8]) -> Result<Self, Malformed> {
        field::<2>(page, 0, "a page on compression")?;
        Ok(Self(page.to_vec()))
    }

    fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// The drive can compress; it does.
    pub fn is_capable(&self) -> bool {
        self.byte(0) & 0x40 != 0
    }

    pub fn is_on(&self) -> bool {
        self.byte(0) & 0x80 != 0
    }

    /// The same page with compression on or off. What is compressed on the medium is read in either case.
    #[must_use]
    pub fn with(mut self, on: bool) -> Self {
        if let Some(first) = self.0.first_mut() {
            *first = (*first & 0x7f) | if on { 0x80 } else { 0 };
        }
        if let Some(second) = self.0.get_mut(1) {
            *second |= 0x80;
        }
        self
    }

    /// What goes behind the header of a MODE SELECT.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Device configuration, page 0x10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configuration {
    pub active_partition: u8,
    /// Tenths of a second after which what waits in the buffer is written.
    pub write_delay: u16,
    /// LOIS: the drive knows the numbers of objects, so LOCATE and READ POSITION can be used.
    pub knows_objects: bool,
    /// Bytes of the buffer that are left when early warning comes.
    pub buffer_at_early_warning: u32,
    /// Protected by whoever set it: by software, for as long as the drive is on; on the medium, as long as it is in or for ever.
    pub protected: bool,
}

impl Configuration {
    pub const PAGE: u8 = 0x10;

    pub fn read(page: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "a page on a tape drive's configuration";
        let [_, active_partition, _, _, a, b, flags] = field(page, 0, WHAT)?;
        let [end, c, d, e, _, protection] = field(page, 8, WHAT)?;
        Ok(Self {
            active_partition,
            write_delay: u16::from_be_bytes([a, b]),
            knows_objects: flags & 0x40 != 0,
            buffer_at_early_warning: crate::of_three([c, d, e]),
            // SWP; ASOCWP, PERSWP, PRMWP.
            protected: end & 0x04 != 0 || protection & 0x07 != 0,
        })
    }
}

/// Medium partitions, page 0x11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitions {
    /// Besides the one that there always is.
    pub most_additional: u8,
    pub additional: u8,
    /// PARTITIONING TYPE, in the high half, and PARTITION UNITS: sizes are counted in ten to the power of this many bytes.
    kind_and_units: u8,
    /// SDP, IDP and FDP: how partitions are chosen.
    flags: u8,
    /// Of each, in units; a drive may leave out those that take the rest.
    pub sizes: Vec<u16>,
}

impl Partitions {
    pub const PAGE: u8 = 0x11;
    /// Partitions of a medium that are read.
    const MOST: usize = 64;
    /// PSUM: sizes are in units of the page.
    const UNITS: u8 = 0x18;
    /// IDP: partitions are as many and as large as the page says.
    const BY_INITIATOR: u8 = 0x20;

    pub fn read(page: &[u8]) -> Result<Self, Malformed> {
        let [most_additional, additional, flags, _, kind_and_units, _] = field(page, 0, "a page on partitions")?;
        let sizes = page.get(6..).unwrap_or_default().as_chunks::<2>().0;
        let sizes = sizes.iter().take(Self::MOST).map(|size| u16::from_be_bytes(*size)).collect();
        Ok(Self { most_additional, additional, kind_and_units, flags, sizes })
    }

    /// Bytes of a partition, where the drive tells. 0xffff means all that is left.
    pub fn size(&self, partition: usize) -> Option<u64> {
        let size = self.sizes.get(partition).copied().filter(|size| *size != u16::MAX)?;
        let unit = match (self.flags & Self::UNITS) >> 3 {
            0 => 1,
            1 => 1_000,
            2 => 1_000_000,
            _ => 10_u64.checked_pow(u32::from(self.kind_and_units & 0x0f))?,
        };
        u64::from(size).checked_mul(unit)
    }

    /// What goes behind the header of a MODE SELECT before FORMAT MEDIUM makes partitions of these sizes, in gigabytes of 10^9 bytes; `None`: all
    /// that is left, which one of them has to be. None: more than the drive makes, or a size that has no room.
    pub fn ask(&self, gigabytes: &[Option<u16>]) -> Option<Vec<u8>> {
        let additional = u8::try_from(gigabytes.len().checked_sub(1)?).ok().filter(|more| *more <= self.most_additional)?;
        let rests = gigabytes.iter().filter(|size| size.is_none()).count();
        if rests != 1 || gigabytes.contains(&Some(u16::MAX)) {
            return None;
        }
        let units = (self.kind_and_units & 0xf0) | 9;
        let mut bytes = vec![self.most_additional, additional, Self::BY_INITIATOR | Self::UNITS, 0, units, 0];
        for size in gigabytes {
            bytes.extend_from_slice(&size.unwrap_or(u16::MAX).to_be_bytes());
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_switched_and_the_rest_of_the_page_stays() {
        let page = [0x40, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7];
        let compression = Compression::read(&page).unwrap();
        assert!(compression.is_capable() && !compression.is_on());
        let on = compression.with(true);
        assert!(on.is_on());
        assert_eq!((on.bytes()[..2].to_vec(), on.bytes()[2..].to_vec()), (vec![0xc0, 0x80], page[2..].to_vec()));
        assert!(!on.with(false).is_on() && Compression::read(&[0]).is_err());
    }

    #[test]
    fn a_drive_says_whether_it_knows_objects_and_what_protects() {
        let mut page = [0; 14];
        (page[1], page[5], page[6], page[9]) = (1, 50, 0x40, 2);
        let told = Configuration::read(&page).unwrap();
        assert_eq!((told.active_partition, told.write_delay, told.buffer_at_early_warning), (1, 50, 2 << 16));
        assert!(told.knows_objects && !told.protected);
        page[13] = 0x01;
        assert!(Configuration::read(&page).unwrap().protected);
        assert!(Configuration::read(&page[..13]).is_err());
    }

    #[test]
    fn partitions_have_the_sizes_that_the_units_make_of_them() {
        let page = [3, 1, 0x3c, 3, 0x09, 0, 0, 38, 0x09, 0x60, 0xff, 0xff];
        let partitions = Partitions::read(&page).unwrap();
        assert_eq!((partitions.most_additional, partitions.additional), (3, 1));
        assert_eq!((partitions.size(0), partitions.size(1)), (Some(38_000_000_000), Some(2_400_000_000_000)));
        assert_eq!((partitions.size(2), partitions.size(3)), (None, None));
        assert!(Partitions::read(&page[..5]).is_err());
        let megabytes = Partitions::read(&[0, 0, 0x10, 0, 0, 0, 0, 2]).unwrap();
        assert_eq!(megabytes.size(0), Some(2_000_000));
    }

    #[test]
    fn partitions_are_asked_for_as_many_as_the_drive_makes() {
        let partitions = Partitions::read(&[1, 0, 0, 0, 0x10, 0]).unwrap();
        assert_eq!(partitions.ask(&[Some(38), None]), Some(vec![1, 1, 0x38, 0, 0x19, 0, 0, 38, 0xff, 0xff]));
        assert_eq!(partitions.ask(&[None]), Some(vec![1, 0, 0x38, 0, 0x19, 0, 0xff, 0xff]));
        for wrong in [&[][..], &[Some(1), Some(2)], &[None, None], &[Some(1), None, Some(2)], &[Some(u16::MAX), None]] {
            assert_eq!(partitions.ask(wrong), None, "{wrong:?}");
        }
    }
}
