//! A session: what its caller does with it. What it receives and sends is in the modules below.

mod receive;
mod task;
mod transmit;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use crate::bounds::{COMMANDS, FORGOTTEN, LOGIN_SEGMENT, NAME_BYTES, REQUESTS, SENDINGS};
use crate::chap::OwnChallenge;
use crate::command::{Command, Outcome, Repeat, Tag};
use crate::digest::{Crc, crc32c};
use crate::error::{Error, Refused};
use crate::event::{Event, Function, FunctionResult};
use crate::frames::Frames;
use crate::header::NONE;
use crate::login::{Login, Step};
use crate::parameters::Parameters;
use crate::request::Request;
use crate::serial::{Statuses, Window};
use crate::settings::Settings;
use crate::text::Text;
use task::{Burst, Task};

/// CmdSN of the first command.
const FIRST_COMMAND: u32 = 1;

#[derive(Debug)]
enum Phase {
    /// No connection.
    Down,
    Login {
        login: Box<Login>,
        tag: u32,
        answered: bool,
    },
    Full,
    /// Nothing more goes over this connection.
    Failed(Error),
}

/// A request beside commands, whose answer is to come.
#[derive(Debug)]
enum Asked {
    Ping,
    /// The function, and the CmdSN of the first command that it does not concern.
    Management(Function, u32),
    /// What came so far; whether the caller asked, or the target did.
    Text {
        text: Vec<u8>,
        rounds: u32,
        discovery: bool,
    },
    Logout,
}

/// One session of one connection (error recovery level 0). See the crate's own page for how it is driven.
///
/// What happens to a command when a connection ends:
///
/// | Where it was | `Repeat::Harmless` | `Repeat::Never` |
/// |---|---|---|
/// | waiting, never sent | goes out over the next connection | the same |
/// | its PDU left, in whole or in part | is sent again, `bounds::SENDINGS` times in all; then `Outcome::Unknown` | `Outcome::Unknown` |
/// | its answer was received | `Outcome::Answered` was told | the same |
///
/// A command is sent again only after a login with the same name and ISID. That login ends the old session, and every task it had, before
/// it is answered (RFC 7143, section 6.3.5): what an old connection still carries cannot overtake what is sent again. Commands go out again in
/// the order in which they were submitted. Who needs two commands in an order waits for the first.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    phase: Phase,
    frames: Frames,
    crc: Crc,
    agreed: Parameters,
    window: Window,
    statuses: Statuses,
    last_tag: u32,
    tasks: BTreeMap<u32, Task>,
    /// Commands that were not sent over this connection, in their order.
    waiting: VecDeque<u32>,
    in_flight: usize,
    bursts: VecDeque<Burst>,
    requests: VecDeque<Request>,
    asked: BTreeMap<u32, Asked>,
    events: VecDeque<Event>,
    /// Tasks that were ended by task management or a reject, of which more may be on its way.
    forgotten: VecDeque<u32>,
    /// The target wants to end: nothing new is begun.
    draining: bool,
}

impl Session {
    pub fn new(settings: Settings) -> Result<Self, Refused> {
        settings.check()?;
        Ok(Self {
            settings,
            phase: Phase::Down,
            frames: Frames::new(LOGIN_SEGMENT),
            crc: crc32c,
            agreed: Parameters::default(),
            window: Window::default(),
            statuses: Statuses::default(),
            last_tag: 0,
            tasks: BTreeMap::new(),
            waiting: VecDeque::new(),
            in_flight: 0,
            bursts: VecDeque::new(),
            requests: VecDeque::new(),
            asked: BTreeMap::new(),
            events: VecDeque::new(),
            forgotten: VecDeque::new(),
            draining: false,
        })
    }

    /// Digests of data are computed by `crc`, where the caller has something faster than this crate.
    #[must_use]
    pub fn with_crc32c(mut self, crc: Crc) -> Self {
        (self.crc, self.frames.crc) = (crc, crc);
        self
    }

