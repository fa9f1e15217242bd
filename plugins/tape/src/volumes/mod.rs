//! Files on cartridges. A cartridge is a volume of files in one of two formats: LTFS, where the drive makes two partitions, or an archive of
//! tar sections ([`capstan_tape_archive`]). What a volume holds is read once, when its cartridge comes into a drive ([`mounting`]), and is kept in
//! memory while it is in ([`Mount`]); calls are answered from there, and bytes go to the end of the tape.
//!
//! A call names a cartridge and gets a drive for it ([`place`]): the one that it is in, a free one, or one that nobody used for a while. The drive
//! is the call's until it has ended; who only looks at names does not wait for it. The library's own rules hold: [`Tape::mount`] says whose
//! contents the drive still has, and where anything happened to it the volume is read again.
//!
//! What is left where the process, the drive's power or the way to it goes:
//!
//! | during | on the tape | then |
//! |---|---|---|
//! | a write, its blocks | blocks that no catalogue or index lists | the volume as it was synced last; writing goes over them (archive) or behind them (LTFS) |
//! | a write that was answered, before a sync | the same | the same: the file is not there, whoever wrote it looks after its sync |
//! | a sync, before its last filemark is answered | a catalogue or an index that may not be whole | as it was synced last, or all of it where it is whole |
//! | a sync, after that filemark | all of it | all of it; LTFS: the index partition is old, and repaired before the next write |
//! | a sync of LTFS, in the index partition | a whole index in the data partition | the same |
//! | an unload, before it moves anything | a synced volume | the cartridge is in the drive, and is found there |
//! | an unload, the robot's way | the same | the robot is asked where the cartridge lies |
//! | a format, before its last filemark | labels that do not end, or none | not formatted: the same attempt begins again |
//! | a format, after it | an empty volume | an empty volume; the same attempt lays it again, as nothing was written since |
//! | a change of names or attributes, before a sync | nothing | as it was synced last |
//!
//! What was not synced and is lost while the instance lives is told once: the next sync of that cartridge fails.
//!
//! Trees are in memory: a volume has up to [`FILES`] nodes, and what is larger is not mounted.

mod archive;
mod attempts;
mod changes;
mod close;
mod contents;
mod depth;
mod enter;
mod feed;
mod format;
pub(crate) mod incoming;
mod looks;
mod ltfs;
mod mounting;
mod order;
mod paths;
mod place;
mod read;
mod refused;
mod room;
mod spacing;
mod sync;
pub(crate) mod uses;
mod write;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use capstan_sdk::failure::{conflict, corrupt, unsupported};
use capstan_sdk::{Blame, Failure, Outcome};

pub(crate) use changes::{make_directory, make_link, remove, rename, set_attributes, set_xattr};
pub(crate) use close::{close, forget_drive};
pub(crate) use contents::Volume;
pub(crate) use format::format;
pub(crate) use looks::{page, stat, usage, xattrs};
pub(crate) use order::order;
pub(crate) use place::load;
pub(crate) use read::read;
pub(crate) use sync::sync;
pub(crate) use uses::Using;
pub(crate) use write::write;

use crate::tape::Tape;
use archive::Archive;
use attempts::Attempts;
use ltfs::Ltfs;
use room::Room;

/// Files, directories and links of a volume: what a plugin's memory has room for.
pub(crate) const FILES: u64 = 500_000;
/// Bytes of the blocks of volumes that are formatted here.
pub(crate) const BLOCK: u32 = 512 << 10;
/// Cartridges of which it is remembered that something was lost.
const LOST: usize = 1_024;

/// Codes.
pub(crate) const NOT_FORMATTED: &str = "not-formatted";
pub(crate) const FOREIGN_FORMAT: &str = "foreign-format";
pub(crate) const UNSYNCED_LOST: &str = "unsynced-lost";

/// Why a cartridge has no files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Without {
    /// Nothing is on it, or a label and nothing else.
    Blank,
    /// Something that is no volume.
    Foreign,
    /// A volume that cannot be read any more.
    Damaged,
    /// A volume of more than [`FILES`].
    Large,
}

