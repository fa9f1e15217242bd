//! What is done with a file whose worker died.

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use rustix::fs::AtFlags;

use crate::attributes::Attributes;
use crate::fault::{self, Named};
use crate::file::RawFile;
use crate::hole;
use crate::lock::Lock;
use crate::look::State;
use crate::path::Spot;
use crate::record::{Content, Record, Stage};
use crate::tree::{Access, RawTree};

/// Bytes of a file system's block: the one that the leading bytes end in stays, with zeros behind them.
const BLOCK: u64 = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repaired {
    /// Nothing was to be done.
    Sound,
    /// It was on its way out or back: it is a whole stub.
    StubAgain,
    /// It had a record of an earlier content, which is gone now: it is resident.
    Forgotten,
    /// It was a stub under way to its name: it is gone.
    Removed,
    /// `Foreign` or `Unreadable`: nothing was done, the catalogue must settle it.
    Unclear(State),
}

/// What the catalogue knows of a file whose record says nothing.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'v> {
    /// A stub of this content.
    Stub(&'v Content),
    /// What is in it is its content.
    Data,
}

impl RawTree {
    /// Fails with `Busy` when somebody is at work on it who did not die. May be done again at any time.
    pub fn repair(&self, path: &str) -> Outcome<Repaired> {
        let spot = Spot::read(path)?;
        if spot.is_temporary() {
            return self.remove_leftover(&spot, path);
        }
        let look = self.look(path)?;
        match look.state {
            State::Premigrated(_) => return Ok(Repaired::Sound),
            State::Foreign(_) | State::Unreadable(_) => return Ok(Repaired::Unclear(look.state)),
            State::Resident if !look.stale => return Ok(Repaired::Sound),
            State::Resident | State::Migrated(_) | State::Recalling(_) => {}
        }
        let file = self.file(path, Access::Write)?;
        let _lock = Lock::take(&file)?;
        // It may have changed before the lock.
        match file.look()?.state {
            State::Resident => {
                file.remove_record()?;
                Ok(Repaired::Forgotten)
            }
            State::Migrated(record) | State::Recalling(record) => make_stub_again(&file, &record),
            State::Premigrated(_) => Ok(Repaired::Sound),
            state @ (State::Foreign(_) | State::Unreadable(_)) => Ok(Repaired::Unclear(state)),
        }
    }

    /// Gives a file whose record is damaged, or of another file, the record that the catalogue has for it, durably. A stub's bytes are
    /// left as they are: they count for nothing, and are freed by the next repair.
    pub fn settle(&self, path: &str, verdict: Verdict<'_>) -> Outcome<()> {
        let file = self.file(path, Access::Write)?;
        let _lock = Lock::take(&file)?;
        let (found, look) = (file.found()?, file.look()?);
        if !matches!(look.state, State::Foreign(_) | State::Unreadable(_)) {
            return Err(Failure::new(Kind::Conflict, format!("There is no doubt of {path:?}")).with_code("record-is-sound"));
        }
        match verdict {
            Verdict::Data => file.remove_record()?,
            Verdict::Stub(content) if content.size != found.size => return Err(fault::changed(path)),
            Verdict::Stub(content) => file.write_record(&Record::new(Stage::Migrated, found.identity, 0, content)?)?,
        }
        file.sync()
    }

    fn remove_leftover(&self, spot: &Spot, path: &str) -> Outcome<Repaired> {
        let file = self.file(path, Access::Write)?;
        let _lock = Lock::take(&file)?;
        let folder = self.folder(&spot.folder).on(path)?;
        let named = rustix::fs::statat(&folder, &spot.name, AtFlags::SYMLINK_NOFOLLOW).on(path)?;
        if named.st_ino != file.found()?.identity.inode {
            return Err(fault::busy(path));
        }
        rustix::fs::unlinkat(&folder, &spot.name, AtFlags::empty()).on(path)?;
        Ok(Repaired::Removed)
    }
}

/// Whoever calls has the lock. What is behind the leading bytes is freed whatever it is: all of it may be zeros or half a block, and
/// the copies were proved before the record was written.
pub(crate) fn make_stub_again(file: &RawFile, record: &Record) -> Outcome<Repaired> {
    let content = &record.content;
    let found = file.found()?;
    let has_data =
        content.size > record.leading && hole::has_data(file, record.leading.next_multiple_of(BLOCK)).on(file.shown())?;
    if record.stage == Stage::Migrated && !has_data && found.modified == Some(content.modified) {
        return Ok(Repaired::Sound);
    }
    let attributes = Attributes::of(file)?;
    hole::punch(file, record.leading, content.size, content.size).on(file.shown())?;
    attributes.put_back(file, content.modified)?;
    file.write_record(&record.at(Stage::Migrated))?;
    Ok(Repaired::StubAgain)
}
