//! The token endpoint: holds an assertion against RFC 7523 as Google does, and gives tokens that end.

use std::collections::HashMap;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use serde_json::{Value, json};

use super::http::{Answer, decode};

/// The endpoint that Google's clients make every assertion out to.
const GOOGLES: &str = "https://oauth2.googleapis.com/token";
/// Seconds a token lives, and an assertion at most.
const LIFE: i64 = 3600;
/// Seconds an assertion may come from the future.
const LENIENT: i64 = 30;

/// What the endpoint gives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum TokenAnswer {
    #[default]
    Token,
    /// A success that is a web page.
    Html,
    /// A success that is JSON without a token.
    Garbage,
    /// A token that has ended when it is given.
    Ended,
    /// A token of so many seconds.
    Short(i64),
    /// Too many requests.
    Busy,
}

#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// Token and the second it ends.
    given: HashMap<String, i64>,
    pub(super) answer: TokenAnswer,
    pub(super) asked: u64,
}

impl Tokens {
    pub(super) fn holds(&self, token: &str, now: i64) -> bool {
        self.given.get(token).is_some_and(|end| now < *end)
    }

    pub(super) fn revoke(&mut self) {
        self.given.clear();
    }

    /// One request for a token. `url` is what an assertion must be made out to.
    pub(super) fn give(&mut self, body: &[u8], account: &str, url: &str, now: i64) -> Answer {
        self.asked += 1;
        let life = match self.answer {
            TokenAnswer::Html => {
                return Answer::empty(200).with("Content-Type", "text/html").body(b"<html>Please log in</html>".to_vec());
            }
            TokenAnswer::Garbage => return Answer::json(200, &json!({ "status": "ok" })),
            TokenAnswer::Busy => return refusal(429, "rate_limit_exceeded", "Rate Limit Exceeded").with("Retry-After", "1"),
            TokenAnswer::Token => LIFE - 1,
            TokenAnswer::Short(seconds) => seconds,
            TokenAnswer::Ended => 0,
        };
        if let Err((error, description)) = check(body, account, url, now) {
            return refusal(400, error, &description);
        }
        let token = format!("ya29.capstan-{}-{now}", self.asked);
        self.given.insert(token.clone(), now + life);
        // One that has ended claims to be fresh: that is what makes it a bad answer.
        let claimed = if life == 0 { LIFE - 1 } else { life };
        Answer::json(200, &json!({ "access_token": token, "expires_in": claimed, "token_type": "Bearer" }))
    }
}

fn refusal(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": description }))
}

type Wrong = (&'static str, String);

fn grant(description: &str) -> Wrong {
    ("invalid_grant", description.to_owned())
}

fn check(body: &[u8], account: &str, url: &str, now: i64) -> Result<(), Wrong> {
    let body = String::from_utf8_lossy(body);
    let field = |name: &str| {
        body.split('&').find_map(|pair| pair.split_once('=').filter(|(known, _)| *known == name).map(|(_, value)| decode(value)))
    };
    if field("grant_type").as_deref() != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
        return Err(("unsupported_grant_type", "Invalid grant_type".to_owned()));
    }
    let assertion = field("assertion").ok_or_else(|| grant("Bad Request"))?;
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(|| grant("Invalid JWT."))?;
    let (header, claims) = signed.split_once('.').ok_or_else(|| grant("Invalid JWT."))?;
    let (header, claims) =
        (read(header).ok_or_else(|| grant("Invalid JWT."))?, read(claims).ok_or_else(|| grant("Invalid JWT."))?);
    if header["alg"] != "RS256" || header["typ"] != "JWT" {
        return Err(grant("Invalid JWT: only RS256 is supported."));
    }
    if claims["iss"] != account {
        return Err(grant("Invalid grant: account not found"));
    }
    // Google's own clients name Google's endpoint, wherever they ask.
    if claims["aud"] != url && claims["aud"] != GOOGLES {
        return Err(grant("Invalid JWT: Failed audience check."));
    }
    let (Some(iat), Some(exp)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
        return Err(grant("Invalid JWT: iat and exp are needed."));
    };
    if iat > now + LENIENT || exp <= now || exp - iat > LIFE {
        let text = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                    Check your iat and exp values in the JWT claim.";
        return Err(grant(text));
    }
    let storage = |scope: &str| {
        matches!(scope.rsplit('/').next(), Some("devstorage.read_write" | "devstorage.full_control" | "cloud-platform"))
    };
    if !claims["scope"].as_str().is_some_and(|scopes| scopes.split(' ').any(storage)) {
        return Err(("invalid_scope", "Invalid OAuth scope or ID token audience provided.".to_owned()));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| grant("Invalid JWT Signature."))?;
    match verify(signed.as_bytes(), &signature) {
        Ok(true) => Ok(()),
        _ => Err(grant("Invalid JWT Signature.")),
    }
}

fn read(segment: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).ok()?).ok()
}

/// RSASSA-PKCS1-v1_5 with SHA-256, with the public half of the account's key.
fn verify(signed: &[u8], signature: &[u8]) -> anyhow::Result<bool> {
    let provider = rustls::crypto::ring::default_provider();
    let (_, verifiers) = provider
        .signature_verification_algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256)
        .context("no RSA here")?;
    let verifier = verifiers.first().context("no RSA here")?;
    Ok(verifier.verify_signature(include_bytes!("account.der"), signed, signature).is_ok())
}
