//! TLS configurations: the system's authorities, or a target's own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use capstan_domain::failure::Blame;
use capstan_domain::{Failure, Outcome};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::limits;

/// Ready configurations of one target, so that its connections share one session cache.
#[derive(Debug, Default)]
pub(crate) struct Tls {
    /// What is offered in the handshake (ALPN, RFC 7301); empty: nothing.
    protocols: &'static [&'static str],
    ready: Mutex<VecDeque<(Wanted, Arc<ClientConfig>)>>,
}

/// PEM of the only authorities to trust (none: the system's), and whether to trust anybody.
type Wanted = (Option<String>, bool);

impl Tls {
    pub(crate) fn offering(protocols: &'static [&'static str]) -> Self {
        Self { protocols, ready: Mutex::default() }
    }

    pub(crate) fn configuration(&self, authority: Option<&str>, insecure: bool) -> Outcome<Arc<ClientConfig>> {
        let wanted = (authority.map(str::to_owned), insecure);
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, configuration)) = ready.iter().find(|(have, _)| *have == wanted) {
            return Ok(Arc::clone(configuration));
        }
        let mut configuration = build(authority, insecure)?;
        configuration.alpn_protocols = self.protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let configuration = Arc::new(configuration);
        if ready.len() >= limits::TLS_CONFIGURATIONS {
            ready.pop_front();
        }
        ready.push_back((wanted, Arc::clone(&configuration)));
        Ok(configuration)
    }
}

fn build(authority: Option<&str>, insecure: bool) -> Outcome<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|cause| Failure::host("TLS is not available", cause))?;
    Ok(if insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))).with_no_client_auth()
    } else {
        let roots = match authority {
            Some(pem) => Arc::new(own_roots(pem)?),
            None => system_roots(),
        };
        builder.with_root_certificates(roots).with_no_client_auth()
    })
}

fn own_roots(pem: &str) -> Outcome<RootCertStore> {
    let bad = |detail: String| {
        Failure::invalid("the certificate authority (`tls-ca`) is not PEM with certificates")
            .with_detail(detail)
            .with_blame(Blame::Caller)
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|cause| bad(cause.to_string()))?;
        roots.add(certificate).map_err(|cause| bad(cause.to_string()))?;
    }
    if roots.is_empty() { Err(bad("no certificate in it".into())) } else { Ok(roots) }
}

/// Read once a process: it opens some hundred files.
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    Arc::clone(ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a certificate authority of the system cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Arc::new(roots)
    }))
}

/// Takes any certificate, for targets that were granted exactly that. Signatures are still checked, so that the peer at least holds
/// the key it shows.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
