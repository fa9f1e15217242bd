//! One connection to a drive's bytes: NBD over the host's `tcp`. Requests go out ahead of their answers.

use std::collections::BTreeMap;
use std::time::Instant;

use capstan_nbd_client::{Answer, Client as Nbd, Cookie, Denial, Errno, Error, Event, Export, Refused, Request};
use capstan_sdk::content::Content;
use capstan_sdk::failure::{busy, denied, invalid, malformed, no_space, unavailable, unsupported};
use capstan_sdk::tcp::{Connection, connect};
use capstan_sdk::{Blame, Failure, Outcome, Retry, gather, named};

use crate::config::Config;

/// Bytes taken from the host at once.
const PIECE: u32 = 512 << 10;
/// How long an answer may take, milliseconds.
const SILENCE_MS: u32 = 30_000;
const CONNECT_MS: u32 = 10_000;
/// Up to so many bytes pass through the plugin: a request in one piece is cheaper than the bytes are. Bytes.
const GATHERED: u32 = 32 << 10;

/// The code of a connection that broke, here and in the host.
pub(crate) const LOST: &str = "connection-lost";

pub(crate) struct Link {
    /// Which image it leads to.
    pub(crate) image: String,
    pub(crate) export: Export,
    connection: Connection,
    nbd: Nbd,
    /// Answers that came before they were wanted.
    early: BTreeMap<Cookie, Result<Answer, Errno>>,
    /// Nothing more can be said over it.
    broken: bool,
    used: Instant,
}

/// Why a connection does not come about.
pub(crate) enum NotOpen {
    /// The server has no export of this name.
    Unknown,
    Failed(Failure),
}

impl From<Failure> for NotOpen {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Link {
    pub(crate) async fn open(config: &Config, name: &str) -> Result<Self, NotOpen> {
        let extras = vec![named("timeout-ms", CONNECT_MS.to_string()), named("read-timeout-ms", SILENCE_MS.to_string())];
        let connection = connect(config.nbd_host.clone(), config.nbd_port, extras).await?;
        let mut nbd = Nbd::new(name).map_err(refused)?;
        loop {
            let out = nbd.transmit();
            if !out.is_empty() {
                connection.write(out).await?;
            }
            let piece = connection.read(PIECE).await?;
            if piece.is_empty() {
                return Err(lost().into());
            }
            match nbd.receive(&piece) {
                Err(Error::Denied { denial: Denial::Unknown, .. }) => return Err(NotOpen::Unknown),
                other => other.map_err(strange)?,
            }
            if let Some(Event::Ready(export)) = nbd.event() {
                let (image, early) = (name.to_owned(), BTreeMap::new());
                return Ok(Self { image, export, connection, nbd, early, broken: false, used: Instant::now() });
            }
        }
    }

    /// Whether another call may go on with it: nothing is under way that nobody waits for.
    pub(crate) fn is_clean(&self) -> bool {
        !self.broken && self.nbd.is_idle() && self.early.is_empty()
    }

    pub(crate) fn touch(&mut self) {
        self.used = Instant::now();
    }

    pub(crate) fn unused_for(&self) -> std::time::Duration {
        self.used.elapsed()
    }

    /// Asks; goes out with what is asked beside it, at the latest when an answer is waited for.
    pub(crate) fn post(&mut self, request: Request) -> Outcome<Cookie> {
        self.nbd.submit(request).map_err(refused)
    }

    /// Posts a WRITE of this part of the content. Small ones go out in one piece with what is asked beside them, others natively.
    pub(crate) async fn post_write(&mut self, offset: u64, content: &Content, from: u64, length: u32) -> Outcome<Cookie> {
        let cookie = self.post(Request::Write { offset, length })?;
        let mut out = self.nbd.transmit();
        // What was announced must follow: a source that breaks costs the connection.
        self.broken = true;
        if length <= GATHERED {
            out.extend(gather::exactly(content, from, length as usize).await?);
            self.connection.write(out).await?;
        } else {
            self.connection.write(out).await?;
            match self.connection.send(content.open(from, u64::from(length))).await {
                Ok(sent) if sent == u64::from(length) => {}
                Ok(sent) => return Err(gather::short(content, sent, length.into())),
                Err(failure) => return Err(content.broken().unwrap_or(failure)),
            }
        }
        self.broken = false;
        Ok(cookie)
    }

    /// Waits for the answer of this request and keeps those of others.
    pub(crate) async fn answer(&mut self, cookie: Cookie, subject: &str) -> Outcome<Answer> {
        if self.broken {
            return Err(lost());
        }
        self.flush_out().await?;
        loop {
            if let Some(answer) = self.early.remove(&cookie) {
                return answer.map_err(|errno| not_carried_out(errno, subject));
            }
            self.receive().await.inspect_err(|_| self.broken = true)?;
        }
    }