    /// A new connection is open: the login begins. What an earlier one left is settled as by [`lost`](Self::lost).
    /// `own`: with what the target is challenged, where it has to prove itself too; needs `Settings::chap`.
    pub fn connect(&mut self, own: Option<OwnChallenge>) -> Result<(), Refused> {
        if let Some(own) = &own {
            own.check()?;
            if self.settings.chap.is_none() {
                return Err(Refused::Invalid("a challenge without a name of our own"));
            }
        }
        self.lost();
        self.window = Window::closed(FIRST_COMMAND);
        self.statuses = Statuses::default();
        self.agreed = Parameters::default();
        let (login, request) = Login::begin(&self.settings, own);
        let tag = self.tag();
        self.requests.push_back(Request::login(tag, self.settings.isid, &request));
        self.phase = Phase::Login { login: Box::new(login), tag, answered: false };
        Ok(())
    }

    /// The connection ended, or its silence was too long: commands that may be sent again wait for the next `connect`, the others end.
    pub fn lost(&mut self) {
        self.phase = Phase::Down;
        self.frames = Frames::new(LOGIN_SEGMENT);
        self.frames.crc = self.crc;
        self.bursts.clear();
        self.requests.clear();
        self.forgotten.clear();
        self.draining = false;
        for (tag, asked) in std::mem::take(&mut self.asked) {
            self.unanswered(tag, &asked);
        }
        let mut again: VecDeque<u32> = VecDeque::new();
        let sent: Vec<u32> = self.tasks.iter().filter(|(_, task)| task.number.is_some()).map(|(tag, _)| *tag).collect();
        for tag in sent {
            let Some(task) = self.tasks.get_mut(&tag) else { continue };
            if task.command.repeat == Repeat::Harmless && task.sendings < SENDINGS {
                task.recall();
                again.push_back(tag);
                self.in_flight = self.in_flight.saturating_sub(1);
            } else {
                self.finish(tag, Outcome::Unknown);
            }
        }
        again.append(&mut self.waiting);
        self.waiting = again;
    }

    /// There will be no other connection: every command ends.
    pub fn give_up(&mut self) {
        self.lost();
        for tag in std::mem::take(&mut self.waiting) {
            if let Some(outcome) = self.tasks.get(&tag).map(Task::withdrawn) {
                self.finish(tag, outcome);
            }
        }
    }

    /// Takes a command. It waits until the session is ready, the target's window is open and fewer than `Settings::in_flight` are under way.
    pub fn submit(&mut self, command: Command) -> Result<Tag, Refused> {
        command.check()?;
        if self.settings.target.is_none() {
            return Err(Refused::NotNow("commands in a discovery session"));
        }
        if self.tasks.len() >= COMMANDS {
            return Err(Refused::TooMuch("commands"));
        }
        let tag = self.tag();
        self.tasks.insert(tag, Task::new(command));
        self.waiting.push_back(tag);
        Ok(Tag(tag))
    }

    /// Task management. A task that was not sent ends without the target's help.
    pub fn manage(&mut self, function: Function) -> Result<Tag, Refused> {
        self.may_ask()?;
        let tag = self.tag();
        let mut of = None;
        if let Function::AbortTask(Tag(ended)) = function {
            match self.tasks.get(&ended).map(|task| (task.command.lun, task.number, task.withdrawn())) {
                Some((lun, Some(number), _)) => of = Some((lun, number)),
                Some((_, None, outcome)) => {
                    self.waiting.retain(|tag| *tag != ended);
                    self.finish(ended, outcome);
                    self.events.push_back(Event::Managed(Tag(tag), FunctionResult::Complete));
                    return Ok(Tag(tag));
                }
                None => {
                    self.events.push_back(Event::Managed(Tag(tag), FunctionResult::NoTask));
                    return Ok(Tag(tag));
                }
            }
        }
        self.asked.insert(tag, Asked::Management(function, self.window.next));
        self.requests.push_back(Request::management(tag, function, of));
        Ok(Tag(tag))
    }

    /// Asks whether the target is still there (NOP-Out).
    pub fn ping(&mut self) -> Result<Tag, Refused> {
        self.may_ask()?;
        let tag = self.tag();
        self.asked.insert(tag, Asked::Ping);
        self.requests.push_back(Request::ping(tag));
        Ok(Tag(tag))
    }

    /// Asks which targets there are, or where the one of this name is (SendTargets).
    pub fn discover(&mut self, name: Option<&str>) -> Result<Tag, Refused> {
        self.may_ask()?;
        if name.is_some_and(|name| name.len() > NAME_BYTES || name.contains('\0')) {
            return Err(Refused::Invalid("the name of a target"));
        }
        let mut text = Text::default();
        text.pair("SendTargets", name.unwrap_or("All"));
        Ok(Tag(self.say(&text, true)))
    }

