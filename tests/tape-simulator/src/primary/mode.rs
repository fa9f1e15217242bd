//! Lists of mode parameters, with six and with ten bytes of CDB (SPC-4, sections 6.10 to 6.13 and 7.5).

use super::list;
use crate::fields::{Fields, cut, two};
use crate::sense::{Reply, Sense};

/// Pages in one list.
const MOST_PAGES: usize = 16;
/// SAVING PARAMETERS NOT SUPPORTED.
const NOT_SAVED: Sense = Sense::new(5, 0x3900);

/// Which values are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Current,
    Changeable,
    Default,
}

/// What MODE SENSE asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    long: bool,
    pub(crate) which: Which,
    page: u8,
    subpage: u8,
    with_blocks: bool,
    allocated: usize,
}

impl Asked {
    pub(crate) fn read(command: Fields<'_>) -> Result<Self, Sense> {
        let long = command.byte(0) == 0x5a;
        let which = match command.byte(2) >> 6 {
            0 => Which::Current,
            1 => Which::Changeable,
            2 => Which::Default,
            _ => return Err(NOT_SAVED),
        };
        let allocated = if long { usize::from(command.two(7)) } else { usize::from(command.byte(4)) };
        let (page, subpage) = (command.byte(2) & 0x3f, command.byte(3));
        Ok(Self { long, which, page, subpage, with_blocks: !command.bit(1, 0x08), allocated })
    }

    /// `pages`: page, subpage and what stands behind the header of each that there is.
    pub(crate) fn answer(self, medium: u8, device: u8, blocks: Option<[u8; 8]>, pages: Vec<(u8, u8, Vec<u8>)>) -> Reply {
        let blocks = blocks.filter(|_| self.with_blocks);
        let wanted = |page: u8, subpage: u8| match (self.page, self.subpage) {
            (0x3f, 0xff) => true,
            (0x3f, 0x00) => subpage == 0,
            (asked, 0xff) => asked == page,
            asked => asked == (page, subpage),
        };
        let (mut body, mut found) = (Vec::new(), self.page == 0);
        for (page, subpage, of) in pages.into_iter().filter(|(page, subpage, _)| wanted(*page, *subpage)) {
            found = true;
            if subpage == 0 {
                body.push(page);
                body.extend(u8::try_from(of.len()));
            } else {
                body.extend_from_slice(&[page | 0x40, subpage]);
                body.extend_from_slice(&two(of.len()));
            }
            body.extend(of);
        }
        if !found {
            return Err(Sense::INVALID_FIELD.into());
        }
        let described = blocks.map_or(0, |blocks| blocks.len());
        let mut data = if self.long {
            let [a, b] = two(6 + described + body.len());
            vec![a, b, medium, device, 0, 0, 0, described as u8]
        } else {
            let length = u8::try_from(3 + described + body.len()).map_err(|_| Sense::INVALID_FIELD)?;
            vec![length, medium, device, described as u8]
        };
        data.extend(blocks.into_iter().flatten());
        data.extend(body);
        Ok(cut(data, self.allocated))
    }
}

/// What MODE SELECT sets.
#[derive(Debug)]
pub(crate) struct Set<'a> {
    pub(crate) device: u8,
    /// Density and block length.
    pub(crate) blocks: Option<(u8, u32)>,
    /// Page, subpage and what stands behind the header.
    pub(crate) pages: Vec<(u8, u8, Fields<'a>)>,
}

impl<'a> Set<'a> {
    pub(crate) fn read(command: Fields<'_>, out: &'a [u8]) -> Result<Option<Self>, Sense> {
        let long = command.byte(0) == 0x55;
        let length = if long { usize::from(command.two(7)) } else { usize::from(command.byte(4)) };
        if length == 0 {
            return Ok(None);
        }
        let (header, described) = if long { (8, 6) } else { (4, 3) };
        let all = list(out, length)?;
        if all.0.len() < header {
            return Err(Sense::PARAMETER_LENGTH);
        }
        let described = if long { usize::from(all.two(described)) } else { usize::from(all.byte(described)) };
        let device = all.byte(if long { 3 } else { 2 });
        let blocks = match described {
            0 => None,
            8 => Some((all.byte(header), all.three(header + 5))),
            _ => return Err(Sense::INVALID_PARAMETER),
        };
        let mut rest = all.0.get(header + described..).ok_or(Sense::PARAMETER_LENGTH)?;
        let mut pages = Vec::new();
        while !rest.is_empty() {
            let at = Fields(rest);
            let sub = at.bit(0, 0x40);
            let (subpage, behind, length) =
                if sub { (at.byte(1), 4, usize::from(at.two(2))) } else { (0, 2, usize::from(at.byte(1))) };
            let body = rest.get(behind..behind + length).ok_or(Sense::PARAMETER_LENGTH)?;
            if pages.len() == MOST_PAGES {
                return Err(Sense::INVALID_PARAMETER);
            }
            pages.push((at.byte(0) & 0x3f, subpage, Fields(body)));
            rest = rest.get(behind + length..).unwrap_or_default();
        }
        Ok(Some(Self { device, blocks, pages }))
    }
}
