//! SMB keeps the contract against Samba: signed, encrypted, in every dialect, and when things go wrong.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capstan_conformance::check::{CONTRACT, FAULTS, FILES, kept};
use capstan_conformance::content::{counting, same};
use capstan_conformance::fails;
use capstan_conformance::host::{Host, built};
use capstan_conformance::smb::{configuration, target};
use capstan_domain::content::{Body, Source};
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::ports::{Files, PutOptions};
use capstan_test_servers::{SAMBA_PASSWORD, Samba, server_or_skip};
use futures::StreamExt;
use serde_json::{Value, json};

async fn host_with(server: &Samba, share: &str, more: Value, password: &str) -> Host {
    Host::start(&built("smb"), configuration(server, share, more), &[("password", password)]).await.unwrap()
}

async fn host(server: &Samba, share: &str, more: Value) -> Host {
    host_with(server, share, more, SAMBA_PASSWORD).await
}

fn port(host: &Host) -> Arc<dyn Files> {
    host.connection.files().unwrap()
}

async fn put(port: &dyn Files, share: &str, path: &str, size: u64) {
    port.write(share, path, counting(size), &format!("put {path}"), PutOptions::default()).await.unwrap();
}

async fn goes_round(server: &Samba, more: Value) {
    let host = host(server, "share", more).await;
    let port = port(&host);
    put(&*port, "share", "round", 3_000_000).await;
    let (_, body) = port.read("share", "round", None).await.unwrap();
    same(body, 0, 3_000_000).await.unwrap();
    port.remove("share", "round", "remove").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn smb_keeps_the_contract_signed() {
    let server = server_or_skip!(Samba::start());
    let signed = json!({ "encryption": "off" });
    kept("smb", target(&server, "share", signed.clone()), CONTRACT).await.unwrap();
    let host = host(&server, "share", signed).await;
    let report = host.connection.probe().await.unwrap();
    assert_eq!(report.locations[0].name, "share");
    let usage = host.connection.usage(Some("share")).await.unwrap();
    assert!(usage.capacity.unwrap() > usage.used.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn smb_endures_faults_between_it_and_samba() {
    let server = server_or_skip!(Samba::start());
    kept("smb", target(&server, "share", json!({})), FAULTS).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn smb_keeps_the_contract_encrypted() {
    let server = server_or_skip!(Samba::start());
    let sealed = json!({ "encryption": "required", "minimum-dialect": "3.1.1" });
    kept("smb", target(&server, "encrypted", sealed.clone()), FILES).await.unwrap();
    let host = host(&server, "encrypted", sealed).await;
    let report = host.connection.probe().await.unwrap();
    assert!(report.extras.contains(&("smb-encrypted".to_owned(), "true".to_owned())), "{report:?}");
}

#[tokio::test]
async fn every_dialect_carries_a_file_there_and_back() {
    for (most, least) in [("SMB2_10", "2.1"), ("SMB3_00", "3.0"), ("SMB3_02", "3.0.2"), ("SMB3_11", "3.1.1")] {
        let server = server_or_skip!(Samba::start_with(&format!(" server max protocol = {most}")));
        goes_round(&server, json!({ "encryption": "off", "minimum-dialect": least })).await;
        if most != "SMB2_10" {
            goes_round(&server, json!({ "encryption": "required" })).await;
        }
    }
}

#[tokio::test]
async fn every_cipher_carries_a_file_there_and_back() {
    for cipher in ["AES-128-CCM", "AES-128-GCM", "AES-256-CCM", "AES-256-GCM"] {
        let server = server_or_skip!(Samba::start_with(&format!(" server smb3 encryption algorithms = {cipher}")));
        goes_round(&server, json!({ "encryption": "required" })).await;
        goes_round(&server, json!({ "encryption": "off" })).await;
    }
}

#[tokio::test]
async fn a_server_too_old_or_without_encryption_is_refused_with_the_reason() {
    let server = server_or_skip!(Samba::start_with(" server max protocol = SMB2_10"));
    let refused = |more| async { host(&server, "share", more).await.connection.probe().await.unwrap_err() };
    let failure = refused(json!({ "minimum-dialect": "3.0" })).await;
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unsupported, Some("dialect")));
    let failure = refused(json!({ "encryption": "required" })).await;
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unsupported, Some("no-encryption")));
}

