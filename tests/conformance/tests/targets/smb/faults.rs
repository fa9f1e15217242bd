//! Files that somebody else holds, servers that go away and come back, disks that are full.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capstan_conformance::content::{counting, same};
use capstan_domain::content::{Body, Source};
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::ports::PutOptions;
use capstan_test_servers::{Samba, server_or_skip};
use futures::StreamExt;
use serde_json::json;

use super::{host, port, put};

/// Gives its first bytes, and the rest only when it is told to.
struct Slow {
    size: u64,
    go_on: Arc<tokio::sync::Notify>,
}

impl Source for Slow {
    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let (go_on, rest) = (Arc::clone(&self.go_on), length - 1);
        let first = futures::stream::iter([Ok(Bytes::from_static(b"x"))]);
        let second = futures::stream::once(async move {
            go_on.notified().await;
            Ok(Bytes::from(vec![b'x'; usize::try_from(rest).unwrap()]))
        });
        assert_eq!(offset, 0);
        Box::pin(first.chain(second))
    }
}

#[tokio::test]
async fn a_file_that_somebody_else_holds_is_busy_and_free_again_afterwards() {
    let server = server_or_skip!(Samba::start());
    let (first, second) = (host(&server, "share", json!({})).await, host(&server, "share", json!({})).await);
    let (mine, other) = (port(&first), port(&second));
    // Two tries of one attempt write one temporary file: the second finds it held.
    let go_on = Arc::new(tokio::sync::Notify::new());
    let slow = Arc::new(Slow { size: 2 << 20, go_on: Arc::clone(&go_on) });
    let begun = tokio::spawn(async move { mine.write("share", "held", slow, "one attempt", PutOptions::default()).await });
    let mut held = Ok(());
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if std::fs::read_dir(server.share("share")).unwrap().next().is_some() {
            held = other.write("share", "held", counting(2 << 20), "one attempt", PutOptions::default()).await.map(drop);
            break;
        }
    }
    let failure = held.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Busy, Some("STATUS_SHARING_VIOLATION")), "{failure:?}");
    go_on.notify_one();
    begun.await.unwrap().unwrap();
    other.write("share", "held", counting(5), "one attempt", PutOptions::default()).await.unwrap();
    // A lock of somebody on the server itself.
    let lock = "import fcntl, sys\nf = open(sys.argv[1], 'r+')\nfcntl.lockf(f, fcntl.LOCK_EX)\nprint('locked', flush=True)\nsys.stdin.read()";
    let mut holder = Command::new("python3")
        .args(["-c", lock])
        .arg(server.share("share").join("held"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let failure = other.read("share", "held", None).await.err().unwrap();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Busy, Some("STATUS_FILE_LOCK_CONFLICT")), "{failure:?}");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let (_, body) = other.read("share", "held", None).await.unwrap();
    same(body, 0, 5).await.unwrap();
}

async fn until_over(mut body: Body) -> Result<u64, Failure> {
    let mut bytes = 0;
    while let Some(chunk) = body.next().await {
        bytes += chunk?.len() as u64;
    }
    Ok(bytes)
}

#[tokio::test]
async fn a_server_that_is_started_again_is_found_again() {
    let mut server = server_or_skip!(Samba::start());
    let host = host(&server, "share", json!({})).await;
    let port = port(&host);
    put(&*port, "share", "before", 20 << 20).await;
    server.stop();
    let failure = port.stat("share", "before").await.unwrap_err();
    assert_eq!(failure.kind, Kind::Unavailable, "{failure:?}");
    server.begin().unwrap();
    assert_eq!(port.stat("share", "before").await.unwrap().size, 20 << 20);
    // In the middle of a file.
    let (_, mut body) = port.read("share", "before", None).await.unwrap();
    body.next().await.unwrap().unwrap();
    server.stop();
    let failure = until_over(body).await.unwrap_err();
    assert!(failure.kind == Kind::Unavailable && failure.retry != Retry::Never, "{failure:?}");
    server.begin().unwrap();
    let (_, body) = port.read("share", "before", None).await.unwrap();
    same(body, 0, 20 << 20).await.unwrap();
    put(&*port, "share", "after", 5).await;
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_full_and_nothing_is_left_on_it() {
    let server = server_or_skip!(Samba::start());
    let Some(disk) = &server.small else {
        return capstan_test_servers::skip(&anyhow::anyhow!("no file system of its own can be mounted here"));
    };
    let host = host(&server, "small", json!({})).await;
    let port = port(&host);
    let size = 30 << 20;
    let failure = port.write("small", "large", counting(size), "large", PutOptions::default()).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry, failure.blame), (Kind::NoSpace, Retry::Never, Blame::Target), "{failure:?}");
    assert_eq!((failure.code.as_deref(), failure.maybe_done), (Some("STATUS_DISK_FULL"), false), "{failure:?}");
    assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("room")), "{failure:?}");
    put(&*port, "small", "little", 100_000).await;
    assert_eq!(disk.names().unwrap(), ["little"]);
    // With more room it fits.
    disk.grow(64).unwrap();
    put(&*port, "small", "large", size).await;
    let (_, body) = port.read("small", "large", None).await.unwrap();
    same(body, 0, size).await.unwrap();
    assert_eq!(disk.names().unwrap().len(), 2);
}
