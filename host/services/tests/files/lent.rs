//! Files that are opened for the host itself.

use std::os::unix::fs::{FileExt, symlink};

use capstan_domain::Kind;

use crate::{granted, ground};

#[tokio::test]
async fn a_file_below_the_root_is_read_and_written() {
    let ground = ground();
    std::fs::create_dir(ground.inside.join("pool")).unwrap();
    std::fs::write(ground.inside.join("pool/drive"), "bytes").unwrap();
    let file = ground.directory.lend("pool/drive", true).await.unwrap();
    file.write_all_at(b"BYTE", 0).unwrap();
    assert_eq!(std::fs::read(ground.inside.join("pool/drive")).unwrap(), b"BYTEs");
    let file = ground.directory.lend("pool/drive", false).await.unwrap();
    let mut bytes = [0; 5];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"BYTEs");
    assert!(file.write_all_at(b"x", 0).is_err());
}

#[tokio::test]
async fn nothing_outside_is_opened_nothing_is_made_and_only_files_are_lent() {
    let ground = ground();
    symlink(ground.outside.join("secret"), ground.inside.join("way-out")).unwrap();
    for path in ["way-out", "../outside/secret", "/etc/passwd"] {
        for write in [true, false] {
            assert_eq!(ground.directory.lend(path, write).await.unwrap_err().kind, Kind::Denied, "{path}");
        }
    }
    assert_eq!(ground.directory.lend("absent", true).await.unwrap_err().kind, Kind::NotFound);
    assert!(!ground.inside.join("absent").exists());
    std::fs::create_dir(ground.inside.join("pool")).unwrap();
    assert_eq!(ground.directory.lend("pool", false).await.unwrap_err().kind, Kind::Invalid);
}

#[tokio::test]
async fn what_was_granted_for_reading_is_lent_for_reading() {
    let ground = granted(false);
    std::fs::write(ground.inside.join("drive"), "bytes").unwrap();
    assert_eq!(ground.directory.lend("drive", true).await.unwrap_err().kind, Kind::Denied);
    assert!(ground.directory.lend("drive", false).await.is_ok());
}
