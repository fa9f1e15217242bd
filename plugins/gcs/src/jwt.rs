//! The assertion a service account asks for a token with: a JSON Web Token (RFC 7519) signed RS256 (RFC 7518, section 3.3), as RFC 7523
//! and "Using OAuth 2.0 for Server to Server Applications" of Google describe it.

use capstan_sdk::text::base64;
use capstan_sdk::{Outcome, secrets};
use serde::Serialize;

use crate::config::PRIVATE_KEY;

/// What is asked for: data and buckets, nothing of who may do what.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// Seconds an assertion is good for; Google takes no more.
const LIFE: i64 = 3600;

#[derive(Debug, Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
}

#[derive(Debug, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

/// Base64 for URLs, without padding (RFC 7515, section 2).
fn segment(bytes: &[u8]) -> String {
    base64(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

fn json(value: &impl Serialize) -> String {
    // Plain structures of text and numbers always become JSON.
    segment(serde_json::to_string(value).unwrap_or_default().as_bytes())
}

/// What is signed. `now` is the time at the token endpoint, in seconds since 1970.
fn unsigned(account: &str, audience: &str, now: i64) -> String {
    let claims = Claims { iss: account, scope: SCOPE, aud: audience, iat: now, exp: now.saturating_add(LIFE) };
    format!("{}.{}", json(&Header { alg: "RS256", typ: "JWT" }), json(&claims))
}

/// The assertion, signed by the host.
pub(crate) fn assertion(account: &str, audience: &str, now: i64) -> Outcome<String> {
    let text = unsigned(account, audience, now);
    let signature = secrets::sign(PRIVATE_KEY, "rsa-pkcs1-sha256", text.as_bytes())?;
    Ok(format!("{text}.{}", segment(&signature)))
}

#[cfg(test)]
mod tests {
    use capstan_sdk::text::unbase64;

    use super::*;

    fn read(segment: &str) -> serde_json::Value {
        serde_json::from_slice(&unbase64(&segment.replace('-', "+").replace('_', "/")).unwrap()).unwrap()
    }

    #[test]
    fn the_header_is_the_one_of_rfc_7515_for_rs256() {
        let text = unsigned("a@p.iam.gserviceaccount.com", "https://oauth2.googleapis.com/token", 1_328_550_785);
        let (header, _) = text.split_once('.').unwrap();
        // As Google's own documentation shows it.
        assert_eq!(header, "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9");
    }

    #[test]
    fn the_claims_say_who_for_what_to_whom_and_for_an_hour() {
        let text = unsigned("a@p.iam.gserviceaccount.com", "https://oauth2.googleapis.com/token", 1_328_550_785);
        assert_eq!(
            read(text.split_once('.').unwrap().1),
            serde_json::json!({
                "iss": "a@p.iam.gserviceaccount.com",
                "scope": "https://www.googleapis.com/auth/devstorage.read_write",
                "aud": "https://oauth2.googleapis.com/token",
                "iat": 1_328_550_785,
                "exp": 1_328_554_385,
            })
        );
    }

    #[test]
    fn a_segment_has_neither_padding_nor_signs_of_a_url() {
        assert_eq!(segment(&[0xfb, 0xff, 0xfe, 0xff]), "-__-_w");
    }
}
