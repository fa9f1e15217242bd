//! The dashboard's tokens: asked for once, kept in the instance, asked for anew by one call at a time when one is refused.
//!
//! A dashboard locks a user out after ten wrong passwords. So after some refusals in a row one stands for a while for whoever comes
//! next; the first ones do not, for a refusal may have been an outage of what stands behind the dashboard.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use capstan_sdk::failure::{busy, invalid, malformed, timed_out, unauthenticated, unavailable};
use capstan_sdk::http::{self, Body, Reply, Request};
use capstan_sdk::turn::Turns;
use capstan_sdk::{Failure, Outcome, secrets};
use serde::Deserialize;
use serde_json::json;

use crate::client::{ACCEPT, Client};
use crate::config::PASSWORD;
use crate::error::{Refusal, elsewhere};

/// Bytes of an answer to a login: the token, and what the user may do.
const MAX_ANSWER: usize = 256 << 10;
/// Bytes of a token; the dashboard's have some hundred.
const MAX_TOKEN: usize = 16 << 10;
/// Refusals in a row of which each is tried again by the next call.
const FREE_TRIES: u32 = 3;
/// How long a refusal of the credentials stands beyond those.
const REFUSAL_STANDS: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Tokens {
    kept: RefCell<Option<Rc<str>>>,
    asking: Turns,
    refused: RefCell<Option<(Instant, Failure)>>,
    refusals: Cell<u32>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

impl Tokens {
    /// The dashboard refused this token: the next call asks for another one, unless somebody did already.
    pub(crate) fn forget(&self, refused: &str) {
        self.kept.borrow_mut().take_if(|token| &**token == refused);
    }

    fn standing(&self) -> Option<Failure> {
        let refused = self.refused.borrow();
        let (moment, failure) = refused.as_ref()?;
        (self.refusals.get() > FREE_TRIES && moment.elapsed() < REFUSAL_STANDS).then(|| failure.clone())
    }

    fn refuse(&self, failure: &Failure) {
        // An outage says nothing of the credentials.
        if matches!(failure, Failure::Unauthenticated(_)) {
            self.refusals.set(self.refusals.get().saturating_add(1));
            self.refused.replace(Some((Instant::now(), failure.clone())));
        }
    }
}

/// A token that was not refused yet.
pub(crate) async fn token(client: &Client) -> Outcome<Rc<str>> {
    let tokens = &client.tokens;
    tokens.asking.shared(|| tokens.kept.borrow().clone(), asked(client)).await
}

async fn asked(client: &Client) -> Outcome<Rc<str>> {
    if let Some(failure) = client.tokens.standing() {
        return Err(failure);
    }
    let token = login(client).await.inspect_err(|failure| client.tokens.refuse(failure))?;
    client.tokens.refusals.set(0);
    client.tokens.kept.replace(Some(Rc::clone(&token)));
    Ok(token)
}

async fn login(client: &Client) -> Outcome<Rc<str>> {
    let missing = || unauthenticated("the target has no usable \"password\"").next_step("Set \"password\" of the target.");
    let password = secrets::reveal(PASSWORD).map_err(|_| missing())?;
    let password = String::from_utf8(password).map_err(|_| missing())?;
    let body = json!({ "username": client.config.username, "password": password }).to_string();
    let request = Request {
        method: "POST".to_owned(),
        url: client.url("/api/auth"),
        headers: vec![("accept".to_owned(), ACCEPT.to_owned()), ("content-type".to_owned(), "application/json".to_owned())],
        extras: client.extras(),
    };
    let reply = http::login("the dashboard", request, Body::Bytes(body.into_bytes()), MAX_ANSWER).await;
    // It may repeat what it was sent.
    reply.and_then(|reply| read(&reply)).map_err(|failure| failure.without(&password))
}

#[derive(Deserialize)]
struct Answer {
    token: String,
}

fn read(reply: &Reply) -> Outcome<Rc<str>> {
    if !(200..300).contains(&reply.status) {
        return Err(refused(&Refusal::new(reply.status, &reply.headers, &reply.body)));
    }
    // What came is not shown: it may hold a token.
    let nonsense = || {
        malformed("the dashboard answered something that is no token", format!("status {}", reply.status))
            .next_step("Check that \"dashboard\" is the URL of a Ceph dashboard.")
    };
    let answer: Answer = serde_json::from_slice(&reply.body).map_err(|_| nonsense())?;
    let fits = (1..=MAX_TOKEN).contains(&answer.token.len()) && answer.token.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(answer.token.into()) } else { Err(nonsense()) }
}

