//! Connections to the server, and what is under way on them: several, pipelined, bounded.

use std::fs::File;
use std::time::{Duration, Instant};

use capstan_conformance::content::{counting, same};
use capstan_domain::content::Body;
use capstan_domain::ports::PutOptions;
use capstan_test_servers::{Ganesha, NfsFront, Trick, server_or_skip};
use futures::StreamExt;
use serde_json::json;

use super::{files, host, with};
use capstan_conformance::nfs::configuration;

const LOOKUP: u32 = 3;
const READ: u32 = 6;
const WRITE: u32 = 7;
/// Connections that a target may have open, as the contract has it.
const CONNECTIONS: usize = 64;
/// Connections that stay open for the next calls: 8 of each instance, of which a target has two.
const KEPT: usize = 16;
/// Requests of one file under way at most: memory, and the server's patience.
const UNDER_WAY: usize = 16;
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes at least so many bytes of a body and leaves the rest where it is. Answers how many.
async fn take(body: &mut Body, bytes: u64) -> u64 {
    let mut came = 0;
    while came < bytes {
        came += body.next().await.expect("more bytes").expect("good bytes").len() as u64;
    }
    came
}

/// Connections that are closed are seen to be a moment later.
async fn until_at_most(front: &NfsFront, connections: usize) {
    let until = Instant::now() + PATIENCE;
    while front.connections() > connections {
        assert!(Instant::now() < until, "{} connections are still open", front.connections());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn files_that_are_read_at_once_have_connections_of_their_own_and_keep_nobody_waiting() {
    const READERS: usize = 6;
    const SIZE: u64 = 24 << 20;
    let server = server_or_skip!(Ganesha::start());
    let front = NfsFront::start(server.port, Trick::Nothing, 0).unwrap();
    for number in 0..READERS {
        File::create(server.export("open").join(number.to_string())).unwrap().set_len(SIZE).unwrap();
    }
    let host = host(with(configuration(&server, "open"), json!({ "port": front.port() }))).await;
    let port = files(&host);
    let mut bodies = Vec::new();
    for number in 0..READERS {
        let (node, mut body) = port.read("share", &number.to_string(), None).await.unwrap();
        assert_eq!(node.size, SIZE);
        // More than the call itself read, and less than there is: the file is being read from here on.
        let came = take(&mut body, 2 << 20).await;
        bodies.push((body, came));
    }
    let open = front.connections();
    assert!((READERS..=CONNECTIONS).contains(&open), "{open} connections for {READERS} files");
    // Nobody takes their bytes meanwhile, and other calls go on.
    assert_eq!(port.stat("share", "0").await.unwrap().size, SIZE);
    port.write("share", "new", counting(100_000), "1", PutOptions::default()).await.unwrap();
    let (mut rest, came) = bodies.pop().unwrap();
    drop(bodies);
    assert_eq!(came + take(&mut rest, SIZE - came).await, SIZE);
    assert!(rest.next().await.is_none());
    // Those that were given up are closed.
    until_at_most(&front, READERS - 1).await;
}

#[tokio::test]
async fn a_large_file_is_written_and_read_with_several_requests_under_way_on_a_connection() {
    const SIZE: u64 = (12 << 20) + 5;
    let server = server_or_skip!(Ganesha::start());
    for procedure in [WRITE, READ] {
        let front = NfsFront::start(server.port, Trick::Gathers(procedure), usize::MAX).unwrap();
        let host = host(with(configuration(&server, "open"), json!({ "port": front.port() }))).await;
        let port = files(&host);
        port.write("share", "large", counting(SIZE), "1", PutOptions::default()).await.unwrap();
        let (_, body) = port.read("share", "large", None).await.unwrap();
        same(body, 0, SIZE).await.unwrap();
        let most = front.most_under_way(procedure);
        assert!((2..=UNDER_WAY).contains(&most), "{most} calls of procedure {procedure} at once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_have_one_connection_each_at_most_and_leave_few_behind() {
    let server = server_or_skip!(Ganesha::start());
    // Each look is held up, so that they are under way together.
    let front = NfsFront::start(server.port, Trick::Gathers(LOOKUP), usize::MAX).unwrap();
    std::fs::write(server.export("open").join("file"), "12345").unwrap();
    let host = host(with(configuration(&server, "open"), json!({ "port": front.port() }))).await;
    let port = files(&host);
    let looks = (0..CONNECTIONS).map(|_| {
        let port = port.clone();
        async move { port.stat("share", "file").await }
    });
    for node in futures::future::join_all(looks).await {
        assert_eq!(node.unwrap().size, 5);
    }
    let most = front.most_connections();
    assert!((2..=CONNECTIONS).contains(&most), "{most} connections");
    assert_eq!(front.calls(LOOKUP), CONNECTIONS);
    until_at_most(&front, KEPT).await;
    // Those are used again.
    for _ in 0..20 {
        assert_eq!(port.stat("share", "file").await.unwrap().size, 5);
    }
    assert!(front.connections() <= KEPT, "{} connections", front.connections());
}
