//! A shared access signature: the query string that is the secret, and what it says of itself.
//!
//! It ends by itself, so what it says is shown: until when, and for what. The signature in it never is.

use capstan_sdk::failure::{Failure, invalid, unauthenticated};
use capstan_sdk::text::unpercent;
use capstan_sdk::{Outcome, time};

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sas {
    /// As it is sent, without a question mark.
    query: String,
    /// `se`, as it is written.
    expires: Option<String>,
    /// `st`, as it is written.
    starts: Option<String>,
    /// `sp`: letters of what it permits.
    permits: Option<String>,
    /// `sr` is "c".
    of_container: bool,
}

/// What it says, without what it proves.
impl std::fmt::Debug for Sas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sas").field("expires", &self.expires).field("permits", &self.permits).finish_non_exhaustive()
    }
}

impl Sas {
    /// As it was pasted: with or without the question mark, or the URL before it.
    pub(crate) fn parse(secret: &str) -> Outcome<Self> {
        let secret = secret.trim();
        let query = secret.rsplit_once('?').map_or(secret, |(_, query)| query).trim_matches('&');
        let clean = query.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>'));
        let field = |name: &str| {
            let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(known, _)| *known == name))?.1;
            // A plus is no space here: the service itself writes %20.
            Some(unpercent(&value.replace('+', "%2B")))
        };
        if !clean || field("sig").is_none() {
            return Err(invalid("the shared access signature is not one: it has no \"sig\"")
                .code("sas-malformed")
                .next_step("Set \"sas\" of the target to the query string the service gave (sv=…&sig=…)."));
        }
        Ok(Self {
            expires: field("se"),
            starts: field("st"),
            permits: field("sp"),
            of_container: field("sr").as_deref() == Some("c"),
            query: query.to_owned(),
        })
    }

    pub(crate) fn query(&self) -> &str {
        &self.query
    }

    /// It is for one container and what is in it.
    pub(crate) fn is_of_container(&self) -> bool {
        self.of_container
    }

    pub(crate) fn expires(&self) -> Option<&str> {
        self.expires.as_deref()
    }

    pub(crate) fn permits(&self) -> Option<&str> {
        self.permits.as_deref()
    }

    /// Why it is no good at this moment (seconds since 1970, by the target's clock), if time is why.
    pub(crate) fn untimely(&self, now: i64) -> Option<Failure> {
        let expired = self.expires.as_deref().filter(|text| moment(text).is_some_and(|end| end <= now));
        let early = self.starts.as_deref().filter(|text| moment(text).is_some_and(|start| start > now));
        let failure = match (expired, early) {
            (Some(end), _) => unauthenticated(format!("the shared access signature expired at {end}")).code("sas-expired"),
            (None, Some(start)) => {
                unauthenticated(format!("the shared access signature is not valid before {start}")).code("sas-not-yet-valid")
            }
            (None, None) => return None,
        };
        Some(failure.next_step("Set a new \"sas\" of the target."))
    }
}

/// "2026-11-21", "2026-11-21T09:12Z" or "2026-11-21T09:12:17Z", as seconds.
fn moment(text: &str) -> Option<i64> {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        17 => format!("{}:00Z", text.get(..16)?),
        _ => text.to_owned(),
    };
    Some(time::iso(&whole)?.div_euclid(1_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "sv=2021-12-02&ss=b&srt=sco&sp=rl&st=2026-11-20&se=2026-11-21T09:12:17Z&sig=a%2Bb%3D";

    #[test]
    fn a_signature_is_taken_as_it_was_pasted_and_says_what_it_is_for() {
        for pasted in [TEXT.to_owned(), format!("?{TEXT}"), format!(" https://a.blob.core.windows.net/?{TEXT}\n")] {
            let sas = Sas::parse(&pasted).unwrap();
            assert_eq!((sas.query(), sas.permits(), sas.expires()), (TEXT, Some("rl"), Some("2026-11-21T09:12:17Z")));
            assert!(!format!("{sas:?}").contains("a%2B"));
        }
        for wrong in ["", "sv=1&se=2026", "sig=a b", "sig=a\nX: y", "https://host/container"] {
            assert!(Sas::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_failure_says_when_it_expired_or_begins() {
        let (sas, end) = (Sas::parse(TEXT).unwrap(), 1_795_252_337);
        assert_eq!(sas.untimely(end - 1), None);
        let expired = sas.untimely(end).unwrap();
        assert!(matches!(expired, Failure::Unauthenticated(_)) && expired.fault().message.contains("2026-11-21T09:12:17Z"));
        assert_eq!(sas.untimely(end - 200_000).unwrap().fault().code.as_deref(), Some("sas-not-yet-valid"));
        assert_eq!((moment("2026-11-21T09:12Z"), moment("2026-11-21")), (Some(end - 17), Some(1_795_219_200)));
    }
}
