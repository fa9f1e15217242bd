//! One connection to the server: requests go out ahead of their answers, answers are taken in whatever order they come.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Instant;

use capstan_nfs3::procedures::{Handle, ReadAnswer, Write};
use capstan_nfs3::rpc::{self, Credentials};
use capstan_nfs3::xdr::padding;
use capstan_nfs3::{Procedure, Records, Status, procedures};
use capstan_sdk::content::Content;
use capstan_sdk::failure::unavailable;
use capstan_sdk::tcp::{Connection, connect};
use capstan_sdk::{Failure, Outcome, Retry, gather, named};

use crate::config::Config;
use crate::failures::{not_carried_out, refused, strange};

/// Bytes taken from the host at once.
const PIECE: u32 = 512 << 10;
/// Bytes of one answer: the largest READ, and what stands around it.
const ANSWER_BYTES: usize = (1 << 20) + (64 << 10);
/// How long an answer may take, milliseconds.
const SILENCE_MS: u32 = 30_000;
/// Up to so many bytes pass through the plugin: a request in one piece is cheaper than the bytes are. Bytes.
const GATHERED: usize = 32 << 10;
/// The name under which this host appears in the server's log.
const MACHINE: &str = "capstan";

pub(crate) struct Link {
    connection: Connection,
    credentials: Credentials,
    records: Records,
    /// Bytes that were taken from the host, and how many of them were looked at.
    piece: Vec<u8>,
    looked_at: usize,
    /// Requests that were not handed over yet.
    out: Vec<u8>,
    xid: u32,
    /// Requests whose answer nobody took yet, and those answers that came before they were wanted.
    open: usize,
    early: BTreeMap<u32, Vec<u8>>,
    /// Nothing more can be said over it.
    broken: bool,
    used: Instant,
}

/// An answer to come.
#[must_use]
pub(crate) struct Ticket<P> {
    xid: u32,
    procedure: PhantomData<P>,
}

impl Link {
    pub(crate) async fn open(config: &Config, port: u16) -> Outcome<Self> {
        let mut extras = vec![named("read-timeout-ms", SILENCE_MS.to_string())];
        if config.privileged_port {
            extras.push(named("source-port", "privileged"));
        }
        let connection = connect(config.host.clone(), port, extras).await?;
        Ok(Self {
            connection,
            credentials: Credentials::unix(MACHINE, config.uid, config.gid, &config.groups),
            records: Records::default(),
            piece: Vec::new(),
            looked_at: 0,
            out: Vec::new(),
            xid: 0,
            open: 0,
            early: BTreeMap::new(),
            broken: false,
            used: Instant::now(),
        })
    }

    /// Whether another call may go on with it: nothing is under way that nobody waits for.
    pub(crate) fn is_clean(&self) -> bool {
        !self.broken && self.open == 0 && self.early.is_empty() && self.out.is_empty()
    }

    pub(crate) fn touch(&mut self) {
        self.used = Instant::now();
    }

    pub(crate) fn unused_for(&self) -> std::time::Duration {
        self.used.elapsed()
    }

    fn next<P: Procedure>(&mut self, procedure: &P, payload: usize) -> Ticket<P> {
        self.xid = self.xid.wrapping_add(1);
        self.open += 1;
        self.out.extend_from_slice(&rpc::call(self.xid, &self.credentials, procedure, payload));
        Ticket { xid: self.xid, procedure: PhantomData }
    }

    /// Asks; goes out with what is asked beside it, at the latest when an answer is waited for.
    pub(crate) fn post<P: Procedure>(&mut self, procedure: &P) -> Ticket<P> {
        self.next(procedure, 0)
    }

    /// Posts a WRITE of this part of the content. Small ones go out in one piece with what is asked beside them, others natively.
    pub(crate) async fn post_write(&mut self, write: &Write, content: &Content, from: u64) -> Outcome<Ticket<Write>> {
        let length = write.count as usize;
        let ticket = self.next(write, length);
        if length <= GATHERED {
            match gather::exactly(content, from, length).await {
                Ok(bytes) => self.out.extend_from_slice(&bytes),
                Err(failure) => {
                    self.broken = true;
                    return Err(failure);
                }
            }
        } else {
            self.flush().await?;
            // What was announced must follow: a source that breaks costs the connection.
            self.broken = true;
            let sent = self.connection.send(content.open(from, u64::from(write.count))).await;
            match sent {
                Ok(sent) if sent == u64::from(write.count) => self.broken = false,
                Ok(sent) => return Err(gather::short(content, sent, length as u64)),
                Err(failure) => return Err(content.broken().unwrap_or(failure)),
            }
        }
        self.out.resize(self.out.len() + padding(length), 0);
        Ok(ticket)
    }