#[tokio::test]
async fn who_may_not_sign_in_learns_why() {
    let server = server_or_skip!(Samba::start());
    let failure = host_with(&server, "share", json!({}), "wrong").await.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unauthenticated, Some("STATUS_LOGON_FAILURE")), "{failure:?}");
    assert!(failure.next_step.unwrap().contains("password"));
    let stranger = host(&server, "share", json!({ "user": "nobody-here" })).await;
    fails(stranger.connection.probe().await, Kind::Unauthenticated, "an unknown user").unwrap();
    let guest = host(&server, "share", json!({ "user": "" })).await;
    assert!(guest.connection.probe().await.is_err());
    server.enable(false).unwrap();
    let failure = host(&server, "share", json!({})).await.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unauthenticated, Some("STATUS_ACCOUNT_DISABLED")));
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let server = server_or_skip!(Samba::start());
    let failure = host(&server, "no-share", json!({})).await.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::NotFound, Some("share")), "{failure:?}");
    let failure = host(&server, "share", json!({ "root": "no/folder" })).await.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::NotFound, Some("root")), "{failure:?}");
    let nobody = capstan_test_servers::free_port().unwrap();
    let failure = host(&server, "share", json!({ "port": nobody })).await.connection.probe().await.unwrap_err();
    assert_eq!(failure.kind, Kind::Unavailable, "{failure:?}");
    // Something answers, but not this.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = std::io::Write::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.2\r\n");
        }
    });
    let failure = host(&server, "share", json!({ "port": other })).await.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unavailable, Some("protocol")), "{failure:?}");
}

#[tokio::test]
async fn what_may_not_be_written_is_denied() {
    let server = server_or_skip!(Samba::start());
    std::fs::write(server.share("read-only").join("there"), b"1234567").unwrap();
    let by_server = host(&server, "read-only", json!({})).await;
    let reading = port(&by_server);
    assert_eq!(reading.stat("read-only", "there").await.unwrap().size, 7);
    let write = |port: Arc<dyn Files>, share: &'static str| async move {
        port.write(share, "new", counting(5), "attempt", PutOptions::default()).await
    };
    fails(write(Arc::clone(&reading), "read-only").await, Kind::Denied, "a share that is read-only").unwrap();
    fails(reading.remove("read-only", "there", "remove").await, Kind::Denied, "a share that is read-only").unwrap();
    let by_configuration = host(&server, "share", json!({ "read-only": true })).await;
    let failure = write(port(&by_configuration), "share").await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Denied, Some("read-only")));
    let unencrypted = host(&server, "encrypted", json!({ "encryption": "off" })).await;
    let failure = unencrypted.connection.probe().await.unwrap_err();
    assert_eq!(failure.kind, Kind::Denied, "{failure:?}");
    assert!(failure.next_step.unwrap().contains("encrypt"));
}

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
async fn names_the_protocol_cannot_hold_come_back_as_they_were() {
    let server = server_or_skip!(Samba::start());
    let host = host(&server, "share", json!({})).await;
    let port = port(&host);
    let mut names = vec![
        "CON",
        "a:b",
        "what?",
        "x*y",
        "quo\"te",
        "<angle>",
        "pi|pe",
        "back\\slash",
        "dot.",
        "space ",
        "tab\there",
        "grün 日本語 🗄",
        " leading",
        "per%cent",
        "AUX.txt",
        "~1",
        "new\nline",
        "...",
    ];
    for name in &names {
        put(&*port, "share", &format!("names/{name}"), 3).await;
        assert_eq!(port.stat("share", &format!("names/{name}")).await.unwrap().name, *name);
    }
    names.sort_unstable();
    let page = port.read_directory("share", "names", None, 1000).await.unwrap();
    assert_eq!(page.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), names);
    let long = "n".repeat(255);
    put(&*port, "share", &long, 1).await;
    let longer = port.write("share", &"n".repeat(256), counting(1), "long", PutOptions::default()).await;
    fails(longer, Kind::Invalid, "a name of 256 units").unwrap();
}

