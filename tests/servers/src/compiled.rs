//! Compiled code that tests lend each other. A runtime in a directory of its own compiles every plugin anew, which costs more than most
//! tests do. A file's name is the digest of its component and the fingerprint of the engine, and the runtime checks the hash of what is
//! in it: one from another test is as good as its own.

use std::fs;
use std::path::{Path, PathBuf};

/// The directory that the code is shared in; where it is not set, nothing is shared.
pub const SHARED: &str = "CAPSTAN_TEST_COMPILED";
/// Where a runtime keeps it, beneath its own directory.
const OWN: &str = "compiled";
const CODE: &str = "cwasm";

/// Before a runtime starts: gives it what others compiled. What cannot be lent is compiled again.
pub fn lend(runtime: &Path) {
    if let Some(shared) = shared() {
        link_all(&shared, &runtime.join(OWN));
    }
}

/// After it has started: keeps what it compiled for others.
pub fn keep(runtime: &Path) {
    if let Some(shared) = shared() {
        link_all(&runtime.join(OWN), &shared);
    }
}

fn shared() -> Option<PathBuf> {
    std::env::var_os(SHARED).map(PathBuf::from)
}

/// Second names and no copies: a runtime replaces such a file, and never writes into it.
fn link_all(from: &Path, to: &Path) {
    let (Ok(files), Ok(())) = (fs::read_dir(from), fs::create_dir_all(to)) else { return };
    for path in files.filter_map(Result::ok).map(|file| file.path()) {
        if let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|extension| extension == CODE)) {
            // It may be there already, or have gone meanwhile.
            let _ = fs::hard_link(&path, to.join(name));
        }
    }
}
