//! What goes before a change of a file: its copies elsewhere are of what it held until now.
//!
//! Whoever changes a file opens it first, and keeps it open: nobody can get a lease on it then, so it becomes neither premigrated nor a
//! stub between the answer and the change.

use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::attributes::set_modified;
use crate::fault::{self, Named};
use crate::file::RawFile;
use crate::lock::Lock;
use crate::look::State;
use crate::record::Record;
use crate::steps::{Step, reached};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForWriting {
    /// It is resident, durably. With the record it had: the copies that it names are of an earlier content from now on.
    Ready(Option<Box<Record>>),
    /// It is a stub, or is being recalled: what is not written would be zeros.
    RecallFirst,
}

impl RawFile {
    /// To be called before the first change of the content; the file must be open for writing. Fails with `Busy` while somebody works on
    /// it, with `Corrupt` when its record is unclear.
    pub fn invalidate(&self) -> Outcome<ForWriting> {
        self.check_writable()?;
        // Also while somebody recalls it.
        if matches!(self.look()?.state, State::Migrated(_) | State::Recalling(_)) {
            return Ok(ForWriting::RecallFirst);
        }
        let _lock = Lock::take(self)?;
        let look = self.look()?;
        match look.state {
            State::Resident if !look.stale => Ok(ForWriting::Ready(None)),
            State::Resident => self.forget().map(|()| ForWriting::Ready(None)),
            State::Premigrated(record) => self.forget().map(|()| ForWriting::Ready(Some(Box::new(record)))),
            State::Migrated(_) | State::Recalling(_) => Ok(ForWriting::RecallFirst),
            State::Foreign(_) | State::Unreadable(_) => Err(fault::unclear(self.shown())),
        }
    }

    /// Empties a file whose content nobody wants any more, stub or not: it is resident and has no bytes, durably. Answers the record it
    /// had.
    pub fn empty(&self) -> Outcome<Option<Record>> {
        self.check_writable()?;
        let _lock = Lock::take(self)?;
        let record = self.look()?.record().cloned();
        // First the bytes: a stub without its record would be zeros that are taken for data.
        rustix::fs::ftruncate(self, 0).on(self.shown())?;
        reached(Step::Emptied).on(self.shown())?;
        self.sync()?;
        self.forget()?;
        Ok(record)
    }

    /// Gives the file another time of modification: its content stays what it was, and so do its copies. Fails with `Busy` while
    /// somebody recalls or repairs it.
    pub fn set_modified(&self, modified: Timestamp) -> Outcome<()> {
        let _lock = Lock::take(self)?;
        if let State::Premigrated(mut record) | State::Migrated(mut record) | State::Recalling(mut record) = self.look()?.state {
            record.content.modified = modified;
            self.write_record(&record)?;
            reached(Step::Retimed).on(self.shown())?;
        }
        set_modified(self, modified)
    }

    fn forget(&self) -> Outcome<()> {
        self.remove_record()?;
        reached(Step::RecordRemoved).on(self.shown())?;
        self.sync()?;
        reached(Step::RemovalSynced).on(self.shown())
    }

    pub(crate) fn check_writable(&self) -> Outcome<()> {
        if self.is_writable()? {
            return Ok(());
        }
        Err(Failure::invalid(format!("{:?} is not open for writing", self.shown())))
    }
}
