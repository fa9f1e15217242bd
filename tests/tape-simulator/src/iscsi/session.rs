//! Full feature phase: what an initiator asks, in the order in which it asks (RFC 7143, sections 4.2 and 11).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncRead;
use tokio::sync::{Notify, mpsc, oneshot};

use super::command::{Command, Expected, Out, cdb};
use super::header::{self, Header, NO_TAG};
use super::limits::{MOST_TRANSFER, QUEUES, TEXT, WINDOW};
use super::negotiation::Parameters;
use super::outgoing::Outgoing;
use super::reader::Reader;
use super::tasks::{Busy, Tasks};
use super::transfer::{Next, Transfer};
use super::unit::Unit;
use super::window::{Slot, Turn, Window};
use super::{Target, lun, text};
use crate::devices::Nexus;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Now,
    AfterLastAnswer,
}

/// Reasons of a Reject (section 11.17.1).
mod reason {
    pub(super) const DATA_DIGEST: u8 = 0x02;
    pub(super) const PROTOCOL: u8 = 0x04;
    pub(super) const NOT_SUPPORTED: u8 = 0x05;
    pub(super) const TOO_MANY_IMMEDIATE: u8 = 0x06;
    pub(super) const TASK_IN_PROGRESS: u8 = 0x07;
}

pub(super) struct Session<'a> {
    pub(super) target: &'a Target,
    nexus: &'a Nexus,
    /// The portal, as the initiator has reached it.
    address: SocketAddr,
    discovery: bool,
    parameters: Parameters,
    window: Arc<Window>,
    pub(super) tasks: Arc<Tasks>,
    /// By the tags of their commands.
    pub(super) transfers: HashMap<u32, Transfer>,
    units: HashMap<u64, mpsc::Sender<Command>>,
    buffers: Arc<Buffers>,
    answers: mpsc::Sender<Outgoing>,
    cut: Arc<Notify>,
}

/// Memory of data-out that is used again.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

/// Buffers that are kept.
const KEPT: usize = 4;
/// Places of a unit's queue: no session has more commands at a time.
const QUEUE: usize = WINDOW as usize + super::limits::MOST_IMMEDIATE;
/// Of a logout request (section 11.14): close the session, close this connection, remove one for recovery.
const REMOVE_CONNECTION: u8 = 2;
/// Of a logout response (section 11.15.1).
const RECOVERY_NOT_SUPPORTED: u8 = 2;

impl<'a> Session<'a> {
    #[allow(clippy::too_many_arguments, reason = "what the login made, once")]
    pub(super) fn new(
        target: &'a Target,
        nexus: &'a Nexus,
        address: SocketAddr,
        discovery: bool,
        parameters: Parameters,
        window: Arc<Window>,
        answers: mpsc::Sender<Outgoing>,
        cut: Arc<Notify>,
    ) -> Self {
        Self {
            target,
            nexus,
            address,
            discovery,
            parameters,
            window,
            tasks: Arc::default(),
            transfers: HashMap::new(),
            units: HashMap::new(),
            buffers: Arc::default(),
            answers,
            cut,
        }
    }

    /// # Errors
    /// The connection's own, and a header that cannot be trusted.
    pub(super) async fn read_all<R: AsyncRead + Unpin>(&mut self, reader: &mut Reader<R>) -> io::Result<Ending> {
        while let Some(pdu) = reader.header().await? {
            let most = usize::try_from(self.parameters.taken_segment).unwrap_or(usize::MAX);
            if pdu.data_length() > most {
                return self.end(reason::PROTOCOL, pdu).await;
            }
            let next = match pdu.opcode() {
                header::DATA_OUT => self.take_data(&pdu, reader).await?,
                _ => self.request(&pdu, reader).await?,
            };
            if let Some(ending) = next {
                return Ok(ending);
            }
        }
        Ok(Ending::Now)
    }

