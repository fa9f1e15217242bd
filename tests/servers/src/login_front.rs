//! A simulator, not a server: a login that does what it is told. It hangs, drips, closes, breaks off, answers garbage or without
//! end, repeats what it was sent, or says whatever a test wants said: as a token endpoint, a Keystone or a v1 authentication.
//!
//! It may stand before a real one, whose answers it then passes on with some headers changed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::relay::{Listener, Request, answer};

/// How long a connection is held at most, and how long one without a request.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two bytes of an answer that drips.
const DRIP: Duration = Duration::from_millis(200);
/// Bytes of a body without end that are written at most, and at a time.
const ENDLESS: usize = 64 << 20;
const CHUNK: usize = 64 << 10;
/// Of a body that is promised and not sent.
const PROMISED: usize = 100_000;

/// What it answers, whatever it is asked.
#[derive(Clone, Debug, Default)]
pub enum LoginAnswer {
    /// What is behind it answers, with these headers put in place of its own; an empty value takes one away.
    #[default]
    Behind,
    Changed(Vec<(String, String)>),
    /// The connection stays, and nothing comes.
    Hangs,
    /// A head, and then a byte now and then.
    Drips,
    /// The connection ends without a word.
    Closes,
    /// The connection ends in the body of an answer.
    Breaks,
    /// What no client of HTTP can read.
    Garbage,
    /// A success whose body has no end.
    Endless,
    /// A refusal with this status that repeats the request.
    Repeats(&'static str),
    Says {
        status: &'static str,
        head: Vec<String>,
        body: String,
    },
}

/// Stops when it is dropped.
#[derive(Debug)]
pub struct LoginFront {
    /// `http://127.0.0.1:PORT`, no slash at the end.
    pub url: String,
    shared: Arc<Shared>,
    _listener: Listener,
}

#[derive(Debug)]
struct Shared {
    /// `HOST:PORT` of what is behind it.
    upstream: Option<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answer: LoginAnswer,
    asked: u64,
}

impl LoginFront {
    /// With nothing behind it.
    pub fn start() -> anyhow::Result<Self> {
        Self::listen(None)
    }

    /// Before the login at this URL: `http://HOST:PORT/PATH`.
    pub fn before(url: &str) -> anyhow::Result<Self> {
        let place = url.strip_prefix("http://").context("a URL of plain http")?;
        Self::listen(Some(place.split('/').next().unwrap_or_default().to_owned()))
    }

    fn listen(upstream: Option<String>) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared { upstream, state: Mutex::default() });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| serving.serve(stream))?;
        Ok(Self { url: format!("http://{}", listener.address), shared, _listener: listener })
    }

    /// What it does from now on.
    pub fn answer(&self, answer: LoginAnswer) {
        self.shared.lock().answer = answer;
    }

    /// Requests that came.
    pub fn asked(&self) -> u64 {
        self.shared.lock().asked
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
        let told = {
            let mut state = self.lock();
            state.asked += 1;
            state.answer.clone()
        };
        match told {
            LoginAnswer::Behind => self.pass_on(&mut client, &request, &[])?,
            LoginAnswer::Changed(headers) => self.pass_on(&mut client, &request, &headers)?,
            LoginAnswer::Hangs => {
                // Until the client has gone.
                std::io::copy(&mut client, &mut std::io::sink())?;
            }
            LoginAnswer::Drips => drip(&mut client)?,
            LoginAnswer::Closes => client.shutdown(Shutdown::Both)?,
            LoginAnswer::Breaks => {
                promise(&mut client, PROMISED)?;
                client.write_all(br#"{"access_token": "#)?;
                client.shutdown(Shutdown::Both)?;
            }
            LoginAnswer::Garbage => client.write_all(b"\x16\x03\x01\x02\x00 this is no HTTP \xff\xfe\r\n\r\n")?,
            LoginAnswer::Endless => {
                promise(&mut client, ENDLESS)?;
                let spaces = [b' '; CHUNK];
                (0..ENDLESS / CHUNK).try_for_each(|_| client.write_all(&spaces))?;
            }
            LoginAnswer::Repeats(status) => answer(&mut client, status, &[], &repeated(&request))?,
            LoginAnswer::Says { status, head, body } => answer(&mut client, status, &head, &body)?,
        }
        Ok(())
    }

    fn pass_on(&self, client: &mut TcpStream, request: &Request, headers: &[(String, String)]) -> anyhow::Result<()> {
        let upstream = self.upstream.as_deref().context("nothing is behind this front")?;
        let mut server = request.pass_on(upstream)?;
        server.set_read_timeout(Some(PATIENCE))?;
        let mut bytes = Vec::new();
        server.read_to_end(&mut bytes)?;
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").context("no whole head")?;
        let body = bytes.split_off(end + 4);
        let mut head = String::new();
        for line in String::from_utf8_lossy(&bytes).lines().filter(|line| !line.is_empty()) {
            let named = |name: &str| line.split_once(':').is_some_and(|(own, _)| own.eq_ignore_ascii_case(name));
            if !headers.iter().any(|(name, _)| named(name)) {
                head.push_str(&format!("{line}\r\n"));
            }
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        client.write_all(format!("{head}\r\n").as_bytes())?;
        client.write_all(&body)?;
        client.shutdown(Shutdown::Write)?;
        Ok(())
    }
}

/// The head of a success with so many bytes to come.
fn promise(client: &mut TcpStream, bytes: usize) -> anyhow::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    write!(client, "{head}Content-Length: {bytes}\r\nConnection: close\r\n\r\n")?;
    Ok(())
}

fn drip(client: &mut TcpStream) -> anyhow::Result<()> {
    promise(client, PROMISED)?;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        client.write_all(b" ")?;
        sleep(DRIP);
    }
    Ok(())
}

/// The request as the words of a refusal: the body first, since that is where most secrets stand.
fn repeated(request: &Request) -> String {
    let sent = format!("{} {}", String::from_utf8_lossy(&request.body), request.head);
    serde_json::json!({ "error": sent, "error_description": sent }).to_string()
}
