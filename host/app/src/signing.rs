//! Signed tokens: JSON Web Tokens (RFC 7519) in the compact form of RFC 7515, signed with Ed25519 as RFC 8037 has it.
//!
//! One algorithm, so there is nothing to negotiate: a header that names another, or none, is refused before anything else is read.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use capstan_domain::ids::Number;
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Kind, Outcome};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Bytes of a token; a longer one is refused unread.
pub(crate) const TOKEN_BYTES_MAX: usize = 4096;
/// Seconds that a host's clock may be behind the clock of the one that made a token.
const SKEW_SECONDS: i64 = 30;
const ALGORITHM: &str = "EdDSA";
/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, section 4).
const PUBLIC_KEY_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Lets its bearer in.
    Access,
    /// Is exchanged for an access token, and lets nobody in.
    Refresh,
}

impl TokenKind {
    pub(crate) fn lifetime_seconds(self) -> i64 {
        match self {
            Self::Access => 60 * 60,
            Self::Refresh => 24 * 60 * 60,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) token_type: TokenKind,
    pub(crate) user_id: Number,
    /// Of the user when it was made; the user's later ones end it.
    pub(crate) generation: u64,
    /// Of this token alone.
    pub(crate) jti: String,
    /// Seconds since 1970.
    pub(crate) iat: i64,
    pub(crate) exp: i64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
}

pub(crate) struct Signer {
    pair: Ed25519KeyPair,
}

impl Signer {
    /// A new key as text, for `open`.
    pub(crate) fn new_key() -> Outcome<SecretText> {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|error| Failure::host("a key for tokens could not be made", error))?;
        Ok(SecretText::new(STANDARD.encode(key.as_ref())))
    }

    pub(crate) fn open(key: &SecretText) -> Outcome<Self> {
        let damaged = |cause: String| Failure::host("the key for tokens is damaged", cause);
        let key = zeroize::Zeroizing::new(STANDARD.decode(key.reveal()).map_err(|error| damaged(error.to_string()))?);
        let pair = Ed25519KeyPair::from_pkcs8(&key).map_err(|error| damaged(error.to_string()))?;
        Ok(Self { pair })
    }

    pub(crate) fn sign(&self, claims: &Claims) -> Outcome<SecretText> {
        let header = Header { alg: ALGORITHM.to_owned(), typ: Some("JWT".to_owned()) };
        let signed = format!("{}.{}", encoded(&header)?, encoded(claims)?);
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        Ok(SecretText::new(format!("{signed}.{signature}")))
    }

    /// What a token says, if it is ours, of this kind, and holds now. `Unauthenticated` "token-expired" where only its time is over.
    pub(crate) fn read(&self, token: &str, kind: TokenKind, now: i64) -> Outcome<Claims> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refused());
        }
        let (signed, signature) = token.rsplit_once('.').ok_or_else(refused)?;
        let (header, claims) = signed.split_once('.').ok_or_else(refused)?;
        let header: Header = decoded(header).ok_or_else(refused)?;
        if header.alg != ALGORITHM {
            return Err(refused());
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| refused())?;
        let key = UnparsedPublicKey::new(&ED25519, self.pair.public_key());
        key.verify(signed.as_bytes(), &signature).map_err(|_| refused())?;
        let claims: Claims = decoded(claims).ok_or_else(refused)?;
        if claims.token_type != kind || claims.iat > now.saturating_add(SKEW_SECONDS) {
            return Err(refused());
        }
        if now >= claims.exp {
            return Err(Failure::new(Kind::Unauthenticated, "the token is expired").with_code("token-expired"));
        }
        Ok(claims)
    }

    /// The key that others verify tokens with, as PEM (RFC 7468, section 13).
    pub(crate) fn public_key(&self) -> String {
        let key = [&PUBLIC_KEY_HEAD[..], self.pair.public_key().as_ref()].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(key))
    }
}

pub(crate) fn refused() -> Failure {
    Failure::new(Kind::Unauthenticated, "the token is not valid").with_code("token-invalid")
}

fn encoded<T: Serialize>(part: &T) -> Outcome<String> {
    let text = serde_json::to_vec(part).map_err(|error| Failure::host("a token could not be written", error))?;
    Ok(URL_SAFE_NO_PAD.encode(text))
}

fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn signer() -> Signer {
        Signer::open(&Signer::new_key().unwrap()).unwrap()
    }

    fn claims() -> Claims {
        let exp = NOW + TokenKind::Access.lifetime_seconds();
        Claims { token_type: TokenKind::Access, user_id: 7, generation: 1, jti: "j".into(), iat: NOW, exp }
    }

    fn read(signer: &Signer, token: &str, now: i64) -> Outcome<Claims> {
        signer.read(token, TokenKind::Access, now)
    }

    #[test]
    fn a_token_holds_for_its_hour_and_for_its_use() {
        let signer = signer();
        let token = signer.sign(&claims()).unwrap();
        assert_eq!(read(&signer, token.reveal(), NOW).unwrap(), claims());
        assert!(signer.read(token.reveal(), TokenKind::Refresh, NOW).is_err());
        assert_eq!(read(&signer, token.reveal(), NOW + 3600).unwrap_err().code.as_deref(), Some("token-expired"));
        read(&signer, token.reveal(), NOW - SKEW_SECONDS).unwrap();
        assert_eq!(read(&signer, token.reveal(), NOW - SKEW_SECONDS - 1).unwrap_err().code.as_deref(), Some("token-invalid"));
    }

    #[test]
    fn a_token_of_another_key_or_with_another_word_in_it_is_refused() {
        let signer_of_ours = signer();
        let token = signer().sign(&claims()).unwrap();
        assert!(read(&signer_of_ours, token.reveal(), NOW).is_err());
        let ours = signer_of_ours.sign(&claims()).unwrap();
        let (signed, signature) = ours.reveal().rsplit_once('.').unwrap();
        let header = signed.split_once('.').unwrap().0;
        let other = encoded(&Claims { user_id: 1, ..claims() }).unwrap();
        for wrong in [
            format!("{header}.{other}.{signature}"),
            format!("{signed}."),
            format!("{signed}.{signature}x"),
            signed.to_owned(),
            String::new(),
            format!("{}.{signature}", "a".repeat(TOKEN_BYTES_MAX)),
        ] {
            assert!(read(&signer_of_ours, &wrong, NOW).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_other_algorithm_is_listened_to() {
        let signer = signer();
        for algorithm in ["none", "None", "HS256", "RS256", "eddsa", ""] {
            let header = Header { alg: algorithm.into(), typ: None };
            let signed = format!("{}.{}", encoded(&header).unwrap(), encoded(&claims()).unwrap());
            // Even where the signature is right, and where there is none.
            let signature = URL_SAFE_NO_PAD.encode(signer.pair.sign(signed.as_bytes()));
            for token in [format!("{signed}.{signature}"), format!("{signed}.")] {
                assert!(read(&signer, &token, NOW).is_err(), "{algorithm}");
            }
        }
    }

    #[test]
    fn the_public_key_is_a_pem_of_44_bytes() {
        let pem = signer().public_key();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        assert_eq!(STANDARD.decode(body).unwrap().len(), 44);
    }
}