    /// Whatever has a CmdSN.
    async fn request<R: AsyncRead + Unpin>(&mut self, pdu: &Header, reader: &mut Reader<R>) -> io::Result<Option<Ending>> {
        let slot = if pdu.is_immediate() {
            None
        } else {
            match self.window.take(pdu.number(header::COMMAND_SN)) {
                Turn::Now(slot) => Some(slot),
                Turn::Ignored => return reader.discard(pdu.data_length()).await.map(|()| None),
                Turn::Gap => return self.end(reason::PROTOCOL, *pdu).await.map(Some),
            }
        };
        if pdu.opcode() == header::SCSI_COMMAND && !self.discovery {
            return self.command(pdu, slot, reader).await;
        }
        // All others are done at once.
        drop(slot);
        let mut data = Vec::new();
        if !reader.data(pdu.data_length(), &mut data).await? {
            return self.end(reason::DATA_DIGEST, *pdu).await.map(Some);
        }
        let tag = pdu.task_tag();
        match pdu.opcode() {
            // Without a tag it is an answer to a question of the target's, which asks none.
            header::NOP_OUT if tag == NO_TAG => {}
            header::NOP_OUT => self.say(Outgoing::Nop { tag, lun: pdu.lun(), data }).await?,
            header::TEXT => return self.text(pdu, &data).await,
            header::TASK_MANAGEMENT if !self.discovery => {
                let (response, over) = self.manage(pdu);
                self.say(Outgoing::TaskManaged { tag, response }).await?;
                if over {
                    self.target.sessions.end();
                }
            }
            header::LOGOUT if pdu.flags() & 0x7f == REMOVE_CONNECTION => {
                self.say(Outgoing::LoggedOut { tag, response: RECOVERY_NOT_SUPPORTED }).await?;
                return Ok(Some(Ending::AfterLastAnswer));
            }
            header::LOGOUT => {
                self.say(Outgoing::LoggedOut { tag, response: 0 }).await?;
                return Ok(Some(Ending::AfterLastAnswer));
            }
            _ => self.reject(reason::NOT_SUPPORTED, *pdu).await?,
        }
        Ok(None)
    }

    async fn command<R: AsyncRead + Unpin>(
        &mut self,
        pdu: &Header,
        slot: Option<Slot>,
        reader: &mut Reader<R>,
    ) -> io::Result<Option<Ending>> {
        let (tag, lun) = (pdu.task_tag(), lun::number(pdu.lun()));
        let Some(expected) = Expected::of(pdu) else {
            reader.discard(pdu.data_length()).await?;
            return self.reject(reason::NOT_SUPPORTED, *pdu).await.map(|()| None);
        };
        let mark = match self.tasks.begin(tag, lun) {
            Ok(mark) => mark,
            Err(busy) => {
                reader.discard(pdu.data_length()).await?;
                let reason = if busy == Busy::Tag { reason::TASK_IN_PROGRESS } else { reason::TOO_MANY_IMMEDIATE };
                return self.reject(reason, *pdu).await.map(|()| None);
            }
        };
        let cdb = cdb(pdu, reader.additional());
        let length = match expected {
            Expected::Out(length) => length,
            // Nobody asked for data with it.
            _ if pdu.data_length() > 0 => return self.end(reason::PROTOCOL, *pdu).await.map(Some),
            _ => 0,
        };
        if length > MOST_TRANSFER {
            reader.discard(pdu.data_length()).await?;
            self.tasks.abort(tag);
            drop(slot);
            return self.say(Outgoing::Failed { tag }).await.map(|()| None);
        }
        let (done, coming) = oneshot::channel();
        let out = if length > 0 { Out::Coming(coming) } else { Out::None };
        self.queue(Command { tag, lun, cdb, expected, out, mark, slot }).await?;
        if length == 0 {
            return Ok(None);
        }
        let transfer = Transfer::new(pdu, length, self.buffers.take(), &self.parameters, done);
        self.transfers.insert(tag, transfer);
        self.take_data(pdu, reader).await
    }

