//! What a listener encrypts with, and whom it lets in by that.

use std::path::Path;
use std::sync::Arc;

use capstan_domain::{Failure, Outcome};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

/// A certificate for clients to check, and, where clients have to show one too, whose.
#[derive(Clone)]
pub struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    knows_clients: bool,
}

impl Tls {
    /// From PEM files. With `clients`, only those are let in that show a certificate of one of these authorities.
    pub fn open(certificate: &Path, key: &Path, clients: Option<&Path>) -> Outcome<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let own = PrivateKeyDer::from_pem_file(key).map_err(|cause| unreadable(key, cause))?;
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|cause| Failure::host("TLS cannot be set up", cause))?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(path)? {
                    roots.add(authority).map_err(|cause| unreadable(path, cause))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().map_err(|cause| unreadable(path, cause))?)
            }
        };
        let config = builder.with_single_cert(certificates(certificate)?, own).map_err(|cause| unreadable(certificate, cause))?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), knows_clients: clients.is_some() })
    }

    /// Clients show who they are.
    pub fn knows_clients(&self) -> bool {
        self.knows_clients
    }
}

fn certificates(path: &Path) -> Outcome<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|cause| unreadable(path, cause))?.collect();
    let found = found.map_err(|cause| unreadable(path, cause))?;
    if found.is_empty() {
        return Err(unreadable(path, "it holds no certificate"));
    }
    Ok(found)
}

fn unreadable(path: &Path, cause: impl std::fmt::Display) -> Failure {
    Failure::invalid(format!("{} is of no use for TLS", path.display())).with_code("tls").with_detail(cause.to_string())
}
