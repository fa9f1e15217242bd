//! What lies where: the answer to READ ELEMENT STATUS (SMC-3, clause 6, element status data).

use super::{Addresses, ELEMENTS};
use crate::{Malformed, field, of_three, text};

/// Bytes of a volume tag: 32 of text, then a number that nobody uses.
pub const VOLUME_TAG_BYTES: usize = 36;
const TAG_TEXT: usize = 32;
/// Status pages of one answer that are read.
const PAGES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Medium transport: what carries.
    Arm,
    /// Storage.
    Slot,
    /// Import/export.
    MailSlot,
    /// Data transfer.
    Drive,
}

impl Kind {
    pub fn code(self) -> u8 {
        match self {
            Self::Arm => 1,
            Self::Slot => 2,
            Self::MailSlot => 3,
            Self::Drive => 4,
        }
    }

    fn of(code: u8) -> Option<Self> {
        [Self::Arm, Self::Slot, Self::MailSlot, Self::Drive].into_iter().find(|kind| kind.code() == code)
    }
}

/// What a drive calls itself (SPC-4, clause 7.8: designation descriptor).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// CODE SET: 1 binary, 2 ASCII, 3 UTF-8.
    pub code_set: u8,
    /// 1: vendor, product and serial number; 3: NAA.
    pub kind: u8,
    pub bytes: Vec<u8>,
}

impl Identity {
    /// As text, where it is some.
    pub fn text(&self) -> Option<String> {
        matches!(self.code_set, 2 | 3).then(|| text(&self.bytes))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub address: u16,
    pub kind: Kind,
    pub full: bool,
    /// An arm can reach it.
    pub access: bool,
    /// Something is wrong with it; what, as ADDITIONAL SENSE CODE and qualifier.
    pub exception: Option<u16>,
    /// Of a mail slot: an operator put in what lies there; an operator may put in; what is put there can be taken out.
    pub imported: bool,
    pub import: bool,
    pub export: bool,
    /// Where what lies here was before, as far as the library knows.
    pub source: Option<u16>,
    /// The primary volume tag; none: nothing lies here, or it has no label, or it could not be read.
    pub label: Option<String>,
    /// MEDIUM TYPE: 1 data, 2 cleaning, 3 diagnostic, 4 to be written once; 0: not told.
    pub medium: u8,
    pub identity: Option<Identity>,
}

/// What one answer tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub elements: Vec<Element>,
    /// The answer had no room for all it had to tell.
    pub cut: bool,
}

/// Every element of a library, by address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elements(pub std::collections::BTreeMap<u16, Element>);

impl Elements {
    /// Takes what an answer tells that was asked for a kind from `first` on, and answers where to go on; none: that was all of the kind.
    /// Fails where the library tells of what it does not have, or goes round in a circle.
    pub fn take(&mut self, report: Report, kind: Kind, first: u16, addresses: &Addresses) -> Result<Option<u16>, Malformed> {
        const WHAT: &str = "an element where the library has none";
        let range = match kind {
            Kind::Arm => addresses.arms,
            Kind::Slot => addresses.slots,
            Kind::MailSlot => addresses.mail_slots,
            Kind::Drive => addresses.drives,
        };
        let full = report.cut || report.elements.len() >= usize::from(ELEMENTS);
        let mut last = None;
        for element in report.elements {
            if element.kind != kind || element.address < first || !range.contains(element.address) {
                return Err(Malformed(WHAT));
            }
            last = last.max(Some(element.address));
            self.0.insert(element.address, element);
        }
        let next = last.and_then(|last| last.checked_add(1)).filter(|next| range.contains(*next));
        match (full, last) {
            (true, None) => Err(Malformed("an answer with room for no element")),
            (true, Some(_)) => Ok(next),
            (false, _) => Ok(None),
        }
    }
}

impl Report {
    /// At most `ELEMENTS` elements for each `ELEMENTS` that were asked for; more are not believed.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "the status of a library's elements";
        let [_, a, b, c] = field(bytes, 4, WHAT)?;
        let said = of_three([a, b, c]) as usize;
        let came = bytes.get(8..).unwrap_or_default();
        let mut rest = came.get(..said).unwrap_or(came);
        let mut report = Self { elements: Vec::new(), cut: said > came.len() };
        for _ in 0..PAGES {
            if rest.is_empty() {
                return Ok(report);
            }
            let Some((page, next)) = Page::split(rest)? else {
                report.cut = true;
                return Ok(report);
            };
            report.cut |= page.cut;
            for descriptor in page.body.chunks_exact(page.length) {
                if report.elements.len() == usize::from(ELEMENTS) {
                    return Ok(report);
                }
                report.elements.push(page.element(descriptor)?);
            }
            rest = next;
        }
        Err(Malformed(WHAT))
    }
}