impl Without {
    fn failure(self, cartridge: &str) -> Failure {
        match self {
            Self::Blank => conflict(format!("cartridge {cartridge:?} is not formatted for files"))
                .code(NOT_FORMATTED)
                .next_step("Format the cartridge."),
            Self::Foreign => unsupported(format!("cartridge {cartridge:?} holds something else than files in a known format"))
                .code(FOREIGN_FORMAT)
                .next_step("Read it block by block, or format it if nobody needs what is on it."),
            Self::Damaged => corrupt(format!("labels, or index and catalogue, of cartridge {cartridge:?} cannot be read"))
                .next_step("Read it block by block, or format it if nobody needs what is on it."),
            Self::Large => unsupported(format!("cartridge {cartridge:?} holds more than {FILES} files"))
                .next_step("Read it with other software, in parts."),
        }
    }
}

/// A volume whose cartridge is in a drive.
pub(crate) struct Mount {
    pub(crate) cartridge: String,
    /// No other mount has it.
    number: u64,
    pub(crate) volume: RefCell<Volume>,
    pub(crate) room: RefCell<Room>,
    attempts: RefCell<Attempts>,
    pub(crate) shape: mounting::Shape,
}

impl Mount {
    fn archive<T>(&self, work: impl FnOnce(&mut Archive) -> Outcome<T>) -> Outcome<T> {
        match &mut *self.volume.borrow_mut() {
            Volume::Archive(archive) => work(archive),
            Volume::Ltfs(_) => Err(other_format()),
        }
    }

    fn ltfs<T>(&self, work: impl FnOnce(&mut Ltfs) -> Outcome<T>) -> Outcome<T> {
        match &mut *self.volume.borrow_mut() {
            Volume::Ltfs(ltfs) => work(ltfs),
            Volume::Archive(_) => Err(other_format()),
        }
    }
}

/// The plugin takes a volume for one of the other format.
fn other_format() -> Failure {
    capstan_sdk::failure::invalid("this is a volume of another format").blame(Blame::Plugin)
}

/// What a drive has in it.
#[derive(Clone)]
enum Inside {
    Files(Rc<Mount>),
    Nothing { cartridge: String, number: u64, why: Without },
}

impl Inside {
    fn cartridge(&self) -> &str {
        match self {
            Self::Files(mount) => &mount.cartridge,
            Self::Nothing { cartridge, .. } => cartridge,
        }
    }

    fn number(&self) -> u64 {
        match self {
            Self::Files(mount) => mount.number,
            Self::Nothing { number, .. } => *number,
        }
    }

    fn files(&self) -> Outcome<Rc<Mount>> {
        match self {
            Self::Files(mount) => Ok(Rc::clone(mount)),
            Self::Nothing { cartridge, why, .. } => Err(why.failure(cartridge)),
        }
    }
}

thread_local! {
    /// By the drive's name.
    static INSIDE: RefCell<BTreeMap<String, Inside>> = const { RefCell::new(BTreeMap::new()) };
    static NUMBERS: Cell<u64> = const { Cell::new(1) };
    static LOSERS: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

fn next_number() -> u64 {
    let number = NUMBERS.get();
    NUMBERS.set(number.wrapping_add(1));
    number
}

/// In which drive a cartridge is mounted, as far as is known.
fn drive_of(cartridge: &str) -> Option<(String, Inside)> {
    INSIDE.with_borrow(|inside| {
        let found = inside.iter().find(|(_, inside)| inside.cartridge() == cartridge);
        found.map(|(drive, inside)| (drive.clone(), inside.clone()))
    })
}

fn inside_of(drive: &str) -> Option<Inside> {
    INSIDE.with_borrow(|inside| inside.get(drive).cloned())
}

/// What was in the drive is not known any more. What was not synced is lost.
fn lose(drive: &str) {
    let Some(Inside::Files(mount)) = INSIDE.with_borrow_mut(|inside| inside.remove(drive)) else { return };
    if mount.volume.borrow().files().is_dirty() {
        capstan_sdk::log!(warn, "what was not synced is lost", "cartridge" => mount.cartridge, "drive" => drive);
        LOSERS.with_borrow_mut(|losers| {
            if losers.len() < LOST {
                losers.insert(mount.cartridge.clone());
            }
        });
    }
}

/// Whether something of the cartridge was lost; told once.
fn has_lost(cartridge: &str) -> bool {
    LOSERS.with_borrow_mut(|losers| losers.remove(cartridge))
}

/// The mount that the drive still has.
fn standing(drive: &str, tape: &Tape) -> Option<Inside> {
    inside_of(drive).filter(|inside| tape.mount == Some(inside.number()))
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX))
}
