//! The elements of a library, by address, and what lies in them. The table is kept on disk: a library does not forget where its cartridges are.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::medium::replace;
use crate::plan::Plan;

pub(crate) const ARM: u16 = 1;
const FIRST_MAIL_SLOT: u16 = 16;
pub(crate) const FIRST_DRIVE: u16 = 256;
const FIRST_SLOT: u16 = 1024;
/// As there is room for between their first address and that of drives.
pub(crate) const MOST_MAIL_SLOTS: u16 = FIRST_DRIVE - FIRST_MAIL_SLOT;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Arm = 1,
    Slot = 2,
    MailSlot = 3,
    Drive = 4,
}

/// What lies in an element.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) barcode: String,
    pub(crate) kind: Option<crate::plan::Kind>,
    /// Where it lay before.
    pub(crate) source: Option<u16>,
    /// An operator put it in.
    pub(crate) imported: bool,
}

#[derive(Debug)]
pub(crate) struct Element<'a> {
    pub(crate) address: u16,
    pub(crate) kind: Kind,
    pub(crate) content: Option<&'a Content>,
}

#[derive(Debug)]
pub(crate) struct Elements {
    path: PathBuf,
    drives: u16,
    mail_slots: u16,
    slots: u16,
    contents: BTreeMap<u16, Content>,
}

impl Elements {
    pub(crate) fn open(path: PathBuf, plan: &Plan) -> io::Result<Self> {
        let contents = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(failed) => return Err(failed),
        };
        let drives = u16::try_from(plan.drives.len()).unwrap_or(u16::MAX);
        let mut elements = Self { path, drives, mail_slots: plan.mail_slots, slots: plan.slots, contents };
        let known: Vec<u16> = elements.contents.keys().copied().filter(|address| elements.kind(*address).is_none()).collect();
        if let Some(address) = known.first() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a cartridge lies in element {address}, which is not in the plan"),
            ));
        }
        for cartridge in &plan.cartridges {
            if elements.find(&cartridge.barcode).is_none() {
                let free = elements.first_free(Kind::Slot).ok_or_else(|| io::Error::other("more cartridges than slots"))?;
                let kind = crate::medium::Chip::new(cartridge).kind;
                let content = Content { barcode: cartridge.barcode.clone(), kind: Some(kind), ..Content::default() };
                elements.contents.insert(free, content);
            }
        }
        elements.save()?;
        Ok(elements)
    }

    fn save(&self) -> io::Result<()> {
        replace(&self.path, &serde_json::to_vec(&self.contents)?)
    }

    /// First address and number of a kind.
    pub(crate) fn range(&self, kind: Kind) -> (u16, u16) {
        match kind {
            Kind::Arm => (ARM, 1),
            Kind::Slot => (FIRST_SLOT, self.slots),
            Kind::MailSlot => (FIRST_MAIL_SLOT, self.mail_slots),
            Kind::Drive => (FIRST_DRIVE, self.drives),
        }
    }

    pub(crate) fn kind(&self, address: u16) -> Option<Kind> {
        let kinds = [Kind::Arm, Kind::Slot, Kind::MailSlot, Kind::Drive];
        kinds.into_iter().find(|kind| {
            let (first, count) = self.range(*kind);
            address.checked_sub(first).is_some_and(|at| at < count)
        })
    }

    pub(crate) fn get(&self, address: u16) -> Option<Element<'_>> {
        self.kind(address).map(|kind| Element { address, kind, content: self.contents.get(&address) })
    }

    /// By kind, and by address within it.
    pub(crate) fn all(&self) -> impl Iterator<Item = Element<'_>> {
        let kinds = [Kind::Arm, Kind::Slot, Kind::MailSlot, Kind::Drive];
        let addresses = kinds.into_iter().flat_map(|kind| {
            let (first, count) = self.range(kind);
            first..first + count
        });
        addresses.filter_map(|address| self.get(address))
    }

    /// Number of a drive, from 0.
    pub(crate) fn drive(&self, address: u16) -> Option<usize> {
        (self.kind(address) == Some(Kind::Drive)).then(|| usize::from(address - FIRST_DRIVE))
    }

    pub(crate) fn find(&self, barcode: &str) -> Option<u16> {
        self.contents.iter().find(|(_, content)| content.barcode == barcode).map(|(address, _)| *address)
    }

    pub(crate) fn first_free(&self, kind: Kind) -> Option<u16> {
        let (first, count) = self.range(kind);
        (first..first + count).find(|address| !self.contents.contains_key(address))
    }

    pub(crate) fn put(&mut self, address: u16, content: Content) -> io::Result<()> {
        self.contents.insert(address, content);
        self.save()
    }

    pub(crate) fn take(&mut self, address: u16) -> io::Result<Option<Content>> {
        let taken = self.contents.remove(&address);
        self.save()?;
        Ok(taken)
    }

    /// What lay in some elements lies in others now, all at once.
    pub(crate) fn shift(&mut self, moves: &[(u16, u16)]) -> io::Result<()> {
        let taken: Vec<(u16, u16, Option<Content>)> =
            moves.iter().map(|(from, to)| (*from, *to, self.contents.remove(from))).collect();
        for (from, to, content) in taken {
            if let Some(content) = content {
                self.contents.insert(to, Content { source: Some(from), imported: false, ..content });
            }
        }
        self.save()
    }

    pub(crate) fn in_drives(&self) -> Vec<(usize, String)> {
        let drives = self.contents.iter().filter_map(|(address, content)| Some((self.drive(*address)?, content.barcode.clone())));
        drives.collect()
    }

    pub(crate) fn shelf(directory: &Path) -> PathBuf {
        directory.join("cartridges")
    }
}
