//! Whether a component is signed by somebody this host trusts: a detached minisign signature (Ed25519) over the bytes that will run.

use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use minisign_verify::{Error, PublicKey, Signature};
use serde::Deserialize;

/// Bytes of a signature file; more is not one. Refuses.
pub const SIGNATURE_BYTES: usize = 8 << 10;

/// What becomes of a component whose signature is missing or does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignaturePolicy {
    /// It is refused, and one that was installed before is not run.
    Require,
    /// It is run, and the log says so.
    Warn,
    /// Nobody looks.
    #[default]
    Off,
}

/// Settings: the policy, and whom to trust.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Signatures {
    pub policy: SignaturePolicy,
    /// Public keys of minisign, as the second line of a `.pub` file has them ("RWQ…").
    pub trusted_keys: Vec<String>,
}

/// The settings, read.
#[derive(Debug)]
pub(crate) struct Verifier {
    policy: SignaturePolicy,
    keys: Vec<PublicKey>,
}

impl Verifier {
    /// A key that cannot be read fails the start: a host that trusts fewer than it was told to would be a riddle.
    pub(crate) fn new(signatures: &Signatures) -> Outcome<Self> {
        let key = |text: &String| {
            PublicKey::from_base64(text.trim()).map_err(|error| {
                Failure::invalid(format!("The trusted key {text:?} is not a public key of minisign."))
                    .with_code("trusted-key-malformed")
                    .with_detail(error.to_string())
                    .with_next_step("Give the second line of the vendor's .pub file.")
            })
        };
        let keys = signatures.trusted_keys.iter().map(key).collect::<Outcome<_>>()?;
        Ok(Self { policy: signatures.policy, keys })
    }

    pub(crate) fn looks(&self) -> bool {
        self.policy != SignaturePolicy::Off
    }

    /// Says no where the policy does.
    pub(crate) fn judge(&self, component: &[u8], signature: Option<&[u8]>) -> Outcome<()> {
        match (self.policy, self.verify(component, signature)) {
            (SignaturePolicy::Off, _) | (_, Ok(())) => Ok(()),
            (SignaturePolicy::Require, Err(failure)) => Err(failure),
            (SignaturePolicy::Warn, Err(failure)) => {
                tracing::warn!(code = failure.code, detail = failure.detail, "a plugin runs although: {}", failure.message);
                Ok(())
            }
        }
    }

    fn verify(&self, component: &[u8], signature: Option<&[u8]>) -> Outcome<()> {
        let Some(signature) = signature else {
            return Err(refused("signature-missing", "The component is not signed.", Blame::Caller)
                .with_next_step("Install it with its .minisig file beside it, as the vendor ships it."));
        };
        let text = std::str::from_utf8(signature).ok().filter(|text| text.len() <= SIGNATURE_BYTES);
        let signature = text.map_or(Err(Error::InvalidEncoding), Signature::decode).map_err(|error| {
            refused("signature-malformed", "The signature is not one of minisign.", Blame::Plugin)
                .with_detail(error.to_string())
                .with_next_step("Compare the .minisig file with the vendor's.")
        })?;
        let mut known = false;
        for key in &self.keys {
            // Signatures over the file itself, not its hash, are minisign's old form; no vendor of today makes one.
            match key.verify(component, &signature, false) {
                Ok(()) => return Ok(()),
                Err(Error::UnexpectedKeyId) => {}
                Err(_) => known = true,
            }
        }
        Err(if known {
            refused("signature-wrong", "The signature is not of this component: one of the two was changed.", Blame::Plugin)
                .with_next_step("Do not run it. Fetch the component and its .minisig file from the vendor again.")
        } else {
            refused("signature-untrusted", "The component is signed with a key that this host does not trust.", Blame::Caller)
                .with_next_step("If the vendor is to be trusted, add the public key to plugins.signatures.trusted-keys in the host's configuration.")
        })
    }
}

fn refused(code: &str, message: &str, blame: Blame) -> Failure {
    Failure::new(Kind::Denied, message).with_code(code).with_blame(blame).with_retry(Retry::Never)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published with minisign's own tests: key, signature, and the file "test".
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const OTHER_KEY: &str = "RWT2hGjAaKm1ZFO4SvVbKGkSLGZ9ZAXqkl4JZcOJpSWz3JsJXrq9bWGd";
    const SIGNATURE: &[u8] = b"untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";

    fn verifier(policy: SignaturePolicy, keys: &[&str]) -> Verifier {
        let trusted_keys = keys.iter().map(|&key| key.to_owned()).collect();
        Verifier::new(&Signatures { policy, trusted_keys }).unwrap()
    }

    fn code(verifier: &Verifier, component: &[u8], signature: Option<&[u8]>) -> Option<String> {
        verifier.judge(component, signature).err().and_then(|failure| failure.code)
    }

    #[test]
    fn only_the_signature_of_these_very_bytes_by_a_trusted_key_passes() {
        let trusting = verifier(SignaturePolicy::Require, &[OTHER_KEY, KEY]);
        assert_eq!(code(&trusting, b"test", Some(SIGNATURE)), None);
        assert_eq!(code(&trusting, b"tess", Some(SIGNATURE)).as_deref(), Some("signature-wrong"));
        assert_eq!(code(&trusting, b"test", None).as_deref(), Some("signature-missing"));
        assert_eq!(code(&trusting, b"test", Some(b"\xff")).as_deref(), Some("signature-malformed"));
        assert_eq!(code(&trusting, b"test", Some(&[b'x'; 2 * SIGNATURE_BYTES])).as_deref(), Some("signature-malformed"));
        let strange = verifier(SignaturePolicy::Require, &[OTHER_KEY]);
        assert_eq!(code(&strange, b"test", Some(SIGNATURE)).as_deref(), Some("signature-untrusted"));
    }

    #[test]
    fn a_policy_that_does_not_require_lets_everything_pass() {
        for policy in [SignaturePolicy::Warn, SignaturePolicy::Off] {
            let verifier = verifier(policy, &[KEY]);
            assert_eq!(code(&verifier, b"tess", Some(SIGNATURE)), None);
            assert_eq!(code(&verifier, b"test", None), None);
        }
    }

    #[test]
    fn a_key_that_is_none_fails_the_start() {
        let signatures = Signatures { policy: SignaturePolicy::Require, trusted_keys: vec!["RWQ".to_owned()] };
        assert_eq!(Verifier::new(&signatures).unwrap_err().code.as_deref(), Some("trusted-key-malformed"));
    }
}
