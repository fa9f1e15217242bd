//! tgtd with one function mended, built once a machine from Debian's source package: the one that is installed cuts off what a library
//! tells of its elements.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use crate::program::{Missing, find};

const MEND: &str = include_str!("../patches/tgt-read-element-status.patch");
/// Lists of sources are made from the machine's own and kept apart from them; nothing of the machine is changed.
const BUILD: &str = r#"
set -e
cd "$1"
mkdir -p lists/partial cache/archives/partial sources
for file in /etc/apt/sources.list.d/*.sources; do
  [ ! -e "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"sources/$(basename "$file")"
done
[ ! -e /etc/apt/sources.list ] || sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >sources/main.list
apart() {
  apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$1/sources" -o Dir::State::Lists="$1/lists" \
    -o Dir::Cache="$1/cache" -o APT::Sandbox::User=root "${@:2}"
}
apart "$1" update
apart "$1" source --download-only tgt
tar xf tgt_*.orig.tar.gz
cd tgt-*/
tar xf ../tgt_*.debian.tar.xz
grep -v '^#' debian/patches/series | while read -r name; do patch -s -p1 <"debian/patches/$name"; done
patch -s -p1 <"$1/mend.patch"
make -s -C usr tgtd
mv usr/tgtd "$1/tgtd"
"#;
const TOOLS: [&str; 5] = ["apt-get", "gcc", "make", "patch", "xz"];
const CURE: &str = "apt-get install build-essential xz-utils, with a network from which apt-get source brings tgt";

/// Outside any checkout, so that it is made once a machine; another mend is another program.
fn room() -> PathBuf {
    let room = match std::env::var_os("CAPSTAN_TEST_TGT") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache/capstan/tgt"),
    };
    let mend: String = Sha256::digest(MEND).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    room.join(mend)
}

/// The program, built if it is not there yet.
pub(crate) fn tgtd() -> anyhow::Result<PathBuf> {
    let room = room();
    let program = room.join("tgtd");
    if program.is_file() {
        return Ok(program);
    }
    for tool in TOOLS {
        find(tool, &[], CURE)?;
    }
    std::fs::create_dir_all(&room).with_context(|| format!("cannot make {}", room.display()))?;
    // One builds, the others wait for it; a lock goes with who holds it.
    let lock = std::fs::File::create(room.join("lock"))?;
    lock.lock().with_context(|| format!("cannot lock {}", room.display()))?;
    if program.is_file() {
        return Ok(program);
    }
    let bench = tempfile::Builder::new().prefix("build-").tempdir_in(&room)?;
    build(bench.path())?;
    std::fs::rename(bench.path().join("tgtd"), &program)?;
    Ok(program)
}

fn build(bench: &Path) -> anyhow::Result<()> {
    std::fs::write(bench.join("mend.patch"), MEND)?;
    let built = Command::new("bash").args(["-c", BUILD, "build"]).arg(bench).output().context("cannot start bash")?;
    if !built.status.success() {
        let why = String::from_utf8_lossy(&built.stderr).into_owned();
        let missing = Missing { program: "tgtd with READ ELEMENT STATUS mended".to_owned(), cure: CURE.to_owned() };
        return Err(anyhow::Error::from(missing).context(why));
    }
    if !bench.join("tgtd").is_file() {
        bail!("the source of tgt brought no tgtd");
    }
    Ok(())
}
