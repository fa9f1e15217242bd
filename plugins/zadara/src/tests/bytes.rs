use std::os::unix::fs::FileExt;

use capstan_sdk::Failure;
use serde_json::json;

use super::{Target, at, create, noise, read, server_or_skip, write};
use crate::answers::GIB;
use crate::disk::Piece;
use crate::{bytes, holes, pools};

#[test]
fn bytes_go_there_and_back_with_and_without_digests() {
    let server = server_or_skip!();
    for (seed, digests) in (10..).zip(["off", "required", "preferred"]) {
        let target = Target::with(&server, json!({ "digests": digests }), &[("access-key", &server.access_key)]);
        target.run(async || {
            let name = format!("drive-{digests}");
            create(&name, "a").await.unwrap();
            // More than is under way at once, and no whole number of pieces.
            let written = noise(seed, (5 << 20) + 1536);
            write(&name, 512, &written).await.unwrap();
            assert!(read(&name, 512, written.len() as u64).await.unwrap() == written);
            let mut stored = vec![0; written.len()];
            std::fs::File::open(server.file(&name).unwrap()).unwrap().read_exact_at(&mut stored, 512).unwrap();
            assert!(stored == written, "other bytes on the volume");
            for (offset, length) in [(1, 512), (0, 1), (GIB, 512), (GIB - 512, 1024)] {
                assert!(matches!(read(&name, offset, length).await, Err(Failure::Invalid(_))));
            }
            assert!(matches!(write(&name, GIB, &vec![0; 512]).await, Err(Failure::Invalid(_))));
            assert!(matches!(write(&name, 0, &vec![0; 100]).await, Err(Failure::Invalid(_))));
        });
    }
}

#[test]
fn what_is_discarded_reads_as_zeros_and_its_room_is_given_back() {
    use std::os::unix::fs::MetadataExt;
    let server = server_or_skip!();
    Target::of(&server).run(async || {
        create("thin", "a").await.unwrap();
        let written = noise(20, 4 << 20);
        write("thin", 1 << 20, &written).await.unwrap();
        let used = || std::fs::metadata(server.file("thin").unwrap()).unwrap().blocks() * 512;
        let before = used();
        holes::discard(at("thin"), Piece { offset: 2 << 20, length: 2 << 20 }).await.unwrap();
        assert!(before - used() >= 2 << 20, "{before} {}", used());
        let after = read("thin", 1 << 20, 4 << 20).await.unwrap();
        assert!(after[..1 << 20] == written[..1 << 20] && after[3 << 20..] == written[3 << 20..]);
        assert!(after[1 << 20..3 << 20].iter().all(|byte| *byte == 0));
        // The whole drive, in more than one command.
        holes::discard(at("thin"), Piece { offset: 0, length: GIB }).await.unwrap();
        assert!(read("thin", 1 << 20, 4 << 20).await.unwrap().iter().all(|byte| *byte == 0));
        assert!(matches!(holes::discard(at("thin"), Piece { offset: GIB, length: 512 }).await, Err(Failure::Invalid(_))));
    });
}

#[test]
fn whatever_may_hold_data_lies_in_an_extent() {
    let server = server_or_skip!();
    Target::of(&server).run(async || {
        create("sparse", "a").await.unwrap();
        for offset in [0, 64 << 20, 512 << 20] {
            write("sparse", offset, &noise(30, 1 << 20)).await.unwrap();
        }
        let (mut extents, mut at_byte) = (Vec::new(), Some(0));
        while let Some(offset) = at_byte {
            let page = holes::extents(at("sparse"), Piece { offset, length: GIB - offset }, 2).await.unwrap();
            assert!(page.extents.len() <= 2);
            at_byte = page.next;
            assert!(at_byte.is_none_or(|next| next > offset));
            extents.extend(page.extents);
        }
        for offset in [0, 64 << 20, 512 << 20_u64] {
            let covered =
                extents.iter().any(|extent| extent.offset <= offset && extent.offset + extent.length >= offset + (1 << 20));
            assert!(covered, "{extents:?}");
        }
        // This target tells.
        assert_eq!(extents.len(), 3, "{extents:?}");
    });
}

#[test]
fn who_may_not_come_in_is_told_so() {
    let server = server_or_skip!();
    Target::with(&server, json!({}), &[("access-key", "wrong-key-of-nobody")]).run(async || {
        assert!(matches!(pools::probe().await, Err(Failure::Unauthenticated(_))));
    });
    Target::with(&server, json!({}), &[]).run(async || {
        assert!(matches!(pools::probe().await, Err(Failure::Unauthenticated(_))));
    });
    // By a configured name and secret, which need not be told by the VPSA.
    let (user, secret) = server.chap();
    let key = server.access_key.as_str();
    let configured =
        |secret: &str| Target::with(&server, json!({ "chap-user": user }), &[("access-key", key), ("chap-secret", secret)]);
    configured(&secret).run(async || {
        create("guarded", "a").await.unwrap();
        write("guarded", 0, &noise(40, 512)).await.unwrap();
        pools::probe().await.unwrap();
    });
    configured("another-secret").run(async || {
        assert!(matches!(pools::probe().await, Err(Failure::Unauthenticated(_))));
        create("unreachable", "a").await.unwrap();
        assert!(matches!(read("unreachable", 0, 512).await, Err(Failure::Unauthenticated(_))));
    });
}

#[test]
fn a_secret_that_changes_is_asked_for_again() {
    let server = server_or_skip!();
    Target::of(&server).run(async || {
        create("rotated", "a").await.unwrap();
        let written = noise(50, 4096);
        write("rotated", 0, &written).await.unwrap();
        server.change_secret("vpsa-secret-0002").unwrap();
        server.restart_target().unwrap();
        // The first call may still go by the old one.
        let _ = bytes::flush(at("rotated")).await;
        assert_eq!(read("rotated", 0, 4096).await.unwrap(), written);
    });
}
