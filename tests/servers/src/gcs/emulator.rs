//! The emulator `gcp-storage-emulator`: it keeps buckets and objects, and knows neither credentials nor preconditions.
//!
//! After every change it writes down all it has, which takes as long as there are objects. In memory nobody reads that again, so it is
//! left out here; nothing else of the emulator is changed.

use std::time::Duration;

use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::Keeper;
use crate::python;

/// The emulator's own program, without the catalogue; a client that falls silent does not keep it from others for ever.
const PROGRAM: &str = "
from gcp_storage_emulator import __main__, server, storage

assert callable(storage.Storage._write_config_to_file)
storage.Storage._write_config_to_file = lambda self: None
server.RequestHandler.timeout = 20
__main__.main()
";

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
        let python = program.with_file_name("python3");
        let arguments = ["-c", PROGRAM, "start", "--host=127.0.0.1", &format!("--port={port}"), "--in-memory"].map(str::to_owned);
        let process = Keeper::start(data.path(), "gcs", &python.display().to_string(), arguments)?;
        let url = format!("http://127.0.0.1:{port}");
        process.wait_until(Duration::from_secs(20), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Self { url, _process: process, _data: data })
    }
}
