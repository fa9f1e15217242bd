//! What most tests begin with: a fresh host, a bucket of its own, a pool over it, two containers.

use std::path::PathBuf;

use capstan_test_servers::S3;
use tempfile::TempDir;

use crate::cargo::{Cargo, Route};
use crate::host::{Host, HostOptions};
use crate::tree::{Shape, Tree};

/// Name of the pool over the bucket.
pub const POOL: &str = "harbour";
pub const OUTBOUND: &str = "outbound";
pub const INBOUND: &str = "inbound";

#[derive(Debug)]
pub struct Harbour {
    pub host: Host,
    pub cargo: Cargo,
    pub s3: S3,
    pub bucket: String,
    // Last: the host ends before its directory goes.
    _room: TempDir,
}

impl Harbour {
    /// `name` must be good as a bucket's name; the process id makes it this run's own.
    pub fn open(name: &str, s3: &S3) -> anyhow::Result<Self> {
        Self::with(name, s3, HostOptions::default())
    }

    pub fn with(name: &str, s3: &S3, options: HostOptions) -> anyhow::Result<Self> {
        let room = tempfile::Builder::new().prefix("capstan-e2e-").tempdir()?;
        let bucket = format!("{name}-{}", std::process::id());
        s3.create_bucket(&bucket)?;
        let host = Host::start(HostOptions { data: room.path().join("data"), ..options })?;
        let cargo = Cargo::new(host.client());
        cargo.harbour(POOL, s3, &bucket)?;
        cargo.container(OUTBOUND)?;
        cargo.container(INBOUND)?;
        Ok(Self { host, cargo, s3: s3.clone(), bucket, _room: room })
    }

    pub fn outbound(&self) -> PathBuf {
        self.host.container(OUTBOUND)
    }

    pub fn inbound(&self) -> PathBuf {
        self.host.container(INBOUND)
    }

    /// Makes the files to send, and reads what they are.
    pub fn load(&self, shape: &Shape) -> anyhow::Result<Tree> {
        shape.make(&self.outbound())?;
        Tree::read(&self.outbound())
    }

    /// The task that takes the outbound container into the pool.
    pub fn upward(&self, action: &str) -> anyhow::Result<i64> {
        self.cargo.task(&format!("{action} up"), action, Route::IntoPool { path: "/outbound", pool: POOL })
    }

    /// The task that brings the pool into the inbound container.
    pub fn downward(&self) -> anyhow::Result<i64> {
        self.cargo.task("copy down", "copy", Route::OutOfPool { pool: POOL, path: "/inbound" })
    }

    /// `kill -9`, then the same host again on the same data.
    pub fn crash_and_restart(self) -> anyhow::Result<Self> {
        let host = self.host.crash_and_restart()?;
        let cargo = Cargo::new(host.client());
        Ok(Self { host, cargo, ..self })
    }

    /// SIGTERM, then the same host again on the same data.
    pub fn restart(self) -> anyhow::Result<Self> {
        let host = self.host.restart()?;
        let cargo = Cargo::new(host.client());
        Ok(Self { host, cargo, ..self })
    }

    /// Stops the host as an administrator would, and takes the bucket away.
    pub fn close(self) -> anyhow::Result<()> {
        self.host.stop()?;
        // Only to leave room: a server may keep folders of what was deleted, and call the bucket not empty.
        let _ = self.s3.delete_bucket(&self.bucket);
        Ok(())
    }
}
