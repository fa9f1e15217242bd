//! How a drive and what is in it are: log pages beside those of counters and alerts (SSC-4, clause 8.2; ADC-3 has the meaning of the fast
//! flags).

use crate::log::Page;

/// Mebibytes of a medium and of what is left, of two partitions.
pub const CAPACITY: u8 = 0x31;
/// What the drive does just now.
pub const STATUS: u8 = 0x11;
/// What went through the head, and whether it wants to be cleaned.
pub const SEQUENTIAL: u8 = 0x0c;

/// What the drive does, of page `STATUS`. Asking for it clears nothing, as asking for alerts may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// On the way from one state to another.
    pub in_transition: bool,
    pub write_protected: bool,
    /// Cleaning would do good; cleaning has to be before anything else.
    pub cleaning_requested: bool,
    pub cleaning_required: bool,
    /// A medium is there, is threaded, can be worked with.
    pub present: bool,
    pub mounted: bool,
    /// A cleaning cartridge is at work.
    pub cleaning: bool,
}

impl Status {
    /// None: the page has no such flags.
    pub fn read(page: &Page<'_>) -> Option<Self> {
        let [first, second, activity, _] = *page.parameters().find(|parameter| parameter.code == 0)?.value.first_chunk::<4>()?;
        Some(Self {
            in_transition: second & 0x80 != 0,
            write_protected: first & 0x08 != 0,
            cleaning_requested: first & 0x04 != 0,
            cleaning_required: first & 0x02 != 0,
            present: second & 0x10 != 0,
            mounted: second & 0x01 != 0,
            cleaning: activity == 0x01,
        })
    }
}

/// Of page `SEQUENTIAL`: whether the drive wants to be cleaned; none: it does not say.
pub fn wants_cleaning(page: &Page<'_>) -> Option<bool> {
    let parameter = page.parameters().find(|parameter| parameter.code == 0x0100)?;
    parameter.number().map(|wanted| wanted != 0)
}

/// Mebibytes of a partition, of page `CAPACITY`; it has two at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    pub remaining: Option<u64>,
    pub maximum: Option<u64>,
}

impl Room {
    pub fn read(page: &Page<'_>, partition: u8) -> Self {
        let of = |first: u16| match partition {
            0 | 1 => page.number(first + u16::from(partition)),
            _ => None,
        };
        Self { remaining: of(1), maximum: of(3) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_that_wants_to_be_cleaned_says_so_on_either_page() {
        let page = [0x11, 0, 0, 14, 0, 0, 3, 4, 0x06, 0x91, 0x01, 0, 0, 1, 3, 2, 0, 100];
        let status = Status::read(&Page::read(&page).unwrap()).unwrap();
        assert!(status.cleaning_requested && status.cleaning_required && status.cleaning && status.in_transition);
        assert!(status.present && status.mounted && !status.write_protected);
        let mut short = page;
        short[7] = 3;
        assert_eq!(Status::read(&Page::read(&short).unwrap()), None);
        let wants = |value: u8| wants_cleaning(&Page::read(&[0x0c, 0, 0, 6, 1, 0, 3, 2, 0, value]).unwrap());
        assert_eq!((wants(1), wants(0), wants_cleaning(&Page::read(&page).unwrap())), (Some(true), Some(false), None));
    }

    #[test]
    fn each_partition_has_its_own_room() {
        let parameter = |code: u8, value: u8| [0, code, 3, 4, 0, 0, 1, value];
        let body = [parameter(1, 1), parameter(2, 2), parameter(3, 3), parameter(4, 4)].concat();
        let bytes = [&[0x31, 0, 0, 32][..], &body].concat();
        let page = Page::read(&bytes).unwrap();
        assert_eq!(Room::read(&page, 0), Room { remaining: Some(257), maximum: Some(259) });
        assert_eq!(Room::read(&page, 1), Room { remaining: Some(258), maximum: Some(260) });
        assert_eq!(Room::read(&page, 2), Room::default());
    }
}
