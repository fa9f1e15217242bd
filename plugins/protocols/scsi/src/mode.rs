//! What is set in a device: MODE SENSE(6) and MODE SELECT(6), which every tape drive and robot knows (SPC-4, clauses 6 and 7.5).

use crate::{Malformed, field, of_three, three};

/// Bytes of the answer that is asked for; the most that six bytes of CDB can ask for.
pub const BYTES: u8 = 255;
/// Pages that one answer is read for, and bytes of one that is sent.
const PAGES: usize = 64;
pub const PAGE_BYTES: usize = 200;

/// The current values of a page; `BYTES` in.
pub fn sense(page: u8, subpage: u8) -> [u8; 6] {
    [0x1a, 0, page & 0x3f, subpage, BYTES, 0]
}

/// Which fields of a page can be changed, as ones; `BYTES` in.
pub fn sense_changeable(page: u8, subpage: u8) -> [u8; 6] {
    [0x1a, 0, (page & 0x3f) | 0x40, subpage, BYTES, 0]
}

/// How blocks are laid down, as a tape has it (SSC-4, clause 8.3: mode parameters).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    pub density: u8,
    /// Bytes of each; 0: each is as long as it is written.
    pub length: u32,
}

/// What a MODE SENSE(6) answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters<'a> {
    pub medium_type: u8,
    /// For a tape: see [`Parameters::is_write_protected`].
    pub device_specific: u8,
    pub blocks: Option<Blocks>,
    pages: &'a [u8],
}

impl<'a> Parameters<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "mode parameters";
        let [length, medium_type, device_specific, described] = field(bytes, 0, WHAT)?;
        // What did not come, as there was no room for it, is not there.
        let bytes = bytes.get(..usize::from(length) + 1).unwrap_or(bytes);
        let behind = usize::from(described) + 4;
        let blocks = match described {
            0..8 => None,
            8.. => {
                let [density, _, _, _, _, a, b, c] = field(bytes, 4, WHAT)?;
                Some(Blocks { density, length: of_three([a, b, c]) })
            }
        };
        Ok(Self { medium_type, device_specific, blocks, pages: bytes.get(behind..).ok_or(Malformed(WHAT))? })
    }

    /// What stands on a page, behind its header of two bytes, or of four where it is a subpage.
    pub fn page(&self, page: u8, subpage: u8) -> Option<&'a [u8]> {
        let mut rest = self.pages;
        for _ in 0..PAGES {
            let [first, second, ..] = *rest else { return None };
            let (of, header, length) = match first & 0x40 {
                0 => (0, 2, usize::from(second)),
                _ => (second, 4, usize::from(u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?))),
            };
            let body = rest.get(header..)?;
            if (first & 0x3f, of) == (page, subpage) {
                return body.get(..length);
            }
            rest = body.get(length..)?;
        }
        None
    }

    /// Of a tape: nothing can be written to the medium that is in.
    pub fn is_write_protected(&self) -> bool {
        self.device_specific & 0x80 != 0
    }
}

/// MODE SELECT(6), and the list that goes out with it: how blocks are laid down, and the page of that number, if one is given, with what
/// stands behind its two bytes of header. `buffered`: a tape answers a write when it has the bytes, not when the medium has them. None: the
/// page is longer than `PAGE_BYTES`.
pub fn select(buffered: bool, blocks: Option<Blocks>, page: Option<(u8, &[u8])>) -> Option<([u8; 6], Vec<u8>)> {
    let described = if blocks.is_some() { 8 } else { 0 };
    // MODE DATA LENGTH and, for a tape, MEDIUM TYPE are reserved here.
    let mut list = vec![0, 0, if buffered { 0x10 } else { 0 }, described];
    if let Some(Blocks { density, length }) = blocks {
        list.extend_from_slice(&[density, 0, 0, 0, 0]);
        list.extend_from_slice(&three(length)?);
    }
    if let Some((number, body)) = page {
        let length = u8::try_from(body.len()).ok().filter(|_| body.len() <= PAGE_BYTES)?;
        // Nor is PS allowed to be set.
        list.extend_from_slice(&[number & 0x3f, length]);
        list.extend_from_slice(body);
    }
    let length = u8::try_from(list.len()).ok()?;
    Some(([0x15, 0x10, 0, 0, length, 0], list))
}

/// The same for a subpage, with what stands behind its header of four bytes.
pub fn select_subpage(buffered: bool, page: u8, subpage: u8, body: &[u8]) -> Option<([u8; 6], Vec<u8>)> {
    const SPF: u8 = 0x40;
    let length = u16::try_from(body.len()).ok().filter(|_| body.len() <= PAGE_BYTES)?;
    let mut list = vec![0, 0, if buffered { 0x10 } else { 0 }, 0, SPF | (page & 0x3f), subpage];
    list.extend_from_slice(&length.to_be_bytes());
    list.extend_from_slice(body);
    let length = u8::try_from(list.len()).ok()?;
    Some(([0x15, 0x10, 0, 0, length, 0], list))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = &[23, 0x58, 0x90, 8, 0x58, 0, 0, 0, 0, 0, 2, 0, 0x8f, 2, 0xc0, 0x80, 0x50, 1, 0, 3, 7, 8, 9, 0x91];

    #[test]
    fn pages_are_found_behind_the_blocks() {
        let parameters = Parameters::read(ANSWER).unwrap();
        assert!(parameters.is_write_protected());
        assert_eq!(parameters.blocks, Some(Blocks { density: 0x58, length: 512 }));
        assert_eq!(parameters.page(0x0f, 0), Some(&[0xc0, 0x80][..]));
        assert_eq!(parameters.page(0x10, 1), Some(&[7, 8, 9][..]));
        assert_eq!((parameters.page(0x10, 0), parameters.page(0x11, 0)), (None, None));
        // Without blocks, and with a page that is cut short.
        let bare = Parameters::read(&[7, 0, 0, 0, 0x0f, 14, 0xc0]).unwrap();
        assert_eq!((bare.blocks, bare.page(0x0f, 0)), (None, None));
        assert!(Parameters::read(&ANSWER[..3]).is_err() && Parameters::read(&ANSWER[..9]).is_err());
    }

    #[test]
    fn what_is_set_goes_out_as_the_device_reads_it() {
        let blocks = Blocks { density: 0, length: 0x0002_0000 };
        let (cdb, list) = select(true, Some(blocks), Some((0x0f, &[0x80, 0x80]))).unwrap();
        assert_eq!(cdb, [0x15, 0x10, 0, 0, 16, 0]);
        assert_eq!(list, [0, 0, 0x10, 8, 0, 0, 0, 0, 0, 2, 0, 0, 0x0f, 2, 0x80, 0x80]);
        assert!(select(false, Some(Blocks { density: 0, length: 1 << 24 }), None).is_none());
        assert!(select(false, None, Some((0x0f, &[0; PAGE_BYTES + 1]))).is_none());
        let (cdb, list) = select_subpage(true, 0x0a, 0xf0, &[2, 4, 0xc0]).unwrap();
        assert_eq!((cdb[4], list), (11, vec![0, 0, 0x10, 0, 0x4a, 0xf0, 0, 3, 2, 4, 0xc0]));
        assert_eq!((sense(0x1d, 0), sense_changeable(0x11, 0)[2]), ([0x1a, 0, 0x1d, 0, 255, 0], 0x51));
    }
}
