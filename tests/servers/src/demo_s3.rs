//! The project's own small S3 server (`tests/demo-s3`): nothing to install, not strict.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::S3;
use crate::ports::free_port;
use crate::process::Keeper;

#[derive(Debug)]
pub struct DemoS3 {
    pub s3: S3,
    _process: Keeper,
    _data: TempDir,
}

impl DemoS3 {
    /// `program`: the built `capstan-demo-s3`.
    pub fn start(program: &Path) -> anyhow::Result<Self> {
        let data = TempDir::with_prefix("capstan-demo-s3-")?;
        let root = data.path().join("root");
        let port = free_port()?;
        let s3 = S3 {
            endpoint: format!("http://127.0.0.1:{port}"),
            access_key: "demo-access-key".to_owned(),
            secret_key: "demo-secret-key".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let environment =
            [("CAPSTAN_DEMO_S3_ACCESS_KEY", s3.access_key.as_str()), ("CAPSTAN_DEMO_S3_SECRET_KEY", s3.secret_key.as_str())];
        let arguments = ["--listen".to_owned(), format!("127.0.0.1:{port}"), "--root".to_owned(), root.display().to_string()];
        let process = Keeper::start_with(data.path(), "demo-s3", &program.display().to_string(), arguments, &environment)?;
        process.wait_until(Duration::from_secs(20), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Self { s3, _process: process, _data: data })
    }
}
