//! Granted directories: what they do, and every way out of them that must not work.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "everything here is a test")]

mod escapes;
mod lent;
mod names;
mod sparse;
mod transfer;

use std::sync::Arc;

use capstan_domain::grant::Power;
use capstan_grants::{Granted, Grants};
use capstan_services::files::Directory;
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// A directory granted under the name "root", and what lies beside it.
struct Ground {
    _above: TempDir,
    outside: std::path::PathBuf,
    inside: std::path::PathBuf,
    directory: Directory,
}

fn ground() -> Ground {
    granted(true)
}

fn granted(write: bool) -> Ground {
    let above = tempfile::tempdir().unwrap();
    let (inside, outside) = (above.path().join("inside"), above.path().join("outside"));
    std::fs::create_dir(&inside).unwrap();
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "secret").unwrap();
    let power = Power::Directory { root: "root".into(), path: inside.to_str().unwrap().into(), write };
    let grants = Grants::new("t", &[], &[Granted { power, configured: false }], Arc::default());
    let directory = Directory::open(&grants.directory("root").unwrap(), Arc::new(Semaphore::new(4))).unwrap();
    Ground { _above: above, outside, inside, directory }
}
