//! Tokens of an application: OAuth 2.0 client credentials (RFC 6749, section 4.4), kept until shortly before they expire.
//!
//! A token endpoint is believed nothing that can be checked: what is no token is a typed failure and goes nowhere.

use std::cell::RefCell;

use capstan_sdk::failure::{Failure, busy, malformed, timed_out, unauthenticated, unavailable};
use capstan_sdk::http::{self, Body, Reply, Request, is_oauth_code, retry_after_ms};
use capstan_sdk::text::percent;
use capstan_sdk::turn::Turns;
use capstan_sdk::{NamedValue, Outcome, Retry, secrets, time};
use serde::Deserialize;

use crate::config::{CLIENT_SECRET, Config};

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 256 << 10;
/// Bytes of a token; Microsoft's have about two thousand.
const MAX_TOKEN: usize = 16 << 10;
/// Seconds before its end a token is asked for anew, so that none ends on its way.
const EARLY: i64 = 300;
/// Characters of a refusal's text that go to the log.
const MAX_TEXT: usize = 500;
/// A token is kept no longer than this, whatever its answer says.
const LONGEST: i64 = 24 * 3600;

#[derive(Debug)]
pub(crate) struct Tokens {
    url: String,
    client_id: String,
    scope: String,
    extras: Vec<NamedValue>,
    kept: RefCell<Option<Kept>>,
    /// One asks, the others wait for what it gets.
    asking: Turns,
}

struct Kept {
    token: String,
    until: i64,
}

/// How long it is good for; the token itself is a secret.
impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("until", &self.until).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Seconds,
}

/// Some endpoints write the number as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Text(String),
}

/// RFC 6749, section 5.2.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Denied {
    error: String,
    error_description: String,
}

impl Tokens {
    pub(crate) fn new(config: &Config, url: String, extras: Vec<NamedValue>) -> Self {
        Self {
            url,
            client_id: config.client_id.clone().unwrap_or_default(),
            scope: config.token_scope.clone(),
            extras,
            kept: RefCell::new(None),
            asking: Turns::default(),
        }
    }

    fn good(&self) -> Option<String> {
        let now = time::now();
        self.kept.borrow().as_ref().filter(|kept| kept.until > now).map(|kept| kept.token.clone())
    }

    /// A token that is good for a while.
    pub(crate) async fn token(&self) -> Outcome<String> {
        self.asking.shared(|| self.good(), self.renewed()).await
    }

    async fn renewed(&self) -> Outcome<String> {
        let (token, lasts) = self.ask().await?;
        // A token that ends very soon is used once all the same.
        self.kept.replace(Some(Kept { token: token.clone(), until: time::now() + lasts.min(LONGEST) - EARLY }));
        Ok(token)
    }

    /// The service did not take this token. True: another may be asked for, since it was a kept one.
    pub(crate) fn refused(&self, token: &str) -> bool {
        let mut kept = self.kept.borrow_mut();
        let was_kept = kept.as_ref().is_some_and(|kept| kept.token == token);
        *kept = None;
        was_kept
    }

    /// The token and the seconds it lasts.
    async fn ask(&self) -> Outcome<(String, i64)> {
        // That it is missing is a matter of the credentials, not of anything that could be absent from the target.
        let unset =
            || unauthenticated("the target has no usable \"client-secret\"").next_step("Set \"client-secret\" of the target.");
        let secret = secrets::reveal(CLIENT_SECRET).map_err(|_| unset())?;
        let secret = String::from_utf8(secret).map_err(|_| unset())?;
        let mut form = String::from("grant_type=client_credentials");
        let secret = secret.trim();
        for (name, value) in [("client_id", self.client_id.as_str()), ("client_secret", secret), ("scope", &self.scope)] {
            form.push_str(&format!("&{name}="));
            percent(value, false, &mut form);
        }
        let headers = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        let request = Request { method: "POST".to_owned(), url: self.url.clone(), headers, extras: self.extras.clone() };
        let reply = http::login("the token endpoint", request, Body::Bytes(form.into_bytes()), MAX_ANSWER).await?;
        // What it refuses it may repeat.
        read(&reply).map_err(|failure| failure.without(secret))
    }
}

fn read(reply: &Reply) -> Outcome<(String, i64)> {
    if reply.status != 200 {
        return Err(denied(reply));
    }
    let lie = |what: &str| {
        let begin: String = String::from_utf8_lossy(&reply.body).chars().take(40).filter(|c| !c.is_control()).collect();
        // What it begins with tells a page from a document; a token is never near the beginning.
        let begin = if begin.trim_start().starts_with('<') { begin } else { String::new() };
        malformed(format!("the token endpoint answered {what}"), begin)
            .code("token-malformed")
            .next_step("Check \"token-endpoint\" and \"tenant\" of the target.")
    };
    let granted: Granted = serde_json::from_slice(&reply.body).map_err(|_| lie("something that is no token"))?;
    if !granted.token_type.eq_ignore_ascii_case("bearer") {
        return Err(lie("a token that is not of the type Bearer"));
    }
    let token = granted.access_token;
    if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(lie("a token no header can carry"));
    }
    let lasts = match granted.expires_in {
        Seconds::Number(seconds) => Some(seconds),
        Seconds::Text(text) => text.trim().parse().ok(),
    };
    match lasts.filter(|seconds| *seconds > 0) {
        Some(seconds) => Ok((token, seconds)),
        None => Err(lie("a token that has expired already")),
    }
}

