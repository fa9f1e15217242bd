//! `capstan:host/secrets`: a target's secrets by name; the host signs with them so that they need not leave it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use capstan_bindings::latest::WitFailure;
use capstan_bindings::latest::host::secrets::Host;
use capstan_domain::failure::Blame;
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Kind, Outcome};
use hmac::{Hmac, KeyInit, Mac};

use crate::digest::Digest;
use crate::limits;
use crate::services::Services;
use crate::signature;

/// Stands behind the name of an algorithm whose key is what the secret, base64 text, decodes to.
const BASE64: &str = "-base64";

/// Printing it shows names only.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    by_name: BTreeMap<String, SecretText>,
}

impl Secrets {
    pub fn new(secrets: impl IntoIterator<Item = (String, SecretText)>) -> Self {
        Self { by_name: secrets.into_iter().collect() }
    }

    pub fn get(&self, name: &str) -> Outcome<&SecretText> {
        self.by_name.get(name).ok_or_else(|| {
            Failure::not_found(format!("the target has no secret `{name}`"))
                .with_next_step("set it in the target's configuration")
        })
    }

    /// To sign with: who has none is not let in. Said as such, or it would be taken for a thing of the target that is absent.
    fn needed(&self, name: &str) -> Outcome<&SecretText> {
        self.get(name).map_err(|absent| {
            Failure::new(Kind::Unauthenticated, absent.message)
                .with_next_step(format!("set `{name}` in the target's configuration"))
        })
    }

    /// key0 = prefix ++ secret, key(n+1) = HMAC(key n, message n); the last one. `BASE64` behind the algorithm: the secret is base64.
    pub fn hmac(&self, name: &str, algorithm: &str, prefix: &[u8], messages: &[Vec<u8>]) -> Outcome<Vec<u8>> {
        if messages.is_empty() || messages.len() > limits::HMAC_MESSAGES {
            return Err(
                Failure::invalid(format!("an HMAC chain has 1 to {} messages", limits::HMAC_MESSAGES)).with_blame(Blame::Plugin)
            );
        }
        let secret = self.needed(name)?.reveal();
        let mut key = prefix.to_vec();
        let algorithm = match algorithm.strip_suffix(BASE64) {
            Some(algorithm) => {
                key.extend(decoded(name, secret)?);
                algorithm
            }
            None => {
                key.extend_from_slice(secret.as_bytes());
                algorithm
            }
        };
        for message in messages {
            key = one(algorithm, &key, message)?;
        }
        Ok(key)
    }

    /// digest(before ++ secret ++ after). The bounds keep a plugin from building a table of the secret's prefixes.
    pub fn digest(&self, name: &str, algorithm: &str, before: &[u8], after: &[u8]) -> Outcome<Vec<u8>> {
        if before.len() > limits::CHALLENGE_BEFORE_BYTES || !limits::CHALLENGE_BYTES.contains(&after.len()) {
            let (least, most) = (limits::CHALLENGE_BYTES.start(), limits::CHALLENGE_BYTES.end());
            let message = format!("a challenge has {least} to {most} bytes, and one before the secret at most");
            return Err(Failure::invalid(message).with_blame(Blame::Plugin));
        }
        if !matches!(algorithm, "md5" | "sha1" | "sha256") {
            return Err(Failure::unsupported(format!("this host answers no challenge with `{algorithm}`"))
                .with_next_step("use sha256, sha1 or md5"));
        }
        let mut digest = Digest::new(algorithm)?;
        digest.update(before);
        digest.update(self.needed(name)?.reveal().as_bytes());
        digest.update(after);
        Ok(digest.finish())
    }

    /// A signature over the message with the private key that is this secret.
    pub fn sign(&self, name: &str, algorithm: &str, message: &[u8]) -> Outcome<Vec<u8>> {
        signature::sign(name, self.needed(name)?, algorithm, message)
    }
}

/// What base64 text stands for; the failure names the secret, not what is in it.
fn decoded(name: &str, secret: &str) -> Outcome<Vec<u8>> {
    STANDARD.decode(secret.trim()).map_err(|_| {
        Failure::invalid(format!("the secret `{name}` is not base64"))
            .with_code("secret-not-base64")
            .with_next_step(format!("set `{name}` in the target's configuration as the service shows it"))
    })
}

fn one(algorithm: &str, key: &[u8], message: &[u8]) -> Outcome<Vec<u8>> {
    fn run<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Outcome<Vec<u8>> {
        let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|cause| Failure::host("the key does not fit", cause))?;
        mac.update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }
    match algorithm {
        "sha256" => run::<Hmac<sha2::Sha256>>(key, message),
        "sha1" => run::<Hmac<sha1::Sha1>>(key, message),
        "md5" => run::<Hmac<md5::Md5>>(key, message),
        other => {
            Err(Failure::unsupported(format!("this host has no HMAC over `{other}`")).with_next_step("use sha256, sha1 or md5"))
        }
    }
}

