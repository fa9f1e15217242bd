//! Servers that are slow, silent, gone or confused.

use std::time::{Duration, Instant};

use capstan_domain::Kind;
use capstan_domain::failure::Retry;
use capstan_services::http::Payload;
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::server::{allow, head, quick, raw, request};

#[tokio::test]
async fn a_server_that_never_answers_times_out() {
    let server = raw(|mut stream, _| async move {
        head(&mut stream).await;
        std::future::pending().await
    })
    .await;
    let start = Instant::now();
    let failure = server.client().exchange(&request("PUT", server.url("/")), Payload::Empty, 10).await.unwrap_err();
    assert_eq!(failure.kind, Kind::TimedOut);
    assert!(failure.maybe_done, "a PUT may have been carried out");
    assert!((300..2000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_request_may_ask_for_more_patience() {
    let server = raw(|mut stream, _| async move {
        head(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(800)).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    })
    .await;
    let mut patient = request("POST", server.url("/"));
    patient.extras = vec![("timeout-ms".into(), "5000".into())];
    assert_eq!(server.client().exchange(&patient, Payload::Empty, 10).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_times_out() {
    let server = raw(|mut stream, _| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
        std::future::pending().await
    })
    .await;
    let client = server.client();
    let mut body = client.send(&request("GET", server.url("/")), Payload::Empty).await.unwrap().body;
    assert_eq!(body.next().await.unwrap().unwrap(), "half");
    assert_eq!(body.next().await.unwrap().unwrap_err().kind, Kind::TimedOut);
    assert!(body.next().await.is_none(), "a failed item is the last one");
    drop(body);
    assert_eq!(client.live_connections(), 0);
}

#[tokio::test]
async fn an_answer_that_is_longer_than_was_asked_for_is_known_by_its_code() {
    let server = raw(|mut stream, _| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789").await.unwrap();
    })
    .await;
    let failure = server.client().exchange(&request("GET", server.url("/")), Payload::Empty, 9).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Invalid, Some("answer-too-long")));
}

#[tokio::test]
async fn a_server_that_closes_in_the_middle_is_unavailable_and_may_be_asked_again() {
    let server = raw(|mut stream, _| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let failure = server.client().exchange(&request("GET", server.url("/")), Payload::Empty, 10).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry, failure.maybe_done), (Kind::Unavailable, Retry::AtOnce, false));
    let failure = server.client().exchange(&request("PUT", server.url("/")), Payload::Empty, 10).await.unwrap_err();
    assert!(failure.maybe_done);
}

#[tokio::test]
async fn a_server_that_closes_without_a_word_on_a_new_connection_is_not_retried_in_secret() {
    let server = raw(|mut stream, _| async move {
        head(&mut stream).await;
    })
    .await;
    let failure = server.client().exchange(&request("GET", server.url("/")), Payload::Empty, 10).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (Kind::Unavailable, Retry::AtOnce));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_is_not_http_is_said_to_be_so() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200 << 10));
    for answer in ["SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "HTTP/1.1 999999 ?\r\n\r\n".to_owned(), long] {
        let server = raw(move |mut stream, _| {
            let answer = answer.clone();
            async move {
                head(&mut stream).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                std::future::pending().await
            }
        })
        .await;
        let failure = server.client().exchange(&request("GET", server.url("/")), Payload::Empty, 10).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (Kind::Unavailable, Retry::Never), "{failure:?}");
    }
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_are_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let client = capstan_services::http::Client::new(allow(&[("127.0.0.1", port), ("no-such-name.invalid", 80)]), quick());
    let failure = client.exchange(&request("PUT", format!("http://127.0.0.1:{port}/")), Payload::Empty, 10).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref(), failure.maybe_done), (Kind::Unavailable, Some("unreachable"), false));
    let failure = client.exchange(&request("GET", "http://no-such-name.invalid/".into()), Payload::Empty, 10).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unavailable, Some("unresolved")));
}