fn denied(reply: &Reply) -> Failure {
    let said: Denied = serde_json::from_slice(&reply.body).unwrap_or_default();
    let first_line: String = said.error_description.lines().next().unwrap_or_default().chars().take(MAX_TEXT).collect();
    let failure = match (reply.status, said.error.as_str()) {
        (_, "invalid_client" | "unauthorized_client") => {
            unauthenticated("the token endpoint does not accept the client id with this secret")
                .next_step("Correct \"client-id\" and \"client-secret\" of the target; a client secret expires.")
        }
        (_, "invalid_scope" | "invalid_resource") => {
            unauthenticated("the token endpoint does not know what a token is asked for")
                .next_step("Correct \"token-scope\" of the target.")
        }
        (429 | 503, _) | (_, "temporarily_unavailable") => busy("the token endpoint asks to slow down"),
        (408 | 504, _) => timed_out("the token endpoint did not answer in time"),
        (500.., _) => unavailable("the token endpoint has an internal error"),
        (300..400, _) => unavailable("the token endpoint answers with a redirect, which is not followed")
            .retry(Retry::Never)
            .next_step("Set \"token-endpoint\" of the target to where it leads, if that is right."),
        (400 | 401 | 403 | 404, _) => unauthenticated("the token endpoint gives no token")
            .next_step("Correct \"tenant\", \"client-id\" and \"client-secret\" of the target."),
        (status, _) => unavailable(format!("the token endpoint answered {status}")).retry(Retry::Never),
    };
    let code = if is_oauth_code(&said.error) { said.error.clone() } else { format!("HTTP {}", reply.status) };
    let failure = failure.code(code).detail(format!("token endpoint, status {}: {first_line}", reply.status));
    match retry_after_ms(&reply.headers) {
        Some(wait) if failure.may_retry() => failure.after_ms(wait),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, headers: vec![], body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_token_is_read_with_the_time_it_lasts() {
        let body = r#"{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": "eyJ.a.b"}"#;
        assert_eq!(read(&reply(200, body)).unwrap(), ("eyJ.a.b".to_owned(), 3599));
        let text = r#"{"token_type": "bearer", "expires_in": "3599", "access_token": "t"}"#;
        assert_eq!(read(&reply(200, text)).unwrap().1, 3599);
        let for_ever = r#"{"token_type": "Bearer", "expires_in": 9223372036854775807, "access_token": "t"}"#;
        assert_eq!(read(&reply(200, for_ever)).unwrap().1, i64::MAX);
    }

    #[test]
    fn an_endpoint_that_lies_is_found_out() {
        for body in [
            "<!DOCTYPE html><html>Sign in</html>",
            "",
            "{}",
            r#"{"token_type": "Bearer", "expires_in": 3599}"#,
            r#"{"token_type": "mac", "expires_in": 3599, "access_token": "t"}"#,
            r#"{"token_type": "Bearer", "expires_in": 0, "access_token": "t"}"#,
            r#"{"token_type": "Bearer", "expires_in": "soon", "access_token": "t"}"#,
            r#"{"token_type": "Bearer", "expires_in": -5, "access_token": "t"}"#,
            r#"{"token_type": "Bearer", "expires_in": 1e30, "access_token": "t"}"#,
            r#"{"token_type": "Bearer", "expires_in": 3599, "access_token": 7}"#,
            r#"{"token_type": "Bearer", "expires_in": 3599, "access_token": "t\r\nx-ms-evil: 1"}"#,
            r#"{"token_type": "Bearer", "expires_in": 3599, "access_token": ""}"#,
        ] {
            let failure = read(&reply(200, body)).unwrap_err();
            assert!(matches!(failure, Failure::Unavailable(_)), "{body}: {failure:?}");
            assert_eq!(failure.fault().code.as_deref(), Some("token-malformed"), "{body}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        let failure =
            read(&reply(401, r#"{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid.\r\nTrace"}"#))
                .unwrap_err();
        assert!(matches!(failure, Failure::Unauthenticated(_)));
        let fault = failure.fault();
        assert!(fault.detail.as_deref().is_some_and(|text| text.ends_with("AADSTS7000215: Invalid.")), "{fault:?}");
        assert!(matches!(read(&reply(503, "")).unwrap_err(), Failure::Busy(_)));
        assert!(!read(&reply(302, "")).unwrap_err().may_retry());
        assert!(matches!(read(&reply(400, "<html>")).unwrap_err(), Failure::Unauthenticated(_)));
        let wordy = read(&reply(400, r#"{"error": "client_secret=hush was refused"}"#)).unwrap_err();
        assert_eq!(wordy.fault().code.as_deref(), Some("HTTP 400"));
    }
}
