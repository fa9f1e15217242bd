//! SCSI generic devices without the kernel's driver: the library that a program is started with to see those of a tape simulator.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use crate::program::find;

const SOURCES: [(&str, &str); 3] = [
    ("sg.c", include_str!("../../tape-simulator/shim/sg.c")),
    ("sg_io.c", include_str!("../../tape-simulator/shim/sg_io.c")),
    ("sg_io.h", include_str!("../../tape-simulator/shim/sg_io.h")),
];
const OPTIONS: [&str; 5] = ["-std=gnu11", "-O2", "-Wall", "-shared", "-fPIC"];
const CURE: &str = "apt-get install gcc libc6-dev";

/// Outside any checkout, so that it is made once a machine; another source is another library.
fn room() -> PathBuf {
    let cache = PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache/capstan/sg");
    let sources = SOURCES.iter().fold(Sha256::new(), |hash, (_, source)| hash.chain_update(source)).finalize();
    cache.join(sources.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The library, built if it is not there yet.
pub(crate) fn library() -> anyhow::Result<PathBuf> {
    let room = room();
    let library = room.join("sg.so");
    if library.is_file() {
        return Ok(library);
    }
    let compiler = find("cc", &[], CURE)?;
    std::fs::create_dir_all(&room).with_context(|| format!("cannot make {}", room.display()))?;
    // Several may build it at a time; each puts a whole one into place.
    let bench = tempfile::Builder::new().prefix("build-").tempdir_in(&room)?;
    build(&compiler, bench.path())?;
    std::fs::rename(bench.path().join("sg.so"), &library)?;
    Ok(library)
}

fn build(compiler: &Path, bench: &Path) -> anyhow::Result<()> {
    for (name, source) in SOURCES {
        std::fs::write(bench.join(name), source)?;
    }
    let sources = SOURCES.map(|(name, _)| name).into_iter().filter(|name| name.ends_with(".c"));
    let built = Command::new(compiler)
        .current_dir(bench)
        .args(OPTIONS)
        .args(["-o", "sg.so"])
        .args(sources)
        .args(["-ldl", "-lpthread"])
        .output()?;
    if !built.status.success() {
        bail!("the library of SCSI generic devices does not compile: {}", String::from_utf8_lossy(&built.stderr));
    }
    Ok(())
}
