//! Migrated: the blocks are freed, a stub remains.
//!
//! The order is what keeps the content (D2, D3): the lease, the last check, the record, its sync, the look whether the lease still holds,
//! the hole, the times. Whoever wants in meanwhile waits for the lease, and finds the file as it was or the whole stub.

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use rustix::io::Errno;

use crate::attributes::Attributes;
use crate::fault::{self, Named};
use crate::file::RawFile;
use crate::hole;
use crate::lease::{Against, Lease};
use crate::lock::Lock;
use crate::look::State;
use crate::premigrate::checked;
use crate::proof::Proof;
use crate::record::{Record, Stage};
use crate::repair;
use crate::steps::{Step, reached};
use crate::tree::{Access, RawTree};

/// Files that share a sync: as many are open and under a lease meanwhile.
pub const MIGRATE_TOGETHER: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrated {
    /// Bytes of disk that became free.
    Freed(u64),
    /// It has no more than its leading bytes: it stays premigrated.
    NothingToFree,
    /// It was a stub before.
    Already,
}

/// A file to migrate.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    pub path: &'w str,
    pub proof: &'w Proof,
    /// Bytes at the beginning that stay on the disk.
    pub leading: u64,
}

impl RawTree {
    /// Makes a stub of a file that is still what was read. Fails with `Busy` when somebody has it open or wanted to open it meanwhile, with
    /// `Conflict` when it changed: then it is as it was.
    pub fn migrate(&self, path: &str, proof: &Proof, leading: u64) -> Outcome<Migrated> {
        match Prepared::of(self, Wanted { path, proof, leading })? {
            Begun::Ended(migrated) => Ok(migrated),
            Begun::Prepared(prepared) => {
                let synced = prepared.file.sync();
                prepared.punch(synced)
            }
        }
    }

    /// The same for many, with one sync. Answers for each, in their order; those beyond [`MIGRATE_TOGETHER`] are `Busy`.
    pub fn migrate_all(&self, wanted: &[Wanted<'_>]) -> Vec<Outcome<Migrated>> {
        let prepare = |(at, wanted): (usize, &Wanted<'_>)| {
            if at < MIGRATE_TOGETHER { Prepared::of(self, *wanted) } else { Err(fault::busy(wanted.path)) }
        };
        let begun: Vec<_> = wanted.iter().enumerate().map(prepare).collect();
        let some = begun.iter().any(|begun| matches!(begun, Ok(Begun::Prepared(_))));
        let synced = if some { self.sync() } else { Ok(()) };
        let finish = |begun: Outcome<Begun>| match begun? {
            Begun::Ended(migrated) => Ok(migrated),
            Begun::Prepared(prepared) => prepared.punch(synced.clone()),
        };
        begun.into_iter().map(finish).collect()
    }
}

enum Begun {
    Prepared(Box<Prepared>),
    Ended(Migrated),
}

/// Its record says that it is a stub; it is none yet. Dropped from the lock on: who waits for the lease must not find the file locked.
struct Prepared {
    record: Record,
    before: Option<Record>,
    attributes: Attributes,
    /// Bytes of disk, before.
    allocated: u64,
    _lock: Lock,
    lease: Lease,
    file: RawFile,
}

impl Prepared {
    fn of(tree: &RawTree, wanted: Wanted<'_>) -> Outcome<Begun> {
        let file = tree.file(wanted.path, Access::Write)?;
        let lease = Lease::take(&file, Against::Everybody)?;
        let lock = Lock::take(&file)?;
        reached(Step::Leased).on(file.shown())?;
        if let State::Migrated(record) | State::Recalling(record) = file.look()?.state {
            repair::make_stub_again(&file, &record)?;
            return Ok(Begun::Ended(Migrated::Already));
        }
        let (record, before) = checked(&file, wanted.proof, Stage::Migrated, wanted.leading)?;
        if record.content.size <= record.leading {
            file.write_record(&record.at(Stage::Premigrated))?;
            return Ok(Begun::Ended(Migrated::NothingToFree));
        }
        let prepared = Self {
            record,
            before,
            attributes: Attributes::of(&file)?,
            allocated: file.found()?.allocated,
            _lock: lock,
            lease,
            file,
        };
        if !prepared.lease.holds() {
            return Err(fault::busy(wanted.path));
        }
        prepared.file.write_record(&prepared.record)?;
        match reached(Step::MigratedWritten).on(wanted.path) {
            Ok(()) => Ok(Begun::Prepared(Box::new(prepared))),
            Err(failure) => Err(prepared.give_up(failure)),
        }
    }

    /// `synced`: whether the record is durable.
    fn punch(&self, synced: Outcome<()>) -> Outcome<Migrated> {
        let shown = self.file.shown();
        if let Err(failure) = synced.and_then(|()| reached(Step::MigratedSynced).on(shown)) {
            return Err(self.give_up(failure));
        }
        if !self.lease.holds() {
            let failure = fault::busy(shown);
            return Err(self.give_up(failure));
        }
        let size = self.record.content.size;
        match hole::punch(&self.file, self.record.leading, size, size) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                let failure = fault::lacks("holes in files", shown);
                return Err(self.give_up(failure));
            }
            // Perhaps some of it is gone: it is a stub, and repair makes it a whole one.
            other => other.on(shown)?,
        }
        reached(Step::Punched).on(shown)?;
        self.attributes.put_back(&self.file, self.record.content.modified)?;
        reached(Step::TimesRestored).on(shown)?;
        Ok(Migrated::Freed(self.allocated.saturating_sub(self.file.found()?.allocated)))
    }

    /// Nothing of the content was touched: the record is what it was before.
    fn give_up(&self, failure: Failure) -> Failure {
        let back = match &self.before {
            Some(before) => self.file.write_record(before),
            None => self.file.remove_record(),
        };
        match back {
            Ok(()) => failure,
            // It says that the file is a stub, and that is what it has to become, from copies that are proved.
            Err(worse) => Failure::new(Kind::Other, format!("{:?} was left half way on its way out", self.file.shown()))
                .with_code("needs-repair")
                .with_detail(format!("{failure}; {worse}"))
                .with_next_step("Repair it: its content is safe in its copies."),
        }
    }
}
