//! One session with the library's iSCSI target over the host's connections, for one device. One that is lost is opened again; the command
//! that was under way ends with it, and whoever gave it knows whether it may be given again.

use std::collections::VecDeque;

use capstan_iscsi::{
    Algorithm, Chap, ChapQuestion, Command, Data, Error, Event, Isid, LoginStatus, Outcome as Fate, Purpose, Refused, Repeat,
    Session, Settings, crc32c,
};
use capstan_sdk::failure::{busy, denied, invalid, malformed, unauthenticated, unavailable};
use capstan_sdk::{Blame, Failure, Outcome, Retry, named};

use crate::config::{CHAP_SECRET, Config};
use crate::outside::{self, Connection};

/// Bytes that are taken from the host, or handed to it, at once.
const PIECE: u32 = 512 << 10;
/// How long the target may be silent before it is asked whether it is still there, milliseconds, and before it is given up as well. A robot
/// may take minutes for a command; the target itself answers.
const SILENCE_MS: u32 = 15_000;
/// The waits before a lost connection is opened again, milliseconds.
const PAUSES_MS: [u64; 4] = [0, 300, 1_000, 2_000];

pub(crate) struct Link {
    config: Config,
    session: Session,
    line: Option<Connection>,
    /// Ends of commands that came while a connection was opened.
    early: VecDeque<Fate>,
    /// The target was asked whether it is there, and did not answer yet.
    pinged: bool,
    /// The target wants to end it.
    leaving: bool,
}

impl Link {
    pub(crate) async fn open() -> Outcome<Self> {
        let config = outside::config()?;
        // A name of its own: with that of a session which somebody else has, its end would come.
        let [a, b, c, d, e, ..] = outside::random();
        let isid = Isid::random([a, b, c], u16::from_be_bytes([d, e]));
        let mut settings = Settings::new(config.initiator(), config.target.as_str(), isid);
        settings.header_digest = config.digests.of_session();
        settings.data_digest = config.digests.of_session();
        settings.chap = config.chap_user().map(|user| Chap {
            name: user.to_owned(),
            // Not SHA-256: some targets take its number for something else, and nobody needs it.
            algorithms: vec![Algorithm::Sha1, Algorithm::Md5],
        });
        let session = Session::new(settings).map_err(refused)?.with_crc32c(crc);
        let mut link = Self { config, session, line: None, early: VecDeque::new(), pinged: false, leaving: false };
        link.connect().await?;
        Ok(link)
    }

    /// Whether another call may go on with it: nothing is under way that nobody waits for.
    pub(crate) fn is_clean(&self) -> bool {
        self.line.is_some() && !self.leaving && self.session.is_ready() && self.session.unfinished() == 0 && self.early.is_empty()
    }

    /// One command, and what became of it. A connection that was lost meanwhile is open again, or it fails.
    pub(crate) async fn give(&mut self, lun: u64, cdb: &[u8], data: Data) -> Outcome<Fate> {
        if self.line.is_none() {
            self.connect().await?;
        }
        self.session.submit(Command::new(lun, cdb, data, Repeat::Never)).map_err(refused)?;
        loop {
            if let Some(fate) = self.early.pop_front() {
                return Ok(fate);
            }
            while let Some(event) = self.session.event() {
                match event {
                    Event::Done(_, fate) => return Ok(fate),
                    Event::Pong(_) => self.pinged = false,
                    Event::LogoutWanted { .. } | Event::Dropping { .. } => self.leaving = true,
                    _ => {}
                }
            }
            if let Err(failure) = self.turn().await {
                self.mend(failure).await?;
            }
        }
    }

    /// Sends what is to be sent, or else takes what comes.
    async fn turn(&mut self) -> Outcome<()> {
        let Some(line) = &self.line else { return Err(lost()) };
        let out = self.session.transmit(PIECE as usize);
        if !out.is_empty() {
            return line.write(out).await;
        }
        match line.read(PIECE).await {
            Ok(piece) if piece.is_empty() => Err(lost()),
            Ok(piece) => self.session.receive(&piece).map_err(broken),
            Err(Failure::TimedOut(_)) if !self.pinged && self.session.is_ready() => {
                self.pinged = true;
                self.session.ping().map(drop).map_err(refused)
            }
            Err(failure) => Err(failure),
        }
    }

