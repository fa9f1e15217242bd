//! READ ATTRIBUTE and WRITE ATTRIBUTE: the memory of the cartridge (SPC-4, sections 6.17, 6.45 and 7.4).

use super::Drive;
use crate::fields::{Fields, cut, four, padded};
use crate::medium::{Cartridge, Stored};
use crate::plan::Kind;
use crate::primary::list;
use crate::sense::{Reply, Sense};

const MEBIBYTE: u64 = 1 << 20;
/// Attributes that hosts write.
const HOST: std::ops::Range<u16> = 0x0800..0x0c00;
/// Bytes of the longest value.
const MOST: usize = 1_023;
/// Attributes that hosts can write to one partition.
const MOST_ATTRIBUTES: usize = 64;
/// Bytes of the memory.
const CHIP: u64 = 16 << 10;

/// Number, format (0 binary, 1 ASCII, 2 text), whether only the drive writes it, value.
type Attribute = (u16, u8, bool, Vec<u8>);

fn binary(id: u16, bytes: usize, value: u64) -> Attribute {
    let all = value.to_be_bytes();
    (id, 0, true, all.get(8_usize.saturating_sub(bytes)..).unwrap_or_default().to_vec())
}

fn ascii(id: u16, bytes: usize, value: &str) -> Attribute {
    (id, 1, true, padded(value, bytes))
}

impl Drive {
    /// What there is of a partition, in the order of numbers. None: no such partition.
    fn attributes(&mut self, number: u8) -> Result<Vec<Attribute>, Sense> {
        let (size, flags, written, read) = (self.size(number), self.alert_bits(), self.since.written, self.since.read);
        let cartridge = self.seat.loaded().map_err(|_| Sense::NO_MEDIUM)?;
        let used = cartridge.partition(number).ok_or(Sense::INVALID_FIELD)?.end();
        let chip = &cartridge.chip;
        let stored = chip.attributes.get(usize::from(number)).ok_or(Sense::INVALID_FIELD)?;
        let taken: usize = stored.values().map(|stored| stored.value.len() + 5).sum();
        let mut all = vec![
            binary(0x0000, 8, size.saturating_sub(used) / MEBIBYTE),
            binary(0x0001, 8, size / MEBIBYTE),
            binary(0x0002, 8, flags),
            binary(0x0003, 8, chip.loads),
            binary(0x0004, 8, CHIP.saturating_sub(taken as u64)),
            ascii(0x0005, 8, "LTO-CVE"),
            binary(0x0006, 1, u64::from(super::settings::LTO9)),
            binary(0x0007, 2, u64::from(chip.formats)),
            binary(0x0009, 4, u64::from(chip.changes)),
            binary(0x0220, 8, chip.bytes_written / MEBIBYTE),
            binary(0x0221, 8, chip.bytes_read / MEBIBYTE),
            binary(0x0222, 8, written / MEBIBYTE),
            binary(0x0223, 8, read / MEBIBYTE),
            ascii(0x0400, 8, "CAPSTAN"),
            ascii(0x0401, 32, &chip.serial),
            binary(0x0402, 4, 1_035),
            binary(0x0403, 4, 127),
            ascii(0x0404, 8, "LTO-CVE"),
            binary(0x0405, 1, u64::from(super::settings::LTO9)),
            ascii(0x0406, 8, "20260101"),
            binary(0x0407, 8, CHIP),
            binary(0x0408, 1, if chip.kind == Kind::Worm { 0x80 } else { 0 }),
            binary(0x0409, 2, 0),
        ];
        // Vendor and serial number of the drives of the last loads.
        for (id, drive) in (0x020a..=0x020d).zip(&chip.drives) {
            all.push(ascii(id, 40, &format!("{:<8}{drive}", "CAPSTAN")));
        }
        all.extend(stored.iter().map(|(id, stored)| (*id, stored.format, false, stored.value.clone())));
        all.sort_by_key(|(id, ..)| *id);
        Ok(all)
    }

