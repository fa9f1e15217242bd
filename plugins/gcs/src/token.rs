//! Tokens of a service account: asked for once, kept in the instance until shortly before they end, renewed by one call at a time.
//!
//! A token is never written anywhere: an instance that starts anew asks for its own.

use std::cell::RefCell;
use std::rc::Rc;

use capstan_sdk::endpoint::Endpoint;
use capstan_sdk::failure::{busy, invalid, malformed, unauthenticated, unavailable};
use capstan_sdk::http::{self, Body, Reply, Request, header, is_oauth_code, retry_after_ms};
use capstan_sdk::text::percent;
use capstan_sdk::time::now;
use capstan_sdk::turn::Turns;
use capstan_sdk::{Failure, Outcome};
use serde::Deserialize;

use crate::client::Client;
use crate::jwt;

/// Bytes of an answer of the token endpoint.
const MAX_ANSWER: usize = 1 << 20;
/// Bytes of a token; Google's have some hundred.
const MAX_TOKEN: usize = 16 << 10;
/// A token is renewed so many seconds before it ends, or at four fifths of a short life.
const MARGIN: i64 = 300;
/// The life of a token whose answer names none.
const UNSAID_LIFE: i64 = 300;
/// A token is kept no longer than this, whatever its answer says.
const LONGEST: i64 = 24 * 3600;
/// Bytes of the refusal's text that go to the log.
const MAX_TEXT: usize = 500;
/// A clock that is further off is the reason of a refusal, seconds.
const SKEW: u64 = 60;

#[derive(Default)]
pub(crate) struct Tokens {
    kept: RefCell<Option<Token>>,
    renewing: Turns,
}

struct Token {
    text: Rc<str>,
    /// Seconds since 1970, by this host's clock.
    renew_at: i64,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

impl Tokens {
    fn fresh(&self) -> Option<Rc<str>> {
        self.kept.borrow().as_ref().filter(|token| now() < token.renew_at).map(|token| Rc::clone(&token.text))
    }

    /// The service refused this token: the next call asks for another one, unless somebody did already.
    pub(crate) fn forget(&self, refused: &str) {
        self.kept.borrow_mut().take_if(|token| &*token.text == refused);
    }
}

/// A token that holds now.
pub(crate) async fn token(client: &Client) -> Outcome<Rc<str>> {
    let tokens = &client.tokens;
    tokens.renewing.shared(|| tokens.fresh(), renewed(client)).await
}

async fn renewed(client: &Client) -> Outcome<Rc<str>> {
    let token = renew(client).await?;
    let text = Rc::clone(&token.text);
    client.tokens.kept.replace(Some(token));
    Ok(text)
}

async fn renew(client: &Client) -> Outcome<Token> {
    let endpoint = &client.config.token_endpoint;
    // A target may be older than what validates it now.
    Endpoint::of_secrets(endpoint).map_err(|failure| failure.next_step("Correct \"token-endpoint\" of the target."))?;
    for _ in 0..2 {
        let assertion = jwt::assertion(&client.config.client_email, endpoint, client.moment())?;
        let mut form = String::from("grant_type=");
        percent("urn:ietf:params:oauth:grant-type:jwt-bearer", false, &mut form);
        // Base64 for URLs needs no encoding.
        form.push_str("&assertion=");
        form.push_str(&assertion);
        let request = Request {
            method: "POST".to_owned(),
            url: endpoint.clone(),
            headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
            extras: client.extras.clone(),
        };
        let reply = http::login("the token endpoint", request, Body::Bytes(form.into_bytes()), MAX_ANSWER).await?;
        if reply.status == 200 {
            return read(&reply.body);
        }
        if !learn_clock(client, &reply) {
            return Err(refused(&reply));
        }
    }
    Err(unauthenticated("the clock of the token endpoint cannot be followed")
        .code("invalid_grant")
        .next_step("Check the clocks of host and token endpoint."))
}

/// An assertion from the future or the past is refused as any other; whether the clock is why, the answer's date tells.
fn learn_clock(client: &Client, reply: &Reply) -> bool {
    let Some(there) = header(&reply.headers, "date").and_then(capstan_sdk::time::http) else { return false };
    if !matches!(reply.status, 400 | 401) {
        return false;
    }
    let ahead = there.saturating_sub(now());
    let news = ahead.abs_diff(client.ahead.get()) > SKEW;
    if news {
        client.ahead.set(ahead);
    }
    news
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    token_type: String,
    expires_in: Option<i64>,
}

fn read(body: &[u8]) -> Outcome<Token> {
    // What came is not shown: it may hold a token.
    let nonsense = |why: &str| {
        malformed("the token endpoint answered something that is no token", why)
            .next_step("Check \"token-endpoint\" of the target, and whether a proxy answers in its place.")
    };
    let answer: Answer = serde_json::from_slice(body).map_err(|_| nonsense("no JSON with an access_token"))?;
    if !answer.token_type.is_empty() && !answer.token_type.eq_ignore_ascii_case("bearer") {
        return Err(nonsense("not a bearer token"));
    }
    let token = &answer.access_token;
    if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(nonsense("a token that fits into no header"));
    }
    let life = answer.expires_in.unwrap_or(UNSAID_LIFE).min(LONGEST);
    if life < 0 {
        return Err(nonsense("a token that ended before it was given"));
    }
    let margin = MARGIN.min(life / 5);
    // One that has ended already serves the call that asked and is not kept.
    Ok(Token { text: answer.access_token.into(), renew_at: now().saturating_add(life.saturating_sub(margin)) })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: String,
    error_description: String,
}

