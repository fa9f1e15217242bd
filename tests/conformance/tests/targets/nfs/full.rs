//! A server whose disk is full, whose user's quota is used up, that fetches from a slower medium: told as what it is, and nothing is
//! half-written.

use capstan_conformance::content::{bytes, counting, same};
use capstan_domain::failure::{Blame, Kind, Retry};
use capstan_domain::ports::PutOptions;
use capstan_test_servers::{Ganesha, NfsFront, Trick, server_or_skip};
use serde_json::json;

use super::{files, host, with};
use capstan_conformance::nfs::configuration;

const WRITE: u32 = 7;
const MKDIR: u32 = 9;
/// NFS3ERR_NOSPC, NFS3ERR_DQUOT, NFS3ERR_JUKEBOX.
const NOSPC: u32 = 28;
const DQUOT: u32 = 69;
const JUKEBOX: u32 = 10_008;

/// Names in the open export, hidden ones too.
fn there(server: &Ganesha) -> Vec<String> {
    let entries = std::fs::read_dir(server.export("open")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_export_that_is_full_says_so_and_takes_the_same_file_when_there_is_room() {
    let server = server_or_skip!(Ganesha::on_small_disk(12));
    let host = host(configuration(&server, "open")).await;
    let port = files(&host);
    port.write("share", "first", counting(5 << 20), "first", PutOptions::default()).await.unwrap();
    let size = 20 << 20;
    let failure = port.write("share", "large", counting(size), "large", PutOptions::default()).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry, failure.blame), (Kind::NoSpace, Retry::Never, Blame::Target), "{failure:?}");
    assert_eq!((failure.code.as_deref(), failure.maybe_done), (Some("NFS3ERR_NOSPC"), false), "{failure:?}");
    assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("room")), "{failure:?}");
    // Half a file lies under no name, not even a hidden one, and what was there is there.
    assert_eq!(there(&server), ["first"]);
    let page = port.read_directory("share", "", None, 10).await.unwrap();
    assert_eq!(page.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["first"]);
    let (_, body) = port.read("share", "first", None).await.unwrap();
    same(body, 0, 5 << 20).await.unwrap();
    let usage = host.connection.usage(Some("share")).await.unwrap();
    assert!(usage.capacity.is_some_and(|capacity| capacity < size), "{usage:?}");

    server.grow(64).unwrap();
    assert_eq!(port.write("share", "large", counting(size), "large", PutOptions::default()).await.unwrap().size, size);
    assert_eq!(there(&server), ["first", "large"]);
    assert_eq!(std::fs::read(server.export("open").join("large")).unwrap(), bytes(0, size));
}

#[tokio::test]
async fn a_quota_and_a_slow_medium_are_told_from_a_full_disk() {
    let server = server_or_skip!(Ganesha::start());
    for (procedure, status, kind, retry, wait, word) in [
        (WRITE, DQUOT, Kind::NoSpace, Retry::Never, None, Some("quota")),
        (MKDIR, NOSPC, Kind::NoSpace, Retry::Never, None, Some("room")),
        (WRITE, JUKEBOX, Kind::Busy, Retry::Later, Some(5_000), None),
    ] {
        let front = NfsFront::start(server.port, Trick::Refuses(procedure, status), 1).unwrap();
        let host = host(with(configuration(&server, "open"), json!({ "port": front.port() }))).await;
        let port = files(&host);
        let failure = port.write("share", "d/file", counting(3 << 20), "1", PutOptions::default()).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry, failure.blame), (kind, retry, Blame::Target), "{procedure}: {failure:?}");
        assert_eq!((failure.retry_after_ms, failure.maybe_done), (wait, false), "{procedure}: {failure:?}");
        if let Some(word) = word {
            assert!(failure.next_step.as_deref().is_some_and(|step| step.contains(word)), "{procedure}: {failure:?}");
        }
        // Of what failed nothing is seen, and what goes well the next time is whole.
        let left = port.read_directory("share", "d", None, 10).await;
        assert!(left.is_err() || left.unwrap().nodes.is_empty(), "{procedure}");
        port.write("share", "d/file", counting(3 << 20), "1", PutOptions::default()).await.unwrap();
        let (_, body) = port.read("share", "d/file", None).await.unwrap();
        same(body, 0, 3 << 20).await.unwrap();
        for path in ["d/file", "d"] {
            port.remove("share", path, "away").await.unwrap();
        }
        assert!(there(&server).is_empty(), "{:?}", there(&server));
    }
}
