//! CHAP (RFC 7143, section 12.1.3; RFC 1994): an initiator proves that it knows a secret. The target proves nothing.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use sha1::Sha1;

/// Bytes of a challenge: as many as the longest response has.
const CHALLENGE: usize = 20;

/// Whom a target lets in.
#[derive(Clone)]
pub struct Chap {
    user: String,
    secret: String,
}

/// Numbers of IANA's registry of PPP authentication algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Md5 = 5,
    Sha1 = 6,
}

/// A question that was asked.
pub(super) struct Challenge {
    algorithm: Algorithm,
    identifier: u8,
    bytes: [u8; CHALLENGE],
}

impl Chap {
    pub fn new(user: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { user: user.into(), secret: secret.into() }
    }

    /// Whether the name and the response (CHAP_N, CHAP_R) answer the challenge.
    pub(super) fn knows(&self, challenge: &Challenge, name: &str, response: &str) -> bool {
        name == self.user && binary(response).is_some_and(|response| response == challenge.answer(&self.secret))
    }
}

impl FromStr for Chap {
    type Err = String;

    /// `USER:SECRET`; a user's name has no colon.
    fn from_str(text: &str) -> Result<Self, String> {
        let (user, secret) = text.split_once(':').ok_or("it is written USER:SECRET")?;
        Ok(Self::new(user, secret))
    }
}

impl fmt::Debug for Chap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chap").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Challenge {
    /// To an initiator that knows these algorithms (CHAP_A); none: neither of this side's is among them, or the machine has no chance to give.
    pub(super) fn ask(algorithms: &str) -> Option<Self> {
        let algorithm = algorithms.split(',').find_map(|offer| match offer {
            "5" => Some(Algorithm::Md5),
            "6" => Some(Algorithm::Sha1),
            _ => None,
        })?;
        let mut identifier = [0];
        let mut bytes = [0; CHALLENGE];
        getrandom::fill(&mut identifier).ok()?;
        getrandom::fill(&mut bytes).ok()?;
        let [identifier] = identifier;
        Some(Self { algorithm, identifier, bytes })
    }

    pub(super) fn keys(&self) -> [(&'static str, String); 3] {
        let number = self.algorithm as u8;
        let challenge = format!("0x{}", hex::encode(self.bytes));
        [("CHAP_A", number.to_string()), ("CHAP_I", self.identifier.to_string()), ("CHAP_C", challenge)]
    }

    fn answer(&self, secret: &str) -> Vec<u8> {
        let parts = [&[self.identifier][..], secret.as_bytes(), &self.bytes];
        match self.algorithm {
            Algorithm::Md5 => parts.iter().fold(Md5::new(), |hash, part| hash.chain_update(part)).finalize().to_vec(),
            Algorithm::Sha1 => parts.iter().fold(Sha1::new(), |hash, part| hash.chain_update(part)).finalize().to_vec(),
        }
    }
}

/// A binary value (section 6.1): hexadecimal or Base64.
fn binary(value: &str) -> Option<Vec<u8>> {
    let (form, digits) = value.split_at_checked(2)?;
    match form {
        "0x" | "0X" => hex::decode(digits).ok(),
        "0b" | "0B" => STANDARD.decode(digits).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, CHALLENGE, Challenge, Chap};

    /// MD5 of 01, "secret" and twenty zeros.
    #[test]
    fn an_answer_hashes_identifier_secret_and_challenge() {
        use md5::{Digest, Md5};
        let challenge = Challenge { algorithm: Algorithm::Md5, identifier: 1, bytes: [0; CHALLENGE] };
        let whole = [&[1_u8][..], b"secret", &[0; CHALLENGE]].concat();
        let answer = format!("0x{}", hex::encode(Md5::digest(&whole)));
        let chap = Chap::new("me", "secret");
        assert!(chap.knows(&challenge, "me", &answer));
        assert!(!chap.knows(&challenge, "you", &answer));
        assert!(!Chap::new("me", "other").knows(&challenge, "me", &answer));
    }

    #[test]
    fn a_secret_cannot_be_printed() {
        assert!(!format!("{:?}", Chap::new("me", "hidden")).contains("hidden"));
    }
}
