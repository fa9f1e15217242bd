//! Bytes over a connection, both ways.

use std::time::Duration;

use bytes::Bytes;
use capstan_domain::content::Body;
use capstan_domain::{Failure, Kind};
use tokio::io::AsyncWriteExt;

use crate::server::{connector, echo, serving, silent};

fn body(chunks: Vec<Result<Bytes, Failure>>) -> Body {
    Box::pin(futures::stream::iter(chunks))
}

#[tokio::test]
async fn what_is_written_and_sent_comes_back_in_order_and_then_the_end() {
    let port = echo().await;
    let connection = connector(port).connect("127.0.0.1", port, &Vec::new()).await.unwrap();
    let large = vec![b'x'; 3 << 20];
    let chunks = vec![Ok(Bytes::from_static(b"one ")), Ok(Bytes::new()), Ok(Bytes::from(large.clone()))];
    let sending = async {
        connection.write(b"head ").await.unwrap();
        assert_eq!(connection.send(body(chunks)).await.unwrap(), 4 + (3 << 20));
        connection.write(b" tail").await.unwrap();
        connection.finish().await.unwrap();
    };
    let receiving = async {
        let mut all = Vec::new();
        loop {
            let piece = connection.read(256 << 10).await.unwrap();
            assert!(piece.len() <= 256 << 10);
            if piece.is_empty() {
                return all;
            }
            all.extend(piece);
        }
    };
    let ((), all) = tokio::join!(sending, receiving);
    assert_eq!(all, [b"head one ".as_slice(), &large, b" tail"].concat());
    let failure = connection.write(b"more").await.unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("connection-ended"));
}

#[tokio::test]
async fn writes_that_are_made_together_do_not_mingle() {
    let port = echo().await;
    let connection = connector(port).connect("127.0.0.1", port, &Vec::new()).await.unwrap();
    let (a, b) = (vec![b'a'; 1 << 20], vec![b'b'; 1 << 20]);
    let receiving = async {
        let mut all = Vec::new();
        while all.len() < 2 << 20 {
            all.extend(connection.read(u32::MAX).await.unwrap());
        }
        all
    };
    let (first, second, all) = tokio::join!(connection.write(&a), connection.write(&b), receiving);
    first.and(second).unwrap();
    assert_eq!(all, [a, b].concat());
}

#[tokio::test]
async fn a_second_reader_is_refused_and_the_first_reads_on() {
    let port = echo().await;
    let connection = connector(port).connect("127.0.0.1", port, &Vec::new()).await.unwrap();
    let second = async {
        assert_eq!(connection.read(1).await.unwrap_err().kind, Kind::Invalid);
        connection.write(b"x").await.unwrap();
    };
    let (first, ()) = tokio::join!(connection.read(10), second);
    assert_eq!(first.unwrap(), b"x");
    assert_eq!(connection.read(0).await.unwrap_err().kind, Kind::Invalid);
}

#[tokio::test]
async fn a_body_that_breaks_ends_the_writing_side_with_its_own_failure() {
    let port = echo().await;
    let connection = connector(port).connect("127.0.0.1", port, &Vec::new()).await.unwrap();
    let broken = body(vec![Ok(Bytes::from_static(b"half")), Err(Failure::new(Kind::Corrupt, "the source broke"))]);
    assert_eq!(connection.send(broken).await.unwrap_err().kind, Kind::Corrupt);
    assert_eq!(connection.write(b"rest").await.unwrap_err().code.as_deref(), Some("connection-ended"));
    assert_eq!(connection.read(10).await.unwrap(), b"half");
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_given_up() {
    let port = silent().await;
    let connection = connector(port).connect("127.0.0.1", port, &Vec::new()).await.unwrap();
    let much = vec![0; 16 << 20];
    let written = async {
        loop {
            if let Err(failure) = connection.write(&much).await {
                return failure;
            }
        }
    };
    let failure = tokio::time::timeout(Duration::from_secs(5), written).await.unwrap();
    assert_eq!(failure.kind, Kind::TimedOut);
    let more = vec![0; (16 << 20) + 1];
    assert_eq!(connection.write(&more).await.unwrap_err().kind, Kind::Invalid);
}

#[tokio::test]
async fn a_read_waits_as_long_as_it_was_told_and_the_connection_stays() {
    let port = echo().await;
    let extras = vec![("read-timeout-ms".to_owned(), "100".to_owned())];
    let connection = connector(port).connect("127.0.0.1", port, &extras).await.unwrap();
    assert_eq!(connection.read(1).await.unwrap_err().kind, Kind::TimedOut);
    connection.write(b"late").await.unwrap();
    assert_eq!(connection.read(10).await.unwrap(), b"late");
}

#[tokio::test]
async fn a_connection_that_breaks_says_so_and_a_closed_port_too() {
    let port = serving(|mut stream, _| async move {
        stream.write_all(b"last words").await.unwrap();
        // Its end is a reset.
        stream.set_zero_linger().unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    })
    .await;
    let connection = connector(port).connect("localhost", port, &Vec::new()).await.unwrap();
    assert_eq!(connection.read(100).await.unwrap(), b"last words");
    let failure = connection.read(100).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unavailable, Some("connection-lost")));
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let failure = connector(free).connect("127.0.0.1", free, &Vec::new()).await.err().unwrap();
    assert_eq!(failure.code.as_deref(), Some("unreachable"));
}
