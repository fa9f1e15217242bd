//! Premigrated: the content is here, and verified copies of it are elsewhere.

use capstan_domain::{Failure, Kind, Outcome};

use crate::fault::{self, Named};
use crate::file::RawFile;
use crate::lease::{Against, Lease};
use crate::lock::Lock;
use crate::look::State;
use crate::proof::Proof;
use crate::record::{Record, Stage};
use crate::steps::{Step, reached};
use crate::tree::{Access, RawTree};

impl RawTree {
    /// Records the copies of a file that is still what was read, and that nobody has open for writing. Fails with `Busy` when somebody
    /// has, with `Conflict` when it changed or is a stub.
    ///
    /// The record is not synced: a crash may lose it, and then the file is resident, with its content.
    pub fn premigrate(&self, path: &str, proof: &Proof) -> Outcome<()> {
        let file = self.file(path, Access::Read)?;
        let _lease = Lease::take(&file, Against::Writers)?;
        let _lock = Lock::take(&file)?;
        let (record, _) = checked(&file, proof, Stage::Premigrated, 0)?;
        file.write_record(&record)?;
        reached(Step::PremigratedWritten).on(path)
    }
}

/// The record that a file gets which is what the proof speaks of, and the one it has.
pub(crate) fn checked(file: &RawFile, proof: &Proof, stage: Stage, leading: u64) -> Outcome<(Record, Option<Record>)> {
    let found = file.found()?;
    let before = match file.look()?.state {
        State::Resident => None,
        State::Premigrated(record) => Some(record),
        State::Migrated(_) | State::Recalling(_) => return Err(is_stub(file.shown())),
        State::Foreign(_) | State::Unreadable(_) => return Err(fault::unclear(file.shown())),
    };
    if found.version(file.shown())? != *proof.version() {
        return Err(fault::changed(file.shown()));
    }
    Ok((Record::new(stage, found.identity, leading, proof.content())?, before))
}

fn is_stub(shown: &str) -> Failure {
    Failure::new(Kind::Conflict, format!("The content of {shown:?} is not on the disk")).with_code("is-a-stub")
}