#[tokio::test]
async fn of_two_names_that_differ_in_case_alone_the_second_is_refused_and_the_first_kept() {
    let server = server_or_skip!(Samba::start());
    let host = host(&server, "share", json!({})).await;
    let port = port(&host);
    put(&*port, "share", "Case/File", 3).await;
    for path in ["Case/file", "Case/FILE"] {
        let failure = port.write("share", path, counting(9), "pair", PutOptions::default()).await.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::AlreadyExists, Some("same-name")), "{failure:?}");
    }
    let failure = port.make_directory("share", "case", "dir").await.unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("same-name"));
    assert_eq!(port.stat("share", "Case/File").await.unwrap().size, 3);
    // A rename may change the case of a name.
    port.rename("share", "Case/File", "Case/file", false, "rename").await.unwrap();
    let page = port.read_directory("share", "Case", None, 10).await.unwrap();
    assert_eq!(page.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["file"]);
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

#[tokio::test]
async fn a_large_directory_is_paged_without_losing_or_repeating_a_name() {
    let server = server_or_skip!(Samba::start());
    let directory = server.share("share").join("many");
    std::fs::create_dir(&directory).unwrap();
    for number in 0..5_000 {
        std::fs::write(directory.join(format!("file-{number:05}")), b"").unwrap();
    }
    let host = host(&server, "share", json!({})).await;
    let port = port(&host);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = port.read_directory("share", "many", after.as_deref(), 700).await.unwrap();
        seen.extend(page.nodes.into_iter().map(|node| node.name));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let wanted: Vec<String> = (0..5_000).map(|number| format!("file-{number:05}")).collect();
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn many_files_go_up_and_down_at_once() {
    let server = server_or_skip!(Samba::start());
    let host = host(&server, "share", json!({})).await;
    let port = port(&host);
    let there: Vec<u64> = futures::stream::iter(0..100_u64)
        .map(|number| {
            let port = Arc::clone(&port);
            async move {
                let (path, size) = (format!("many/{number}"), number * 40_000);
                put(&*port, "share", &path, size).await;
                let (_, body) = port.read("share", &path, None).await.unwrap();
                same(body, 0, size).await.unwrap();
                size
            }
        })
        .buffer_unordered(32)
        .collect()
        .await;
    assert_eq!(there.len(), 100);
}

/// A part of the content, as the mover writes large files.
struct Part(u64, u64);

impl Source for Part {
    fn size(&self) -> u64 {
        self.1
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        counting(self.0 + self.1).open(self.0 + offset, length)
    }
}

#[tokio::test]
async fn parts_of_a_large_file_go_in_place_side_by_side() {
    const PART: u64 = 16 << 20;
    let server = server_or_skip!(Samba::start());
    let host = host(&server, "share", json!({})).await;
    let port = port(&host);
    let writes = [2, 0, 1].map(|number| {
        let port = Arc::clone(&port);
        async move {
            let options =
                PutOptions { extras: vec![("offset".to_owned(), (number * PART).to_string())], ..PutOptions::default() };
            port.write("share", "new folder/part", Arc::new(Part(number * PART, PART)), &format!("part {number}"), options).await
        }
    });
    for written in futures::future::join_all(writes).await {
        written.unwrap();
    }
    port.sync("share", "new folder/part").await.unwrap();
    port.rename("share", "new folder/part", "new folder/whole", true, "rename").await.unwrap();
    port.sync("share", "").await.unwrap();
    let (node, body) = port.read("share", "new folder/whole", None).await.unwrap();
    assert_eq!(node.size, 3 * PART);
    same(body, 0, 3 * PART).await.unwrap();
}
