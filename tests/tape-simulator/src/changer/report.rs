//! READ ELEMENT STATUS (SMC-3, section 6.12).

use super::elements::Element;
use super::{Changer, Kind, UNREADABLE};
use crate::fields::{Fields, cut, padded, three, two};
use crate::plan;
use crate::sense::{Reply, Sense};

const TAG: usize = 36;

impl Changer {
    pub(super) fn report(&mut self, command: Fields<'_>) -> Reply {
        let (tags, names) = (command.bit(1, 0x10), command.bit(6, 0x01));
        let (first, most) = (command.two(2), usize::from(command.two(4)));
        let kind = match command.byte(1) & 0x0f {
            0 => None,
            1 => Some(Kind::Arm),
            2 => Some(Kind::Slot),
            3 => Some(Kind::MailSlot),
            4 => Some(Kind::Drive),
            _ => return Err(Sense::INVALID_FIELD.into()),
        };
        let asked = |element: &Element<'_>| element.address >= first && kind.is_none_or(|kind| kind == element.kind);
        let elements: Vec<Element<'_>> = self.elements.all().filter(asked).take(most).collect();
        if elements.is_empty() && most > 0 && self.elements.all().all(|element| element.address < first) {
            return Err(Sense::NO_ELEMENT.into());
        }
        let mut unreadable = false;
        let mut pages = Vec::new();
        for of in elements.chunk_by(|one, next| one.kind == next.kind) {
            let mut body = Vec::new();
            let mut length = 0;
            for element in of {
                let descriptor = self.descriptor(element, tags, names);
                length = descriptor.len();
                body.extend(descriptor);
                unreadable |= element.content.is_some_and(|content| self.label(&content.barcode).is_none());
            }
            let kind = of.first().map_or(0, |element| element.kind as u8);
            pages.extend_from_slice(&[kind, if tags { 0x80 } else { 0 }]);
            pages.extend_from_slice(&two(length));
            pages.push(0);
            pages.extend_from_slice(&three(body.len()));
            pages.extend(body);
        }
        let lowest = elements.iter().map(|element| element.address).min().unwrap_or(0);
        let mut data = lowest.to_be_bytes().to_vec();
        data.extend_from_slice(&two(elements.len()));
        data.push(0);
        data.extend_from_slice(&three(pages.len()));
        data.extend(pages);
        if unreadable {
            self.alerts.insert(UNREADABLE);
        } else {
            self.alerts.remove(&UNREADABLE);
        }
        Ok(cut(data, command.three(7) as usize))
    }

    /// One element; all of a kind are equally long.
    fn descriptor(&self, element: &Element<'_>, tags: bool, names: bool) -> Vec<u8> {
        let content = element.content;
        let mut flags = u8::from(content.is_some());
        flags |= match element.kind {
            Kind::Arm => 0,
            // ACCESS: the arm can reach it. A drive gives out what is in it when the robot comes.
            Kind::Slot | Kind::Drive => 0x08,
            // INENAB, EXENAB, and IMPEXP where an operator was.
            Kind::MailSlot => 0x38 | if content.is_some_and(|content| content.imported) { 0x02 } else { 0 },
        };
        let mut bytes = element.address.to_be_bytes().to_vec();
        bytes.extend_from_slice(&[flags, 0, 0, 0, 0, 0, 0]);
        let medium = match content.and_then(|content| content.kind) {
            None => 0,
            Some(plan::Kind::Data) => 1,
            Some(plan::Kind::Cleaning) => 2,
            Some(plan::Kind::Worm) => 4,
        };
        let source = content.and_then(|content| content.source);
        bytes.push(medium | if source.is_some() { 0x80 } else { 0 });
        bytes.extend_from_slice(&source.unwrap_or(0).to_be_bytes());
        if tags {
            let label = content.and_then(|content| self.label(&content.barcode));
            // No label: zeros (VOLUME IDENTIFICATION INFORMATION is not there).
            let tag = label.map_or_else(|| vec![0; 32], |label| padded(&label, 32));
            bytes.extend(tag.into_iter().chain([0; TAG - 32]));
        }
        let drive = self.elements.drive(element.address).and_then(|number| self.drives.get(number)).filter(|_| names);
        bytes.extend(drive.map_or_else(|| vec![0; 4], crate::primary::Identity::designator));
        bytes
    }
}
