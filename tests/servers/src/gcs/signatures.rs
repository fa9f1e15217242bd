//! GOOG4-HMAC-SHA256 in the `Authorization` header, verified as "Signatures" and "Canonical requests" of the service's documentation
//! describe it.

use sha2::{Digest, Sha256};

use super::http::{Answer, Asked, encode};
use crate::s3::hmac;

/// Seconds a request may be off.
const SKEW: i64 = 15 * 60;

fn refuse(status: u16, code: &str, message: &str) -> Answer {
    Answer::xml_error(status, code, message)
}

/// The refusal of a request whose signature does not hold.
pub(super) fn check(asked: &Asked<'_>, access_key: &str, secret_key: &str, now: i64) -> Result<(), Answer> {
    let wrong = || refuse(403, "SignatureDoesNotMatch", "Access denied.");
    let fields = asked.field("authorization").and_then(|value| value.strip_prefix("GOOG4-HMAC-SHA256 ")).ok_or_else(wrong)?;
    let part = |name: &str| fields.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (credential, names, signature) =
        (part("Credential").ok_or_else(wrong)?, part("SignedHeaders").ok_or_else(wrong)?, part("Signature").ok_or_else(wrong)?);
    let words: Vec<&str> = credential.split('/').collect();
    let [key, day, region, "storage", "goog4_request"] = words.as_slice() else { return Err(wrong()) };
    if *key != access_key {
        return Err(refuse(403, "InvalidSecurity", "The provided security credentials are not valid."));
    }
    let date = asked.field("x-goog-date").ok_or_else(wrong)?;
    let moment = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", date)
        .and_then(|parsed| parsed.to_datetime())
        .and_then(|parsed| parsed.to_zoned(jiff::tz::TimeZone::UTC))
        .map_err(|_| wrong())?;
    if (moment.timestamp().as_second() - now).abs() > SKEW {
        return Err(refuse(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ));
    }
    if !date.starts_with(day) {
        return Err(wrong());
    }
    // What speaks of the object must be covered.
    let covered: Vec<&str> = names.split(';').collect();
    let uncovered = asked.headers_of("x-goog-").any(|(name, _)| !covered.contains(&format!("x-goog-{name}").as_str()));
    if uncovered || !covered.contains(&"host") || asked.headers_of("x-amz-").next().is_some() {
        return Err(refuse(400, "InvalidArgument", "Headers are missing from the signature, or of two kinds."));
    }
    let payload = asked.field("x-goog-content-sha256").ok_or_else(wrong)?;
    if payload != "UNSIGNED-PAYLOAD" && payload != hex::encode(Sha256::digest(&asked.request.body)) {
        return Err(refuse(400, "InvalidDigest", "The payload hash does not match."));
    }
    let mut query: Vec<String> = asked.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    query.sort();
    let mut canonical = format!("{}\n{}\n{}\n", asked.method(), asked.path, query.join("&"));
    for name in &covered {
        let value = asked.field(name).ok_or_else(wrong)?;
        // Google's front changes this one before the signature is looked at.
        let value = if *name == "accept-encoding" { format!("{value},gzip(gfe)") } else { value.to_owned() };
        canonical.push_str(&format!("{name}:{value}\n"));
    }
    canonical.push_str(&format!("\n{names}\n{payload}"));
    let scope = format!("{day}/{region}/storage/goog4_request");
    let text = format!("GOOG4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
    let mut chain = format!("GOOG4{secret_key}").into_bytes();
    for step in [day, region, "storage", "goog4_request", text.as_str()] {
        chain = hmac(&chain, step.as_bytes()).map_err(|_| wrong())?;
    }
    if hex::encode(chain) == signature { Ok(()) } else { Err(wrong()) }
}
