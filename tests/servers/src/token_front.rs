//! A simulator, not a server: a token endpoint as Microsoft's identity platform is one, for one application.
//!
//! It is strict about what it is asked, and lies when it is told to. Its tokens say what Azurite looks at; nobody signed them.

use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::relay::{Listener, Request, answer};

pub const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";
pub const CLIENT_SECRET: &str = "s3cr~t+with/odd=chars&";
const SCOPE: &str = "https://storage.azure.com/.default";

/// What it answers to who asks rightly.
#[derive(Clone, Debug)]
pub enum TokenAnswer {
    /// A token that lasts so many seconds.
    Lasting(i64),
    /// A token for somebody else's service.
    ForOthers,
    /// This body, whatever it is, with status and further header lines.
    Instead { status: &'static str, head: Vec<String>, body: String },
}

#[derive(Debug)]
pub struct TokenFront {
    pub url: String,
    shared: Arc<Mutex<State>>,
    _listener: Listener,
}

#[derive(Debug)]
struct State {
    answer: TokenAnswer,
    given: u64,
    asked: u64,
}

impl TokenFront {
    pub fn start() -> anyhow::Result<Self> {
        let shared = Arc::new(Mutex::new(State { answer: TokenAnswer::Lasting(3600), given: 0, asked: 0 }));
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| serve(stream, &serving))?;
        let url = format!("http://{}/tenant/oauth2/v2.0/token", listener.address);
        Ok(Self { url, shared, _listener: listener })
    }

    pub fn answer(&self, answer: TokenAnswer) {
        lock(&self.shared).answer = answer;
    }

    /// Tokens that were given.
    pub fn given(&self) -> u64 {
        lock(&self.shared).given
    }

    /// Requests that came.
    pub fn asked(&self) -> u64 {
        lock(&self.shared).asked
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut client: TcpStream, shared: &Mutex<State>) -> anyhow::Result<()> {
    let Some(request) = Request::read(&mut client)? else { return Ok(()) };
    let mut state = lock(shared);
    state.asked += 1;
    let refuse = |client: &mut TcpStream, status: &str, error: &str, text: &str| {
        answer(client, status, &[], &format!(r#"{{"error": "{error}", "error_description": "{text}\r\nTrace ID: 1"}}"#))
    };
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let member = |name: &str| {
        let pair = form.split('&').find_map(|pair| pair.split_once('=').filter(|(known, _)| *known == name))?.1;
        percent_encoding::percent_decode_str(pair).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    if request.method() != "POST" || request.field("content-type") != Some("application/x-www-form-urlencoded") {
        return refuse(&mut client, "400 Bad Request", "invalid_request", "AADSTS900144: not a form.");
    }
    if member("grant_type").as_deref() != Some("client_credentials") {
        return refuse(&mut client, "400 Bad Request", "unsupported_grant_type", "AADSTS70003: unsupported.");
    }
    if member("client_id").as_deref() != Some(CLIENT_ID) {
        return refuse(&mut client, "400 Bad Request", "unauthorized_client", "AADSTS700016: no such application.");
    }
    if member("client_secret").as_deref() != Some(CLIENT_SECRET) {
        return refuse(&mut client, "401 Unauthorized", "invalid_client", "AADSTS7000215: Invalid client secret provided.");
    }
    if member("scope").as_deref() != Some(SCOPE) {
        return refuse(&mut client, "400 Bad Request", "invalid_scope", "AADSTS70011: no such scope.");
    }
    let (audience, lasts) = match state.answer.clone() {
        TokenAnswer::Lasting(seconds) => ("https://storage.azure.com", seconds),
        TokenAnswer::ForOthers => ("https://graph.microsoft.com", 3600),
        TokenAnswer::Instead { status, head, body } => return answer(&mut client, status, &head, &body),
    };
    state.given += 1;
    let now = jiff::Timestamp::now().as_second();
    // A token of its own each time, so that a test sees one that is used again.
    let claims = format!(
        r#"{{"aud": "{audience}", "iss": "https://sts.windows.net/tenant/", "iat": {now}, "nbf": {}, "exp": {}, "jti": "{}"}}"#,
        now - 5,
        now + lasts,
        state.given
    );
    let [head, claims] = [r#"{"alg": "RS256", "typ": "JWT"}"#, &claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let body = format!(r#"{{"token_type": "Bearer", "expires_in": {lasts}, "access_token": "{head}.{claims}.c2ln"}}"#);
    answer(&mut client, "200 OK", &[], &body)
}
