//! One open device: commands one after the other, on a thread of its own.
//!
//! The kernel takes no command back. So a call that is given up leaves its command to the thread, and the next one waits until it has ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use capstan_domain::content::Body;
use capstan_domain::failure::Blame;
use capstan_domain::{Failure, Kind, Outcome};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::answer::{self, Answer};
use super::generic;
use super::pages::Pages;
use super::passage::{Direction, Passage};
use crate::cord::Cord;
use crate::dial::Sever;
use crate::limits::{self, Limits};

/// Orders that lie before the thread: who gives one has the turn.
const ORDERS: usize = 1;

/// What goes along with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    None,
    /// All the data-out.
    ToDevice(Vec<u8>),
    /// Bytes of data-in at most.
    FromDevice(u32),
}

/// Dropped, it is closed when the command under way has ended.
pub struct Device {
    path: String,
    /// None: it was cut, and the thread ends with the command under way.
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    /// Fair, so that commands are given in the order of the calls.
    turns: Arc<Semaphore>,
    cord: Cord,
    most: u32,
    wait: Duration,
}

struct Order {
    cdb: Vec<u8>,
    transfer: Transfer,
    timeout: Duration,
    reply: oneshot::Sender<Outcome<Answer>>,
    /// Given back when the command has ended, whoever still waits for it.
    turn: OwnedSemaphorePermit,
}

impl Device {
    /// `place` is held as long as the thread lives.
    pub(super) fn new(path: &str, passage: impl Passage, place: OwnedSemaphorePermit, limits: &Limits) -> Outcome<Self> {
        let (orders, given) = mpsc::channel(ORDERS);
        let worker = Worker { path: path.to_owned(), passage, pages: Pages::default(), _place: place };
        std::thread::Builder::new()
            .name("scsi".to_owned())
            .spawn(move || worker.run(given))
            .map_err(|cause| Failure::host("the host has no thread for a device", cause))?;
        Ok(Self {
            path: path.to_owned(),
            orders: Mutex::new(Some(orders)),
            turns: Arc::new(Semaphore::new(1)),
            cord: Cord::default(),
            most: limits.scsi_transfer_bytes,
            wait: limits.scsi_wait,
        })
    }

    /// One command, and what the device answers.
    pub async fn execute(&self, cdb: Vec<u8>, transfer: Transfer, timeout: Duration) -> Outcome<Answer> {
        self.check(&cdb, transfer.bytes())?;
        self.give(cdb, transfer, timeout).await
    }

    /// The same with data-out of exactly `length` bytes from a body, which is read before the device is asked.
    pub async fn send(&self, cdb: Vec<u8>, body: Body, length: u32, timeout: Duration) -> Outcome<Answer> {
        self.check(&cdb, length as usize)?;
        let data = self.unless_cut(gathered(body, length as usize)).await?;
        self.give(cdb, Transfer::ToDevice(data), timeout).await
    }

    /// Whoever waits for it is told so, nothing more is given to it, and it is closed.
    pub(super) fn cut(&self) {
        self.orders().take();
        self.cord.sever();
    }

    fn check(&self, cdb: &[u8], bytes: usize) -> Outcome<()> {
        let wrong = |message: String| Err(Failure::invalid(message).with_blame(Blame::Plugin));
        if !limits::SCSI_CDB_BYTES.contains(&cdb.len()) {
            return wrong(format!("a CDB has at most {} bytes", limits::SCSI_CDB_BYTES.end()));
        }
        if bytes > self.most as usize {
            return wrong(format!("at most {} bytes go along with a command", self.most));
        }
        Ok(())
    }

