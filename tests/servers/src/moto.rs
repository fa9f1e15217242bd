//! The moto server: the widest S3 surface and no authentication; used for restore from cold storage, which RGW has not.

use std::time::Duration;

use tempfile::TempDir;

use crate::S3;
use crate::ports::free_port;
use crate::process::{Keeper, http_ok};
use crate::python;

#[derive(Debug)]
pub struct Moto {
    pub s3: S3,
    _process: Keeper,
    _data: TempDir,
}

impl Moto {
    pub fn start() -> anyhow::Result<Self> {
        let program = python::program("moto_server", "moto[server]")?;
        let data = TempDir::with_prefix("capstan-moto-")?;
        let port = free_port()?;
        let process =
            Keeper::start(data.path(), "moto", &program.display().to_string(), ["-H", "127.0.0.1", "-p", &port.to_string()])?;
        let url = format!("http://127.0.0.1:{port}/moto-api/");
        process.wait_until(Duration::from_secs(40), || http_ok(&url))?;
        let s3 = S3 {
            endpoint: format!("http://127.0.0.1:{port}"),
            access_key: "testkey".to_owned(),
            secret_key: "testsecret".to_owned(),
            region: "us-east-1".to_owned(),
        };
        Ok(Self { s3, _process: process, _data: data })
    }

    /// Moves an object to another storage class, as a rule of its bucket would. Keys of plain letters only.
    pub fn change_class(&self, bucket: &str, key: &str, class: &str) -> anyhow::Result<()> {
        ureq::put(&format!("{}/{bucket}/{key}", self.s3.endpoint))
            .header("authorization", self.who())
            .header("x-amz-copy-source", format!("/{bucket}/{key}"))
            .header("x-amz-storage-class", class)
            .send_empty()?;
        Ok(())
    }

    /// Moves an object to cold storage; asked for, it is on its way for so many looks at it. The server counts looks from the object's
    /// beginning, and shows one as restored that was looked at less often before it was asked for: so it is looked at here.
    pub fn freeze(&self, bucket: &str, key: &str, looks: u32) -> anyhow::Result<()> {
        self.change_class(bucket, key, "GLACIER")?;
        self.restore_takes(looks)?;
        for _ in 0..looks {
            ureq::head(&format!("{}/{bucket}/{key}", self.s3.endpoint)).header("authorization", self.who()).call()?;
        }
        Ok(())
    }

    /// It wants to be told who asks, and believes it.
    fn who(&self) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/s3/aws4_request, SignedHeaders=host, Signature=0",
            self.s3.access_key, self.s3.region
        )
    }

    /// From now on an object that is asked for out of cold storage is there after so many looks at it.
    pub fn restore_takes(&self, looks: u32) -> anyhow::Result<()> {
        let rule = format!(r#"{{"model_name": "s3::keyrestore", "transition": {{"progression": "manual", "times": {looks}}}}}"#);
        let url = format!("{}/moto-api/state-manager/set-transition", self.s3.endpoint);
        ureq::post(&url).header("content-type", "application/json").send(rule.as_bytes())?;
        Ok(())
    }
}
