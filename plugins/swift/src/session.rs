//! Tokens: fetched when one is needed, kept until shortly before they end, and fetched by one call at a time.
//!
//! Who refuses a password is not asked again at once: services lock a user out who tries too often, and the calls that waited behind
//! the one that was refused would be such tries.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use capstan_sdk::failure::{Failure, unauthenticated};
use capstan_sdk::turn::Turns;
use capstan_sdk::{Outcome, secrets};

use crate::client::Client;
use crate::config::AuthVersion;
use crate::url::Url;
use crate::{keystone, tempauth};

/// A token is given up this long before its end, or a fifth of its life if that is shorter.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a service that tells no end is taken to keep a token; a refused one is replaced in any case.
const UNTOLD_LIFE: Duration = Duration::from_secs(3600);
/// How long a refusal of the credentials stands before they are tried again.
const REFUSAL_STANDS: Duration = Duration::from_secs(10);

/// A token in the clear; printing it shows nothing.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What the authentication answered.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) token: Token,
    /// None: the service did not say.
    pub(crate) life: Option<Duration>,
    pub(crate) storage: Url,
}

/// A token in use, and where it holds.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: Token,
    pub(crate) storage: Url,
    number: u64,
    renew_at: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    current: RefCell<Option<Rc<Session>>>,
    refused: RefCell<Option<(Instant, Failure)>>,
    numbers: Cell<u64>,
    fetching: Turns,
}

impl Sessions {
    fn valid(&self) -> Option<Rc<Session>> {
        self.current.borrow().as_ref().filter(|session| Instant::now() < session.renew_at).cloned()
    }

    /// A call that began to wait at `since` shares the failure it waited for; a refusal holds for a while after that.
    fn failed(&self, since: Instant) -> Option<Failure> {
        let refused = self.refused.borrow();
        let (moment, failure) = refused.as_ref()?;
        let stands = matches!(failure, Failure::Unauthenticated(_)) && moment.elapsed() < REFUSAL_STANDS;
        (stands || *moment >= since).then(|| failure.clone())
    }

    pub(crate) async fn get(&self, client: &Client) -> Outcome<Rc<Session>> {
        if let Some(session) = self.valid() {
            return Ok(session);
        }
        let since = Instant::now();
        let _turn = self.fetching.take().await?;
        if let Some(session) = self.valid() {
            return Ok(session);
        }
        if let Some(failure) = self.failed(since) {
            return Err(failure);
        }
        let admission = match client.config.auth_version() {
            AuthVersion::V1 => tempauth::admission(client).await,
            AuthVersion::V3 => keystone::admission(client).await,
        };
        let admission = admission.inspect_err(|failure| {
            *self.refused.borrow_mut() = Some((Instant::now(), failure.clone()));
        })?;
        let session = Rc::new(self.session(client, admission)?);
        *self.current.borrow_mut() = Some(Rc::clone(&session));
        Ok(session)
    }

    fn session(&self, client: &Client, Admission { token, life, storage }: Admission) -> Outcome<Session> {
        let number = self.numbers.get() + 1;
        self.numbers.set(number);
        let renew_at = Instant::now() + usable(life.unwrap_or(UNTOLD_LIFE));
        Ok(Session { token, storage: place(client.config.storage_url()?, storage), number, renew_at })
    }

    /// A service does not take this session's token; the next call fetches another, if nobody has yet.
    pub(crate) fn discard(&self, used: &Session) {
        self.current.borrow_mut().take_if(|current| current.number == used.number);
    }
}

/// How long a token of this life is used.
fn usable(life: Duration) -> Duration {
    life.saturating_sub(MARGIN.min(life / 5))
}

/// The configured URL comes before the told one. One without a path names another server only: the account is the told one.
fn place(configured: Option<Url>, told: Url) -> Url {
    match configured {
        Some(url) if url.path.is_empty() => url.with_path(told.path),
        Some(url) => url,
        None => told,
    }
}

/// A secret as text. That it is missing is a matter of the credentials, not of anything that could be absent from the target.
pub(crate) fn secret(name: &str) -> Outcome<Token> {
    let missing =
        || unauthenticated(format!("the target has no usable \"{name}\"")).next_step(format!("Set \"{name}\" of the target."));
    let bytes = secrets::reveal(name).map_err(|_| missing())?;
    String::from_utf8(bytes).map(Token::new).map_err(|_| missing())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_token_is_renewed_before_it_ends_and_a_short_one_is_used_at_all() {
        assert_eq!(usable(Duration::from_secs(3600)), Duration::from_secs(3540));
        assert_eq!(usable(Duration::from_secs(10)), Duration::from_secs(8));
        assert_eq!(usable(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn the_configured_storage_url_comes_first_and_borrows_the_account_where_it_has_none() {
        let told = || url("http://internal:8080/v1/AUTH_a");
        assert_eq!(place(None, told()), told());
        assert_eq!(place(Some(url("https://proxy")), told()), url("https://proxy/v1/AUTH_a"));
        assert_eq!(place(Some(url("https://proxy/v1/AUTH_b")), told()), url("https://proxy/v1/AUTH_b"));
    }

    #[test]
    fn a_token_is_never_printed() {
        let admission = Admission { token: Token::new("gAAAAhush"), life: None, storage: url("http://h/v1") };
        assert!(!format!("{admission:?}").contains("hush"));
    }

    #[test]
    fn a_refusal_stands_for_those_who_come_next_and_an_outage_only_for_those_who_waited() {
        let sessions = Sessions::default();
        let before = Instant::now();
        let refuse = |failure| *sessions.refused.borrow_mut() = Some((Instant::now(), failure));
        refuse(unauthenticated("no"));
        std::thread::sleep(Duration::from_millis(2));
        assert!(sessions.failed(Instant::now()).is_some());
        refuse(capstan_sdk::failure::unavailable("away"));
        std::thread::sleep(Duration::from_millis(2));
        assert!(sessions.failed(before).is_some() && sessions.failed(Instant::now()).is_none());
    }
}
