//! One device of the library: a command at a time, and what happens to the device told.

use std::collections::VecDeque;

use capstan_iscsi::Data;
use capstan_scsi::tape::{Ended, ended};
use capstan_scsi::{Key, Reason, Refusal, primary, status};
use capstan_sdk::failure::invalid;
use capstan_sdk::{Blame, Failure, Outcome};

use crate::lane::{AHEAD, Lane};
use crate::outside;
use crate::refused;
use crate::transport::{Access, Fate, Transport};

/// How often a command that changes nothing is given in all while the device says that something happened, or the connection breaks.
const TRIES: u32 = 8;
/// How often a device is asked that gets ready, and the pause: a tape is threaded and looked at in less.
const READY_TRIES: u32 = 600;
const READY_MS: u64 = 500;
/// The pause before a device is asked again that has too much to do, milliseconds.
const BUSY_MS: u64 = 200;

/// Why a command did not do what it was to do.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Refusal),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Stop {
    /// The device does not know the command, or what was asked of it.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Refused(Refusal { reason: Reason::Unsupported | Reason::Invalid, .. }))
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Refused(Refusal { reason: Reason::NoMedium, .. }))
    }

    /// The device has too much to do, and did not begin.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Refused(Refusal { reason: Reason::Busy, .. }))
    }

    pub(crate) fn told(self, subject: &str) -> Failure {
        match self {
            Self::Refused(refusal) => refused::failure(&refusal, subject),
            Self::Failed(failure) => failure,
        }
    }
}

enum Begun {
    /// It waits for its turn.
    Kept(Vec<u8>, Data, u32),
    /// It is under way; the length in it.
    Given(u32),
}

pub(crate) struct Unit {
    transport: Transport,
    /// Begun and not ended, in order.
    begun: VecDeque<Begun>,
    /// The device refused a command as another one was under way: it takes one at a time.
    narrow: bool,
    pub(crate) subject: String,
    /// Something happened to the device: what was known of it may be otherwise.
    pub(crate) upset: bool,
}

