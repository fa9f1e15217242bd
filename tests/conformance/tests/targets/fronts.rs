//! The fronts themselves: what is not struck goes through as it is, what is struck is struck as it says.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use capstan_conformance::fronts::{Times, http, wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than any head, so that the middle of an answer lies in it.
const BODY: &str = concat!(
    "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
    "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
    "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
    "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
);

/// A server that counts and says always the same.
async fn server() -> (String, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let answer = |State(count): State<Arc<AtomicU64>>| async move {
        count.fetch_add(1, Ordering::SeqCst);
        let mut headers = HeaderMap::new();
        headers.insert("x-server", "itself".parse().unwrap());
        (headers, BODY)
    };
    let router = Router::new().fallback(answer).with_state(Arc::clone(&count));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, count)
}

const REQUEST: &[u8] = b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";

/// What comes within a second, as text.
async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(REQUEST).await.unwrap();
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(Ok(count)) = tokio::time::timeout(Duration::from_millis(700), stream.read(&mut piece)).await {
        all.extend_from_slice(&piece[..count]);
        if count == 0 || String::from_utf8_lossy(&all).ends_with(BODY) {
            break;
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn is_plain(answer: &str) -> bool {
    let length = format!("content-length: {}\r\n", BODY.len());
    answer.starts_with("HTTP/1.1 200")
        && answer.contains("x-server: itself")
        && answer.to_lowercase().contains(&length)
        && answer.len() < 1000
        && answer.matches(BODY).count() == 1
        && answer.ends_with(BODY)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_struck_goes_through_on_one_connection() {
    let (server, count) = server().await;
    let front = http::Front::start(&server).await.unwrap();
    let mut stream = TcpStream::connect(front.address()).await.unwrap();
    for _ in 0..3 {
        let answer = ask(&mut stream).await;
        assert!(is_plain(&answer), "{answer}");
    }
    assert_eq!((count.load(Ordering::SeqCst), front.requests(), front.struck()), (3, 3, 0));
    let front = wire::Front::start(&server).await.unwrap();
    let mut stream = TcpStream::connect(front.address()).await.unwrap();
    for _ in 0..3 {
        assert!(is_plain(&ask(&mut stream).await));
    }
    assert_eq!((front.connections(), front.struck()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_http_is_seen_by_its_client_once_and_then_no_more() {
    use http::Fault::{
        AnswerLost, BadChunk, BadStatusLine, BitFlip, ChunksCut, ClosedBeforeAnswer, EarlyRefusal, EmptyAnswer, Garbage,
        HalfClosed, HugeHead, LengthNonsense, LengthTooLong, LengthTooShort, LoginPage, NoAnswer, Redirect, ResetBeforeAnswer,
        ResetInBody, ResetInHead, ShortBody, StallInBody, Status,
    };
    let (server, count) = server().await;
    let elsewhere = "127.0.0.1:9".parse().unwrap();
    let faults = [
        AnswerLost,
        BadChunk,
        BadStatusLine,
        BitFlip,
        ChunksCut,
        ClosedBeforeAnswer,
        EarlyRefusal,
        EmptyAnswer,
        Garbage,
        HalfClosed,
        HugeHead,
        LengthNonsense,
        LengthTooLong,
        LengthTooShort,
        LoginPage,
        NoAnswer,
        Redirect(elsewhere),
        ResetBeforeAnswer,
        ResetInBody,
        ResetInHead,
        ShortBody,
        StallInBody,
        Status(503),
    ];
    for fault in faults {
        let front = http::Front::start(&server).await.unwrap();
        front.arm(fault, Times::Once);
        let before = count.load(Ordering::SeqCst);
        let answer = ask(&mut TcpStream::connect(front.address()).await.unwrap()).await;
        assert!(!is_plain(&answer), "{fault:?}: {answer}");
        if fault == AnswerLost {
            assert_eq!((answer.as_str(), count.load(Ordering::SeqCst)), ("", before + 1), "the server acted, its answer is lost");
        }
        assert_eq!(front.struck(), 1, "{fault:?}");
        let answer = ask(&mut TcpStream::connect(front.address()).await.unwrap()).await;
        assert!(is_plain(&answer), "after {fault:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_takes_time_arrives_whole() {
    let (server, _) = server().await;
    let front = http::Front::start(&server).await.unwrap();
    for fault in [http::Fault::SlowDrip, http::Fault::Late, http::Fault::Stale] {
        front.arm(fault, Times::Once);
        assert!(is_plain(&ask(&mut TcpStream::connect(front.address()).await.unwrap()).await), "{fault:?}");
    }
    let front = wire::Front::start(&server).await.unwrap();
    for fault in [wire::Fault::Drip, wire::Fault::Late] {
        front.arm(fault, Times::Always);
        assert!(is_plain(&ask(&mut TcpStream::connect(front.address()).await.unwrap()).await), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_bytes_is_seen_by_its_client() {
    use wire::Fault::{
        AnswerLost, BitFlip, ClosedAtAccept, CutInAnswer, Duplicate, Gap, Garbage, HalfClosed, RequestCut, RequestReset,
        RequestSilence, ResetAtAccept, ResetInAnswer, Silence, Stall, Stray, WrongLength,
    };
    let (server, _) = server().await;
    for fault in [
        AnswerLost,
        BitFlip,
        ClosedAtAccept,
        CutInAnswer,
        Duplicate,
        Gap,
        Garbage,
        HalfClosed,
        RequestCut,
        RequestReset,
        RequestSilence,
        ResetAtAccept,
        ResetInAnswer,
        Silence,
        Stall,
        Stray,
        WrongLength,
    ] {
        let front = wire::Front::start(&server).await.unwrap();
        front.arm(fault, Times::Once);
        let mut answer = Vec::new();
        match TcpStream::connect(front.address()).await {
            Ok(mut stream) => {
                let _ = stream.write_all(REQUEST).await;
                let mut piece = [0; 4096];
                while let Ok(Ok(count @ 1..)) = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut piece)).await {
                    answer.extend_from_slice(&piece[..count]);
                }
            }
            // A reset may be faster than the end of `connect`.
            Err(error) => assert!(matches!(fault, ResetAtAccept | ClosedAtAccept), "{fault:?}: {error}"),
        }
        assert!(!is_plain(&String::from_utf8_lossy(&answer)), "{fault:?}");
        assert_eq!(front.struck(), 1, "{fault:?}");
        assert!(is_plain(&ask(&mut TcpStream::connect(front.address()).await.unwrap()).await), "after {fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_twice_comes_twice() {
    let (server, count) = server().await;
    let front = http::Front::start(&server).await.unwrap();
    front.arm(http::Fault::Duplicate, Times::Once);
    let mut stream = TcpStream::connect(front.address()).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(Duration::from_millis(700), stream.read(&mut piece)).await {
        answer.extend_from_slice(&piece[..count]);
    }
    assert_eq!(String::from_utf8_lossy(&answer).matches(BODY).count(), 2);
    assert_eq!(count.load(Ordering::SeqCst), 1, "it was asked once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_may_come_after_some_that_go_through() {
    let (server, _) = server().await;
    let front = http::Front::start(&server).await.unwrap();
    front.arm(http::Fault::Status(500), Times::After(2));
    let mut stream = TcpStream::connect(front.address()).await.unwrap();
    let mut plain = Vec::new();
    for _ in 0..4 {
        plain.push(is_plain(&ask(&mut stream).await));
    }
    assert_eq!(plain, [true, true, false, true]);
}