    /// Data of a command, whether it comes with it or after it.
    async fn take_data<R: AsyncRead + Unpin>(&mut self, pdu: &Header, reader: &mut Reader<R>) -> io::Result<Option<Ending>> {
        let tag = pdu.task_tag();
        let Some(transfer) = self.transfers.get_mut(&tag) else {
            // Its command was aborted, or refused.
            return reader.discard(pdu.data_length()).await.map(|()| None);
        };
        if !transfer.takes(pdu) {
            reader.discard(pdu.data_length()).await?;
        } else if !reader.data(pdu.data_length(), &mut transfer.data).await? {
            return self.end(reason::DATA_DIGEST, *pdu).await.map(Some);
        }
        match transfer.next(pdu.is_final(), &self.parameters) {
            Next::More => {}
            Next::Ask(request) => {
                let lun = transfer.lun;
                self.say(Outgoing::ReadyToTransfer { tag, lun, request }).await?;
            }
            Next::Whole => {
                if let Some(transfer) = self.transfers.remove(&tag) {
                    transfer.finish();
                }
            }
        }
        Ok(None)
    }

    async fn queue(&mut self, command: Command) -> io::Result<()> {
        let place = command.lun % u64::try_from(QUEUES).unwrap_or(1);
        let unit = self.units.entry(place).or_insert_with(|| {
            let (send, receive) = mpsc::channel(QUEUE);
            let unit = Unit {
                devices: Arc::clone(&self.target.devices),
                nexus: self.nexus.clone(),
                tasks: Arc::clone(&self.tasks),
                buffers: Arc::clone(&self.buffers),
                answers: self.answers.clone(),
                cut: Arc::clone(&self.cut),
            };
            tokio::spawn(unit.execute_all(receive));
            send
        });
        unit.send(command).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// SendTargets (appendix C), the only key of this phase.
    async fn text(&mut self, pdu: &Header, data: &[u8]) -> io::Result<Option<Ending>> {
        let keys = text::pairs(data).filter(|_| pdu.is_final() && data.len() <= TEXT);
        let Some(keys) = keys else { return self.end(reason::PROTOCOL, *pdu).await.map(Some) };
        let mut answer = Vec::new();
        for (key, value) in keys {
            let name = &self.target.name;
            match (key, value) {
                ("SendTargets", "All") if !self.discovery => text::push(&mut answer, key, "Reject"),
                ("SendTargets", "All" | "") => self.show(&mut answer),
                ("SendTargets", wanted) if wanted.eq_ignore_ascii_case(name) => self.show(&mut answer),
                // A name that is not there has no line.
                ("SendTargets", _) => {}
                ("MaxRecvDataSegmentLength", _) => text::push(&mut answer, key, "Reject"),
                _ => text::push(&mut answer, key, "NotUnderstood"),
            }
        }
        self.say(Outgoing::Text { tag: pdu.task_tag(), text: answer }).await.map(|()| None)
    }

    fn show(&self, answer: &mut Vec<u8>) {
        text::push(answer, "TargetName", &self.target.name);
        text::push(answer, "TargetAddress", &format!("{},1", self.address));
    }

    async fn reject(&self, reason: u8, refused: Header) -> io::Result<()> {
        self.say(Outgoing::Rejected { reason, refused, last: false }).await
    }

    /// A Reject after which nothing is heard: at error recovery level 0 the session ends.
    async fn end(&self, reason: u8, refused: Header) -> io::Result<Ending> {
        self.say(Outgoing::Rejected { reason, refused, last: true }).await?;
        Ok(Ending::AfterLastAnswer)
    }

    async fn say(&self, outgoing: Outgoing) -> io::Result<()> {
        self.answers.send(outgoing).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Buffers {
    fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, mut buffer: Vec<u8>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() > 0 && kept.len() < KEPT {
            buffer.clear();
            kept.push(buffer);
        }
    }
}