impl Host for Services {
    fn reveal(&mut self, name: String) -> wasmtime::Result<Result<Vec<u8>, WitFailure>> {
        Ok(self.target().secrets.get(&name).map(|secret| secret.reveal().as_bytes().to_vec()).map_err(WitFailure::from))
    }

    fn hmac(
        &mut self,
        name: String,
        algorithm: String,
        prefix: Vec<u8>,
        messages: Vec<Vec<u8>>,
    ) -> wasmtime::Result<Result<Vec<u8>, WitFailure>> {
        Ok(self.target().secrets.hmac(&name, &algorithm, &prefix, &messages).map_err(WitFailure::from))
    }

    fn digest(
        &mut self,
        name: String,
        algorithm: String,
        before: Vec<u8>,
        after: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, WitFailure>> {
        Ok(self.target().secrets.digest(&name, &algorithm, &before, &after).map_err(WitFailure::from))
    }

    fn sign(&mut self, name: String, algorithm: String, message: Vec<u8>) -> wasmtime::Result<Result<Vec<u8>, WitFailure>> {
        Ok(self.target().secrets.sign(&name, &algorithm, &message).map_err(WitFailure::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hmac_chain_makes_the_signature_aws_publishes() {
        // The example of the Signature Version 4 documentation: key for 20150830, us-east-1, iam.
        let secrets = Secrets::new([("secret-key".to_owned(), SecretText::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))]);
        let messages = ["20150830", "us-east-1", "iam", "aws4_request"].map(|message| message.as_bytes().to_vec());
        let key = secrets.hmac("secret-key", "sha256", b"AWS4", &messages).unwrap();
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    #[test]
    fn a_key_that_is_kept_as_base64_is_what_it_decodes_to() {
        let secrets =
            Secrets::new([("plain".to_owned(), SecretText::new("hush!")), ("text".to_owned(), SecretText::new("aHVzaCE="))]);
        let message = [b"message".to_vec()];
        let plain = secrets.hmac("plain", "sha256", b"", &message).unwrap();
        assert_eq!(secrets.hmac("text", "sha256-base64", b"", &message).unwrap(), plain);
        assert_ne!(secrets.hmac("text", "sha256", b"", &message).unwrap(), plain);
        let failure = secrets.hmac("plain", "sha256-base64", b"", &message).unwrap_err();
        assert!(failure.message.contains("`plain`") && !format!("{failure:?}").contains("hush"), "{failure:?}");
    }

    #[test]
    fn a_challenge_is_answered_without_the_secret_leaving_the_host() {
        // RFC 1994: the digest over identifier, secret and challenge.
        let secrets = Secrets::new([("chap-secret".to_owned(), SecretText::new("hush"))]);
        let challenge = [7; 16];
        let whole = [&[9], b"hush".as_slice(), &challenge].concat();
        let answer = secrets.digest("chap-secret", "md5", &[9], &challenge).unwrap();
        assert_eq!(answer, crate::digest::digest("md5", &whole).unwrap());
        // What is not hashed with a challenge of its own would tell two secrets apart.
        for (before, after) in [([].as_slice(), [0; 8].as_slice()), (&[1, 2], &challenge), (&[], &[0; 1025])] {
            assert_eq!(secrets.digest("chap-secret", "md5", before, after).unwrap_err().kind, Kind::Invalid);
        }
        assert_eq!(secrets.digest("chap-secret", "blake3", &[9], &challenge).unwrap_err().kind, Kind::Unsupported);
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secrets = Secrets::new([("secret-key".to_owned(), SecretText::new("hunter2"))]);
        assert!(!format!("{secrets:?}").contains("hunter2"));
        assert!(!format!("{:?}", secrets.get("other").unwrap_err()).contains("hunter2"));
    }

    #[test]
    fn who_has_no_secret_to_sign_with_is_not_let_in() {
        let secrets = Secrets::new([("secret-key".to_owned(), SecretText::new("hunter2"))]);
        let failure = secrets.hmac("other", "sha256", b"", &[b"message".to_vec()]).unwrap_err();
        assert_eq!(failure.kind, Kind::Unauthenticated);
        assert!(failure.next_step.is_some_and(|step| step.contains("other")));
        // Whether there is one can be asked.
        assert_eq!(secrets.get("other").unwrap_err().kind, Kind::NotFound);
    }
}
