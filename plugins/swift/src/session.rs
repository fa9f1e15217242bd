//! Tokens: fetched when one is needed, kept until shortly before they end, and fetched by one call at a time.
//!
//! Services lock a user out who tries too often with a wrong password. So the calls that waited behind one that was refused share its
//! refusal, and after some refusals in a row it stands for a while for whoever comes next. The first ones do not: a refusal may have
//! been an outage of what stands behind the service, and then the next call has to find out that it is over. That the storage does not
//! take a token is no refusal of the password and never stands.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use capstan_sdk::failure::{Failure, malformed, unauthenticated};
use capstan_sdk::http::header;
use capstan_sdk::turn::Turns;
use capstan_sdk::{Blame, Outcome, secrets, time};

use crate::client::Client;
use crate::config::AuthVersion;
use crate::url::Url;
use crate::{keystone, tempauth};

/// A token is given up this long before its end, or a fifth of its life if that is shorter.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a service that tells no end is taken to keep a token; a refused one is replaced in any case.
const UNTOLD_LIFE: Duration = Duration::from_secs(3600);
/// A token is kept no longer than this, whatever the service says.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Bytes of a token; Keystone's have some hundred.
const MAX_TOKEN: usize = 16 << 10;
/// Refusals in a row of which each is tried again by the next call; usual locks begin at five.
const FREE_TRIES: u32 = 3;
/// How long a refusal of the credentials stands beyond those.
const REFUSAL_STANDS: Duration = Duration::from_secs(10);

/// A token in the clear; printing it shows nothing.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// One that a service tells: a header has to carry it.
    pub(crate) fn told(text: &str) -> Outcome<Self> {
        if text.len() <= MAX_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self::new(text));
        }
        Err(malformed("the authentication answered a token that fits into no header", format!("{} bytes", text.len())))
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
    /// When it ends by the clock of who gave it, seconds since 1970; none: that clock was not told.
    pub(crate) ends: Option<i64>,
    pub(crate) storage: Url,
}

/// A token in use, and where it holds.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: Token,
    pub(crate) storage: Url,
    ends: Option<i64>,
    number: u64,
    renew_at: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    current: RefCell<Option<Rc<Session>>>,
    refused: RefCell<Option<(Instant, Failure)>>,
    /// Refusals of the credentials since a token was last had.
    refusals: Cell<u32>,
    numbers: Cell<u64>,
    fetching: Turns,
}

impl Sessions {
    fn valid(&self) -> Option<Rc<Session>> {
        self.current.borrow().as_ref().filter(|session| Instant::now() < session.renew_at).cloned()
    }

    /// A call that began to wait at `since` shares the failure it waited for; one refusal of many holds for a while after that.
    fn failed(&self, since: Instant) -> Option<Failure> {
        let last = self.refused.borrow();
        let (moment, failure) = last.as_ref()?;
        let refused = matches!(failure, Failure::Unauthenticated(_)) && self.refusals.get() > FREE_TRIES;
        let stands = refused && moment.elapsed() < REFUSAL_STANDS;
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
        let admission = admission.inspect_err(|failure| self.refuse(failure))?;
        self.refusals.set(0);
        let session = Rc::new(self.session(client, admission)?);
        *self.current.borrow_mut() = Some(Rc::clone(&session));
        Ok(session)
    }

    fn refuse(&self, failure: &Failure) {
        // An outage says nothing of the credentials.
        if matches!(failure, Failure::Unauthenticated(_)) {
            self.refusals.set(self.refusals.get().saturating_add(1));
        }
        *self.refused.borrow_mut() = Some((Instant::now(), failure.clone()));
    }

    fn session(&self, client: &Client, Admission { token, life, ends, storage }: Admission) -> Outcome<Session> {
        let number = self.numbers.get() + 1;
        self.numbers.set(number);
        let renew_at = Instant::now() + usable(life.unwrap_or(UNTOLD_LIFE));
        Ok(Session { token, storage: place(client.config.storage_url()?, storage), ends, number, renew_at })
    }

    /// A service does not take this session's token; the next call fetches another, if nobody has yet.
    pub(crate) fn discard(&self, used: &Session) {
        self.current.borrow_mut().take_if(|current| current.number == used.number);
    }
}

impl Session {
    /// Why the storage does not take a token that was just had, if its clock is why: by the time that the refusal tells, the token
    /// has ended. Another one would have as well.
    pub(crate) fn untimely(&self, headers: &[(String, String)]) -> Option<Failure> {
        let there = header(headers, "date").and_then(time::http)?;
        let late = there.saturating_sub(self.ends?);
        (late >= 0).then(|| {
            unauthenticated(format!(
                "the clocks of authentication and storage differ too much: by the storage's, a new token ended {late} s ago"
            ))
            .code("token-expired")
            .blame(Blame::Target)
            .next_step("Set the clocks of the authentication's and the storage's servers.")
        })
    }
}

/// How long a token of this life is used.
fn usable(life: Duration) -> Duration {
    let life = life.min(LONGEST_LIFE);
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
        assert_eq!(usable(Duration::from_secs(u64::MAX)), LONGEST_LIFE - MARGIN);
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_none() {
        assert_eq!(Token::told("gAAAA1").unwrap().reveal(), "gAAAA1");
        for text in ["a b", "a\u{e9}", &"a".repeat(MAX_TOKEN + 1)] {
            assert!(matches!(Token::told(text), Err(Failure::Unavailable(_))), "{text}");
        }
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
        let admission = Admission { token: Token::new("gAAAAhush"), life: None, ends: None, storage: url("http://h/v1") };
        assert!(!format!("{admission:?}").contains("hush"));
    }

    #[test]
    fn a_token_that_has_ended_by_the_storages_clock_is_told_as_that() {
        let told = |ends: Option<i64>, date: &str| {
            let (token, storage) = (Token::new("t"), url("http://h/v1"));
            let session = Session { token, storage, ends, number: 1, renew_at: Instant::now() };
            session.untimely(&[("Date".to_owned(), date.to_owned())])
        };
        let date = "Sat, 21 Nov 2026 09:12:17 GMT";
        let failure = told(Some(1_795_252_337 - 90), date).unwrap();
        assert!(matches!(failure, Failure::Unauthenticated(_)) && failure.fault().blame == Blame::Target, "{failure:?}");
        assert!(failure.fault().message.contains("90 s") && !failure.may_retry(), "{failure:?}");
        assert_eq!(told(Some(1_795_252_337 + 1), date), None, "it has not ended");
        assert_eq!((told(None, date), told(Some(0), "soon")), (None, None));
    }

    #[test]
    fn a_failure_is_shared_by_those_who_waited_and_the_next_call_tries_again() {
        let sessions = Sessions::default();
        for failure in [unauthenticated("no"), capstan_sdk::failure::unavailable("away")] {
            let before = Instant::now();
            sessions.refuse(&failure);
            std::thread::sleep(Duration::from_millis(2));
            assert!(sessions.failed(before).is_some() && sessions.failed(Instant::now()).is_none());
        }
    }

    #[test]
    fn many_refusals_in_a_row_stand_and_outages_do_not() {
        let sessions = Sessions::default();
        for _ in 0..10 {
            sessions.refuse(&capstan_sdk::failure::unavailable("away"));
        }
        std::thread::sleep(Duration::from_millis(2));
        assert!(sessions.failed(Instant::now()).is_none());
        for _ in 0..=FREE_TRIES {
            sessions.refuse(&unauthenticated("no"));
        }
        std::thread::sleep(Duration::from_millis(2));
        assert!(sessions.failed(Instant::now()).is_some());
    }
}