/// Never a failure that could be taken for a drive's.
fn refused(refusal: &Refusal) -> Failure {
    let failure = match (refusal.status, refusal.code.as_deref()) {
        (400, Some("invalid_credentials")) | (401 | 403, _) => {
            unauthenticated("the dashboard does not accept the user and its password").next_step(
                "Correct \"username\" and \"password\" of the target; a user may also be disabled, or its password have ended.",
            )
        }
        (301..=308, _) => elsewhere(),
        (404 | 405 | 410 | 415 | 501, _) => {
            invalid("there is no Ceph dashboard at this URL").next_step("Correct \"dashboard\" of the target.")
        }
        (408 | 504, _) => timed_out("the dashboard did not answer in time"),
        (429, _) => busy("the dashboard asks to slow down"),
        (500.., _) => unavailable("the dashboard failed at a login").next_step("Look into the log of the Ceph manager."),
        (status, _) => invalid(format!("the dashboard answers {status} to a login"))
            .next_step("Check \"dashboard\" of the target, and what stands between."),
    };
    refusal.dress(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_token_is_read_and_what_is_none_is_a_malformed_answer() {
        assert_eq!(&*read(&reply(201, r#"{"token": "ey.x", "username": "admin", "permissions": {}}"#)).unwrap(), "ey.x");
        for body in ["<html>", "{}", r#"{"token": ""}"#, r#"{"token": "a b"}"#, r#"{"token": "a\r\nx: y"}"#, r#"{"token": 7}"#] {
            let failure = read(&reply(201, body)).unwrap_err();
            assert_eq!(failure.fault().code.as_deref(), Some("malformed-answer"), "{body}");
        }
    }

    #[test]
    fn a_wrong_password_is_told_as_that_and_an_outage_is_not() {
        let wrong = r#"{"detail": "Invalid credentials", "code": "invalid_credentials", "component": "auth"}"#;
        assert!(matches!(read(&reply(400, wrong)), Err(Failure::Unauthenticated(_))));
        assert!(matches!(read(&reply(404, "")), Err(Failure::Invalid(_))));
        assert!(read(&reply(503, "")).unwrap_err().may_retry());
        for status in [302, 400, 404, 409, 410, 412, 418, 501] {
            let failure = read(&reply(status, r#"{"code": "2"}"#)).unwrap_err();
            let step = failure.fault().extras.iter().any(|extra| extra.value.contains("dashboard"));
            assert!(!failure.may_retry() && step && !matches!(failure, Failure::NotFound(_)), "{status}: {failure:?}");
        }
    }

    #[test]
    fn many_refusals_in_a_row_stand_and_outages_do_not() {
        let tokens = Tokens::default();
        for _ in 0..10 {
            tokens.refuse(&capstan_sdk::failure::unavailable("away"));
        }
        assert!(tokens.standing().is_none());
        for times in 0..=FREE_TRIES {
            assert!(tokens.standing().is_none(), "{times}");
            tokens.refuse(&unauthenticated("no"));
        }
        assert!(tokens.standing().is_some());
    }

    #[test]
    fn only_the_refused_token_is_forgotten_and_none_is_printed() {
        let tokens = Tokens::default();
        tokens.kept.replace(Some("new".into()));
        tokens.forget("old");
        assert_eq!(tokens.kept.borrow().as_deref(), Some("new"));
        tokens.forget("new");
        assert!(tokens.kept.borrow().is_none());
        assert_eq!(format!("{tokens:?}"), "Tokens(…)");
    }
}
