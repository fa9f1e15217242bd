//! Servers for a whole run: started once, named to every test by the environment, gone when the run ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use anyhow::{Context, bail};

use crate::workspace;

const PACKAGE: [&str; 4] = ["--quiet", "--locked", "--package", "capstan-test-servers"];

/// `cargo xtask servers NAME...`: by hand, until the end of stdin.
pub(crate) fn run(names: &[String]) -> anyhow::Result<()> {
    workspace::run(workspace::cargo(["run"]).args(PACKAGE).arg("--").args(names))
}

/// Running servers; dropping this closes the pipe they live by.
pub(crate) struct Servers {
    process: Child,
    /// Names and values for the environment of the tests.
    pub(crate) environment: Vec<(String, String)>,
}

impl Servers {
    /// The workspace must have been built.
    pub(crate) fn start(names: &[&str]) -> anyhow::Result<Self> {
        let mut process = std::process::Command::new(workspace::target().join("debug/capstan-test-servers"))
            .args(names)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the test servers")?;
        let output = process.stdout.take().context("the servers' output")?;
        let mut servers = Self { process, environment: Vec::new() };
        for line in BufReader::new(output).lines() {
            match line?.split_once('=') {
                Some((name, value)) => servers.environment.push((name.to_owned(), value.to_owned())),
                None => return Ok(servers),
            }
        }
        bail!("the test servers did not start: {}", names.join(", "))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
