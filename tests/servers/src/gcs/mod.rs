//! A simulator of Google Cloud Storage before an emulator that keeps the objects.
//!
//! The emulator takes any token and any precondition. This front gives tokens for assertions that hold, lets in who has a token or a
//! signature, holds preconditions, hashes, names and ranges, and speaks the XML API, which the emulator has not: out of the objects that lie
//! in the emulator. It was written from the service's documentation and refuses what that says is refused. It can also be
//! slow to please: busy, skewed, cut in the middle, silent after the deed.

mod emulator;
mod http;
mod json_api;
mod multipart;
mod objects;
mod sessions;
mod signatures;
mod store;
mod tokens;
mod xml_api;

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::emulator::Emulator;
use self::http::{Answer, Asked};
use self::json_api::{Json, Rewrites};
use self::multipart::Uploads;
use self::sessions::Sessions;
use self::store::Store;
use self::tokens::Tokens;
use self::xml_api::Xml;
use crate::TurnedAway;
use crate::relay::{Listener, Request};

pub use self::sessions::Cut;
pub use self::tokens::TokenAnswer;

const TOKEN_PATH: &str = "/token";
/// How long a client, or the emulator, may be silent in the middle of a request or an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who may come in: a service account with its key, and an HMAC key.
#[derive(Clone, Debug)]
pub struct Account {
    pub project: String,
    pub client_email: String,
    /// PEM, PKCS#8.
    pub private_key: String,
    pub access_key: String,
    pub secret_key: String,
}

impl Account {
    fn usual() -> Self {
        Self {
            project: "capstan-test".to_owned(),
            client_email: "mover@capstan-test.iam.gserviceaccount.com".to_owned(),
            private_key: include_str!("account.pem").to_owned(),
            access_key: "GOOG1ETESTTESTTESTTEST".to_owned(),
            secret_key: "bGoa+V7g/yqDXvKRqq+JTFn4uQZbPiQJo4pf9RzJ".to_owned(),
        }
    }

    /// A private key that is nobody's.
    pub fn strangers_key() -> &'static str {
        include_str!("stranger.pem")
    }
}

/// The simulator with its emulator; both stop when it is dropped.
#[derive(Debug)]
pub struct Gcs {
    /// `http://127.0.0.1:PORT`, no slash at the end.
    pub endpoint: String,
    pub token_endpoint: String,
    pub account: Account,
    shared: Arc<Shared>,
    _listener: Listener,
    _emulator: Emulator,
}

#[derive(Debug)]
struct Shared {
    url: std::sync::OnceLock<String>,
    account: Account,
    emulator: String,
    store: Store,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: Tokens,
    uploads: Uploads,
    sessions: Sessions,
    rewrites: Rewrites,
    rounds: u64,
    answers: u64,
    /// Seconds this service's clock is ahead.
    ahead: i64,
    /// Method of the requests that are turned away, how, and how many more.
    turns: Vec<(String, TurnedAway, u64)>,
    turned_away: u64,
    /// Method of the requests that are served and not answered, and how many more.
    silences: Vec<(String, u64)>,
    /// A byte of so many uploads is spoiled before it is looked at.
    spoil: u64,
}

impl Gcs {
    pub fn start() -> anyhow::Result<Self> {
        let emulator = Emulator::start()?;
        let account = Account::usual();
        let shared = Arc::new(Shared {
            url: std::sync::OnceLock::new(),
            account: account.clone(),
            emulator: emulator.url.trim_start_matches("http://").to_owned(),
            store: Store::new(&emulator.url),
            state: Mutex::new(State { rounds: 1, ..State::default() }),
        });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| serving.serve(stream))?;
        let endpoint = format!("http://{}", listener.address);
        let _ = shared.url.set(endpoint.clone());
        let token_endpoint = format!("{endpoint}{TOKEN_PATH}");
        Ok(Self { endpoint, token_endpoint, account, shared, _listener: listener, _emulator: emulator })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    /// What the token endpoint gives from now on.
    pub fn give(&self, answer: TokenAnswer) {
        self.state().tokens.answer = answer;
    }

