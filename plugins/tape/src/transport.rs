//! The way to one device: an iSCSI session with the library, or a SCSI device of the host.

use std::collections::VecDeque;

use capstan_iscsi::{Data, Outcome as Ended, Tag};
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
    /// `under_way`: what was begun, in order, and how it ended where that is known.
    Session {
        link: Box<Link>,
        lun: u64,
        under_way: VecDeque<(Tag, Option<Ended>)>,
    },
    Local(Local),
}

impl Transport {
    pub(crate) async fn open(access: &Access) -> Outcome<Self> {
        Ok(match access {
            Access::Lun(lun) => {
                Self::Session { link: Box::new(link::open(&outside::config()?).await?), lun: *lun, under_way: VecDeque::new() }
            }
            Access::Path(path) => Self::Local(Local::open(path).await?),
        })
    }

    /// Whether another call may go on with it.
    pub(crate) fn is_clean(&self) -> bool {
        match self {
            Self::Session { link, under_way, .. } => link.is_clean() && under_way.is_empty(),
            Self::Local(local) => local.is_clean(),
        }
    }

    /// One command. `subject`: the device, for failures.
    pub(crate) async fn give(&mut self, cdb: &[u8], data: Data, subject: &str) -> Outcome<Fate> {
        match self {
            Self::Session { link, lun, .. } => Ok(fate(link.give(*lun, cdb, data).await?, subject)),
            Self::Local(local) => Ok(local.give(cdb, data).await),
        }
    }

    /// Whether commands that carry so many bytes to the device may be given before the one before them ended, and are done in their order.
    pub(crate) fn is_wide(&self, bytes: u32) -> bool {
        matches!(self, Self::Session { link, .. } if link.goes_whole(bytes as usize))
    }

    /// Whether a command can be given now and waited for later.
    pub(crate) fn is_session(&self) -> bool {
        matches!(self, Self::Session { .. })
    }

    /// Gives a command, over a session, that is waited for later.
    pub(crate) async fn begin(&mut self, cdb: &[u8], data: Data) -> Outcome<()> {
        let Self::Session { link, lun, under_way } = self else { return Ok(()) };
        let tag = link.submit_ordered(*lun, cdb, data)?;
        under_way.push_back((tag, None));
        link.send().await
    }

    /// What became of the oldest that was begun; none: nothing was.
    pub(crate) async fn end(&mut self, subject: &str) -> Outcome<Option<Fate>> {
        let Self::Session { link, under_way, .. } = self else { return Ok(None) };
        while let Some((_, ended)) = under_way.front_mut() {
            if let Some(ended) = ended.take() {
                under_way.pop_front();
                return Ok(Some(fate(ended, subject)));
            }
            // Answers may come in another order.
            let (tag, ended) = link.done().await?;
            if let Some(place) = under_way.iter_mut().find(|(given, _)| *given == tag) {
                place.1 = Some(ended);
            }
        }
        Ok(None)
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