    fn say(&mut self, text: &Text, discovery: bool) -> u32 {
        let tag = self.tag();
        self.asked.insert(tag, Asked::Text { text: Vec::new(), rounds: 0, discovery });
        self.requests.push_back(Request::text(tag, 0, NONE, text.bytes()));
        tag
    }

    /// Ends the session in good order. The target ends what is under way: who wants the answers waits for them first. What waits, and
    /// what may be done twice, stays for another `connect`, or until `give_up`.
    pub fn logout(&mut self) -> Result<(), Refused> {
        self.may_ask()?;
        let tag = self.tag();
        self.draining = true;
        self.asked.insert(tag, Asked::Logout);
        self.requests.push_back(Request::logout(tag));
        Ok(())
    }

    /// The digest that an `Event::Chap` asks for.
    pub fn chap_digest(&mut self, digest: &[u8]) -> Result<(), Error> {
        let Phase::Login { login, tag, .. } = &mut self.phase else { return Err(Error::Protocol("nobody asked")) };
        let tag = *tag;
        let step = match login.digest_bytes() {
            None => return Err(Error::Protocol("nobody asked")),
            Some(bytes) if bytes != digest.len() => Err(Error::Authentication("a digest of another length")),
            Some(_) => login.digest(digest),
        };
        step.map(|step| self.step(tag, step)).map_err(|error| self.fail(error))
    }

    /// What happened, oldest first.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether the login is over and the connection good.
    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Full)
    }

    /// Commands whose outcome was not told yet.
    pub fn unfinished(&self) -> usize {
        self.tasks.len()
    }

    pub fn agreed(&self) -> Parameters {
        self.agreed
    }

    fn may_ask(&self) -> Result<(), Refused> {
        if !self.is_ready() {
            return Err(Refused::NotNow("a session that is logged in"));
        }
        if self.asked.len() >= REQUESTS || self.requests.len() >= REQUESTS {
            Err(Refused::TooMuch("requests at once"))
        } else {
            Ok(())
        }
    }

    /// A tag that nothing has; the last one of all has a meaning of its own.
    fn tag(&mut self) -> u32 {
        loop {
            self.last_tag = self.last_tag.wrapping_add(1);
            let tag = self.last_tag;
            if tag != NONE && !self.tasks.contains_key(&tag) && !self.asked.contains_key(&tag) {
                return tag;
            }
        }
    }

    /// Does what a login wants.
    fn step(&mut self, tag: u32, step: Step) {
        match step {
            Step::Send(request) => self.requests.push_back(Request::login(tag, self.settings.isid, &request)),
            Step::Ask(question) => self.events.push_back(Event::Chap(question)),
            Step::Done(agreed) => {
                self.agreed = agreed;
                self.frames.digests = self.digests();
                self.frames.most = self.settings.receive_segment as usize;
                self.phase = Phase::Full;
                self.events.push_back(Event::Ready(agreed));
            }
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.requests.clear();
        self.bursts.clear();
        self.phase = Phase::Failed(error.clone());
        error
    }

    /// A command is over.
    fn finish(&mut self, tag: u32, outcome: Outcome) {
        let Some(task) = self.tasks.remove(&tag) else { return };
        if task.number.is_some() {
            self.in_flight = self.in_flight.saturating_sub(1);
            self.bursts.retain(|burst| burst.tag != tag);
        }
        self.events.push_back(Event::Done(Tag(tag), outcome));
    }

    /// A command is over that the target may still speak of.
    fn forget(&mut self, tag: u32, outcome: Outcome) {
        if self.tasks.contains_key(&tag) {
            self.forgotten.push_back(tag);
            if self.forgotten.len() > FORGOTTEN {
                self.forgotten.pop_front();
            }
            self.finish(tag, outcome);
        }
    }

    fn unanswered(&mut self, tag: u32, asked: &Asked) {
        match asked {
            Asked::Ping | Asked::Management(..) | Asked::Text { discovery: true, .. } => {
                self.events.push_back(Event::Unanswered(Tag(tag)));
            }
            Asked::Text { discovery: false, .. } | Asked::Logout => {}
        }
    }
}
