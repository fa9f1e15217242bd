//! One session with the VPSA's iSCSI target over the host's connections. One that is lost is opened again; the commands that were
//! under way end with it, and whoever gave them gives them again, once he knows that the LUN is still the same volume.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use capstan_iscsi::{
    Algorithm, Chap, ChapQuestion, Command, Data, Error, Event, Isid, LoginStatus, Outcome as Fate, Purpose, Refused, Repeat,
    Session, Settings, Tag, crc32c,
};
use capstan_sdk::failure::{busy, denied, invalid, malformed, unauthenticated, unavailable};
use capstan_sdk::{Blame, Failure, Outcome, Retry, named};

use crate::access::{Portal, Secret, prove};
use crate::outside::{self, Connection};

/// Bytes that are taken from the host, or handed to it, at once.
const PIECE: u32 = 512 << 10;
/// How long the target may be silent while something is owed, milliseconds. The call has time for a second try.
const SILENCE_MS: u32 = 15_000;
/// The waits before a lost connection is opened again, milliseconds; how often, while nothing moves forward.
const PAUSES_MS: [u64; 4] = [0, 300, 1_000, 2_000];
const BREAKS: usize = 3;

pub(crate) struct Link {
    portal: Rc<Portal>,
    target: String,
    session: Session,
    line: Option<Connection>,
    /// Ends of commands that came while a connection was opened.
    early: VecDeque<(Tag, Fate)>,
    /// How often the connection was lost since the last command ended.
    breaks: usize,
    /// The target wants to end it.
    leaving: bool,
    used: Instant,
}

impl Link {
    pub(crate) async fn open(portal: &Rc<Portal>, target: &str) -> Outcome<Self> {
        let config = &crate::client::client()?.config;
        // A name of its own: with that of a session which somebody else has, its end would come.
        let [a, b, c, d, e, ..] = outside::random();
        let isid = Isid::random([a, b, c], u16::from_be_bytes([d, e]));
        let mut settings = Settings::new(config.initiator(), target, isid);
        settings.header_digest = config.digests.of_session();
        settings.data_digest = config.digests.of_session();
        settings.chap = portal.chap.as_ref().map(|(user, _)| Chap {
            name: user.clone(),
            // Not SHA-256: some targets take its number for something else, and nobody needs it.
            algorithms: vec![Algorithm::Sha1, Algorithm::Md5],
        });
        let session = Session::new(settings).map_err(refused)?.with_crc32c(crc);
        let mut link = Self {
            portal: Rc::clone(portal),
            target: target.to_owned(),
            session,
            line: None,
            early: VecDeque::new(),
            breaks: 0,
            leaving: false,
            used: Instant::now(),
        };
        link.connect().await?;
        Ok(link)
    }

    pub(crate) fn leads_to(&self, portal: &Portal, target: &str) -> bool {
        self.target == target && self.portal.host == portal.host && self.portal.port == portal.port
    }

    /// Whether another call may go on with it: nothing is under way that nobody waits for.
    pub(crate) fn is_clean(&self) -> bool {
        self.line.is_some() && !self.leaving && self.session.is_ready() && self.session.unfinished() == 0 && self.early.is_empty()
    }

    pub(crate) fn touch(&mut self) {
        self.used = Instant::now();
    }

    pub(crate) fn unused_for(&self) -> Duration {
        self.used.elapsed()
    }

    pub(crate) fn submit(&mut self, lun: u64, cdb: &[u8], data: Data) -> Outcome<Tag> {
        self.session.submit(Command::new(lun, cdb, data, Repeat::Never)).map_err(refused)
    }

    /// The next command that ended, and how.
    pub(crate) async fn done(&mut self) -> Outcome<(Tag, Fate)> {
        loop {
            if let Some(done) = self.early.pop_front() {
                self.breaks = 0;
                return Ok(done);
            }
            while let Some(event) = self.session.event() {
                match event {
                    Event::Done(tag, fate) => {
                        self.breaks = 0;
                        return Ok((tag, fate));
                    }
                    Event::LogoutWanted { .. } | Event::Dropping { .. } => self.leaving = true,
                    _ => {}
                }
            }
            // Who is to leave does so.
            if self.leaving {
                self.line = None;
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
        let piece = line.read(PIECE).await?;
        if piece.is_empty() {
            return Err(lost());
        }
        self.session.receive(&piece).map_err(broken)
    }

    /// A new connection in place of one that is lost.
    async fn mend(&mut self, mut why: Failure) -> Outcome<()> {
        self.line = None;
        // The next login has the name of this one and ends what the target still has of it.
        self.session.give_up();
        self.breaks += 1;
        if self.breaks > BREAKS {
            return Err(why);
        }
        for pause in PAUSES_MS {
            if outside::cancelled() {
                return Err(why);
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
        self.line = None;
        self.leaving = false;
        let extras = vec![named("read-timeout-ms", SILENCE_MS.to_string())];
        let line = outside::connect(self.portal.host.clone(), self.portal.port, extras).await?;
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
                        let digest = self.answer(&question)?;
                        self.session.chap_digest(&digest).map_err(broken)?;
                    }
                    Event::Done(tag, fate) => self.early.push_back((tag, fate)),
                    _ => {}
                }
            }
            if !self.session.is_ready() {
                self.turn().await?;
            }
        }
        Ok(())
    }