    /// A new connection in place of one that is lost. What was under way ends as unknown.
    async fn mend(&mut self, mut why: Failure) -> Outcome<()> {
        self.line = None;
        // The next login has the name of this one and ends what the target still has of it.
        self.session.give_up();
        while let Some(event) = self.session.event() {
            if let Event::Done(_, fate) = event {
                self.early.push_back(fate);
            }
        }
        for pause in PAUSES_MS {
            if outside::cancelled() {
                break;
            }
            if pause > 0 {
                outside::wait(pause).await;
            }
            match self.connect().await {
                Ok(()) => return Ok(()),
                Err(failure) if failure.may_retry() => why = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(why)
    }

    async fn connect(&mut self) -> Outcome<()> {
        (self.line, self.leaving, self.pinged) = (None, false, false);
        let extras = vec![named("read-timeout-ms", SILENCE_MS.to_string())];
        let line = outside::connect(self.config.host.clone(), self.config.port(), extras).await?;
        self.session.connect(None).map_err(refused)?;
        self.line = Some(line);
        let entered = self.enter().await;
        if entered.is_err() {
            self.line = None;
        }
        entered
    }

    async fn enter(&mut self) -> Outcome<()> {
        while !self.session.is_ready() {
            while let Some(event) = self.session.event() {
                match event {
                    Event::Chap(question) => {
                        let digest = answer(&question)?;
                        self.session.chap_digest(&digest).map_err(broken)?;
                    }
                    Event::Done(_, fate) => self.early.push_back(fate),
                    _ => {}
                }
            }
            if !self.session.is_ready() {
                self.turn().await?;
            }
        }
        Ok(())
    }
}

fn answer(question: &ChapQuestion) -> Outcome<Vec<u8>> {
    let algorithm = match (question.purpose, question.algorithm) {
        (Purpose::Prove, Algorithm::Md5) => "md5",
        (Purpose::Prove, Algorithm::Sha1) => "sha1",
        _ => return Err(malformed("the library asks for a proof that was not offered", "")),
    };
    outside::challenged(CHAP_SECRET, algorithm, question.identifier, &question.challenge).map_err(|failure| {
        unauthenticated("the target has no usable \"chap-secret\"").detail(failure.fault().message.clone()).next_step(SECRETS)
    })
}

/// Bytes from which on the host is quicker, with the way there and back.
const WORTH_THE_WAY: usize = 4 << 10;

fn crc(bytes: &[u8]) -> u32 {
    let hosts = |bytes| outside::digest("crc32c", bytes).ok()?.try_into().ok().map(u32::from_be_bytes);
    let asked = if bytes.len() >= WORTH_THE_WAY { hosts(bytes) } else { None };
    asked.unwrap_or_else(|| crc32c(bytes))
}

pub(crate) fn lost() -> Failure {
    unavailable("the library closed the connection").code("connection-lost").retry(Retry::AtOnce)
}

/// The plugin asked its own library for something that cannot be.
fn refused(why: Refused) -> Failure {
    invalid(format!("iSCSI cannot say this: {why}")).blame(Blame::Plugin)
}

const SECRETS: &str = "Correct \"chap-user\" and \"chap-secret\" of the target.";

/// What ends a connection.
fn broken(error: Error) -> Failure {
    match &error {
        Error::LoginRefused(status) => entry_refused(*status),
        Error::Authentication(_) => {
            unauthenticated("the library does not let this host in").detail(error.to_string()).next_step(SECRETS)
        }
        Error::Redirected { address, .. } => {
            unavailable("the library is somewhere else now").code("iscsi-redirect").detail(format!("at {address}"))
        }
        Error::Negotiation(_) => invalid("the library cannot be talked to as the target is configured")
            .detail(error.to_string())
            .next_step("Check \"digests\" of the target."),
        Error::Digest(_) => unavailable("what the library says arrived damaged").code("iscsi-digest").detail(error.to_string()),
        Error::Closed => lost(),
        Error::Malformed(_) | Error::Protocol(_) | Error::TooMuch(_) | Error::Rejected(_) => {
            malformed("what answers for the library does not follow iSCSI", error.to_string())
        }
    }
}

fn entry_refused(status: LoginStatus) -> Failure {
    let code = format!("iscsi login {:02x}/{:02x}", status.class, status.detail);
    let failure = if status.is_authentication() {
        unauthenticated("the library does not let this host in").next_step(SECRETS)
    } else if status.is_transient() {
        busy("the library takes no more connections")
    } else if (status.class, status.detail) == (2, 2) {
        denied("the library is not for this host").next_step("Allow it the target's \"initiator\".")
    } else {
        unavailable(format!("the library refuses the connection: {}", status.name()))
            .retry(Retry::Never)
            .next_step("Check \"target\" of the target.")
    };
    failure.code(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_is_refused_says_who_has_to_act() {
        let failure = |class, detail| broken(Error::LoginRefused(LoginStatus { class, detail }));
        assert!(matches!(failure(2, 1), Failure::Unauthenticated(_)));
        assert!(matches!(failure(2, 2), Failure::Denied(_)));
        assert!(matches!(failure(2, 3), Failure::Unavailable(_)) && !failure(2, 3).may_retry());
        assert!(matches!(failure(3, 2), Failure::Busy(_)));
        assert_eq!(failure(3, 1).fault().code.as_deref(), Some("iscsi login 03/01"));
    }
}
