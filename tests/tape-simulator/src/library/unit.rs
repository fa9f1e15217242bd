//! A device behind its number: whose turn it is, who its initiators are, whether it has power.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::{MutexGuard, Notify};

use super::lock;
use crate::devices::{Answer, Nexus};
use crate::faults::{Fault, Faults, Subject};
use crate::fields::Fields;
use crate::initiator::Initiators;
use crate::plan::Scale;
use crate::primary::Identity;
use crate::sense::{Reply, Sense, Stop, status};
use crate::time::Clock;

#[derive(Debug)]
pub(super) struct Unit<D> {
    pub(super) identity: Identity,
    pub(super) subject: Subject,
    pub(super) clock: Clock,
    /// Locked for an instant each time; never while time passes.
    pub(super) device: Mutex<D>,
    pub(super) initiators: Mutex<Initiators>,
    /// Held from the beginning of a command to its answer.
    turn: tokio::sync::Mutex<()>,
    /// Until when it is at work with what it answered at once (IMMED).
    busy: Mutex<Option<Instant>>,
    off: AtomicBool,
    reset: Notify,
}

pub(super) fn clock(scale: Scale) -> Clock {
    Clock::new(scale)
}

/// What a power cut at a command spares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) performed: bool,
    pub(super) kept: u64,
}

impl<D> Unit<D> {
    pub(super) fn new(identity: Identity, subject: Subject, clock: Clock, device: D) -> Self {
        Self {
            identity,
            subject,
            clock,
            device: Mutex::new(device),
            initiators: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            busy: Mutex::new(None),
            off: AtomicBool::new(false),
            reset: Notify::new(),
        }
    }

    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    pub(super) fn is_off(&self) -> bool {
        self.off.load(Ordering::SeqCst)
    }

    pub(super) fn switch(&self, on: bool) {
        self.off.store(!on, Ordering::SeqCst);
        *lock(&self.busy) = None;
        lock(&self.initiators).reset(true);
        self.reset.notify_waiters();
    }

    /// Whoever waits for an answer gets none that is worth something.
    pub(super) fn abort(&self) {
        lock(&self.initiators).reset(false);
        self.reset.notify_waiters();
    }

    /// What a command answered at once still does goes on before the next one is begun.
    pub(super) async fn wait(&self, command: Fields<'_>) {
        let asks = matches!(command.byte(0), 0x03 | 0x12 | 0xa0);
        let until = lock(&self.busy).filter(|_| !asks);
        if let Some(until) = until {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// So many seconds pass, before the answer or behind it. False: a reset came first.
    pub(super) async fn pass(&self, command: Fields<'_>, seconds: f64) -> bool {
        let immediate = match command.byte(0) {
            0x01 | 0x04 | 0x1b | 0x2b | 0x92 => command.bit(1, 0x01),
            0x19 => command.bit(1, 0x02),
            _ => false,
        };
        if immediate {
            *lock(&self.busy) = Some(self.clock.after(seconds));
            return true;
        }
        tokio::select! {
            () = self.clock.pass(seconds) => true,
            () = self.reset.notified() => false,
        }
    }

    pub(super) fn cut(&self, faults: &Faults) -> Option<Cut> {
        faults.strike(&self.subject, |fault| match fault {
            Fault::PowerCut { performed, kept } => Some(Cut { performed: *performed, kept: *kept }),
            _ => None,
        })
    }

    /// Whether a command may be executed at all: reservations, unit attentions, and faults that stop any command.
    pub(super) fn admit(
        &self,
        initiators: &mut Initiators,
        faults: &Faults,
        nexus: &Nexus,
        command: Fields<'_>,
    ) -> Result<(), Stop> {
        initiators.meet(nexus);
        let attention = |fault: &Fault| match fault {
            Fault::UnitAttention { code } => Some(*code),
            _ => None,
        };
        if let Some(code) = faults.strike(&self.subject, attention) {
            initiators.tell(code, None);
        }
        if faults.strikes(&self.subject, &Fault::Busy) {
            return Err(Stop::Status(status::BUSY));
        }
        if !initiators.admits(nexus, command) {
            return Err(Stop::Status(status::RESERVATION_CONFLICT));
        }
        // INQUIRY and REPORT LUNS leave them; REQUEST SENSE tells them as data.
        if matches!(command.byte(0), 0x12 | 0xa0) {
            return Ok(());
        }
        let Some(sense) = initiators.attention(nexus) else { return Ok(()) };
        match command.byte(0) {
            0x03 => Err(Stop::Told(sense)),
            _ => Err(sense.into()),
        }
    }
}

pub(super) fn answer(reply: Reply, allocated: usize) -> Answer {
    match reply {
        Ok(data) => Answer { status: status::GOOD, data, sense: Vec::new() },
        Err(Stop::Status(status)) => Answer { status, ..Answer::default() },
        Err(Stop::Checked(sense)) => checked(Vec::new(), sense),
        Err(Stop::Partly(data, sense)) => checked(data, sense),
        Err(Stop::Told(sense)) => {
            let data = crate::fields::cut(sense.bytes(), allocated);
            Answer { status: status::GOOD, data, sense: Vec::new() }
        }
    }
}

fn checked(data: Vec<u8>, sense: Sense) -> Answer {
    Answer { status: status::CHECK_CONDITION, data, sense: sense.bytes() }
}
