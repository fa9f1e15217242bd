use capstan_sdk::Failure;
use capstan_sdk::types::Attributes;

use super::*;
use crate::volumes::{make_directory, set_attributes, set_xattr};

const MOMENT: i64 = 1_000_000_000_123_456_789;

fn attributes(modified: Option<i64>, mode: Option<u32>) -> Attributes {
    Attributes { modified, mode, owner: None, group: None, extras: Vec::new() }
}

#[test]
fn attributes_are_kept_and_the_hash_is_nobodys_to_change() {
    on_both(1, 1, LARGE, |_, target| {
        let cartridge = Simulated::label(1);
        let c = cartridge.as_str();
        target.run(async || {
            put(c, "f", b"x").await.unwrap();
            make_directory(c, "d").await.unwrap();
            let node = set_attributes(c, "f", &attributes(Some(MOMENT), Some(0o600))).await.unwrap();
            assert_eq!((node.modified, node.mode.unwrap_or(0o600)), (MOMENT, 0o600));
            set_attributes(c, "d", &attributes(Some(-5), None)).await.unwrap();
            set_attributes(c, "", &attributes(None, None)).await.unwrap();
            assert!(matches!(set_attributes(c, "x", &attributes(None, None)).await, Err(Failure::NotFound(_))));
            for (name, value) in [("user.a", &b"1"[..]), ("user.b", b""), ("user.grün", b"\0\xff")] {
                set_xattr(c, "f", name, Some(value)).await.unwrap();
            }
            for _ in 0..2 {
                set_xattr(c, "f", "user.a", None).await.unwrap();
            }
            assert!(matches!(set_xattr(c, "x", "user.a", None).await, Err(Failure::NotFound(_))));
            assert!(matches!(set_xattr(c, "f", "user.capstan.blake3", None).await, Err(Failure::Invalid(_))));
            sync(c, "").await.unwrap();
        });
        target.run(async || {
            assert_eq!((stat(c, "f").await.unwrap().modified, stat(c, "d").await.unwrap().modified), (MOMENT, -5));
            let mut all = xattrs(c, "f").await.unwrap();
            all.retain(|(name, _)| name != "user.capstan.blake3");
            all.sort();
            assert_eq!(all, [("user.b".to_owned(), Vec::new()), ("user.grün".to_owned(), vec![0, 0xff])]);
            holds(c, "f", b"x").await;
        });
    });
}