    fn answer(&self, question: &ChapQuestion) -> Outcome<Vec<u8>> {
        let algorithm = match (question.purpose, question.algorithm) {
            (Purpose::Prove, Algorithm::Md5) => "md5",
            (Purpose::Prove, Algorithm::Sha1) => "sha1",
            _ => return Err(malformed("the VPSA asks for a proof that was not offered", "")),
        };
        let secret = self.portal.chap.as_ref().map_or(&Secret::Configured, |(_, secret)| secret);
        prove(secret, algorithm, question.identifier, &question.challenge)
    }
}

/// Bytes from which on the host is quicker, with the way there and back.
const WORTH_THE_WAY: usize = 4 << 10;

fn crc(bytes: &[u8]) -> u32 {
    let hosts = |bytes| outside::digest("crc32c", bytes).ok()?.try_into().ok().map(u32::from_be_bytes);
    let asked = if bytes.len() >= WORTH_THE_WAY { hosts(bytes) } else { None };
    asked.unwrap_or_else(|| crc32c(bytes))
}

/// The code of a connection that broke, here and in the host.
const LOST: &str = "connection-lost";

fn lost() -> Failure {
    unavailable("the VPSA closed the connection to its data").code(LOST).retry(Retry::AtOnce)
}

/// The plugin asked its own library for something that cannot be.
fn refused(why: Refused) -> Failure {
    invalid(format!("iSCSI cannot say this: {why}")).blame(Blame::Plugin)
}

/// What ends a connection.
pub(crate) fn broken(error: Error) -> Failure {
    match &error {
        Error::LoginRefused(status) => entry_refused(*status),
        Error::Authentication(_) => {
            unauthenticated("the VPSA does not let this host in to its data").detail(error.to_string()).next_step(SECRETS)
        }
        Error::Redirected { address, .. } => {
            unavailable("the VPSA's data is somewhere else now").code("iscsi-redirect").detail(format!("at {address}"))
        }
        Error::Negotiation(_) => invalid("the VPSA's data cannot be talked to as the target is configured")
            .detail(error.to_string())
            .next_step("Check \"digests\" of the target."),
        Error::Digest(_) => unavailable("the VPSA's data arrived damaged").code("iscsi-digest").detail(error.to_string()),
        Error::Closed => lost(),
        Error::Malformed(_) | Error::Protocol(_) | Error::TooMuch(_) | Error::Rejected(_) => {
            malformed("what answers for the VPSA's data does not follow iSCSI", error.to_string())
        }
    }
}

const SECRETS: &str = "Correct \"chap-user\" and \"chap-secret\" of the target, or leave both out so that the VPSA tells them.";

fn entry_refused(status: LoginStatus) -> Failure {
    let code = format!("iscsi login {:02x}/{:02x}", status.class, status.detail);
    let failure = if status.is_authentication() {
        unauthenticated("the VPSA does not let this host in to its data").next_step(SECRETS)
    } else if status.is_transient() {
        busy("the VPSA takes no more connections to its data")
    } else if (status.class, status.detail) == (2, 2) {
        denied("the VPSA does not allow this host its data").next_step("Check the server entry with the target's \"initiator\".")
    } else {
        unavailable(format!("the VPSA refuses the connection to its data: {}", status.name()))
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
        // A target that is not there is no drive that is not there.
        assert!(matches!(failure(2, 3), Failure::Unavailable(_)));
        assert!(matches!(failure(3, 2), Failure::Busy(_)));
        assert_eq!(failure(3, 1).fault().code.as_deref(), Some("iscsi login 03/01"));
        assert!(broken(Error::Digest("data")).may_retry() && !broken(Error::Negotiation("HeaderDigest".to_owned())).may_retry());
    }
}
