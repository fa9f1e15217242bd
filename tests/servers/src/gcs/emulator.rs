//! The emulator `gcp-storage-emulator`: it keeps buckets and objects, and knows neither credentials nor preconditions.

use std::time::Duration;

use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::Keeper;
use crate::python;

#[derive(Debug)]
pub(super) struct Emulator {
    /// `http://127.0.0.1:PORT`
    pub(super) url: String,
    _process: Keeper,
    _data: TempDir,
}

impl Emulator {
    pub(super) fn start() -> anyhow::Result<Self> {
        let program = python::program("gcp-storage-emulator", "gcp-storage-emulator")?;
        let data = TempDir::with_prefix("capstan-gcs-")?;
        let port = free_port()?;
        let arguments = ["start", "--host=127.0.0.1", &format!("--port={port}"), "--in-memory"].map(str::to_owned);
        let process = Keeper::start(data.path(), "gcs", &program.display().to_string(), arguments)?;
        let url = format!("http://127.0.0.1:{port}");
        process.wait_until(Duration::from_secs(20), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Self { url, _process: process, _data: data })
    }
}
