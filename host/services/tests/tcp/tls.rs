//! TLS beneath a connection: whom it trusts.

use std::sync::Arc;

use capstan_domain::Kind;
use capstan_domain::failure::Retry;
use capstan_domain::grant::Power;
use capstan_domain::ports::NamedValues;
use capstan_grants::{Granted, Grants};

use crate::server::{connector, serving};
use crate::vouched;

/// An echo behind TLS for "localhost", and the PEM of the authority that vouches for it.
async fn server() -> (u16, String) {
    let (acceptor, authority) = vouched::acceptor();
    let port = serving(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let (mut reader, mut writer) = tokio::io::split(stream);
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut writer).await;
        }
    })
    .await;
    (port, authority)
}

fn extras(given: &[(&str, &str)]) -> NamedValues {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_targets_own_authority_is_trusted_and_no_other_is() {
    let (port, authority) = server().await;
    let connector = connector(port);
    let trusting = extras(&[("tls", "true"), ("tls-ca", &authority)]);
    let connection = connector.connect("localhost", port, &trusting).await.unwrap();
    connection.write(b"hello").await.unwrap();
    assert_eq!(connection.read(5).await.unwrap(), b"hello");
    connection.finish().await.unwrap();
    assert_eq!(connection.read(5).await.unwrap(), b"");
    let failure = connector.connect("localhost", port, &extras(&[("tls", "true")])).await.err().unwrap();
    assert_eq!((failure.kind, failure.retry, failure.code.as_deref()), (Kind::Unavailable, Retry::Never, Some("tls")));
}

#[tokio::test]
async fn skipping_the_check_needs_its_own_grant() {
    let (port, _) = server().await;
    let connector = connector(port);
    let insecure = extras(&[("tls", "true"), ("tls-insecure", "true")]);
    let failure = connector.connect("localhost", port, &insecure).await.err().unwrap();
    assert!(failure.next_step.unwrap().contains(&format!("insecure-tls localhost:{port}")));
    let granted = [Power::Connect { host: "localhost".into(), port }, Power::InsecureTls { host: "localhost".into(), port }]
        .map(|power| Granted { power, configured: false });
    connector.set_grants(Arc::new(Grants::new("t", &[], &granted, Arc::default())));
    assert!(connector.connect("localhost", port, &insecure).await.is_ok());
}
