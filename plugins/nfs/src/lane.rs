//! What a call works with: a connection of its own, and what is known of the export. Between calls, connections wait here.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use capstan_nfs3::Status;
use capstan_nfs3::procedures::{self, Handle};
use capstan_sdk::{Failure, Kept, Outcome, clock, job};

use crate::config::Config;
use crate::link::{LOST, Link};
use crate::remembered::Directories;
use crate::session::Session;

/// Connections kept for the next calls. More are closed: the host counts those of all instances together.
const KEPT: usize = 8;
/// A connection that was not used for so long is likely closed on the other side.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// How often a call is made in all when its connection breaks, and the waits between: a server that restarts takes a moment.
const PAUSES_MS: [u64; 4] = [0, 500, 1_500, 3_000];

/// Codes of the host: nothing more can be written to a connection; nobody takes a new one.
const ENDED: &str = "connection-ended";
const UNREACHABLE: &str = "unreachable";
/// The job was cancelled while a new connection was waited for.
const WAIT_ENDED: &str = "wait-ended";

#[derive(Default)]
struct State {
    session: Option<Rc<Session>>,
    idle: Vec<Link>,
    directories: Directories<Handle>,
}

thread_local! {
    static CONFIG: Kept<Config> = const { Kept::new() };
    static STATE: RefCell<State> = RefCell::default();
}

pub(crate) fn config() -> Outcome<Rc<Config>> {
    CONFIG.with(|kept| kept.get(capstan_sdk::config::load))
}

pub(crate) struct Lane {
    pub(crate) link: Link,
    pub(crate) session: Rc<Session>,
}

impl Lane {
    pub(crate) async fn take() -> Outcome<Self> {
        let kept = STATE.with_borrow_mut(|state| {
            let session = state.session.clone()?;
            state.idle.retain(|link| link.unused_for() < KEPT_FOR);
            Some((session, state.idle.pop()))
        });
        let config = config()?;
        match kept {
            Some((session, Some(link))) => Ok(Self { link, session }),
            Some((session, None)) => {
                let link = Link::open(&config, config.port.unwrap_or(procedures::PORT)).await?;
                Ok(Self { link, session })
            }
            None => {
                // Several first calls at once enter several times; the last one's findings are as good as the first's.
                let (session, link) = Session::enter(&config).await?;
                STATE.with_borrow_mut(|state| state.session = Some(Rc::clone(&session)));
                Ok(Self { link, session })
            }
        }
    }

    /// Leaves the connection for the next call, if it is good for one.
    pub(crate) fn give_back(self) {
        let mut link = self.link;
        if link.is_clean() {
            link.touch();
            STATE.with_borrow_mut(|state| {
                if state.idle.len() < KEPT {
                    state.idle.push(link);
                }
            });
        }
    }
}

/// What is wrong beneath a failure, that another try may set right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The connection broke: those kept are of the same age and likely broken too.
    Connection,
    /// The server no longer knows a handle: everything is looked up anew, the export's root included.
    Handles,
}

impl Trouble {
    fn beneath(failure: &Failure) -> Option<Self> {
        if is(failure, LOST) || is(failure, ENDED) {
            Some(Self::Connection)
        } else if is(failure, &Status::STALE.name()) || is(failure, &Status::BADHANDLE.name()) {
            Some(Self::Handles)
        } else {
            None
        }
    }

    fn forget(self) {
        STATE.with_borrow_mut(|state| match self {
            Self::Connection => state.idle.clear(),
            Self::Handles => {
                state.session = None;
                state.directories.clear();
            }
        });
    }
}

fn is(failure: &Failure, code: &str) -> bool {
    failure.fault().code.as_deref() == Some(code)
}

/// Runs the work on a lane, and again when the connection broke or a handle went stale: the work looks for what is there before it
/// fails, so that it may be done twice.
pub(crate) async fn run<T>(work: impl AsyncFnMut(&mut Lane) -> Outcome<T>) -> Outcome<T> {
    again(work).await.map_err(|(failure, _)| failure)
}

/// The same for work that changes something: what was asked and not answered in the end may have been done.
pub(crate) async fn change<T>(work: impl AsyncFnMut(&mut Lane) -> Outcome<T>) -> Outcome<T> {
    again(work).await.map_err(|(failure, asked)| {
        let lost = Trouble::beneath(&failure) == Some(Trouble::Connection) || is(&failure, UNREACHABLE);
        let unanswered = lost || is(&failure, WAIT_ENDED) || matches!(failure, Failure::TimedOut(_));
        if asked && unanswered { failure.maybe_done() } else { failure }
    })
}

/// A failure comes with whether the server was asked for anything.
async fn again<T>(mut work: impl AsyncFnMut(&mut Lane) -> Outcome<T>) -> Result<T, (Failure, bool)> {
    let (mut tries, mut asked) = (0, false);
    loop {
        let outcome = match Lane::take().await {
            Ok(mut lane) => {
                asked = true;
                let outcome = work(&mut lane).await;
                lane.give_back();
                outcome
            }
            Err(failure) => Err(failure),
        };
        let failure = match outcome {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        // Refused right after a connection broke: the server is starting again.
        let restarting = tries > 0 && is(&failure, UNREACHABLE);
        let trouble = if restarting { Some(Trouble::Connection) } else { Trouble::beneath(&failure) };
        let Some(trouble) = trouble else { return Err((failure, asked)) };
        trouble.forget();
        let Some(pause) = PAUSES_MS.get(tries).filter(|_| !job::cancelled()) else { return Err((failure, asked)) };
        tries += 1;
        if trouble == Trouble::Connection && *pause > 0 {
            clock::wait(*pause).await;
        }
    }
}

/// The handle a directory had when it was last seen: a guess, to be checked by whoever uses it.
pub(crate) fn remembered(path: &[u8]) -> Option<Handle> {
    STATE.with_borrow_mut(|state| state.directories.get(path))
}

pub(crate) fn remember(path: Vec<u8>, handle: &Handle) {
    STATE.with_borrow_mut(|state| state.directories.put(path, handle.clone()));
}
