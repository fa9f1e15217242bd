//! What tests stand a transfer on: a ledger in memory and trees that break at a chosen moment.

mod drives;
mod files;
mod ledger;
mod objects;
mod tape;

use std::path::Path;
use std::sync::Arc;

use capstan_domain::job::Verify;
pub(crate) use drives::MemoryDrives;
pub(crate) use files::MemoryFiles;
pub(crate) use ledger::{Crash, MemoryLedger};
pub(crate) use objects::MemoryObjects;
pub(crate) use tape::MemoryTape;

use crate::{Control, Counters, Destination, Limits, LocalTree, Options, Source, Transfer, Tree};

pub(crate) fn options() -> Options {
    Options {
        verify: Verify::ReadBack,
        remove_source: false,
        overwrite: true,
        rename: false,
        bandwidth: None,
        storage_class: None,
        attempt: "job-1".to_owned(),
    }
}

/// From the root of one tree to `place_at` in another.
pub(crate) fn transfer(from: Arc<dyn Tree>, to: Arc<dyn Tree>, ledger: &Arc<MemoryLedger>) -> Transfer {
    Transfer {
        sources: vec![Source { tree: from, path: String::new(), place_at: "in".to_owned() }],
        destinations: vec![Destination { trees: vec![to] }],
        ledger: Arc::clone(ledger) as _,
        control: Control::default(),
        counters: Arc::new(Counters::default()),
        options: options(),
        limits: Limits { tries: 3, ..Limits::default() },
    }
}

pub(crate) fn local(directory: &Path) -> Arc<dyn Tree> {
    Arc::new(LocalTree::open(format!("directory:{}", directory.display()), directory).expect("a directory"))
}

/// Bytes that differ at every offset.
pub(crate) fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut reader = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    let mut bytes = vec![0; length];
    reader.fill(&mut bytes);
    bytes
}
