//! A worker of another site, on the machine of its host: a process of one's own, killed and started again on the same data.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread::spawn;
use std::time::Duration;

use anyhow::{Context, bail};
use capstan_test_servers::compiled;

use crate::host::{Host, binaries, dist, ended};

/// It compiles the plugins that the host has.
const START: Duration = Duration::from_secs(120);

/// Dropping it kills it.
#[derive(Debug)]
pub struct Worker {
    process: Child,
    data: PathBuf,
    database: String,
    site: String,
}

impl Worker {
    /// Works for a site that is there, on the catalogue of the host, with the key of the host.
    pub fn start(host: &Host, site: &str, database: &str) -> anyhow::Result<Self> {
        let data = host.data().with_file_name(format!("worker-{site}"));
        fs::create_dir_all(&data)?;
        fs::copy(host.data().join("secrets.key"), data.join("secrets.key"))?;
        fs::create_dir_all(views(&data))?;
        fs::write(data.with_extension("toml"), format!("[spaces]\nmounted-under = {:?}\n", views(&data)))?;
        Self::on(data, database.to_owned(), site.to_owned())
    }

    fn on(data: PathBuf, database: String, site: String) -> anyhow::Result<Self> {
        let plugins = data.join("plugins");
        compiled::lend(&plugins);
        let log = File::options().create(true).append(true).open(data.with_extension("log"))?;
        let mut process = command(&data, &site, Some(&database))?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start a worker")?;
        let output = process.stdout.take().context("the output of the worker")?;
        let (says, said) = mpsc::sync_channel(1);
        spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line.starts_with("working for ") {
                    let _ = says.try_send(());
                }
            }
        });
        let worker = Self { process, data, database, site };
        if said.recv_timeout(START).is_err() {
            bail!("the worker did not start; its log:\n{}", worker.log());
        }
        compiled::keep(&plugins);
        Ok(worker)
    }

    /// Runs one to its end, which is a refusal: without a database, or where another one works.
    pub fn refused(data: &Path, site: &str, database: Option<&str>) -> anyhow::Result<Output> {
        command(data, site, database)?.stdin(Stdio::null()).output().context("cannot start a worker")
    }

    /// Where a space is shown that says that it is mounted there.
    pub fn view(&self, mountpoint: &Path) -> PathBuf {
        views(&self.data).join(mountpoint.strip_prefix("/").unwrap_or(mountpoint))
    }

    /// Where the raw tree of a space lies, by the space's id.
    pub fn raw(&self, space: i64) -> PathBuf {
        self.data.join("spaces").join(format!("space-{space}"))
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.data.with_extension("log")).unwrap_or_default()
    }

    /// `kill -9`, for `start_again`.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    pub fn start_again(&mut self) -> anyhow::Result<()> {
        *self = Self::on(self.data.clone(), self.database.clone(), self.site.clone())?;
        Ok(())
    }

    /// SIGTERM.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let status = ended(&mut self.process)?;
        if !status.success() {
            bail!("the worker ended with {status} after SIGTERM; its log:\n{}", self.log());
        }
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn views(data: &Path) -> PathBuf {
    data.with_extension("views")
}

fn command(data: &Path, site: &str, database: Option<&str>) -> anyhow::Result<Command> {
    let mut command = Command::new(binaries()?.join("capstan"));
    command.args(["worker", "--site", site, "--data"]).arg(data).arg("--plugins").arg(dist().join("plugins"));
    if let Some(database) = database {
        command.args(["--database", database]);
    }
    let configuration = data.with_extension("toml");
    if configuration.is_file() {
        command.arg("--config").arg(configuration);
    }
    Ok(command)
}
