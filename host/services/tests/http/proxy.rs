//! Through a proxy: absolute form for http, a tunnel for https, and a grant for the proxy itself.

use capstan_domain::Kind;
use capstan_services::http::{Client, Payload};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::server::{Server, allow, head, quick, raw, request};
use crate::tls;

/// Tunnels to wherever it is asked; answers anything else with what it was asked. Wants a user.
async fn proxy() -> Server {
    raw(|mut stream, _| async move {
        let text = head(&mut stream).await;
        if !text.to_ascii_lowercase().contains("proxy-authorization: basic bwu6cgfzcw==") {
            stream.write_all(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        } else if let Some(place) = text.strip_prefix("CONNECT ") {
            let place = place.split(' ').next().unwrap().to_owned();
            let mut server = TcpStream::connect(place).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 Go on\r\nX-Proxy: yes\r\n\r\n").await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
        } else {
            let line = text.lines().next().unwrap();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{line}", line.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn http_goes_through_a_proxy_in_absolute_form() {
    let proxy = proxy().await;
    let address = proxy.address;
    let client = Client::new(allow(&[("storage.example", 80), ("127.0.0.1", address.port())]), quick());
    let mut asked = request("GET", "http://storage.example/a?b".into());
    asked.extras = vec![("proxy".into(), format!("http://me:pass@{address}"))];
    let reply = client.exchange(&asked, Payload::Empty, 100).await.unwrap();
    assert_eq!(reply.body, "GET http://storage.example/a?b HTTP/1.1");
}

#[tokio::test]
async fn https_goes_through_a_tunnel_and_is_still_checked() {
    let proxy = proxy().await;
    let (server, authority) = tls::server().await;
    let port = server.address.port();
    let client = Client::new(allow(&[("localhost", port), ("127.0.0.1", proxy.address.port())]), quick());
    let mut asked = request("GET", format!("https://localhost:{port}/"));
    asked.extras = vec![("proxy".into(), format!("http://me:pass@{}", proxy.address)), ("tls-ca".into(), authority)];
    assert_eq!(client.exchange(&asked, Payload::Empty, 100).await.unwrap().body, "secret");
    asked.extras.pop();
    assert_eq!(client.exchange(&asked, Payload::Empty, 100).await.unwrap_err().code.as_deref(), Some("tls"));
    asked.extras = vec![("proxy".into(), format!("http://{}", proxy.address))];
    assert_eq!(client.exchange(&asked, Payload::Empty, 100).await.unwrap_err().kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn a_proxy_needs_a_grant_and_does_not_replace_the_hosts() {
    let proxy = proxy().await;
    let port = proxy.address.port();
    let mut asked = request("GET", "http://storage.example/".into());
    asked.extras = vec![("proxy".into(), format!("http://me:pass@{}", proxy.address))];
    for granted in [&[("storage.example", 80)][..], &[("127.0.0.1", port)]] {
        let client = Client::new(allow(granted), quick());
        assert_eq!(client.exchange(&asked, Payload::Empty, 10).await.unwrap_err().kind, Kind::Denied);
    }
    assert_eq!(proxy.connections(), 0);
}
