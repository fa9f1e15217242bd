//! A simulator, not a server: it stands before Azurite and does what that one does not.
//!
//! It throttles, lets a rehydration and a copy take several looks, holds bodies against their CRC64 and MD5, has a clock of its
//! own and minds the dates of requests as Azure does, knows no batches, loses answers of what was done: each when it is told to.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::{Digest, Md5};

use crate::relay::{Listener, Request, answer, field};
use crate::{Blob, TurnedAway};

/// How far the date of a request may be off, seconds.
const TOLERANCE: i64 = 15 * 60;

/// A front with a will of its own; stops when dropped.
#[derive(Debug)]
pub struct BlobFront {
    pub blob: Blob,
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
    /// Method, how, how many more.
    turns: Vec<(String, TurnedAway, u64)>,
    /// Method, what the target must contain, how many more.
    losses: Vec<(String, String, u64)>,
    /// Looks a rehydration takes, and those under way: the request that will be passed on, and looks left.
    rehydration: u32,
    rehydrating: HashMap<String, (Request, u32)>,
    /// Looks a copy takes, and those under way.
    copying: u32,
    copies: HashMap<String, u32>,
    spoil: u64,
    skew: i64,
    no_batches: bool,
    keeps_sums: bool,
    /// Method and target of every request.
    seen: Vec<String>,
    verified: u64,
    refused: u64,
}

impl BlobFront {
    pub fn start(behind: &Blob) -> anyhow::Result<Self> {
        let (upstream, account) = behind.endpoint.trim_start_matches("http://").split_once('/').unwrap_or_default();
        let shared = Arc::new(Shared { upstream: upstream.to_owned(), state: Mutex::default() });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| serving.serve(stream))?;
        let blob = Blob { endpoint: format!("http://{}/{account}", listener.address), ..behind.clone() };
        Ok(Self { blob, shared, _listener: listener })
    }

    /// Turns away the next `times` requests of this method.
    pub fn turn_away(&self, times: u64, method: &str, how: TurnedAway) {
        self.shared.lock().turns.push((method.to_owned(), how, times));
    }

    /// Passes on the next `times` requests of this method whose target contains `part`, and closes instead of answering.
    pub fn lose_answers(&self, times: u64, method: &str, part: &str) {
        self.shared.lock().losses.push((method.to_owned(), part.to_owned(), times));
    }

    /// From now on a blob that leaves the archive is there after so many looks at it.
    pub fn rehydration_takes(&self, looks: u32) {
        self.shared.lock().rehydration = looks;
    }

    /// From now on a copy is pending for so many looks at it.
    pub fn copies_take(&self, looks: u32) {
        self.shared.lock().copying = looks;
    }

    /// Spoils a byte of each of the next `uploads` bodies, before they are verified.
    pub fn spoil(&self, uploads: u64) {
        self.shared.lock().spoil = uploads;
    }

    /// Its clock is ahead by so many seconds.
    pub fn set_clock(&self, ahead: i64) {
        self.shared.lock().skew = ahead;
    }

    /// CRCs that hold are not passed on, since Azurite refuses the header as such. For who comes with a shared access signature.
    pub fn keep_sums(&self) {
        self.shared.lock().keeps_sums = true;
    }

    pub fn refuse_batches(&self) {
        self.shared.lock().no_batches = true;
    }

    /// Requests of this method whose target contains `part`.
    pub fn seen(&self, method: &str, part: &str) -> usize {
        let wanted =
            |request: &&String| request.split_once(' ').is_some_and(|(known, target)| known == method && target.contains(part));
        self.shared.lock().seen.iter().filter(wanted).count()
    }

    /// Uploads that carried a checksum and passed; those that did not pass.
    pub fn verified(&self) -> (u64, u64) {
        let state = self.shared.lock();
        (state.verified, state.refused)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut client: TcpStream) -> anyhow::Result<()> {
        let Some(mut request) = Request::read(&mut client)? else { return Ok(()) };
        let path = request.target().split('?').next().unwrap_or_default().to_owned();
        if let Some(refusal) = self.lock().refusal(&mut request) {
            return refuse(&mut client, refusal.0, refusal.1, &refusal.2);
        }
        if self.lock().holds_back(&request, &path) {
            return answer(&mut client, "202 Accepted", &["x-ms-request-id: simulated".to_owned()], "");
        }
        let due = self.lock().due(&request, &path);
        if let Some(due) = due {
            due.pass_on(&self.upstream)?.read_to_end(&mut Vec::new())?;
        }
        let mut whole = Vec::new();
        request.pass_on(&self.upstream)?.read_to_end(&mut whole)?;
        if self.lock().loses(&request) {
            client.shutdown(Shutdown::Both)?;
            return Ok(());
        }
        let end = whole.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(whole.len());
        let head = String::from_utf8_lossy(whole.get(..end).unwrap_or_default()).into_owned();
        let head = self.lock().rewritten(&request, &path, head);
        client.write_all(head.as_bytes())?;
        client.write_all(whole.get(end..).unwrap_or_default())?;
        client.shutdown(Shutdown::Write)?;
        Ok(())
    }
}

/// Status line, code, further header lines.
type Refused = (&'static str, Option<&'static str>, Vec<String>);