struct Page<'a> {
    kind: Kind,
    primary_tags: bool,
    alternate_tags: bool,
    /// Bytes of each descriptor.
    length: usize,
    body: &'a [u8],
    cut: bool,
}

impl<'a> Page<'a> {
    const WHAT: &'static str = "a page of a library's elements";

    /// None: not even the header came whole.
    fn split(bytes: &'a [u8]) -> Result<Option<(Self, &'a [u8])>, Malformed> {
        let Some((header, rest)) = bytes.split_at_checked(8) else { return Ok(None) };
        let [code, flags, high, low, _, a, b, c] = field(header, 0, Self::WHAT)?;
        let kind = Kind::of(code).ok_or(Malformed(Self::WHAT))?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let said = of_three([a, b, c]) as usize;
        let (body, next) = rest.split_at_checked(said).unwrap_or((rest, &[]));
        let (primary_tags, alternate_tags) = (flags & 0x80 != 0, flags & 0x40 != 0);
        let tags = usize::from(primary_tags) + usize::from(alternate_tags);
        if length < 12 + VOLUME_TAG_BYTES * tags && said > 0 {
            // Some end a descriptor with the text of the tag.
            let least = 12 + VOLUME_TAG_BYTES * tags.saturating_sub(1) + if tags > 0 { TAG_TEXT } else { 0 };
            if length < least {
                return Err(Malformed(Self::WHAT));
            }
        }
        // A page of nothing may leave out how long its descriptors are.
        Ok(Some((Self { kind, primary_tags, alternate_tags, length: length.max(12), body, cut: said > body.len() }, next)))
    }

    fn element(&self, descriptor: &[u8]) -> Result<Element, Malformed> {
        let [a, b, flags, _, code, qualifier, _, _, _, place, c, d] = field(descriptor, 0, Self::WHAT)?;
        let bit = |mask: u8| flags & mask != 0;
        let full = bit(0x01);
        let mut rest = descriptor.get(12..).unwrap_or_default();
        let mut label = None;
        if self.primary_tags {
            let tag = text(rest.get(..TAG_TEXT).unwrap_or(rest));
            label = Some(tag).filter(|tag| full && !tag.is_empty());
            rest = rest.get(VOLUME_TAG_BYTES..).unwrap_or_default();
        }
        if self.alternate_tags {
            rest = rest.get(VOLUME_TAG_BYTES..).unwrap_or_default();
        }
        let mail = self.kind == Kind::MailSlot;
        Ok(Element {
            address: u16::from_be_bytes([a, b]),
            kind: self.kind,
            full,
            access: bit(0x08),
            exception: bit(0x04).then(|| u16::from_be_bytes([code, qualifier])),
            imported: mail && bit(0x02),
            import: mail && bit(0x20),
            export: mail && bit(0x10),
            source: (place & 0x80 != 0).then(|| u16::from_be_bytes([c, d])),
            label,
            medium: place & 0x07,
            identity: identity(rest),
        })
    }
}

