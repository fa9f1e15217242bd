//! What a session tells its caller.

use crate::chap::ChapQuestion;
use crate::command::{Outcome, Tag};
use crate::discovery::Target;
use crate::parameters::Parameters;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The login is over; commands are on their way.
    Ready(Parameters),
    /// A digest is wanted before the login goes on.
    Chap(ChapQuestion),
    /// What became of a command. Comes once for each.
    Done(Tag, Outcome),
    /// The answer to a task management request. What it ended was told before.
    Managed(Tag, FunctionResult),
    /// The answer to a ping.
    Pong(Tag),
    /// The answer to a discovery.
    Targets(Tag, Vec<Target>),
    /// A ping, a discovery or task management whose answer does not come, as the connection is lost or the target rejected it.
    Unanswered(Tag),
    /// The logout was answered; the connection is to be closed. 0: as asked.
    LoggedOut { response: u8 },
    /// The target wants a logout within so many seconds (RFC 7143, section 11.9.1). No new command is sent from here on.
    LogoutWanted { seconds: u16 },
    /// The target will end the connection, or has begun to. A new one may be tried after so many seconds.
    Dropping { wait: u16 },
    /// Sense data about the unit as a whole.
    UnitEvent { lun: u64, sense: Vec<u8> },
}

/// Task management (section 11.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    AbortTask(Tag),
    /// All commands of this session at a unit.
    AbortTaskSet {
        lun: u64,
    },
    /// All commands at a unit, whoever sent them.
    ClearTaskSet {
        lun: u64,
    },
    ClearAca {
        lun: u64,
    },
    LogicalUnitReset {
        lun: u64,
    },
    TargetWarmReset,
    /// Ends the connection as well.
    TargetColdReset,
}

/// What became of it (section 11.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionResult {
    Complete,
    /// The task that was to be ended is not there: it was answered, or never came.
    NoTask,
    NoLun,
    /// The target cannot do it, for this unit or at all.
    NotSupported,
    NotAllowed,
    Rejected,
    Other(u8),
}

impl FunctionResult {
    pub(crate) fn read(response: u8) -> Self {
        match response {
            0 => Self::Complete,
            1 => Self::NoTask,
            2 => Self::NoLun,
            5 => Self::NotSupported,
            6 => Self::NotAllowed,
            255 => Self::Rejected,
            other => Self::Other(other),
        }
    }
}
