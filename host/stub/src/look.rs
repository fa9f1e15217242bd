//! What a file is at the moment: cheap, without its content.

use std::os::fd::OwnedFd;

use capstan_domain::Outcome;
use capstan_domain::time::Timestamp;

use crate::fault::Named;
use crate::file::{self, Found};
use crate::record::{Identity, Record, Stage, Unreadable};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The content is here, and no copy of it is known to be elsewhere.
    Resident,
    Premigrated(Record),
    /// A stub: what is behind the leading bytes is no data.
    Migrated(Record),
    /// A stub that is being filled, or was when somebody died.
    Recalling(Record),
    /// The record of a stub, but of another file: a copy of a stub took it along. What is in it must not be taken for data.
    Foreign(Record),
    /// A record that says nothing. What is in the file must not be taken for data.
    Unreadable(Unreadable),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub state: State,
    pub identity: Identity,
    /// Bytes, wherever they lie.
    pub size: u64,
    /// The content's, also while a stub is made or filled.
    pub modified: Timestamp,
    /// Bytes of disk that the file takes.
    pub allocated: u64,
    /// Somebody died at work here, unless somebody is still at it: [`crate::RawTree::repair`] tells.
    pub unfinished: bool,
    /// A resident file with a record of an earlier content, which counts for nothing.
    pub stale: bool,
}

impl Look {
    /// By a handle that may be one of a path only (`O_PATH`): whoever works on the file is not disturbed. `shown` is what messages call
    /// it.
    pub fn of(handle: &OwnedFd, shown: &str) -> Outcome<Self> {
        let found = Found::of(handle, shown)?;
        Ok(judge(&found, file::record_by_path(handle).on(shown)?))
    }

    /// Whether what the file system gives is the content.
    pub fn is_data(&self) -> bool {
        matches!(self.state, State::Resident | State::Premigrated(_))
    }

    /// Of a stub or a premigrated file.
    pub fn record(&self) -> Option<&Record> {
        match &self.state {
            State::Premigrated(record) | State::Migrated(record) | State::Recalling(record) => Some(record),
            State::Resident | State::Foreign(_) | State::Unreadable(_) => None,
        }
    }
}

pub(crate) fn judge(found: &Found, record: Option<Result<Record, Unreadable>>) -> Look {
    let mut look = Look {
        state: State::Resident,
        identity: found.identity,
        size: found.size,
        modified: found.modified.unwrap_or_default(),
        allocated: found.allocated,
        unfinished: false,
        stale: false,
    };
    let record = match record {
        None => return look,
        Some(Err(why)) => {
            look.state = State::Unreadable(why);
            return look;
        }
        Some(Ok(record)) => record,
    };
    let belongs = record.identity == found.identity && record.content.size == found.size;
    let unchanged = Some(record.content.modified) == found.modified;
    match record.stage {
        Stage::Premigrated if belongs && unchanged => look.state = State::Premigrated(record),
        // Of an earlier content, or brought along by a copy: what is here is data.
        Stage::Premigrated => look.stale = true,
        // Given up by whoever emptied it: there is nothing in it that could be taken for data.
        Stage::Migrated | Stage::Recalling if !belongs && found.size == 0 => look.stale = true,
        Stage::Migrated | Stage::Recalling if !belongs => look.state = State::Foreign(record),
        // The work on a stub changes the file's time; the record's is the content's.
        Stage::Migrated => {
            look.modified = record.content.modified;
            look.unfinished = !unchanged;
            look.state = State::Migrated(record);
        }
        Stage::Recalling => {
            look.modified = record.content.modified;
            look.unfinished = true;
            look.state = State::Recalling(record);
        }
    }
    look
}
