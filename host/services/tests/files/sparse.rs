//! Room: holes, and what a discard and a copy make of them.

use std::os::unix::fs::MetadataExt;

use capstan_domain::Kind;
use capstan_services::files::Extent;

use super::{Ground, ground};

#[tokio::test]
async fn what_is_discarded_reads_as_zeros_takes_no_room_and_is_no_extent() {
    let Ground { inside, directory: files, .. } = &ground();
    let path = inside.join("f");
    std::fs::write(&path, vec![7; 1 << 20]).unwrap();
    files.discard_range("f", 256 << 10, 512 << 10).await.unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes[256 << 10..768 << 10].iter().all(|byte| *byte == 0) && bytes[0] == 7 && bytes[768 << 10] == 7);
    let extents = files.extents("f", 0, u64::MAX, 10).await.unwrap();
    assert_eq!(extents, [Extent { offset: 0, length: 256 << 10 }, Extent { offset: 768 << 10, length: 256 << 10 }]);
    assert_eq!(files.extents("f", 512 << 10, 256 << 10, 10).await.unwrap(), []);
    assert_eq!(std::fs::metadata(&path).unwrap().blocks() * 512, files.stat("f").await.unwrap().allocated);
    // Behind the end there is nothing to free, and no file grows by it.
    files.discard_range("f", 2 << 20, 1 << 20).await.unwrap();
    assert_eq!(files.stat("f").await.unwrap().size, 1 << 20);
}

#[tokio::test]
async fn a_file_grows_by_a_hole_and_a_copy_keeps_its_holes() {
    let Ground { inside, directory: files, .. } = &ground();
    std::fs::write(inside.join("f"), vec![7; 64 << 10]).unwrap();
    assert_eq!(files.resize("f", 64 << 20).await.unwrap().size, 64 << 20);
    assert_eq!(files.extents("f", 0, u64::MAX, 10).await.unwrap(), [Extent { offset: 0, length: 64 << 10 }]);
    assert_eq!(files.copy("f", "g").await.unwrap(), 64 << 20);
    let copy = files.stat("g").await.unwrap();
    assert!(copy.size == 64 << 20 && copy.allocated <= 1 << 20, "{copy:?}");
    assert_eq!(std::fs::read(inside.join("f")).unwrap(), std::fs::read(inside.join("g")).unwrap());
    assert_eq!(files.resize("f", 10).await.unwrap().size, 10);
}

#[tokio::test]
async fn files_share_their_blocks_or_nothing_is_made_and_the_file_system_is_to_blame() {
    let Ground { inside, directory: files, .. } = &ground();
    std::fs::write(inside.join("f"), vec![7; 64 << 10]).unwrap();
    std::fs::write(inside.join("longer"), vec![1; 128 << 10]).unwrap();
    match files.reflink("f", "g").await {
        Ok(()) => {
            files.reflink("f", "longer").await.unwrap();
            for copy in ["g", "longer"] {
                assert_eq!(std::fs::read(inside.join(copy)).unwrap(), vec![7; 64 << 10], "{copy}");
            }
            std::fs::write(inside.join("g"), "else").unwrap();
            assert_eq!(std::fs::read(inside.join("f")).unwrap(), vec![7; 64 << 10]);
        }
        Err(failure) => {
            assert_eq!(failure.kind, Kind::Unsupported, "{failure:?}");
            assert!(!inside.join("g").exists());
            assert_eq!(files.reflink("f", "longer").await.unwrap_err().kind, Kind::Unsupported);
            assert_eq!(std::fs::read(inside.join("longer")).unwrap(), vec![1; 128 << 10]);
        }
    }
    // As a copy: not onto itself.
    assert_eq!(files.reflink("f", "f").await.unwrap_err().kind, Kind::Invalid);
    assert_eq!(std::fs::read(inside.join("f")).unwrap(), vec![7; 64 << 10]);
}
