//! A simulator, not a server: it stands before a real S3 server, says "slow down" when told to, and sees whether anybody does.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::S3;
use crate::relay::{Listener, Request, answer};

/// How a request is turned away.
#[derive(Clone, Copy, Debug)]
pub struct TurnedAway {
    /// `503 Slow Down`
    pub status: &'static str,
    /// The code of the document; none: an answer without one, as a proxy on the way gives it.
    pub code: Option<&'static str>,
    /// Seconds of `Retry-After`.
    pub retry_after: Option<u64>,
}

/// A front that is too busy for some requests; stops when dropped.
#[derive(Debug)]
pub struct BusyFront {
    pub s3: S3,
    shared: Arc<Shared>,
    _listener: Listener,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Method of the requests that are turned away, how, and how many more.
    turns: Vec<(String, TurnedAway, u64)>,
    turned_away: u64,
    /// Method and path of what was turned away with a time, and when it may come again.
    not_before: HashMap<String, Instant>,
    early: u64,
    /// Seconds that its clock is ahead; none: it tells no time.
    clock: Option<i64>,
}

impl BusyFront {
    pub fn start(behind: &S3) -> anyhow::Result<Self> {
        let upstream = behind.endpoint.trim_start_matches("http://").to_owned();
        let shared = Arc::new(Shared { upstream, state: Mutex::default() });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| serving.serve(stream))?;
        let s3 = S3 { endpoint: format!("http://{}", listener.address), ..behind.clone() };
        Ok(Self { s3, shared, _listener: listener })
    }

    /// Turns away the next `times` requests of this method.
    pub fn turn_away(&self, times: u64, method: &str, how: TurnedAway) {
        self.shared.lock().turns.push((method.to_owned(), how, times));
    }

    /// Turns nobody away any more.
    pub fn let_in(&self) {
        self.shared.lock().turns.clear();
    }

    /// From now on who is turned away is told the time by a clock that is ahead by so many seconds, or none.
    pub fn tell_time(&self, ahead: Option<i64>) {
        self.shared.lock().clock = ahead;
    }

    pub fn turned_away(&self) -> u64 {
        self.shared.lock().turned_away
    }

    /// Requests that came again before the time they were told.
    pub fn early(&self) -> u64 {
        self.shared.lock().early
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut client: TcpStream) -> anyhow::Result<()> {
        let Some(request) = Request::read(&mut client)? else { return Ok(()) };
        let weighed = self.lock().weigh(&request);
        if let Some((how, clock)) = weighed {
            let mut more: Vec<String> = how.retry_after.iter().map(|seconds| format!("Retry-After: {seconds}")).collect();
            more.extend(clock.map(date));
            let body = how.code.map_or_else(String::new, |code| {
                format!(
                    "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Please reduce your request rate.</Message></Error>"
                )
            });
            return answer(&mut client, how.status, &more, &body);
        }
        let mut server = request.pass_on(&self.upstream)?;
        std::io::copy(&mut server, &mut client)?;
        client.shutdown(Shutdown::Write)?;
        Ok(())
    }
}

/// The header of a clock that is ahead by so many seconds.
fn date(ahead: i64) -> String {
    let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead);
    now.strftime("Date: %a, %d %b %Y %H:%M:%S GMT").to_string()
}

impl State {
    /// How the request is turned away, if it is, and what the clock says then.
    fn weigh(&mut self, request: &Request) -> Option<(TurnedAway, Option<i64>)> {
        let name = format!("{} {}", request.method(), request.target());
        if self.not_before.get(&name).is_some_and(|moment| Instant::now() < *moment) {
            self.early += 1;
        }
        let (_, how, left) = self.turns.iter_mut().find(|(method, _, left)| *left > 0 && method == request.method())?;
        *left -= 1;
        self.turned_away += 1;
        let how = *how;
        if let Some(seconds) = how.retry_after {
            self.not_before.insert(name, Instant::now() + Duration::from_secs(seconds));
        }
        Some((how, self.clock))
    }
}