    async fn give(&self, cdb: Vec<u8>, transfer: Transfer, timeout: Duration) -> Outcome<Answer> {
        let ended = |cause: &str| Failure::host(format!("the thread of {} has ended", self.path), cause);
        let waiting = async {
            tokio::time::timeout(self.wait, Arc::clone(&self.turns).acquire_owned())
                .await
                .map_err(|_| Failure::new(Kind::Busy, format!("{} is still at work for calls before", self.path)))?
                .map_err(|_| ended("no turn"))
        };
        let turn = self.unless_cut(waiting).await?;
        let timeout = timeout.clamp(Duration::from_millis(1), limits::LONGEST_TIMEOUT);
        let (reply, replied) = oneshot::channel();
        let order = Order { cdb, transfer, timeout, reply, turn };
        let orders = self.orders().clone().ok_or_else(|| self.revoked())?;
        orders.send(order).await.map_err(|_| ended("no order"))?;
        let replying = async {
            match tokio::time::timeout(timeout + limits::SCSI_GIVING_UP, replied).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(ended("no reply").with_maybe_done()),
                Err(_) => Err(answer::late(&self.path)),
            }
        };
        tokio::select! {
            biased;
            () = self.cord.severed() => Err(self.revoked().with_maybe_done()),
            answer = replying => answer,
        }
    }

    async fn unless_cut<A>(&self, work: impl Future<Output = Outcome<A>>) -> Outcome<A> {
        tokio::select! {
            biased;
            () = self.cord.severed() => Err(self.revoked()),
            answer = work => answer,
        }
    }

    fn orders(&self) -> MutexGuard<'_, Option<mpsc::Sender<Order>>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn revoked(&self) -> Failure {
        Failure::new(Kind::Denied, format!("the grant for {} was revoked", self.path)).with_next_step("see `capstan grant list`")
    }
}

impl Transfer {
    fn bytes(&self) -> usize {
        match self {
            Self::None => 0,
            Self::ToDevice(data) => data.len(),
            Self::FromDevice(most) => *most as usize,
        }
    }
}

async fn gathered(mut body: Body, length: usize) -> Outcome<Vec<u8>> {
    let mut data = Vec::with_capacity(length);
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        if data.len() + chunk.len() > length {
            return Err(Failure::new(Kind::Corrupt, format!("more than the {length} bytes of a command came")));
        }
        data.extend_from_slice(&chunk);
    }
    if data.len() < length {
        let message = format!("of the {length} bytes of a command {} came", data.len());
        return Err(Failure::new(Kind::Corrupt, message));
    }
    Ok(data)
}

/// What the thread works with.
struct Worker<P> {
    path: String,
    passage: P,
    pages: Pages,
    _place: OwnedSemaphorePermit,
}

impl<P: Passage> Worker<P> {
    fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        if let Err(cause) = generic::leave_signals_to_others() {
            tracing::error!(path = %self.path, %cause, "a device cannot be used");
            return;
        }
        while let Some(Order { cdb, transfer, timeout, reply, turn }) = orders.blocking_recv() {
            let answer = self.carry_out(&cdb, &transfer, timeout);
            drop(turn);
            // Who asked may have gone.
            let _ = reply.send(answer);
        }
    }

    fn carry_out(&mut self, cdb: &[u8], transfer: &Transfer, timeout: Duration) -> Outcome<Answer> {
        let bytes = transfer.bytes();
        let buffer = self.pages.take(bytes).ok_or_else(|| Failure::host("memory has no pages", "align_offset"))?;
        let direction = match transfer {
            Transfer::None => Direction::None,
            Transfer::ToDevice(data) => {
                buffer.copy_from_slice(data);
                Direction::ToDevice
            }
            Transfer::FromDevice(_) => {
                // Whatever an adapter says of how much came, nothing of another command is told.
                buffer.fill(0);
                Direction::FromDevice
            }
        };
        let ended =
            self.passage.pass(cdb, direction, buffer, timeout).map_err(|cause| answer::refused(&self.path, bytes, &cause))?;
        let data = match direction {
            Direction::FromDevice => buffer.get(..ended.moved).unwrap_or(buffer).to_vec(),
            Direction::None | Direction::ToDevice => Vec::new(),
        };
        answer::judge(&self.path, ended, data)
    }
}

#[cfg(test)]
mod tests;