    pub(crate) async fn ask(&mut self, request: Request, subject: &str) -> Outcome<Answer> {
        let cookie = self.post(request)?;
        self.answer(cookie, subject).await
    }

    async fn flush_out(&mut self) -> Outcome<()> {
        let out = self.nbd.transmit();
        if out.is_empty() {
            return Ok(());
        }
        self.broken = true;
        self.connection.write(out).await?;
        self.broken = false;
        Ok(())
    }

    async fn receive(&mut self) -> Outcome<()> {
        let piece = self.connection.read(PIECE).await?;
        if piece.is_empty() {
            return Err(lost());
        }
        self.nbd.receive(&piece).map_err(strange)?;
        while let Some(event) = self.nbd.event() {
            if let Event::Done(cookie, answer) = event {
                self.early.insert(cookie, answer);
            }
        }
        Ok(())
    }
}

/// The connection ended while something was to be said over it.
fn lost() -> Failure {
    unavailable("the storage daemon closed the connection").code(LOST).retry(Retry::AtOnce)
}

fn refused(refused: Refused) -> Failure {
    match refused {
        Refused::NotNow => lost(),
        Refused::Full => busy("too many requests to the storage daemon at once").blame(Blame::Plugin),
        Refused::Unsupported(what) => unsupported(format!("the storage daemon does not do {what}")),
        Refused::Invalid(what) => invalid(format!("the storage daemon cannot be asked: {what}")).blame(Blame::Plugin),
    }
}

pub(crate) fn strange(error: Error) -> Failure {
    let hint = "Check \"nbd-host\" and \"nbd-port\" of the target.";
    match error {
        Error::Denied { denial: Denial::TlsRequired, words } => {
            unsupported("the NBD server wants TLS, which this plugin does not speak").code("NBD_REP_ERR_TLS_REQD").detail(words)
        }
        Error::Denied { denial: Denial::Policy, words } => {
            denied("the NBD server does not let this host in").blame(Blame::Target).code("NBD_REP_ERR_POLICY").detail(words)
        }
        Error::Denied { denial: Denial::Shutdown, words } => {
            unavailable("the storage daemon is going down").code("NBD_REP_ERR_SHUTDOWN").detail(words)
        }
        other => malformed("what answers at \"nbd-port\" does not speak NBD as it should", other.to_string()).next_step(hint),
    }
}

fn not_carried_out(errno: Errno, subject: &str) -> Failure {
    let failure = match errno {
        Errno::NOSPC => no_space("the cluster is full").next_step("Delete something, or give the cluster more room."),
        Errno::PERM => denied(format!("the storage daemon has {subject} open for reading only")).blame(Blame::Target),
        Errno::INVAL | Errno::OVERFLOW => {
            invalid(format!("the storage daemon does not take this for {subject}")).blame(Blame::Plugin)
        }
        Errno::NOTSUP => unsupported(format!("the storage daemon cannot do this with {subject}")),
        Errno::NOMEM => busy("the storage daemon is short of memory"),
        Errno::SHUTDOWN => unavailable("the storage daemon is going down").code(LOST).retry(Retry::AtOnce),
        _ => unavailable(format!("the cluster failed at {subject}"))
            .next_step("Look into the logs of the storage daemon and the cluster."),
    };
    if errno == Errno::SHUTDOWN { failure } else { failure.code(errno.name()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_whose_fault_it_is_and_keeps_its_name() {
        for errno in [Errno::PERM, Errno::IO, Errno::NOMEM, Errno::INVAL, Errno::NOSPC, Errno::OVERFLOW, Errno::NOTSUP, Errno(7)]
        {
            let failure = not_carried_out(errno, "drive \"a\"");
            assert_eq!(failure.fault().code, Some(errno.name()));
        }
        assert!(matches!(not_carried_out(Errno::NOSPC, "x"), Failure::NoSpace(_)));
        assert!(not_carried_out(Errno::IO, "x").may_retry() && !not_carried_out(Errno::INVAL, "x").may_retry());
        assert_eq!(not_carried_out(Errno::SHUTDOWN, "x").fault().code.as_deref(), Some(LOST));
    }

    #[test]
    fn what_is_no_nbd_server_leads_to_the_configuration() {
        let failure = strange(Error::NotNbd);
        assert_eq!(failure.fault().code.as_deref(), Some("malformed-answer"));
        assert!(failure.fault().extras.iter().any(|extra| extra.value.contains("nbd-port")));
    }
}