    /// Requests for a token that were made.
    pub fn tokens_asked(&self) -> u64 {
        self.state().tokens.asked
    }

    /// Ends every token that was given.
    pub fn revoke_tokens(&self) {
        self.state().tokens.revoke();
    }

    /// Sets the service's clock, seconds ahead of this machine's.
    pub fn set_ahead(&self, seconds: i64) {
        self.state().ahead = seconds;
    }

    /// Copies take so many rounds from now on.
    pub fn copy_in(&self, rounds: u64) {
        self.state().rounds = rounds.max(1);
    }

    /// Cuts the next pieces of data that are sent to upload sessions short, in turn.
    pub fn cut_sessions(&self, cuts: &[Cut]) {
        self.state().sessions.cuts.extend_from_slice(cuts);
    }

    /// Bytes that were sent to upload sessions.
    pub fn sent_to_sessions(&self) -> u64 {
        self.state().sessions.received
    }

    /// Turns away the next `times` requests of this method.
    pub fn turn_away(&self, times: u64, method: &str, how: TurnedAway) {
        self.state().turns.push((method.to_owned(), how, times));
    }

    pub fn turned_away(&self) -> u64 {
        self.state().turned_away
    }

    /// Does what the next `times` requests of this method ask for, and does not answer.
    pub fn fall_silent(&self, times: u64, method: &str) {
        self.state().silences.push((method.to_owned(), times));
    }

    /// Spoils a byte of each of the next `uploads` bodies.
    pub fn spoil(&self, uploads: u64) {
        self.state().spoil = uploads;
    }

    /// Keys of uploads in parts that were neither completed nor given up.
    pub fn unfinished(&self, bucket: &str) -> Vec<String> {
        self.state().uploads.unfinished(bucket)
    }

    /// Keys that lie in a bucket, seen from behind.
    pub fn keys(&self, bucket: &str) -> anyhow::Result<Vec<String>> {
        let items = self.shared.store.list(bucket, "")?.unwrap_or_default();
        Ok(items.iter().map(|item| store::name_of(item).to_owned()).collect())
    }

    /// An object's data, seen from behind.
    pub fn read(&self, bucket: &str, key: &str) -> anyhow::Result<Vec<u8>> {
        self.shared.store.read(bucket, key)
    }

    pub fn create_bucket(&self, bucket: &str) -> anyhow::Result<()> {
        self.shared.store.create(&serde_json::json!({ "name": bucket })).map(drop)
    }
}