/// RFC 6749, section 5.2, and what Google says in the description.
fn refused(reply: &Reply) -> Failure {
    let said: Refused = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = &said.error_description;
    let has = |words: &str| text.to_ascii_lowercase().contains(words);
    let failure = match (reply.status, said.error.as_str()) {
        (429, _) => busy("the token endpoint asks to slow down"),
        (500.., _) => unavailable("the token endpoint has an internal error"),
        (_, "invalid_grant") if has("signature") => unauthenticated("the token endpoint does not accept the signature")
            .next_step("Correct \"private-key\" of the target: it is not, or no longer, a key of this service account."),
        (_, "invalid_grant") if has("account not found") || has("email") => {
            unauthenticated("the token endpoint does not know the service account")
                .next_step("Correct \"client-email\" of the target.")
        }
        (_, "invalid_grant") if has("token must be") || has("iat") || has("exp") => {
            unauthenticated("the clocks of host and token endpoint differ too much").next_step("Set the clock of the host.")
        }
        (_, "invalid_grant" | "invalid_client" | "unauthorized_client" | "access_denied") => {
            unauthenticated("the token endpoint gives this service account no token")
                .next_step("Check \"client-email\" and \"private-key\" of the target, and that the account is enabled.")
        }
        (_, "invalid_scope") => unauthenticated("the service account may not ask for access to storage")
            .next_step("Allow the service account the use of Cloud Storage."),
        (400..=403, code) if !code.is_empty() => unauthenticated("the token endpoint refuses the service account")
            .next_step("Check \"client-email\", \"private-key\" and \"token-endpoint\" of the target."),
        // Not the words of a token endpoint: something else stands there, or in between.
        (401 | 403, _) => unauthenticated("what stands at the token endpoint refuses the request")
            .next_step("Check \"token-endpoint\" of the target, and whether a proxy answers in its place."),
        (status @ (301..=308 | 404 | 405), _) => invalid(format!("the token endpoint answers {status}: it is none"))
            .next_step("Correct \"token-endpoint\" of the target."),
        _ => malformed("the token endpoint answered something that is no token", "")
            .next_step("Check \"token-endpoint\" of the target."),
    };
    let code = match said.error.as_str() {
        code if is_oauth_code(code) => code.to_owned(),
        _ => failure.fault().code.clone().unwrap_or_else(|| format!("HTTP {}", reply.status)),
    };
    let text: String = text.chars().take(MAX_TEXT).collect();
    let failure = failure.code(code).detail(format!("status {}: {text}", reply.status));
    match retry_after_ms(&reply.headers) {
        Some(wait) if failure.may_retry() => failure.after_ms(wait),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, headers: vec![("retry-after".to_owned(), "3".to_owned())], body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let token = read(br#"{"access_token": "ya29.x", "token_type": "Bearer", "expires_in": 3599}"#).unwrap();
        let left = token.renew_at - now();
        assert!(&*token.text == "ya29.x" && (3298..=3299).contains(&left), "{left}");
        let ended = read(br#"{"access_token": "t", "expires_in": 0}"#).unwrap();
        assert!(ended.renew_at <= now());
        let for_ever = read(br#"{"access_token": "t", "expires_in": 9223372036854775807}"#).unwrap();
        assert!(for_ever.renew_at <= now() + LONGEST);
    }

    #[test]
    fn what_is_no_token_is_a_malformed_answer() {
        for body in [
            "<html>Log in</html>",
            "",
            "{}",
            r#"{"access_token": ""}"#,
            r#"{"access_token": "a b"}"#,
            r#"{"access_token": "a\r\nx: y"}"#,
            r#"{"access_token": "a", "token_type": "mac"}"#,
            r#"{"access_token": 7}"#,
            r#"{"access_token": "a", "expires_in": -5}"#,
            r#"{"access_token": "a", "expires_in": 1e30}"#,
            r#"{"access_token": "a", "expires_in": "soon"}"#,
        ] {
            let failure = read(body.as_bytes()).err().unwrap();
            assert_eq!(failure.fault().code.as_deref(), Some("malformed-answer"), "{body}");
        }
        assert!(refused(&reply(400, "<html>proxy</html>")).may_retry());
    }

    #[test]
    fn a_refusal_says_what_is_to_be_corrected() {
        let step = |description: &str| {
            let body = format!(r#"{{"error": "invalid_grant", "error_description": "{description}"}}"#);
            let failure = refused(&reply(400, &body));
            assert!(matches!(failure, Failure::Unauthenticated(_)) && !failure.may_retry());
            failure.fault().extras.iter().map(|extra| extra.value.clone()).collect::<String>()
        };
        assert!(step("Invalid JWT Signature.").contains("private-key"));
        assert!(step("Invalid grant: account not found").contains("client-email"));
        assert!(
            step("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.").contains("clock")
        );
    }

    #[test]
    fn a_busy_token_endpoint_is_asked_later() {
        let failure = refused(&reply(429, ""));
        assert!(matches!(failure, Failure::Busy(_)) && failure.fault().retry_after_ms == Some(3000));
        assert!(refused(&reply(503, "")).may_retry());
        assert!(!refused(&reply(404, "")).may_retry() && !refused(&reply(403, "<html>")).may_retry());
    }

    #[test]
    fn only_the_refused_token_is_forgotten() {
        let tokens = Tokens::default();
        tokens.kept.replace(Some(Token { text: "new".into(), renew_at: i64::MAX }));
        tokens.forget("old");
        assert_eq!(tokens.fresh().as_deref(), Some("new"));
        tokens.forget("new");
        assert!(tokens.fresh().is_none());
        assert_eq!(format!("{tokens:?}"), "Tokens(…)");
    }
}
