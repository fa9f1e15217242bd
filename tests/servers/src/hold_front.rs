//! A simulator, not a server: it stands before a real HTTP server and holds one request that is to change something there, the n-th
//! from when it was told: before the server hears of it, or once the server has answered. So a test ends a client at a point of its
//! own choice, as often as it likes.
//!
//! What was held is never answered: when it is let go, its connection ends without a word. The front can also play a server that is
//! away, which drops whoever comes, and a slow one.

use std::io::{copy, sink};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context;

use crate::relay::{Listener, Request};

/// How long a client may be silent in the middle of a request.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a request is held at most.
const HELD_FOR: Duration = Duration::from_secs(300);
/// Paths of logins: they change nothing, and nobody can say when a client needs another one.
const LOGINS: [&str; 2] = ["/api/auth", "/api/users/login"];

/// Where a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The server never hears of it.
    Before,
    /// The server has done it; nobody hears of that.
    After,
}

/// A front before another server; stops when dropped.
#[derive(Debug)]
pub struct HoldFront {
    /// `http://127.0.0.1:PORT`, no slash at the end.
    pub endpoint: String,
    shared: Arc<Shared>,
    _listener: Listener,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    state: Mutex<State>,
    /// A request came to be held, was let go, or was dropped.
    turn: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Changes that pass before the one that is held, and where that is.
    armed: Option<(u64, Hold)>,
    held: bool,
    away: bool,
    /// Requests that were dropped since it is away.
    turned_away: u64,
    delay: Duration,
}

impl HoldFront {
    /// `behind`: as `endpoint`.
    pub fn start(behind: &str) -> anyhow::Result<Self> {
        let upstream = behind.strip_prefix("http://").context("the front speaks plain HTTP")?.to_owned();
        let shared = Arc::new(Shared { upstream, state: Mutex::default(), turn: Condvar::new() });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| serving.serve(stream))?;
        Ok(Self { endpoint: format!("http://{}", listener.address), shared, _listener: listener })
    }

    /// Holds the n-th change from now on, counted from 1.
    pub fn hold(&self, nth: u64, hold: Hold) {
        let mut state = self.shared.lock();
        state.armed = Some((nth.saturating_sub(1), hold));
        state.held = false;
    }

    /// Waits until the change is held, at most so long; whether it is.
    pub fn is_held_within(&self, patience: Duration) -> bool {
        let state = self.shared.lock();
        let (state, _) =
            self.shared.turn.wait_timeout_while(state, patience, |state| !state.held).unwrap_or_else(PoisonError::into_inner);
        state.held
    }

    /// Ends the connection of what is held, and holds nothing more.
    pub fn let_go(&self) {
        let mut state = self.shared.lock();
        (state.armed, state.held) = (None, false);
        self.shared.turn.notify_all();
    }

    /// Whether whoever comes is dropped at once, as before a server that is away.
    pub fn set_away(&self, away: bool) {
        let mut state = self.shared.lock();
        (state.away, state.turned_away) = (away, 0);
    }

    /// Waits until so many requests were dropped since it is away, at most so long; whether they were.
    pub fn is_missed_within(&self, times: u64, patience: Duration) -> bool {
        let state = self.shared.lock();
        let missing = |state: &mut State| state.turned_away < times;
        let (state, _) = self.shared.turn.wait_timeout_while(state, patience, missing).unwrap_or_else(PoisonError::into_inner);
        state.turned_away >= times
    }

    /// Each request waits so long from now on.
    pub fn delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }
}

impl Drop for HoldFront {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut client: TcpStream) -> anyhow::Result<()> {
        client.set_read_timeout(Some(PATIENCE))?;
        client.set_write_timeout(Some(PATIENCE))?;
        let Some(request) = Request::read(&mut client)? else { return Ok(()) };
        let delay = self.lock().delay;
        sleep(delay);
        if self.turns_away() {
            return Ok(client.shutdown(Shutdown::Both)?);
        }
        let hold = if is_change(&request) { self.count() } else { None };
        if hold == Some(Hold::Before) {
            self.keep();
            return Ok(client.shutdown(Shutdown::Both)?);
        }
        let mut server = request.pass_on(&self.upstream)?;
        if hold == Some(Hold::After) {
            // It is done when it is answered.
            copy(&mut server, &mut sink())?;
            self.keep();
            return Ok(client.shutdown(Shutdown::Both)?);
        }
        copy(&mut server, &mut client)?;
        Ok(client.shutdown(Shutdown::Write)?)
    }

    fn turns_away(&self) -> bool {
        let mut state = self.lock();
        state.turned_away += u64::from(state.away);
        self.turn.notify_all();
        state.away
    }

    /// Whether this change is the one.
    fn count(&self) -> Option<Hold> {
        let mut state = self.lock();
        let (before, hold) = state.armed?;
        match before.checked_sub(1) {
            Some(fewer) => {
                state.armed = Some((fewer, hold));
                None
            }
            None => {
                state.armed = None;
                Some(hold)
            }
        }
    }

    /// Until it is let go.
    fn keep(&self) {
        let mut state = self.lock();
        state.held = true;
        self.turn.notify_all();
        drop(self.turn.wait_timeout_while(state, HELD_FOR, |state| state.held));
    }
}

fn is_change(request: &Request) -> bool {
    !matches!(request.method(), "GET" | "HEAD") && !LOGINS.iter().any(|login| request.target().starts_with(login))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    /// What is answered; empty: nothing.
    fn ask(front: &HoldFront, method: &str) -> String {
        let mut stream = TcpStream::connect(front.endpoint.trim_start_matches("http://")).unwrap();
        write!(stream, "{method} /thing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn the_change_that_was_meant_is_held_and_never_answered() {
        let heard = Arc::new(Mutex::new(0));
        let counting = Arc::clone(&heard);
        let server = Listener::start(move |mut stream| {
            let Some(request) = Request::read(&mut stream)? else { return Ok(()) };
            *counting.lock().unwrap() += u64::from(request.method() != "GET");
            crate::relay::answer(&mut stream, "200 OK", &[], "done")
        })
        .unwrap();
        let front = HoldFront::start(&format!("http://{}", server.address)).unwrap();
        for (hold, done) in [(Hold::Before, 1), (Hold::After, 2)] {
            *heard.lock().unwrap() = 0;
            front.hold(2, hold);
            assert!(ask(&front, "GET").ends_with("done") && ask(&front, "POST").ends_with("done"));
            assert!(!front.is_held_within(Duration::ZERO));
            std::thread::scope(|scope| {
                let held = scope.spawn(|| ask(&front, "DELETE"));
                assert!(front.is_held_within(PATIENCE));
                // Others pass.
                assert!(ask(&front, "GET").ends_with("done"));
                front.let_go();
                assert_eq!(held.join().unwrap(), "");
            });
            assert_eq!(*heard.lock().unwrap(), done, "{hold:?}");
            assert!(ask(&front, "PUT").ends_with("done"));
        }
        front.set_away(true);
        assert_eq!(ask(&front, "GET"), "");
        assert!(front.is_missed_within(1, Duration::ZERO) && !front.is_missed_within(2, Duration::ZERO));
    }
}