    pub(crate) async fn answer<P: Procedure>(&mut self, ticket: Ticket<P>) -> Outcome<P::Answer> {
        let record = self.record(ticket.xid).await?;
        self.results::<P>(&record)
    }

    pub(crate) async fn ask<P: Procedure>(&mut self, procedure: &P) -> Outcome<P::Answer> {
        let ticket = self.post(procedure);
        self.answer(ticket).await
    }

    /// The bytes a READ answered, in the memory they were received in; and whether the file ends with them.
    pub(crate) async fn answer_read(&mut self, ticket: Ticket<procedures::Read>) -> Outcome<Result<(Vec<u8>, bool), Status>> {
        let record = self.record(ticket.xid).await?;
        let answer: Result<ReadAnswer, Status> = self.results::<procedures::Read>(&record)?;
        Ok(answer.map(|answer| (answer.data(record), answer.end_of_file)))
    }

    fn results<P: Procedure>(&mut self, record: &[u8]) -> Outcome<P::Answer> {
        let read = match rpc::results(record) {
            Ok(Ok(mut reader)) => P::read(&mut reader),
            Ok(Err(refusal)) => return Err(not_carried_out(refusal).detail(P::NAME)),
            Err(wrong) => Err(wrong),
        };
        read.map_err(|wrong| {
            self.broken = true;
            strange(wrong).detail(P::NAME)
        })
    }

    async fn flush(&mut self) -> Outcome<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let out = std::mem::take(&mut self.out);
        self.broken = true;
        self.connection.write(out).await?;
        self.broken = false;
        Ok(())
    }

    /// Waits for the answer of this number and keeps those of others.
    async fn record(&mut self, xid: u32) -> Outcome<Vec<u8>> {
        if self.broken {
            return Err(lost());
        }
        self.flush().await?;
        loop {
            if let Some(record) = self.early.remove(&xid) {
                self.open = self.open.saturating_sub(1);
                return Ok(record);
            }
            let record = self.receive().await.inspect_err(|_| self.broken = true)?;
            let answered = rpc::xid(&record).map_err(strange).inspect_err(|_| self.broken = true)?;
            if self.early.len() >= self.open {
                // More answers than questions.
                self.broken = true;
                return Err(strange(capstan_nfs3::Malformed("an answer to what was asked")));
            }
            self.early.insert(answered, record);
        }
    }

    async fn receive(&mut self) -> Outcome<Vec<u8>> {
        loop {
            let mut rest = self.piece.get(self.looked_at..).unwrap_or_default();
            let found = self.records.take(&mut rest, ANSWER_BYTES).map_err(strange)?;
            self.looked_at = self.piece.len() - rest.len();
            if let Some(record) = found {
                return Ok(record);
            }
            self.piece = self.connection.read(PIECE).await?;
            self.looked_at = 0;
            if self.piece.is_empty() {
                return Err(lost());
            }
        }
    }
}

/// The connection ended while something was to be said over it.
fn lost() -> Failure {
    unavailable("the server closed the connection").code(LOST).retry(Retry::AtOnce)
}

/// The code of a connection that broke, here and in the host.
pub(crate) const LOST: &str = "connection-lost";

/// The result of a procedure, or the failure that its status means for `subject`.
pub(crate) fn done<T>(answer: Result<T, Status>, subject: &str) -> Outcome<T> {
    answer.map_err(|status| refused(status, subject))
}

/// What a server was to give and kept to itself is looked up by name.
pub(crate) async fn handle_of(
    link: &mut Link,
    known: Option<Handle>,
    directory: &Handle,
    name: &[u8],
    subject: &str,
) -> Outcome<Handle> {
    match known {
        Some(handle) => Ok(handle),
        None => {
            let found = link.ask(&procedures::Lookup { directory: directory.clone(), name }).await?;
            done(found, subject).map(|(handle, _)| handle)
        }
    }
}
