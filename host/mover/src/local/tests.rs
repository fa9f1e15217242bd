//! Rules of a local tree that need more than one of its files.

use capstan_domain::failure::Kind;
use capstan_domain::time::Timestamp;
use capstan_stub::{Content, Existing, NewStub, RawTree};

use super::LocalTree;
use crate::Tree;

const SIZE: usize = 70_000;

#[tokio::test]
async fn a_stub_of_a_space_is_never_read_for_the_zeros_in_it() {
    let room = tempfile::tempdir().expect("directory");
    let directory = room.path().join("raw");
    let raw = RawTree::create(&directory).expect("raw tree");
    let bytes = vec![7; SIZE];
    std::fs::write(directory.join("resident"), &bytes).expect("file");
    let content = Content {
        size: bytes.len() as u64,
        modified: Timestamp::now(),
        blake3: capstan_digest::of(&bytes),
        blocks: Vec::new(),
        places: Vec::new(),
    };
    raw.reverse_stub("stub", &NewStub { content: &content, mode: 0o644, owner: None }, Existing::Keep).expect("stub");

    let tree = LocalTree::open("t", &directory).expect("tree");
    let mut items = Vec::new();
    for path in ["resident", "stub"] {
        items.push(tree.stat(path).await.expect("look").expect("there"));
        assert_eq!(items.last().map(|item| item.size), Some(content.size));
    }
    let mut read = tree.read_small(&items, content.size).await;
    let mut hashed = tree.hash_small(&items, content.size).await;
    assert_eq!(hashed[0].as_ref().map(|(_, value)| *value).ok(), Some(content.blake3));
    assert_eq!(read[0].as_ref().map(|small| small.bytes.to_vec()).ok(), Some(bytes));
    let failures = [read.remove(1).map(drop).err(), hashed.remove(1).map(drop).err(), tree.open(&items[1]).await.map(drop).err()];
    for failure in failures {
        let failure = failure.expect("refused");
        assert_eq!((failure.kind, failure.code.as_deref(), failure.may_retry()), (Kind::Offline, Some("migrated"), false));
    }
}
