//! Public clients of CloudSigma's API, as they are shipped, driven by the scripts of `tests/clients/cloudsigma` against whoever
//! answers: the dialect alone, or a whole host.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::{S3, TlsFront, python_with};

/// Seconds that a client waits for a drive; machines that test are busy.
const PATIENCE: u64 = 90;

/// A storage type as clients meet it.
#[derive(Clone, Copy, Debug)]
pub struct StorageType<'c> {
    pub name: &'c str,
    /// Bytes of its smallest drive.
    pub minimum: u64,
    /// Bytes that all its sizes are multiples of.
    pub granularity: u64,
}

/// Where the clients go, and what is there: no drives, snapshots, servers or tags.
#[derive(Clone, Debug)]
pub struct CloudSigma<'c> {
    /// `http://ADDRESS`, below which is `/api/2.0`.
    pub endpoint: &'c str,
    pub user: &'c str,
    pub password: &'c str,
    /// The storage type of drives that name none, and one to name, which may be the same.
    pub default_type: StorageType<'c>,
    pub other_type: StorageType<'c>,
    /// Storage types that are known and have no room.
    pub absent_types: &'c [&'c str],
    /// A drive that is to avoid another gets a storage host of its own.
    pub apart: bool,
    /// What takes time goes on while nobody looks, so that it may have ended before it is seen.
    pub at_work: bool,
}

impl StorageType<'_> {
    fn to_json(self) -> Value {
        json!({ "name": self.name, "minimum": self.minimum, "granularity": self.granularity })
    }
}

/// Python with the clients in it.
#[derive(Clone, Debug)]
pub struct CloudSigmaClients {
    python: PathBuf,
}

impl CloudSigmaClients {
    pub fn get() -> anyhow::Result<Self> {
        let python = python_with(&[("libcloud", "apache-libcloud"), ("cloudsigma.resource", "cloudsigma")])?;
        Ok(Self { python })
    }

    /// The driver speaks TLS only, so it comes through a front that does.
    pub fn libcloud(&self, there: &CloudSigma<'_>) -> anyhow::Result<()> {
        // The front passes on whatever it hears; only its name says S3.
        let endpoint = there.endpoint.to_owned();
        let behind = S3 { endpoint, access_key: String::new(), secret_key: String::new(), region: String::new() };
        let front = TlsFront::start(&behind)?;
        let authority = tempfile::NamedTempFile::new()?;
        std::fs::write(&authority, &front.authority)?;
        let port = front.s3.endpoint.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).context("the front's port")?;
        self.run("run_libcloud.py", there, port, authority.path())
    }

    pub fn pycloudsigma(&self, there: &CloudSigma<'_>) -> anyhow::Result<()> {
        self.run("run_pycloudsigma.py", there, 0, Path::new(""))
    }

    /// To its end, which it has to reach.
    fn run(&self, script: &str, there: &CloudSigma<'_>, port: u16, authority: &Path) -> anyhow::Result<()> {
        let world = json!({
            "endpoint": there.endpoint,
            "port": port,
            "authority": authority,
            "user": there.user,
            "password": there.password,
            "default": there.default_type.to_json(),
            "other": there.other_type.to_json(),
            "absent": there.absent_types,
            "apart": there.apart,
            "at_work": there.at_work,
            "patience": PATIENCE,
        });
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/cloudsigma").join(script);
        let mut command = Command::new(&self.python);
        // A configuration of the user's own would win over the arguments.
        command.arg("-B").arg(path).arg(world.to_string()).env("CLOUDSIGMA_CONFIG", "/dev/null");
        let output = command.output().with_context(|| format!("cannot start {script}"))?;
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() || !said.trim_end().ends_with("done") {
            bail!("{script} did not reach its end:\n{said}\n{complained}");
        }
        Ok(())
    }
}
