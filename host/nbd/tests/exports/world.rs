//! What the tests share: a directory, drives in it, clients that are run to their end.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use capstan_nbd::{Address, Backend, Export, FileDrive, Server};
use capstan_test_servers::nbd_program;
use tokio::process::Command;

/// For what has to happen; a busy machine takes its time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    directory: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn socket(&self, name: &str) -> Address {
        Address::Unix(self.path(name))
    }

    /// A file of so many bytes that no two blocks of are the same, with a hole from the half to three quarters.
    pub(crate) fn drive(&self, name: &str, size: u64) -> PathBuf {
        use std::os::unix::fs::FileExt;
        let path = self.path(name);
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(size).unwrap();
        for range in [0..size / 2, size / 4 * 3..size] {
            file.write_all_at(&noise(range.start, range.end - range.start), range.start).unwrap();
        }
        path
    }

    pub(crate) async fn file(&self, drive: &Path, read_only: bool, socket: &str) -> Server {
        let export = Export::new("disk", file(drive, read_only)).unwrap();
        Server::start(export, &self.socket(socket), None).await.unwrap()
    }
}

pub(crate) fn file(drive: &Path, read_only: bool) -> Backend {
    let file = std::fs::File::options().read(true).write(!read_only).open(drive).unwrap();
    Backend::File(Arc::new(FileDrive::new(file, read_only).unwrap()))
}

/// Bytes that tell where they are.
pub(crate) fn noise(from: u64, length: u64) -> Vec<u8> {
    let words = (from / 8)..(from + length).div_ceil(8);
    let bytes: Vec<u8> = words.flat_map(|word| (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).to_be_bytes()).collect();
    let skipped = usize::try_from(from % 8).unwrap();
    bytes[skipped..skipped + usize::try_from(length).unwrap()].to_vec()
}

pub(crate) fn uri(server: &Server) -> String {
    match server.address() {
        Address::Unix(path) => format!("nbd+unix:///disk?socket={}", path.display()),
        Address::Tcp(address) => format!("nbd://{address}/disk"),
    }
}

/// Runs a client to its end: whether it succeeded, and all it said.
pub(crate) async fn client<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> (bool, String) {
    let mut command = Command::new(nbd_program(program).unwrap());
    let ended = tokio::time::timeout(PATIENCE, command.args(arguments).kill_on_drop(true).output());
    let output = ended.await.unwrap_or_else(|_| panic!("{program} does not end")).unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

pub(crate) async fn succeeds<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> String {
    let (succeeded, said) = client(program, arguments).await;
    assert!(succeeded, "{program}: {said}");
    said
}

/// Waits until it holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
