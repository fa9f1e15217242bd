//! Bodies, large and odd, both ways.

use std::time::Duration;

use bytes::Bytes;
use capstan_domain::Kind;
use capstan_domain::content::Body;
use capstan_services::digest::Digest;
use capstan_services::http::{Payload, Request};
use futures::StreamExt;
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::{Answer, full, head, pattern, proper, raw, request};

const LARGE: u64 = (200 << 20) + 77;

async fn hashed(mut body: impl futures::Stream<Item = Bytes> + Unpin) -> Vec<u8> {
    let mut digest = Digest::new("blake3").unwrap();
    while let Some(chunk) = body.next().await {
        digest.update(&chunk);
    }
    digest.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_arrives_whole_with_its_length_and_no_chunking() {
    let server = proper(|request: hyper::Request<hyper::body::Incoming>| async move {
        assert_eq!(request.headers().get("content-length").unwrap(), &LARGE.to_string());
        assert!(request.headers().get("transfer-encoding").is_none());
        let body = request.into_body().into_data_stream().map(|chunk| chunk.unwrap());
        full(200, hashed(body).await)
    })
    .await;
    let body: Body = Box::pin(pattern(LARGE).map(Ok));
    let reply = server
        .client()
        .exchange(&request("PUT", server.url("/big")), Payload::Stream { body, length: LARGE }, 100)
        .await
        .unwrap();
    assert_eq!(reply.body, hashed(Box::pin(pattern(LARGE))).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_answer_arrives_whole_and_its_connection_is_kept() {
    let server = proper(|_| async {
        let frames = pattern(LARGE).map(|chunk| Ok::<_, std::io::Error>(Frame::data(chunk)));
        Answer::new(BodyExt::boxed(http_body_util::StreamBody::new(SyncStream(std::sync::Mutex::new(Box::pin(frames))))))
    })
    .await;
    let client = server.client();
    for _ in 0..2 {
        let response = client.send(&request("GET", server.url("/big")), Payload::Empty).await.unwrap();
        let body = response.body.map(|chunk| chunk.unwrap());
        assert_eq!(hashed(body).await, hashed(Box::pin(pattern(LARGE))).await);
    }
    assert_eq!(server.connections(), 1);
}

/// A boxed body must be Sync, which a stream need not be.
struct SyncStream<T>(std::sync::Mutex<std::pin::Pin<Box<dyn futures::Stream<Item = T> + Send>>>);

impl<T> futures::Stream for SyncStream<T> {
    type Item = T;
    fn poll_next(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
        self.0.get_mut().unwrap().as_mut().poll_next(cx)
    }
}

#[tokio::test]
async fn head_of_a_request_goes_out_as_it_was_given() {
    let server = raw(|mut stream, _| async move {
        let text = head(&mut stream).await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let mut wanted = request("GET", server.url("/b/%e4%BD%A0//a+b?list-type=2&prefix=a%2Fb&empty&x="));
    wanted.headers =
        vec![("x-amz-date".into(), "20260101T000000Z".into()), ("X-Two".into(), "a".into()), ("x-two".into(), "b".into())];
    let reply = server.client().exchange(&wanted, Payload::Empty, 4096).await.unwrap();
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert!(text.starts_with("GET /b/%e4%BD%A0//a+b?list-type=2&prefix=a%2Fb&empty&x= HTTP/1.1\r\n"), "{text}");
    assert!(text.contains(&format!("host: {}\r\n", server.address)), "{text}");
    assert!(text.contains("x-two: a\r\nx-two: b\r\n") && !text.contains("content-length"), "{text}");
}

#[tokio::test]
async fn a_redirect_is_returned_not_followed() {
    let server = proper(|_| async {
        let mut answer = full(307, "");
        answer.headers_mut().insert("location", "http://169.254.169.254/".parse().unwrap());
        answer
    })
    .await;
    let reply = server.client().exchange(&request("GET", server.url("/")), Payload::Empty, 100).await.unwrap();
    assert_eq!(reply.status, 307);
    assert!(reply.headers.contains(&("location".into(), "http://169.254.169.254/".into())));
}

#[tokio::test]
async fn an_answer_longer_than_asked_for_is_refused() {
    let server = proper(|_| async { full(200, vec![7; 1001]) }).await;
    let client = server.client();
    assert_eq!(client.exchange(&request("GET", server.url("/")), Payload::Empty, 1001).await.unwrap().body.len(), 1001);
    let failure = client.exchange(&request("PUT", server.url("/")), Payload::Empty, 1000).await.unwrap_err();
    assert!(failure.kind == Kind::Invalid && failure.maybe_done);
}

#[tokio::test]
async fn a_head_request_and_an_empty_answer_leave_the_connection_usable() {
    let server = proper(|request: hyper::Request<hyper::body::Incoming>| async move {
        if request.method() == "HEAD" { full(200, vec![1; 12345]) } else { full(204, "") }
    })
    .await;
    let client = server.client();
    let reply = client.exchange(&request("HEAD", server.url("/")), Payload::Empty, 0).await.unwrap();
    assert!(reply.body.is_empty() && reply.headers.contains(&("content-length".into(), "12345".into())));
    assert_eq!(client.exchange(&request("DELETE", server.url("/")), Payload::Empty, 0).await.unwrap().status, 204);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_body_of_the_wrong_length_is_the_plugins_fault() {
    let server = proper(|request: hyper::Request<hyper::body::Incoming>| async move {
        let _ = request.into_body().collect().await;
        full(200, "")
    })
    .await;
    let client = server.client();
    for length in [9, 11] {
        let body: Body = Box::pin(futures::stream::iter([Ok(Bytes::from_static(b"0123456789"))]));
        let failure = client.exchange(&request("PUT", server.url("/")), Payload::Stream { body, length }, 10).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Invalid, "{failure:?}");
    }
}

#[tokio::test]
async fn a_source_that_breaks_is_the_reason_that_comes_back() {
    let server = proper(|request: hyper::Request<hyper::body::Incoming>| async move {
        let _ = request.into_body().collect().await;
        full(200, "")
    })
    .await;
    let broken = capstan_domain::Failure::new(Kind::Corrupt, "the disk reports an error");
    let body: Body = Box::pin(futures::stream::iter([Ok(Bytes::from_static(b"0123")), Err(broken)]));
    let failure =
        server.client().exchange(&request("PUT", server.url("/")), Payload::Stream { body, length: 10 }, 10).await.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (Kind::Corrupt, "the disk reports an error"));
}

#[tokio::test]
async fn an_answer_before_the_body_was_read_is_the_answer() {
    let server = raw(|mut stream, _| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied").await.unwrap();
        // Some servers read on for a while, none reads for ever.
        let mut sink = vec![0; 1 << 20];
        while let Ok(1..) = stream.read(&mut sink).await {}
    })
    .await;
    let body: Body = Box::pin(pattern(8 << 20).map(Ok));
    let reply =
        server.client().exchange(&request("PUT", server.url("/")), Payload::Stream { body, length: 8 << 20 }, 10).await.unwrap();
    assert_eq!((reply.status, reply.body.as_ref()), (403, &b"denied"[..]));
}

#[tokio::test]
async fn a_slow_source_and_a_slow_reader_are_not_the_servers_fault() {
    let server = proper(|request: hyper::Request<hyper::body::Incoming>| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        full(200, body)
    })
    .await;
    let client = server.client();
    let slow: Body = Box::pin(futures::stream::iter(0..3).then(|_| async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        Ok(Bytes::from(vec![1; 1 << 20]))
    }));
    let request: Request = request("PUT", server.url("/"));
    let mut response = client.send(&request, Payload::Stream { body: slow, length: 3 << 20 }).await.unwrap();
    let mut read = response.body.next().await.unwrap().unwrap().len();
    tokio::time::sleep(Duration::from_millis(600)).await;
    while let Some(chunk) = response.body.next().await {
        read += chunk.unwrap().len();
    }
    assert_eq!(read, 3 << 20);
}
