//! The way to one device: an iSCSI session with the library, or a SCSI device of the host.

use capstan_iscsi::{Data, Outcome as Ended};
use capstan_sdk::failure::{malformed, unavailable};
use capstan_sdk::{Failure, Outcome, Retry};

use crate::link::{self, Link, PEER};
use crate::local::Local;
use crate::outside;

/// How a device is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// A unit of the configured target.
    Lun(u64),
    /// A device of the host, by its path.
    Path(String),
}

/// What became of a command, whichever way it went.
#[derive(Debug)]
pub(crate) enum Fate {
    Answered(Answer),
    /// There is no answer, and the command may have been done. One that leaves the same each time may be given again.
    Lost(Failure),
    /// The same, and giving it again does not help now.
    Failed(Failure),
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u8,
    pub(crate) sense: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

pub(crate) enum Transport {
    Session { link: Box<Link>, lun: u64 },
    Local(Local),
}

impl Transport {
    pub(crate) async fn open(access: &Access) -> Outcome<Self> {
        Ok(match access {
            Access::Lun(lun) => Self::Session { link: Box::new(link::open(&outside::config()?).await?), lun: *lun },
            Access::Path(path) => Self::Local(Local::open(path).await?),
        })
    }

    /// Whether another call may go on with it.
    pub(crate) fn is_clean(&self) -> bool {
        match self {
            Self::Session { link, .. } => link.is_clean(),
            Self::Local(local) => local.is_clean(),
        }
    }

    /// One command. `subject`: the device, for failures.
    pub(crate) async fn give(&mut self, cdb: &[u8], data: Data, subject: &str) -> Outcome<Fate> {
        match self {
            Self::Session { link, lun } => Ok(fate(link.give(*lun, cdb, data).await?, subject)),
            Self::Local(local) => Ok(local.give(cdb, data).await),
        }
    }
}

fn fate(ended: Ended, subject: &str) -> Fate {
    Fate::Lost(match ended {
        Ended::Answered(answered) => {
            let capstan_iscsi::Answered { status, sense, data, .. } = answered;
            return Fate::Answered(Answer { status, sense, data });
        }
        Ended::NotSent => capstan_initiator::lost(PEER),
        Ended::Rejected(reason) => {
            malformed(format!("{subject} does not take a command"), format!("reject {reason:02x}")).retry(Retry::Never)
        }
        Ended::Failed(code) => {
            unavailable(format!("the target failed at {subject}")).code(format!("iscsi response {code:02x}")).maybe_done()
        }
        Ended::Aborted | Ended::Unknown => {
            unavailable(format!("the connection broke while {subject} was at work")).code(capstan_initiator::LOST).maybe_done()
        }
    })
}

impl Access {
    /// What a device is called that tells no name of its own.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Lun(lun) => format!("lun-{lun:016x}"),
            Self::Path(path) => path.rsplit('/').next().unwrap_or(path).to_owned(),
        }
    }
}
