//! Many files, and many parts of one, at once.

use std::sync::Arc;

use capstan_conformance::content::{counting, same};
use capstan_domain::content::{Body, Source};
use capstan_domain::ports::PutOptions;
use capstan_test_servers::{Samba, server_or_skip};
use futures::StreamExt;
use serde_json::json;

use super::{host, port, put};

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