    /// Flags of TapeAlert, the first one first.
    fn alert_bits(&self) -> u64 {
        self.alerts().iter().fold(0, |bits, flag| bits | (1_u64 << 63).checked_shr(u32::from(*flag) - 1).unwrap_or(0))
    }

    pub(super) fn read_attribute(&mut self, command: Fields<'_>) -> Reply {
        self.ready()?;
        let (first, allocated) = (command.two(8), command.four(10) as usize);
        let all = self.attributes(command.byte(7))?;
        let all = all.into_iter().filter(|(id, ..)| *id >= first);
        let body: Vec<u8> = match command.byte(1) & 0x1f {
            0 => all
                .flat_map(|(id, format, only_drive, value)| {
                    let mut bytes = id.to_be_bytes().to_vec();
                    bytes.push(format | if only_drive { 0x80 } else { 0 });
                    bytes.extend_from_slice(&crate::fields::two(value.len()));
                    bytes.extend(value);
                    bytes
                })
                .collect(),
            // The list of those there are, and of those there can be.
            1 => all.flat_map(|(id, ..)| id.to_be_bytes()).collect(),
            5 => all.map(|(id, ..)| id).filter(|id| !HOST.contains(id)).chain(WRITABLE).flat_map(u16::to_be_bytes).collect(),
            // Volumes and partitions: the first one, and how many.
            2 => return Ok(cut(vec![0, 2, 0, 1], allocated)),
            3 => {
                let partitions = u8::try_from(self.seat.loaded()?.partitions().count()).unwrap_or(u8::MAX);
                return Ok(cut(vec![0, 2, 0, partitions], allocated));
            }
            _ => return Err(Sense::INVALID_FIELD.into()),
        };
        let mut data = four(body.len()).to_vec();
        data.extend(body);
        Ok(cut(data, allocated))
    }

    pub(super) fn write_attribute(&mut self, command: Fields<'_>, out: &[u8]) -> Reply {
        self.ready()?;
        if self.is_protected() {
            return Err(Sense::PROTECTED.into());
        }
        let all = list(out, command.four(10) as usize)?;
        if all.0.is_empty() {
            return Ok(Vec::new());
        }
        let said = all.four(0) as usize;
        let written = parse(all.0.get(4..4 + said).ok_or(Sense::PARAMETER_LENGTH)?)?;
        let cartridge: &mut Cartridge = self.seat.loaded()?;
        let stored = cartridge.chip.attributes.get_mut(usize::from(command.byte(7))).ok_or(Sense::INVALID_FIELD)?;
        for (id, attribute) in written {
            if attribute.value.is_empty() {
                stored.remove(&id);
            } else if stored.len() < MOST_ATTRIBUTES || stored.contains_key(&id) {
                stored.insert(id, attribute);
            } else {
                // AUXILIARY MEMORY OUT OF SPACE.
                return Err(Sense::new(5, 0x5506).into());
            }
        }
        cartridge.save()?;
        Ok(Vec::new())
    }
}

/// Those of hosts that the standard names.
const WRITABLE: [u16; 15] =
    [0x0800, 0x0801, 0x0802, 0x0803, 0x0804, 0x0805, 0x0806, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x080c, 0x0820, 0x0821];

/// All of a list or nothing of it.
fn parse(mut rest: &[u8]) -> Result<Vec<(u16, Stored)>, Sense> {
    let mut written: Vec<(u16, Stored)> = Vec::new();
    while let [a, b, format, high, low, behind @ ..] = rest {
        let (id, length) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*high, *low])));
        let (value, next) = behind.split_at_checked(length).ok_or(Sense::PARAMETER_LENGTH)?;
        let ascending = written.last().is_none_or(|(before, _)| *before < id);
        if !HOST.contains(&id) || length > MOST || !ascending || format & 0x7c != 0 {
            return Err(Sense::INVALID_PARAMETER);
        }
        written.push((id, Stored { format: format & 0x03, value: value.to_vec() }));
        rest = next;
    }
    if rest.is_empty() { Ok(written) } else { Err(Sense::PARAMETER_LENGTH) }
}
