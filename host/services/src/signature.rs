//! Signatures with a private key that stays in the host: what `secrets.sign` answers.
//!
//! The key is parsed for each signature, a millisecond or so: who signs, signs a request for a token once in a while.

use capstan_domain::failure::Blame;
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Outcome};
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::limits;

/// `key`: PKCS#8 (RFC 5208) or PKCS#1 (RFC 8017) in PEM; "rsa-pkcs1-sha256" is RSASSA-PKCS1-v1_5 of RFC 8017, section 8.2.
pub(crate) fn sign(name: &str, key: &SecretText, algorithm: &str, message: &[u8]) -> Outcome<Vec<u8>> {
    if message.len() > limits::SIGNED_BYTES {
        return Err(Failure::invalid(format!("a message that is signed has at most {} bytes", limits::SIGNED_BYTES))
            .with_blame(Blame::Plugin));
    }
    if algorithm != "rsa-pkcs1-sha256" {
        return Err(Failure::unsupported(format!("this host has no signature `{algorithm}`"))
            .with_blame(Blame::Plugin)
            .with_next_step("use rsa-pkcs1-sha256"));
    }
    // What the parser says is left out: it may quote the key.
    let key = PrivateKeyDer::from_pem_slice(key.reveal().as_bytes())
        .map_err(|_| unusable(name, "it is no private key in PEM, with its first and last line and real line breaks"))?;
    let key = any_supported_type(&key).map_err(|_| unusable(name, "what it holds is no RSA key of 2048 to 8192 bits"))?;
    let signer = key
        .choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
        .ok_or_else(|| unusable(name, "it is a key for elliptic curves, and an RSA key is needed"))?;
    signer.sign(message).map_err(|cause| Failure::host("the message could not be signed", cause))
}

fn unusable(name: &str, why: &str) -> Failure {
    Failure::invalid(format!("the secret `{name}` cannot sign: {why}"))
        .with_next_step("set it to the whole private key, from its BEGIN line to its END line")
}

#[cfg(test)]
mod tests {
    use capstan_domain::failure::Kind;

    use super::*;

    /// A key made for these tests with `openssl genpkey`, then written as PKCS#1 with `openssl rsa -traditional`.
    const PKCS8: &str = include_str!("signature/pkcs8.pem");
    const PKCS1: &str = include_str!("signature/pkcs1.pem");
    /// Its public half, as `openssl rsa -RSAPublicKey_out -outform DER` writes it.
    const PUBLIC: &[u8] = include_bytes!("signature/public.der");
    /// What `openssl dgst -sha256 -sign` makes of the message.
    const BY_OPENSSL: &[u8] = include_bytes!("signature/openssl.sig");
    const MESSAGE: &[u8] = b"header.claims";

    fn sign(pem: &str, algorithm: &str, message: &[u8]) -> Outcome<Vec<u8>> {
        super::sign("private-key", &SecretText::new(pem), algorithm, message)
    }

    #[test]
    fn both_forms_of_a_key_make_the_signature_that_openssl_makes() {
        for pem in [PKCS8, PKCS1] {
            assert_eq!(sign(pem, "rsa-pkcs1-sha256", MESSAGE).unwrap(), BY_OPENSSL);
        }
    }

    #[test]
    fn a_signature_holds_for_its_message_only() {
        let provider = rustls::crypto::ring::default_provider();
        let (_, verifiers) = *provider
            .signature_verification_algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256)
            .unwrap();
        let signature = sign(PKCS8, "rsa-pkcs1-sha256", b"another").unwrap();
        assert!(verifiers[0].verify_signature(PUBLIC, b"another", &signature).is_ok());
        assert!(verifiers[0].verify_signature(PUBLIC, MESSAGE, &signature).is_err());
    }

    #[test]
    fn what_cannot_sign_is_refused_and_not_quoted() {
        let curve = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let (escaped, words) = (PKCS8.replace('\n', "\\n"), "hunter2 ".repeat(10));
        for pem in [words.as_str(), curve.as_str(), escaped.as_str()] {
            let failure = sign(pem, "rsa-pkcs1-sha256", MESSAGE).unwrap_err();
            assert_eq!(failure.kind, Kind::Invalid);
            assert!(!format!("{failure:?}").contains(&pem[pem.len() / 3..pem.len() / 2]));
        }
        assert_eq!(sign(PKCS8, "rsa-pss-sha256", MESSAGE).unwrap_err().kind, Kind::Unsupported);
        assert_eq!(sign(PKCS8, "rsa-pkcs1-sha256", &vec![0; limits::SIGNED_BYTES + 1]).unwrap_err().kind, Kind::Invalid);
    }
}