impl Unit {
    pub(crate) async fn open(access: &Access, subject: String) -> Outcome<Self> {
        let transport = Transport::open(access).await?;
        let mut unit = Self { transport, begun: VecDeque::new(), narrow: false, subject, upset: true };
        // A new session is greeted with what happened before; whether something is in is asked later.
        match unit.ask(&primary::test_unit_ready(), Data::None).await {
            Err(Stop::Failed(failure)) => Err(failure),
            _ => Ok(unit),
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.transport.is_clean() && self.begun.is_empty()
    }

    /// A command that may be given again: it changes nothing, or leaves the same each time. What came in.
    pub(crate) async fn ask(&mut self, cdb: &[u8], data: Data) -> Result<Vec<u8>, Stop> {
        let mut tries = 0;
        loop {
            tries += 1;
            let answered = match self.transport.give(cdb, data.clone(), &self.subject).await? {
                Fate::Answered(answered) => answered,
                Fate::Lost(failure) => {
                    self.upset = true;
                    if tries >= TRIES || outside::cancelled() {
                        return Err(failure.into());
                    }
                    outside::wait(BUSY_MS).await;
                    continue;
                }
                Fate::Failed(failure) => {
                    self.upset = true;
                    return Err(failure.into());
                }
            };
            if answered.status == status::GOOD {
                return Ok(answered.data);
            }
            let refusal = Refusal::new(answered.status, &answered.sense);
            match refusal.reason {
                reason if reason.is_attention() => self.upset = true,
                Reason::Busy | Reason::Aborted => outside::wait(BUSY_MS).await,
                _ if refusal.sense.is_some_and(|sense| matches!(sense.key, Key::NO_SENSE | Key::RECOVERED_ERROR)) => {
                    return Ok(answered.data);
                }
                _ => return Err(Stop::Refused(refusal)),
            }
            if tries >= TRIES || outside::cancelled() {
                return Err(Stop::Refused(refusal));
            }
        }
    }

    /// The same, where a refusal is a failure.
    pub(crate) async fn good(&mut self, cdb: &[u8], data: Data) -> Outcome<Vec<u8>> {
        self.ask(cdb, data).await.map_err(|stop| stop.told(&self.subject))
    }

    /// A command that moves something or changes what is on the medium: given once, and again only where the device says that it was not begun
    /// as it has too much to do. `asked`: the length or count in it.
    pub(crate) async fn tell(&mut self, cdb: &[u8], data: Data, asked: u32) -> Result<(Ended, Vec<u8>), Stop> {
        let mut tries = 0;
        loop {
            tries += 1;
            let fate = self.transport.give(cdb, data.clone(), &self.subject).await.map_err(|failure| {
                self.upset = true;
                Stop::Failed(failure.maybe_done())
            })?;
            let answered = match fate {
                Fate::Answered(answered) => answered,
                Fate::Lost(failure) | Fate::Failed(failure) => {
                    self.upset = true;
                    return Err(failure.into());
                }
            };
            match ended(answered.status, &answered.sense, asked) {
                Ok(ended) => return Ok((ended, answered.data)),
                Err(refusal) if refusal.reason == Reason::Busy && tries < TRIES && !outside::cancelled() => {
                    outside::wait(BUSY_MS).await;
                }
                Err(refusal) => {
                    self.upset |= refusal.reason.is_attention();
                    return Err(Stop::Refused(refusal));
                }
            }
        }
    }

    /// Waits while the device says that it gets ready by itself.
    pub(crate) async fn ready(&mut self) -> Result<(), Stop> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.ask(&primary::test_unit_ready(), Data::None).await {
                Ok(_) => return Ok(()),
                Err(Stop::Refused(Refusal { reason: Reason::BecomingReady, .. }))
                    if tries < READY_TRIES && !outside::cancelled() =>
                {
                    outside::wait(READY_MS).await;
                }
                Err(stop) => return Err(stop),
            }
        }
    }
}

impl Lane for Unit {
    fn room(&self, bytes: u32) -> usize {
        if !self.narrow && self.transport.is_wide(bytes) { AHEAD } else { 1 }
    }

    fn narrow(&mut self) -> bool {
        !std::mem::replace(&mut self.narrow, true)
    }

    async fn begin(&mut self, cdb: &[u8], data: Data, asked: u32) -> Result<(), Stop> {
        if self.narrow || !self.transport.is_session() {
            self.begun.push_back(Begun::Kept(cdb.to_vec(), data, asked));
            return Ok(());
        }
        self.begun.push_back(Begun::Given(asked));
        self.transport.begin(cdb, data).await.inspect_err(|_| self.upset = true)?;
        Ok(())
    }

    async fn end(&mut self) -> Result<(Ended, Vec<u8>), Stop> {
        let asked = match self.begun.pop_front() {
            Some(Begun::Kept(cdb, data, asked)) => return self.tell(&cdb, data, asked).await,
            Some(Begun::Given(asked)) => asked,
            None => return Err(nothing().into()),
        };
        let fate = self.transport.end(&self.subject).await.inspect_err(|_| self.upset = true)?;
        let answered = match fate {
            Some(Fate::Answered(answered)) => answered,
            Some(Fate::Lost(failure) | Fate::Failed(failure)) => {
                self.upset = true;
                return Err(failure.into());
            }
            None => return Err(nothing().into()),
        };
        let ended = ended(answered.status, &answered.sense, asked);
        ended.map(|ended| (ended, answered.data)).map_err(|refusal| {
            self.upset |= refusal.reason.is_attention();
            Stop::Refused(refusal)
        })
    }
}

/// The plugin waits for what it did not ask for.
fn nothing() -> Failure {
    invalid("no command is under way").blame(Blame::Plugin)
}