fn refuse(client: &mut TcpStream, status: &str, code: Option<&str>, more: &[String]) -> anyhow::Result<()> {
    let body = code.map_or_else(String::new, |code| {
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>Simulated.\nRequestId:simulated</Message></Error>")
    });
    let mut more = more.to_vec();
    more.extend(code.map(|code| format!("x-ms-error-code: {code}")));
    answer(client, status, &more, &body)
}

impl State {
    fn refusal(&mut self, request: &mut Request) -> Option<Refused> {
        let method = request.method().to_owned();
        self.seen.push(format!("{method} {}", request.target()));
        if let Some((_, how, left)) = self.turns.iter_mut().find(|(known, _, left)| *left > 0 && *known == method) {
            *left -= 1;
            let wait = how.retry_after.map(|seconds| format!("Retry-After: {seconds}"));
            return Some((how.status, how.code, wait.into_iter().collect()));
        }
        if self.skew != 0 {
            let now = jiff::Timestamp::now().as_second() + self.skew;
            let sent = request.field("x-ms-date").and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
            if sent.is_none_or(|sent| (sent.timestamp().as_second() - now).abs() > TOLERANCE) {
                return Some(("403 Forbidden", Some("AuthenticationFailed"), vec![format!("Date: {}", self.date())]));
            }
        }
        if self.no_batches && request.target().contains("comp=batch") {
            return Some(("501 Not Implemented", Some("APINotImplemented"), Vec::new()));
        }
        self.checked(request)
    }

    /// Holds the body against what the head says of it.
    fn checked(&mut self, request: &mut Request) -> Option<Refused> {
        let length = request.body.len();
        if request.method() != "PUT" || length == 0 {
            return None;
        }
        if self.spoil > 0
            && let Some(byte) = request.body.get_mut(length / 2)
        {
            self.spoil -= 1;
            *byte ^= 1;
        }
        let crc = request
            .field("x-ms-content-crc64")
            .map(|wanted| wanted == STANDARD.encode(crc_fast::checksum(CrcAlgorithm::Crc64Nvme, &request.body).to_le_bytes()));
        let md5 = request.field("content-md5").map(|wanted| wanted == STANDARD.encode(Md5::digest(&request.body)));
        let code = match (crc, md5) {
            (Some(false), _) => "Crc64Mismatch",
            (_, Some(false)) => "Md5Mismatch",
            (None, None) => return None,
            _ => {
                self.verified += 1;
                if self.keeps_sums {
                    request.head = without_sum(&request.head);
                }
                return None;
            }
        };
        self.refused += 1;
        Some(("400 Bad Request", Some(code), Vec::new()))
    }

    /// A rehydration is kept for later, once.
    fn holds_back(&mut self, request: &Request, path: &str) -> bool {
        let leaves = request.method() == "PUT"
            && request.target().contains("comp=tier")
            && request.field("x-ms-access-tier") != Some("Archive");
        if !leaves || self.rehydration == 0 {
            return false;
        }
        let later = Request { head: request.head.clone(), body: Vec::new() };
        self.rehydrating.entry(path.to_owned()).or_insert((later, self.rehydration));
        true
    }

    /// The rehydration whose time has come with this look.
    fn due(&mut self, request: &Request, path: &str) -> Option<Request> {
        let (_, left) = self.rehydrating.get_mut(path).filter(|_| request.method() == "HEAD")?;
        *left = left.saturating_sub(1);
        if *left > 0 {
            return None;
        }
        self.rehydrating.remove(path).map(|(request, _)| request)
    }

    fn loses(&mut self, request: &Request) -> bool {
        let wanted = |(method, part, left): &&mut (String, String, u64)| {
            *left > 0 && method == request.method() && request.target().contains(part.as_str())
        };
        self.losses.iter_mut().find(wanted).is_some_and(|(_, _, left)| {
            *left -= 1;
            true
        })
    }

    fn rewritten(&mut self, request: &Request, path: &str, mut head: String) -> String {
        if self.rehydrating.contains_key(path) && request.method() == "HEAD" {
            head.push_str("\r\nx-ms-archive-status: rehydrate-pending-to-hot");
        }
        if self.copying > 0 && request.method() == "PUT" && request.field("x-ms-copy-source").is_some() && head.contains(" 202 ")
        {
            self.copies.insert(path.to_owned(), self.copying);
        }
        if request.method() != "GET"
            && let Some(left) = self.copies.get_mut(path).filter(|left| **left > 0)
        {
            *left -= 1;
            head = with_field(&head, "x-ms-copy-status", "pending");
            head.push_str("\r\nx-ms-copy-progress: 1/2");
        }
        if self.skew != 0 {
            head = with_field(&head, "date", &self.date());
        }
        head
    }

    fn date(&self) -> String {
        let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(self.skew);
        now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

/// The head without its CRC. An account key's signature covers it and would not hold; a shared access signature covers no headers.
fn without_sum(head: &str) -> String {
    let is = |line: &&str| !line.to_ascii_lowercase().starts_with("x-ms-content-crc64:");
    head.lines().filter(is).collect::<Vec<_>>().join("\r\n")
}

/// The head with this field set to the value, if it has it.
fn with_field(head: &str, name: &str, value: &str) -> String {
    if field(head, name).is_none() {
        return head.to_owned();
    }
    let is = |line: &str| line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
    let lines: Vec<String> =
        head.lines().map(|line| if is(line) { format!("{name}: {value}") } else { line.to_owned() }).collect();
    lines.join("\r\n")
}