fn identity(bytes: &[u8]) -> Option<Identity> {
    let [code_set, kind, _, length, behind @ ..] = bytes else { return None };
    let bytes = behind.get(..usize::from(*length)).filter(|bytes| !bytes.is_empty())?;
    Some(Identity { code_set: code_set & 0x0f, kind: kind & 0x0f, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changer::Range;

    fn tag(label: &str) -> Vec<u8> {
        let mut tag = format!("{label:<32}").into_bytes();
        tag.extend([0; 4]);
        tag
    }

    /// A descriptor with a volume tag, and an identity where the element has one.
    fn descriptor(address: u16, flags: u8, place: u8, source: u16, label: &str, identity: &[u8]) -> Vec<u8> {
        let mut bytes = address.to_be_bytes().to_vec();
        bytes.extend([flags, 0, 0x83, 0x00, 0, 0, 0, place]);
        bytes.extend(source.to_be_bytes());
        bytes.extend(tag(label));
        bytes.extend([2, 1, 0, u8::try_from(identity.len()).unwrap()]);
        bytes.extend(identity);
        bytes
    }

    fn three_bytes(length: usize) -> [u8; 3] {
        let [_, a, b, c] = u32::try_from(length).unwrap().to_be_bytes();
        [a, b, c]
    }

    fn page(kind: Kind, descriptors: &[Vec<u8>]) -> Vec<u8> {
        let length = u16::try_from(descriptors[0].len()).unwrap();
        let body = descriptors.concat();
        let mut bytes = vec![kind.code(), 0x80];
        bytes.extend(length.to_be_bytes());
        bytes.push(0);
        bytes.extend(three_bytes(body.len()));
        bytes.extend(body);
        bytes
    }

    fn answer(pages: &[Vec<u8>]) -> Vec<u8> {
        let body = pages.concat();
        let mut bytes = vec![0, 1, 0, 4, 0];
        bytes.extend(three_bytes(body.len()));
        bytes.extend(body);
        bytes
    }

    fn library() -> Vec<u8> {
        let drive = b"IBM     ULT3580-TD6     DRV0001   ";
        answer(&[
            page(Kind::Drive, &[descriptor(1, 0x09, 0x81, 256, "TST001L6", drive), descriptor(2, 0x08, 0, 0, "", drive)]),
            page(Kind::MailSlot, &[descriptor(32, 0x3b, 0x01, 0, "TST009L6", b"")]),
            page(Kind::Slot, &[descriptor(256, 0x08, 0, 0, "GHOST", b""), descriptor(257, 0x0d, 0x02, 0, "CLN001L1", b"")]),
        ])
    }

    #[test]
    fn every_element_tells_what_lies_in_it() {
        let report = Report::read(&library()).unwrap();
        assert!(!report.cut);
        let [loaded, idle, mail, empty, odd] = &report.elements[..] else { panic!("{report:?}") };
        assert_eq!((loaded.address, loaded.kind, loaded.source, loaded.medium), (1, Kind::Drive, Some(256), 1));
        assert_eq!(loaded.label.as_deref(), Some("TST001L6"));
        assert_eq!(loaded.identity.as_ref().unwrap().text().as_deref(), Some("IBM     ULT3580-TD6     DRV0001"));
        assert_eq!((idle.full, idle.label.as_deref(), idle.source), (false, None, None));
        assert!(mail.imported && mail.import && mail.export && mail.access && mail.identity.is_none());
        // What is not there has no label, whatever is left of one.
        assert_eq!((empty.full, empty.label.as_deref(), empty.import), (false, None, false));
        assert_eq!((odd.exception, odd.medium, odd.label.as_deref()), (Some(0x8300), 2, Some("CLN001L1")));
    }

    #[test]
    fn an_answer_that_is_cut_says_so() {
        let whole = library();
        for end in 8..whole.len() {
            let report = Report::read(&whole[..end]).unwrap();
            assert!(report.cut && report.elements.len() < 5, "{end}");
        }
        assert!(Report::read(&whole[..7]).is_err());
    }

    #[test]
    fn a_tag_may_end_with_its_text_and_may_be_missing() {
        let mut short = descriptor(1, 0x01, 0, 0, "A", b"");
        short.truncate(12 + TAG_TEXT);
        assert_eq!(Report::read(&answer(&[page(Kind::Slot, &[short])])).unwrap().elements[0].label.as_deref(), Some("A"));
        let mut bare = page(Kind::Slot, &[descriptor(1, 0x01, 0, 0, "", b"")[..12].to_vec()]);
        assert!(Report::read(&answer(std::slice::from_ref(&bare))).is_err());
        bare[1] = 0;
        assert_eq!(Report::read(&answer(&[bare])).unwrap().elements[0].label, None);
    }

    #[test]
    fn pages_of_no_kind_and_of_no_length_are_refused_or_passed() {
        assert!(Report::read(&answer(&[vec![9, 0, 0, 16, 0, 0, 0, 0]])).is_err());
        assert!(Report::read(&answer(&[vec![2, 0, 0, 0, 0, 0, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]])).is_err());
        assert_eq!(Report::read(&answer(&[vec![2, 0, 0, 0, 0, 0, 0, 0]])).unwrap(), Report::default());
    }

    #[test]
    fn a_library_is_read_kind_by_kind_to_its_end() {
        let addresses = Addresses { slots: Range { first: 256, count: 600 }, ..Addresses::default() };
        let slots = |first: u16, count: u16| {
            let descriptors: Vec<Vec<u8>> = (first..first + count).map(|at| descriptor(at, 0x08, 0, 0, "", b"")).collect();
            Report::read(&answer(&[page(Kind::Slot, &descriptors)])).unwrap()
        };
        let mut all = Elements::default();
        let mut at = 256;
        let mut asked = 0;
        while let Some(next) = all.take(slots(at, ELEMENTS.min(856 - at)), Kind::Slot, at, &addresses).unwrap() {
            (at, asked) = (next, asked + 1);
        }
        assert_eq!((all.0.len(), asked), (600, 2));
        // Behind what was asked for, of another kind, out of the library, and nothing at all.
        assert!(all.take(slots(256, 1), Kind::Slot, 300, &addresses).is_err());
        assert!(all.take(slots(256, 1), Kind::Drive, 0, &addresses).is_err());
        assert!(all.take(slots(856, 1), Kind::Slot, 256, &addresses).is_err());
        assert!(all.take(Report { elements: Vec::new(), cut: true }, Kind::Slot, 256, &addresses).is_err());
        assert_eq!(all.take(Report::default(), Kind::Slot, 256, &addresses), Ok(None));
    }
}
