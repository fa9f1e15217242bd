//! A connection to one export: what its caller does with it. What it receives is in the module beside.

use std::collections::{BTreeMap, VecDeque};

use crate::bounds::{READING_BYTES, REQUESTS};
use crate::error::{Errno, Error, Refused};
use crate::export::Export;
use crate::handshake::{Agreed, Handshake};
use crate::receive::{Due, Pending};
use crate::request::{Answer, Cookie, Request, disconnect};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The negotiation is over.
    Ready(Export),
    /// The request was carried out, or the server says why not.
    Done(Cookie, Result<Answer, Errno>),
}

#[derive(Debug)]
pub(crate) enum Phase {
    Negotiating(Box<Handshake>),
    Open(Agreed),
    /// Said goodbye.
    Closed,
    Failed(Error),
}

#[derive(Debug)]
pub struct Client {
    pub(crate) phase: Phase,
    pub(crate) due: Due,
    /// What came of a head, or of something else that is read whole.
    pub(crate) held: Vec<u8>,
    pub(crate) out: Vec<u8>,
    pub(crate) pending: BTreeMap<Cookie, Pending>,
    pub(crate) events: VecDeque<Event>,
    last: u64,
    /// Bytes of all READs that are under way.
    pub(crate) reading: u64,
    /// The last one submitted was a WRITE that was not transmitted yet: its payload comes before anything else.
    owes_payload: bool,
}

impl Client {
    /// Opens the export of this name, on a connection that is new.
    pub fn new(export: &str) -> Result<Self, Refused> {
        Ok(Self {
            phase: Phase::Negotiating(Box::new(Handshake::new(export)?)),
            due: Due::Greeting,
            held: Vec::new(),
            out: Vec::new(),
            pending: BTreeMap::new(),
            events: VecDeque::new(),
            last: 0,
            reading: 0,
            owes_payload: false,
        })
    }

    /// Asks. Requests overlap, and are answered in any order: who needs two in an order waits for the first.
    pub fn submit(&mut self, request: Request) -> Result<Cookie, Refused> {
        let Phase::Open(agreed) = &self.phase else { return Err(Refused::NotNow) };
        request.check(&agreed.export)?;
        let reading = match request {
            Request::Read { length, .. } => u64::from(length),
            _ => 0,
        };
        if self.owes_payload {
            return Err(Refused::Invalid("a request between a WRITE and its payload"));
        }
        if self.pending.len() >= REQUESTS || self.reading + reading > READING_BYTES {
            return Err(Refused::Full);
        }
        self.last = self.last.wrapping_add(1);
        let cookie = Cookie(self.last);
        request.header(cookie, &mut self.out);
        self.owes_payload = matches!(request, Request::Write { .. });
        self.pending.insert(cookie, Pending::new(request));
        self.reading += reading;
        Ok(cookie)
    }

    /// Says that nothing more comes ("NBD_CMD_DISC"). What is under way is not answered any more.
    pub fn disconnect(&mut self) {
        if matches!(self.phase, Phase::Open(_)) {
            disconnect(&mut self.out);
            self.phase = Phase::Closed;
            self.pending.clear();
            self.reading = 0;
        }
    }

    /// What is to be sent, all of it. Behind it goes the payload, if a WRITE was submitted last.
    #[must_use]
    pub fn transmit(&mut self) -> Vec<u8> {
        self.owes_payload = false;
        std::mem::take(&mut self.out)
    }

    /// What happened, oldest first.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What the server says of the export, once the negotiation is over.
    pub fn export(&self) -> Option<Export> {
        if let Phase::Open(agreed) = &self.phase { Some(agreed.export) } else { None }
    }

    /// Requests whose answer was not told yet.
    pub fn unanswered(&self) -> usize {
        self.pending.len()
    }

    /// Whether nothing is under way and nothing waits to be sent or told.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Open(_))
            && self.pending.is_empty()
            && self.out.is_empty()
            && self.events.is_empty()
            && self.held.is_empty()
            && matches!(self.due, Due::Reply)
    }

    pub(crate) fn fail(&mut self, error: Error) -> Error {
        self.phase = Phase::Failed(error.clone());
        self.pending.clear();
        self.held.clear();
        self.out.clear();
        self.reading = 0;
        error
    }
}
