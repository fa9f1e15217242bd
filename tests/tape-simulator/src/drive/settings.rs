//! Mode parameters of a drive (SSC-4, section 8.3).

use super::partitioning::{self, Wish};
use super::protection::{BYTES, CRC32C, Protection};
use super::{Drive, Seat};
use crate::fields::Fields;
use crate::plan::Kind;
use crate::primary::mode::{Asked, Set, Which};
use crate::sense::{Reply, Sense};

/// Density code of LTO-9, and its medium types.
pub(super) const LTO9: u8 = 0x60;
const DATA: u8 = 0x98;
const WORM: u8 = 0x9c;
/// MODE PARAMETERS CHANGED.
const CHANGED: u16 = 0x2a01;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Bytes of blocks that are counted; 0: each block is as long as it is.
    pub(super) block: u32,
    /// A write is answered when the buffer has it.
    pub(super) buffered: bool,
    /// Megabytes before early warning at which a warning comes.
    pub(super) early: u16,
    pub(super) compressing: bool,
    pub(super) protection: Protection,
    /// What FORMAT MEDIUM is to make.
    pub(super) wish: Option<Wish>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { block: 0, buffered: true, early: 0, compressing: false, protection: Protection::default(), wish: None }
    }
}

impl Settings {
    /// Pages that need no medium: data compression, device configuration and its extension, control data protection.
    fn pages(&self, partition: u8, protects: bool) -> Vec<(u8, u8, Vec<u8>)> {
        let mut compression = vec![if self.compressing { 0xc0 } else { 0x40 }, 0x80, 0, 0, 0, 1, 0, 0, 0, 1];
        compression.resize(14, 0);
        // LOIS, SEW; EEG.
        let configuration = vec![0, partition, 0, 0, 0, 0, 0x48, 0, 0x10, 0, 0, 0, u8::from(self.compressing), 0];
        let [high, low] = self.early.to_be_bytes();
        let mut extension = vec![0, 0, high, low];
        extension.resize(28, 0);
        let mut pages = vec![
            (0x0a, 0, vec![0; 10]),
            (0x0f, 0, compression),
            (0x10, 0, configuration),
            (0x10, 1, extension),
            // Only counted and logged.
            (0x1c, 0, vec![0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ];
        if protects {
            let Protection { method, writes, reads } = self.protection;
            let bytes = if method == 0 { 0 } else { BYTES as u8 };
            let mut page = vec![method, bytes, (u8::from(writes) << 7) | (u8::from(reads) << 6)];
            page.resize(28, 0);
            pages.push((0x0a, 0xf0, page));
        }
        pages
    }

    /// Takes a page; what is not understood is refused.
    fn set(&mut self, page: u8, subpage: u8, body: Fields<'_>, protects: bool, partitions: bool) -> Result<(), Sense> {
        match (page, subpage) {
            (0x0a | 0x1c, 0) => {}
            (0x0f, 0) => self.compressing = body.bit(0, 0x80),
            (0x10, 0) => self.compressing = body.byte(12) != 0,
            (0x10, 1) => self.early = body.two(2),
            (0x11, 0) if partitions => self.wish = Some(Wish::read(body)?),
            (0x0a, 0xf0) if protects => {
                let (method, bytes) = (body.byte(0), usize::from(body.byte(1) & 0x3f));
                let good = method == 0 || (method == CRC32C && bytes == BYTES);
                if !good {
                    return Err(Sense::INVALID_PARAMETER);
                }
                self.protection = Protection { method, writes: body.bit(2, 0x80), reads: body.bit(2, 0x40) };
            }
            _ => return Err(Sense::INVALID_PARAMETER),
        }
        Ok(())
    }
}

/// Which bits of a page can be changed.
fn changeable(page: u8, subpage: u8, length: usize) -> Vec<u8> {
    let bits: &[u8] = match (page, subpage) {
        (0x0f, 0) => &[0x80],
        (0x10, 1) => &[0, 0, 0xff, 0xff],
        (0x11, 0) => &[0, 0xff, 0xf8, 0, 0x0f, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        (0x0a, 0xf0) => &[0xff, 0x3f, 0xc0],
        _ => &[],
    };
    let mut mask = bits.to_vec();
    mask.resize(length, 0);
    mask
}

impl Drive {
    pub(super) fn sense(&mut self, command: Fields<'_>) -> Reply {
        let asked = Asked::read(command)?;
        let protects = self.features.protection;
        let defaults = Settings::default();
        let settings = if asked.which == Which::Default { &defaults } else { &self.settings };
        let mut pages = settings.pages(self.place.partition, protects);
        let cartridge = match &self.seat {
            Seat::Loaded(cartridge) => Some(&cartridge.chip),
            _ => None,
        };
        if self.features.partitions {
            pages.push((0x11, 0, partitioning::page(cartridge.map(|chip| &chip.layout))));
        }
        pages.sort_by_key(|(page, subpage, _)| (*page, *subpage));
        if asked.which == Which::Changeable {
            for (page, subpage, body) in &mut pages {
                *body = changeable(*page, *subpage, body.len());
            }
        }
        let medium = cartridge.map_or(0, |chip| if chip.kind == Kind::Worm { WORM } else { DATA });
        let device = if settings.buffered { 0x10 } else { 0 } | if self.is_protected() { 0x80 } else { 0 };
        let [_, a, b, c] = settings.block.to_be_bytes();
        asked.answer(medium, device, Some([LTO9, 0, 0, 0, 0, a, b, c]), pages)
    }

    pub(super) fn select(&mut self, command: Fields<'_>, out: &[u8]) -> Reply {
        // Pages are as the standard has them (PF), and are not saved (SP).
        if !command.bit(1, 0x10) || command.bit(1, 0x01) {
            return Err(Sense::INVALID_FIELD.into());
        }
        let Some(set) = Set::read(command, out)? else { return Ok(Vec::new()) };
        let mut settings = self.settings.clone();
        settings.buffered = match (set.device >> 4) & 0x07 {
            0 => false,
            1 | 2 => true,
            _ => return Err(Sense::INVALID_PARAMETER.into()),
        };
        if let Some((density, block)) = set.blocks {
            if !matches!(density, 0 | LTO9 | 0x7f) || block > super::reading::MOST_BLOCK {
                return Err(Sense::INVALID_PARAMETER.into());
            }
            settings.block = block;
        }
        for (page, subpage, body) in set.pages {
            settings.set(page, subpage, body, self.features.protection, self.features.partitions)?;
        }
        if settings != self.settings {
            self.settings = settings;
            self.raised.push(CHANGED);
        }
        Ok(Vec::new())
    }
}