/// "Sat, 21 Nov 2026 09:12:17 GMT"
fn http_date(seconds: i64) -> String {
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Whether the path is one of the JSON API; all others are buckets of the XML API.
fn is_json(path: &str) -> bool {
    ["/storage/v1", "/upload/storage/v1", "/download/storage/v1", "/batch", "/resumable"]
        .iter()
        .any(|root| path.starts_with(root))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut client: TcpStream) -> anyhow::Result<()> {
        client.set_read_timeout(Some(PATIENCE))?;
        client.set_write_timeout(Some(PATIENCE))?;
        let Some(mut request) = Request::read(&mut client)? else { return Ok(()) };
        // One at a time: a precondition and the change it guards are one step.
        let mut state = self.lock();
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
        let now = i64::try_from(seconds)?.saturating_add(state.ahead);
        state.spoil_one(&mut request);
        let asked = Asked::new(&request);
        let answer = match state.turned(&asked) {
            Some(away) => Some(away),
            None => self.answer(&mut state, &asked, now)?,
        };
        let silent = state.is_silent(asked.method());
        state.answers += 1;
        let number = state.answers;
        drop(state);
        match answer.map(|answer| answer.with("X-GUploader-UploadID", format!("simulated-{number}"))) {
            Some(answer) if !silent => answer.write(&mut client, &http_date(now))?,
            _ => client.shutdown(Shutdown::Both)?,
        }
        Ok(())
    }

    /// None: the connection breaks.
    fn answer(&self, state: &mut State, asked: &Asked<'_>, now: i64) -> anyhow::Result<Option<Answer>> {
        let url = self.url.get().map_or("", String::as_str);
        if asked.path == TOKEN_PATH && asked.method() == "POST" {
            let token_endpoint = format!("{url}{TOKEN_PATH}");
            return Ok(Some(state.tokens.give(&asked.request.body, &self.account.client_email, &token_endpoint, now)));
        }
        if matches!(asked.method(), "POST" | "PUT") && asked.field("content-length").is_none() {
            return Ok(Some(xml_api::refuse(411, "MissingContentLength")));
        }
        let xml = Xml { store: &self.store };
        if let Some(id) = asked.asks("upload_id").filter(|id| id.starts_with("session-")) {
            return state.sessions.go_on(asked, id, &xml);
        }
        let json = is_json(asked.path);
        if let Err(refusal) = self.let_in(state, asked, json, now) {
            return Ok(Some(Answer { bodiless: asked.method() == "HEAD", ..refusal }));
        }
        if json {
            let mut api =
                Json { store: &self.store, project: &self.account.project, rewrites: &mut state.rewrites, rounds: state.rounds };
            return match api.serve(asked)? {
                Some(answer) => Ok(Some(answer)),
                None => self.emulators(asked).map(Some),
            };
        }
        if let Some(answer) = state.uploads.serve(asked, &self.store, now)? {
            return Ok(Some(answer));
        }
        match state.sessions.begin(asked, &xml, url)? {
            Some(answer) => Ok(Some(answer)),
            None => xml.serve(asked).map(Some),
        }
    }

    fn let_in(&self, state: &State, asked: &Asked<'_>, json: bool, now: i64) -> Result<(), Answer> {
        let authorization = asked.field("authorization").unwrap_or_default();
        match authorization.strip_prefix("Bearer ") {
            Some(token) if state.tokens.holds(token, now) => Ok(()),
            None if !json && !authorization.is_empty() => {
                signatures::check(asked, &self.account.access_key, &self.account.secret_key, now)
            }
            _ if json => Err(Answer::json_error(401, "authError", "Invalid Credentials")),
            _ => Err(Answer::xml_error(401, "AuthenticationRequired", "Authentication required.")),
        }
    }

    /// The emulator's own answer.
    fn emulators(&self, asked: &Asked<'_>) -> anyhow::Result<Answer> {
        use std::io::Read;
        let mut server = asked.request.pass_on(&self.emulator)?;
        server.set_read_timeout(Some(PATIENCE))?;
        let mut bytes = Vec::new();
        server.read_to_end(&mut bytes)?;
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len().saturating_sub(4));
        let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(502);
        let mut answer = Answer::empty(status).body(bytes.get(end + 4..).unwrap_or_default().to_vec());
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if !["date", "server", "connection"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
                answer = answer.with(name, value.trim());
            }
        }
        Ok(answer)
    }
}

impl State {
    fn spoil_one(&mut self, request: &mut Request) {
        let at = request.body.len() / 2;
        if self.spoil > 0
            && request.method() == "PUT"
            && let Some(byte) = request.body.get_mut(at)
        {
            *byte ^= 1;
            self.spoil -= 1;
        }
    }

    fn turned(&mut self, asked: &Asked<'_>) -> Option<Answer> {
        let method = asked.method();
        let (_, how, left) = self.turns.iter_mut().find(|(of, _, left)| *left > 0 && of == method)?;
        *left -= 1;
        self.turned_away += 1;
        let status = how.status.split(' ').next().and_then(|status| status.parse().ok()).unwrap_or(503);
        let mut answer = match how.code {
            Some(reason) if is_json(asked.path) => Answer::json_error(status, reason, "The request cannot be served."),
            Some(code) => xml_api::refuse(status, code),
            None => Answer::empty(status),
        };
        if let Some(seconds) = how.retry_after {
            answer = answer.with("Retry-After", seconds.to_string());
        }
        Some(Answer { bodiless: method == "HEAD", ..answer })
    }

    fn is_silent(&mut self, method: &str) -> bool {
        let Some((_, left)) = self.silences.iter_mut().find(|(of, left)| *left > 0 && of == method) else { return false };
        *left -= 1;
        true
    }
}
