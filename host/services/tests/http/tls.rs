//! TLS: whom the client trusts.

use std::sync::Arc;

use capstan_domain::Kind;
use capstan_domain::failure::Retry;
use capstan_domain::grant::Power;
use capstan_grants::{Granted, Grants};
use capstan_services::http::{Client, Payload, Request};
use hyper_util::rt::TokioIo;

use crate::server::{Server, allow, full, quick, raw, request};
use crate::vouched;

/// An HTTPS server for "localhost", and the PEM of the authority that vouches for it.
pub(crate) async fn server() -> (Server, String) {
    let (acceptor, authority) = vouched::acceptor();
    let server = raw(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = hyper::service::service_fn(|_| async { Ok::<_, std::convert::Infallible>(full(200, "secret")) });
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        }
    })
    .await;
    (server, authority)
}

fn with(url: String, extras: &[(&str, &str)]) -> Request {
    let mut request = request("GET", url);
    request.extras = extras.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    request
}

#[tokio::test]
async fn a_targets_own_authority_is_trusted_and_no_other_is() {
    let (server, authority) = server().await;
    let port = server.address.port();
    let client = Client::new(allow(&[("localhost", port)]), quick());
    let url = format!("https://localhost:{port}/");
    for _ in 0..3 {
        let reply = client.exchange(&with(url.clone(), &[("tls-ca", &authority)]), Payload::Empty, 10).await.unwrap();
        assert_eq!(reply.body, "secret");
    }
    assert_eq!(server.connections(), 1);
    let failure = client.exchange(&with(url.clone(), &[]), Payload::Empty, 10).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.retry, failure.code.as_deref()),
        (Kind::Unavailable, Retry::Never, Some("tls")),
        "{failure:?}"
    );
    let failure = client.exchange(&with(url, &[("tls-ca", "not PEM")]), Payload::Empty, 10).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Invalid);
}

#[tokio::test]
async fn skipping_the_check_needs_its_own_grant() {
    let (server, _) = server().await;
    let port = server.address.port();
    let insecure = with(format!("https://localhost:{port}/"), &[("tls-insecure", "true")]);
    let client = Client::new(allow(&[("localhost", port)]), quick());
    let failure = client.exchange(&insecure, Payload::Empty, 10).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Denied);
    assert!(failure.next_step.unwrap().contains("insecure-tls"));
    let granted = [Power::Connect { host: "localhost".into(), port }, Power::InsecureTls { host: "localhost".into(), port }]
        .map(|power| Granted { power, configured: false });
    client.set_grants(Arc::new(Grants::new("t", &[], &granted, Arc::default())));
    assert_eq!(client.exchange(&insecure, Payload::Empty, 10).await.unwrap().body, "secret");
}
