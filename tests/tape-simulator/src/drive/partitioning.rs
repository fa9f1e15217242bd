//! Mode page 0x11, medium partitions (SSC-4, section 8.3.4): what there is, and what FORMAT MEDIUM is to make. A page alone changes nothing (POFM).

use crate::fields::Fields;
use crate::sense::Sense;
use crate::time::Layout;

/// Partitions of LTO-9 beside the first.
const MOST_ADDITIONAL: u8 = 3;
const FDP: u8 = 0x80;
const SDP: u8 = 0x40;
const IDP: u8 = 0x20;
const POFM: u8 = 0x04;
/// All that is left.
const REST: u16 = 0xffff;
/// Share of the tape that the first of two partitions gets where nobody says how much.
const SELECTED_SHARE: u64 = 35;

/// Bytes of each partition; none: all that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// By the drive: so many.
    Counted(u8),
    Sized(Vec<Option<u64>>),
}

impl Wish {
    pub(super) fn of(layout: &Layout) -> Self {
        let count = u8::try_from(layout.partitions()).unwrap_or(1);
        if count == 1 {
            return Self::Counted(1);
        }
        // The last takes the rest, so that rounding takes nothing away.
        Self::Sized((0..count).map(|number| (number + 1 < count).then(|| layout.size(number))).collect())
    }

    pub(super) fn layout(&self, capacity: u64) -> Option<Layout> {
        match self {
            Self::Counted(1) => Some(Layout::whole(capacity)),
            Self::Counted(count) => {
                let small = Some(capacity / SELECTED_SHARE);
                let sizes: Vec<Option<u64>> = (1..*count).map(|_| small).chain([None]).collect();
                Layout::new(capacity, &sizes)
            }
            Self::Sized(sizes) => Layout::new(capacity, sizes),
        }
    }

    pub(super) fn read(page: Fields<'_>) -> Result<Self, Sense> {
        let (additional, flags, units) = (page.byte(1), page.byte(2), page.byte(4) & 0x0f);
        if additional > MOST_ADDITIONAL {
            return Err(Sense::INVALID_PARAMETER);
        }
        match flags & (FDP | SDP | IDP) {
            FDP => Ok(Self::Counted(2)),
            SDP => Ok(Self::Counted(additional + 1)),
            IDP => {
                let unit = match (flags >> 3) & 0x03 {
                    0 => 1,
                    1 => 1_000,
                    2 => 1_000_000,
                    _ => 10_u64.pow(u32::from(units)),
                };
                if page.0.len() < 6 + 2 * (usize::from(additional) + 1) {
                    return Err(Sense::PARAMETER_LENGTH);
                }
                let sizes = (0..=additional).map(|number| match page.two(6 + 2 * usize::from(number)) {
                    REST => None,
                    size => Some(u64::from(size) * unit),
                });
                Ok(Self::Sized(sizes.collect()))
            }
            _ => Err(Sense::INVALID_PARAMETER),
        }
    }
}

/// What stands behind the header of the page, of the medium that is in.
pub(super) fn page(layout: Option<&Layout>) -> Vec<u8> {
    let count = layout.map_or(1, Layout::partitions);
    let sizes: Vec<u64> = (0..count).filter_map(|number| Some(layout?.size(u8::try_from(number).ok()?))).collect();
    // The largest unit in which the smallest is still told well.
    let smallest = sizes.iter().copied().min().unwrap_or(0);
    let units: u8 = [9_u8, 6, 3].into_iter().find(|units| smallest >= 10 * 10_u64.pow(u32::from(*units))).unwrap_or(3);
    let additional = u8::try_from(count - 1).unwrap_or(MOST_ADDITIONAL);
    let chosen = if additional == 0 { 0 } else { IDP };
    // PSUM says that units are powers of ten; format and partitions are recognized.
    let mut bytes = vec![MOST_ADDITIONAL, additional, chosen | 0x18 | POFM, 0x03, units, 0];
    for number in 0..=usize::from(MOST_ADDITIONAL) {
        let size = sizes.get(number).map_or(0, |size| size / 10_u64.pow(u32::from(units)));
        bytes.extend_from_slice(&u16::try_from(size).unwrap_or(REST - 1).to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_partitions_are_made_of_which_the_first_has_a_gigabyte() {
        let page = [3, 1, IDP | 0x18, 0, 9, 0, 0, 1, 0xff, 0xff];
        let wish = Wish::read(Fields(&page)).unwrap();
        assert_eq!(wish, Wish::Sized(vec![Some(1_000_000_000), None]));
        let layout = wish.layout(18_000_000_000_000).unwrap();
        assert!(layout.size(0) >= 1_000_000_000 && layout.partitions() == 2);
        assert_eq!(Wish::of(&layout).layout(18_000_000_000_000), Some(layout));
    }
}
