use capstan_sdk::Failure;
use capstan_sdk::types::Kind;

use super::*;
use crate::volumes::{make_directory, make_link, remove, rename};

async fn is_gone(cartridge: &str, path: &str) -> bool {
    matches!(stat(cartridge, path).await, Err(Failure::NotFound(_)))
}

#[test]
fn names_that_were_changed_are_so_after_a_remount() {
    on_both(1, 1, LARGE, |_, target| {
        let cartridge = Simulated::label(1);
        let c = cartridge.as_str();
        target.run(async || {
            for (path, bytes) in [("a/1", "one"), ("a/2", "two"), ("b/3", "three")] {
                put(c, path, bytes.as_bytes()).await.unwrap();
            }
            sync(c, "").await.unwrap();
            make_directory(c, "c/d/e").await.unwrap();
            make_directory(c, "c/d").await.unwrap();
            let link = make_link(c, "c/l", "../a/1").await.unwrap();
            assert_eq!((link.kind, link.link.as_deref()), (Kind::Symlink, Some("../a/1")));
            make_link(c, "c/l", "../a/1").await.unwrap();
            assert!(matches!(make_link(c, "c/l", "x").await, Err(Failure::AlreadyExists(_))));
            remove(c, "a/2").await.unwrap();
            remove(c, "a/2").await.unwrap();
            assert!(matches!(remove(c, "a").await, Err(Failure::Conflict(_))));
            assert!(matches!(remove(c, "").await, Err(Failure::Invalid(_))));
            let id = stat(c, "a/1").await.unwrap().id;
            rename(c, "a", "c/a", false).await.unwrap();
            assert_eq!(stat(c, "c/a/1").await.unwrap().id, id);
            assert!(matches!(rename(c, "c/a/1", "b/3", false).await, Err(Failure::AlreadyExists(_))));
            rename(c, "c/a/1", "b/3", true).await.unwrap();
            assert!(matches!(rename(c, "c/a/1", "b/3", true).await, Err(Failure::NotFound(fault)) if fault.maybe_done));
            assert!(rename(c, "c", "c/d/e/c", false).await.is_err());
            assert!(rename(c, "b/3", "c", true).await.is_err());
            // Over an empty directory, but not over one that holds something.
            rename(c, "c/a", "c/d/e", true).await.unwrap();
            assert!(rename(c, "b", "c", true).await.is_err());
            sync(c, "").await.unwrap();
        });
        target.run(async || {
            assert_eq!(names(c, "").await, ["b", "c"]);
            assert_eq!(names(c, "c").await, ["d", "l"]);
            holds(c, "b/3", b"one").await;
            assert!(is_gone(c, "a/2").await && is_gone(c, "c/a").await);
            assert_eq!(stat(c, "c/l").await.unwrap().link.as_deref(), Some("../a/1"));
            assert!(matches!(read(c, "c/l", None).await, Err(Failure::Invalid(_))));
            assert!(matches!(page(c, "b/3", None, 9).await, Err(Failure::Invalid(_))));
        });
    });
}

#[test]
fn a_cartridge_without_files_says_what_to_do() {
    let library = Simulated::start(1, true, 2, LARGE);
    let target = Target::simulated(&library);
    let (blank, bare) = (Simulated::label(1), Simulated::label(2));
    target.run(async || {
        let code = |failure: Failure| failure.fault().code.clone().unwrap_or_default();
        assert_eq!(code(put(&blank, "a", b"").await.unwrap_err()), "not-formatted");
        let drive = Simulated::drive(0);
        crate::robot::unload(&drive).await.unwrap();
        load(&bare, None).await.unwrap();
        format(&drive, &bare, "bare", &[named("files", "none")]).await.unwrap();
        assert_eq!(code(stat(&bare, "").await.unwrap_err()), "not-formatted");
        let laying =
            crate::stream::Laying { at: crate::tape::Spot { partition: 0, object: 2 }, truncate: true, block: 512, filemarks: 1 };
        crate::volumes::close(&drive).await.unwrap();
        crate::medium::write(&drive, laying, &noise(1, 5_000), "raw").await.unwrap();
        assert_eq!(code(stat(&bare, "").await.unwrap_err()), "foreign-format");
        assert!(matches!(stat("NOBODY", "").await, Err(Failure::NotFound(_))));
        assert!(matches!(format(&drive, &bare, "x", &[named("files", "fat")]).await, Err(Failure::Invalid(_))));
    });
}
