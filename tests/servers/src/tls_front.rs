//! A front that speaks TLS before a server that does not, with a certificate of an authority nobody knows.

use std::net::TcpStream;
use std::sync::Arc;

use anyhow::Context;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::S3;
use crate::relay::{Listener, Request};

/// A server's certificate, and the authority that vouches for it: all PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    pub authority: String,
    pub certificate: String,
    pub key: String,
}

impl Identity {
    /// Of a server on loopback, by address and by name.
    pub fn of_loopback() -> anyhow::Result<Self> {
        let (identity, _) = issue()?;
        Ok(identity)
    }
}

fn issue() -> anyhow::Result<(Identity, (rcgen::Certificate, KeyPair))> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // A name of its own: a certificate whose issuer bears its own name is taken for self-signed.
    params.distinguished_name.push(DnType::CommonName, "Capstan test authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
    let identity = Identity { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() };
    Ok((identity, (certificate, key)))
}

/// Stops when dropped.
#[derive(Debug)]
pub struct TlsFront {
    /// Reached by https.
    pub s3: S3,
    /// PEM of the only authority that vouches for it.
    pub authority: String,
    _listener: Listener,
}

impl TlsFront {
    pub fn start(behind: &S3) -> anyhow::Result<Self> {
        let (identity, (certificate, key)) = issue()?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .context("the front's certificate")?;
        let (config, upstream) = (Arc::new(config), behind.endpoint.trim_start_matches("http://").to_owned());
        let listener = Listener::start(move |stream| serve(stream, Arc::clone(&config), &upstream))?;
        let s3 = S3 { endpoint: format!("https://{}", listener.address), ..behind.clone() };
        Ok(Self { s3, authority: identity.authority, _listener: listener })
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, upstream: &str) -> anyhow::Result<()> {
    let mut client = StreamOwned::new(ServerConnection::new(config)?, stream);
    let Some(request) = Request::read(&mut client)? else { return Ok(()) };
    let mut server = request.pass_on(upstream)?;
    std::io::copy(&mut server, &mut client)?;
    client.conn.send_close_notify();
    client.conn.complete_io(&mut client.sock)?;
    Ok(())
}
