//! Bytes in and out of granted files.

use bytes::Bytes;
use capstan_domain::content::Body;
use capstan_domain::{Failure, Kind};
use capstan_services::digest::digest;
use capstan_services::files::Creation;
use futures::StreamExt;

use crate::ground;

fn body(chunks: Vec<Result<Bytes, Failure>>) -> Body {
    Box::pin(futures::stream::iter(chunks))
}

async fn collect(mut body: Body) -> Result<Vec<u8>, Failure> {
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}

fn odd(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 253) as u8).collect()
}

#[tokio::test]
async fn what_is_written_is_what_is_read() {
    let ground = ground();
    for length in [0, 1, 511 << 10, 512 << 10, (5 << 20) + 13] {
        let data = odd(length);
        let chunks = data.chunks(100_003).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        assert_eq!(ground.directory.write("f", Creation::Truncate, 0, body(chunks)).await.unwrap(), length as u64);
        ground.directory.sync("f").await.unwrap();
        let (status, read) = ground.directory.read("f", 0, None).await.unwrap();
        assert_eq!(status.size, length as u64);
        assert_eq!(digest("blake3", &collect(read).await.unwrap()).unwrap(), digest("blake3", &data).unwrap());
    }
    ground.directory.sync("").await.unwrap();
}

#[tokio::test]
async fn a_range_is_exactly_that() {
    let ground = ground();
    let data = odd(2 << 20);
    std::fs::write(ground.inside.join("f"), &data).unwrap();
    for (offset, length, expected) in [
        (5, Some(10), 5..15),
        (1 << 20, None, 1 << 20..2 << 20),
        ((2 << 20) - 3, Some(99), (2 << 20) - 3..2 << 20),
        (2 << 20, None, 0..0),
    ] {
        let (_, read) = ground.directory.read("f", offset, length).await.unwrap();
        assert_eq!(collect(read).await.unwrap(), data[expected]);
    }
    assert_eq!(ground.directory.read("f", (2 << 20) + 1, None).await.err().unwrap().kind, Kind::Invalid);
}

#[tokio::test]
async fn creation_says_what_may_be_there_before() {
    let ground = ground();
    let one = || body(vec![Ok(Bytes::from_static(b"one"))]);
    let write = |creation, offset| ground.directory.write("f", creation, offset, one());
    assert_eq!(write(Creation::Existing, 0).await.unwrap_err().kind, Kind::NotFound);
    write(Creation::Exclusive, 0).await.unwrap();
    assert_eq!(write(Creation::Exclusive, 0).await.unwrap_err().kind, Kind::AlreadyExists);
    write(Creation::Keep, 3).await.unwrap();
    assert_eq!(std::fs::read(ground.inside.join("f")).unwrap(), b"oneone");
    write(Creation::Existing, 1).await.unwrap();
    assert_eq!(std::fs::read(ground.inside.join("f")).unwrap(), b"oonene");
    write(Creation::Truncate, 0).await.unwrap();
    assert_eq!(std::fs::read(ground.inside.join("f")).unwrap(), b"one");
}

#[tokio::test]
async fn a_source_that_breaks_fails_the_write_with_its_reason() {
    let ground = ground();
    let broken = vec![Ok(Bytes::from_static(b"one")), Err(Failure::new(Kind::Offline, "gone"))];
    assert_eq!(ground.directory.write("f", Creation::Exclusive, 0, body(broken)).await.unwrap_err().kind, Kind::Offline);
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_read_is_a_conflict() {
    let ground = ground();
    std::fs::write(ground.inside.join("f"), odd(8 << 20)).unwrap();
    let (_, mut read) = ground.directory.read("f", 0, None).await.unwrap();
    read.next().await.unwrap().unwrap();
    std::fs::File::options().write(true).open(ground.inside.join("f")).unwrap().set_len(1 << 20).unwrap();
    let failure = loop {
        match read.next().await.unwrap() {
            Ok(_) => {}
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.kind, Kind::Conflict);
    assert!(read.next().await.is_none());
}

#[tokio::test]
async fn a_copy_is_whole_and_never_of_a_file_onto_itself() {
    let ground = ground();
    let data = odd((3 << 20) + 1);
    std::fs::write(ground.inside.join("f"), &data).unwrap();
    std::fs::write(ground.inside.join("g"), odd(9 << 20)).unwrap();
    assert_eq!(ground.directory.copy("f", "g").await.unwrap(), data.len() as u64);
    assert_eq!(std::fs::read(ground.inside.join("g")).unwrap(), data);
    std::fs::hard_link(ground.inside.join("f"), ground.inside.join("same")).unwrap();
    for to in ["f", "same"] {
        assert_eq!(ground.directory.copy("f", to).await.unwrap_err().kind, Kind::Invalid);
    }
    assert_eq!(std::fs::read(ground.inside.join("f")).unwrap(), data);
}

#[tokio::test]
async fn a_full_disk_is_no_space() {
    // Writing to /dev/full is refused as it is no regular file, so a size limit of the process' own file system stands in: a file
    // beyond what ext4, xfs or tmpfs can address.
    let ground = ground();
    let failure =
        ground.directory.write("f", Creation::Exclusive, i64::MAX as u64 - 1, body(vec![Ok(Bytes::from_static(b"xyz"))])).await;
    assert!(matches!(failure.unwrap_err().kind, Kind::NoSpace | Kind::Invalid));
}
