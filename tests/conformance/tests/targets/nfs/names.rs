//! Names as the server has them, and directories larger than a page.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use capstan_conformance::content::{counting, same};
use capstan_domain::ports::{ByteRange, Files, NodeKind, PutOptions};
use capstan_test_servers::{Ganesha, server_or_skip};

use super::{files, host};
use capstan_conformance::nfs::configuration;

async fn list(port: &dyn Files, path: &str, limit: u32) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = port.read_directory("share", path, after.as_deref(), limit).await.unwrap();
        assert!(page.nodes.len() <= limit as usize);
        names.extend(page.nodes.into_iter().map(|node| node.name));
        after = page.next;
        if after.is_none() {
            return names;
        }
    }
}

#[tokio::test]
async fn names_that_are_not_text_are_escaped_and_lead_back_to_their_bytes() {
    let server = server_or_skip!(Ganesha::start());
    let open = server.export("open");
    std::fs::write(open.join(OsStr::from_bytes(b"raw\xff")), "raw").unwrap();
    std::fs::write(open.join("literal%!41"), "literal").unwrap();
    let host = host(configuration(&server, "open")).await;
    let port = files(&host);
    let mut names = list(&*port, "", 100).await;
    names.sort();
    assert_eq!(names, ["literal%!25!41", "raw%!FF"]);
    for (name, size) in [("literal%!25!41", 7), ("raw%!FF", 3)] {
        assert_eq!(port.stat("share", name).await.unwrap().size, size);
    }
    port.write("share", "new%!FE", counting(9), "1", PutOptions::default()).await.unwrap();
    assert_eq!(std::fs::metadata(open.join(OsStr::from_bytes(b"new\xfe"))).unwrap().len(), 9);
}

#[tokio::test]
async fn a_large_directory_is_listed_once_and_whole_in_any_pages() {
    let server = server_or_skip!(Ganesha::start());
    let large = server.export("open").join("large");
    std::fs::create_dir(&large).unwrap();
    let expected: BTreeSet<String> = (0..3000).map(|number| format!("a name of some length {number:05}")).collect();
    for name in &expected {
        std::fs::write(large.join(name), "x").unwrap();
    }
    std::os::unix::fs::symlink("somewhere", large.join("a link")).unwrap();
    let host = host(configuration(&server, "open")).await;
    let port = files(&host);
    for limit in [100, 1000, 10_000] {
        let names = list(&*port, "large", limit).await;
        let found: BTreeSet<String> = names.iter().filter(|name| *name != "a link").cloned().collect();
        assert_eq!((names.len(), found == expected), (3001, true), "pages of {limit}");
    }
    let page = port.read_directory("share", "large", None, 10_000).await.unwrap();
    let link = page.nodes.iter().find(|node| node.kind == NodeKind::Symlink);
    if let Some(link) = link {
        assert_eq!(link.link.as_deref(), Some("somewhere"));
    }
}

#[tokio::test]
async fn ranges_of_a_file_are_written_in_place_and_read_from_anywhere() {
    let server = server_or_skip!(Ganesha::start());
    let host = host(configuration(&server, "open")).await;
    let port = files(&host);
    let part = 3 << 20;
    let whole = counting(2 * part);
    for offset in [part, 0] {
        let options = PutOptions { extras: vec![("offset".to_owned(), offset.to_string())], ..PutOptions::default() };
        let content = std::sync::Arc::new(Slice { whole: whole.clone(), offset, length: part });
        port.write("share", "in/ranges", content, &format!("{offset}"), options).await.unwrap();
        port.sync("share", "in/ranges").await.unwrap();
    }
    for (offset, length) in [(0, 2 * part), (1, 7), (part - 5, 1 << 20), (2 * part - 1, 1)] {
        let (node, body) = port.read("share", "in/ranges", Some(ByteRange { offset, length: Some(length) })).await.unwrap();
        assert_eq!(node.size, 2 * part);
        same(body, offset, length).await.unwrap();
    }
    // Whoever stops in the middle leaves the plugin well.
    for _ in 0..20 {
        let (_, body) = port.read("share", "in/ranges", None).await.unwrap();
        drop(body);
    }
    assert_eq!(port.stat("share", "in/ranges").await.unwrap().size, 2 * part);
}

/// A part of a content.
struct Slice {
    whole: capstan_domain::content::Content,
    offset: u64,
    length: u64,
}

impl capstan_domain::content::Source for Slice {
    fn size(&self) -> u64 {
        self.length
    }

    fn open(&self, offset: u64, length: u64) -> capstan_domain::content::Body {
        self.whole.open(self.offset + offset, length)
    }
}
