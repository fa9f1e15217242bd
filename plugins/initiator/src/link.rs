//! The session: commands in, what became of them out, and a new connection where one was lost.

use std::collections::VecDeque;

use capstan_iscsi::{
    Algorithm, ChapQuestion, Command, Data, Event, Order, Outcome as Fate, Purpose, Repeat, Session, Tag, crc32c,
};
use capstan_sdk::failure::malformed;
use capstan_sdk::tcp::Line;
use capstan_sdk::{Failure, Outcome, named};

use crate::login::{Login, Patience, Secret};
use crate::outside::Outside;
use crate::trouble::{lost, refused};

/// Bytes that are taken from the host, or handed to it, at once.
const PIECE: u32 = 512 << 10;
/// How long the target may be silent while something is owed, milliseconds: a call has time for a second try.
const SILENCE_MS: u32 = 15_000;
/// The waits before a lost connection is opened again, milliseconds; how often, while nothing moves forward.
const PAUSES_MS: [u64; 4] = [0, 300, 1_000, 2_000];
const BREAKS: usize = 3;

pub struct Link<O: Outside> {
    login: Login,
    session: Session,
    line: Option<O::Line>,
    /// Ends of commands that came while a connection was opened.
    early: VecDeque<(Tag, Fate)>,
    /// How often the connection was lost since the last command ended.
    breaks: usize,
    /// The target was asked whether it is there, and did not answer yet.
    pinged: bool,
    /// The target wants to end it.
    leaving: bool,
}

impl<O: Outside> std::fmt::Debug for Link<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("login", &self.login).field("open", &self.line.is_some()).finish_non_exhaustive()
    }
}

impl<O: Outside> Link<O> {
    /// Logged in.
    pub async fn open(login: Login) -> Outcome<Self> {
        let session = Session::new(login.settings(O::random())).map_err(refused)?.with_crc32c(crc::<O>);
        let mut link = Self { login, session, line: None, early: VecDeque::new(), breaks: 0, pinged: false, leaving: false };
        link.connect().await?;
        Ok(link)
    }

    pub fn login(&self) -> &Login {
        &self.login
    }

    /// Whether another call may go on with it: nothing is under way that nobody waits for.
    pub fn is_clean(&self) -> bool {
        self.line.is_some() && !self.leaving && self.session.is_ready() && self.session.unfinished() == 0 && self.early.is_empty()
    }

    /// Gives a command, beside those that are under way. `lun` as it stands in a PDU (SAM-5, section 4.7).
    pub fn submit(&mut self, lun: u64, cdb: &[u8], data: Data) -> Outcome<Tag> {
        self.session.submit(Command::new(lun, cdb, data, Repeat::Never)).map_err(refused)
    }

    /// The same for a device that has to do things one after the other: behind all that it was given before. `goes_whole` says whether it may be
    /// given beside others.
    pub fn submit_ordered(&mut self, lun: u64, cdb: &[u8], data: Data) -> Outcome<Tag> {
        let command = Command { order: Order::Ordered, ..Command::new(lun, cdb, data, Repeat::Never) };
        self.session.submit(command).map_err(refused)
    }

    /// Whether so many bytes go along with their command. Commands whose data follows later may be begun in another order than they were given.
    pub fn goes_whole(&self, bytes: usize) -> bool {
        self.session.is_ready() && self.session.agreed().goes_whole(bytes)
    }

    /// Hands over what was submitted, as far as the target takes it now, and waits for no answer.
    pub async fn send(&mut self) -> Outcome<()> {
        while let Some(line) = &self.line {
            let out = self.session.transmit(PIECE as usize);
            if out.is_empty() {
                return Ok(());
            }
            if let Err(failure) = line.write(out).await {
                self.mend(failure).await?;
            }
        }
        Ok(())
    }

    /// The next command that ended, and how. A connection that was lost meanwhile is open again, or this fails.
    pub async fn done(&mut self) -> Outcome<(Tag, Fate)> {
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
                    Event::Pong(_) => self.pinged = false,
                    Event::LogoutWanted { .. } | Event::Dropping { .. } => self.leaving = true,
                    _ => {}
                }
            }
            if self.leaving && self.login.patience == Patience::Short {
                self.line = None;
            }
            if let Err(failure) = self.turn().await {
                self.mend(failure).await?;
            }
        }
    }

    /// One command, given over a connection that stands, and how it ended.
    pub async fn give(&mut self, lun: u64, cdb: &[u8], data: Data) -> Outcome<Fate> {
        if self.line.is_none() {
            self.connect().await?;
        }
        let given = self.submit(lun, cdb, data)?;
        loop {
            let (tag, fate) = self.done().await?;
            if tag == given {
                return Ok(fate);
            }
        }
    }

    /// Sends what is to be sent, or else takes what comes.
    async fn turn(&mut self) -> Outcome<()> {
        let Some(line) = &self.line else { return Err(self.lost()) };
        let out = self.session.transmit(PIECE as usize);
        if !out.is_empty() {
            return line.write(out).await;
        }
        match line.read(PIECE).await {
            Ok(piece) if piece.is_empty() => Err(self.lost()),
            Ok(piece) => self.session.receive(&piece).map_err(|error| self.login.words.broken(error)),
            Err(Failure::TimedOut(_)) if self.is_patient() => {
                self.pinged = true;
                self.session.ping().map(drop).map_err(refused)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Whether a silent target is asked before it is given up.
    fn is_patient(&self) -> bool {
        self.login.patience == Patience::Long && !self.pinged && self.session.is_ready()
    }

    fn lost(&self) -> Failure {
        lost(self.login.words.peer)
    }

    /// A new connection in place of one that is lost. What was under way ends as unknown.
    async fn mend(&mut self, mut why: Failure) -> Outcome<()> {
        self.line = None;
        // The next login has the name of this one and ends what the target still has of it.
        self.session.give_up();
        self.breaks += 1;
        if self.breaks > BREAKS {
            return Err(why);
        }
        for pause in PAUSES_MS {
            if O::cancelled() {
                return Err(why);
            }
            if pause > 0 {
                O::wait(pause).await;
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
        let line = O::connect(self.login.host.clone(), self.login.port, extras).await?;
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
                        self.session.chap_digest(&digest).map_err(|error| self.login.words.broken(error))?;
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
        let words = &self.login.words;
        let algorithm = match (question.purpose, question.algorithm) {
            (Purpose::Prove, Algorithm::Md5) => "md5",
            (Purpose::Prove, Algorithm::Sha1) => "sha1",
            _ => return Err(malformed(format!("{} asks for a proof that was not offered", words.peer), "")),
        };
        match self.login.chap.as_ref().map(|(_, secret)| secret) {
            Some(Secret::Configured(name)) => O::challenged(name, algorithm, question.identifier, &question.challenge)
                .map_err(|failure| words.not_let_in().detail(format!("\"{name}\" is of no use: {}", failure.fault().message))),
            Some(Secret::Told(secret)) => {
                O::digest(algorithm, &[&[question.identifier], secret.as_bytes(), &question.challenge].concat())
            }
            None => Err(words.not_let_in()),
        }
    }
}

/// Bytes from which on the host is quicker, with the way there and back.
const WORTH_THE_WAY: usize = 4 << 10;

fn crc<O: Outside>(bytes: &[u8]) -> u32 {
    let hosts = |bytes| O::digest("crc32c", bytes).ok()?.try_into().ok().map(u32::from_be_bytes);
    let asked = if bytes.len() >= WORTH_THE_WAY { hosts(bytes) } else { None };
    asked.unwrap_or_else(|| crc32c(bytes))
}
