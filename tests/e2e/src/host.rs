//! A Capstan process of one's own: started, killed, started again on the same data.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use capstan_test_servers::{WrongClock, compiled};
use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;

pub const USER: &str = "admin";
pub const PASSWORD: &str = "correct horse";
/// A first start compiles every plugin.
const START: Duration = Duration::from_secs(120);
/// What the documentation promises after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);

/// How a host is started.
#[derive(Clone, Debug, Default)]
pub struct HostOptions {
    /// Kept over restarts.
    pub data: PathBuf,
    pub database: Option<String>,
    /// Text of the configuration file.
    pub configuration: Option<String>,
    /// Plugins it finds; none: those of `cargo xtask plugins`.
    pub plugins: Option<PathBuf>,
    /// None: the machine's.
    pub clock: Option<WrongClock>,
    /// More variables of its environment.
    pub environment: Vec<(&'static str, String)>,
}

impl HostOptions {
    /// Without a plugin.
    pub fn bare(data: &Path) -> Self {
        Self { data: data.to_owned(), plugins: Some(data.with_extension("no-plugins")), ..Self::default() }
    }
}

/// A running host; dropping it kills it.
#[derive(Debug)]
pub struct Host {
    process: Child,
    options: HostOptions,
    base: String,
}

/// Directory of the built programs.
pub fn binaries() -> anyhow::Result<PathBuf> {
    if let Some(directory) = std::env::var_os("CAPSTAN_TEST_BINARIES") {
        return Ok(PathBuf::from(directory));
    }
    let own = std::env::current_exe()?;
    // A test lies in `deps`, a program beside it.
    let directory = own.ancestors().skip(1).find(|directory| directory.join("capstan").is_file());
    directory.map(Path::to_path_buf).context("capstan is not built: cargo build --package capstan")
}

/// Directory of the staged plugins and fixtures.
pub fn dist() -> PathBuf {
    match std::env::var_os("CAPSTAN_TEST_DIST") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/dist"),
    }
}

impl Host {
    /// With a data directory of its own, which goes with the second.
    pub fn fresh() -> anyhow::Result<(Self, tempfile::TempDir)> {
        let room = tempfile::Builder::new().prefix("capstan-e2e-").tempdir()?;
        let host = Self::start(HostOptions { data: room.path().join("data"), ..HostOptions::default() })?;
        Ok((host, room))
    }

    /// The same without a plugin: its doors, its users and its catalogue.
    pub fn bare() -> anyhow::Result<(Self, tempfile::TempDir)> {
        let room = tempfile::Builder::new().prefix("capstan-e2e-").tempdir()?;
        let host = Self::start(HostOptions::bare(&room.path().join("data")))?;
        Ok((host, room))
    }

    pub fn start(options: HostOptions) -> anyhow::Result<Self> {
        fs::create_dir_all(&options.data)?;
        let plugins = options.data.join("plugins");
        compiled::lend(&plugins);
        let log = File::options().create(true).append(true).open(log_of(&options.data))?;
        let mut command = Command::new(binaries()?.join("capstan"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&options.data);
        command.arg("--plugins").arg(options.plugins.clone().unwrap_or_else(|| dist().join("plugins")));
        if let Some(database) = &options.database {
            command.arg("--database").arg(database);
        }
        if let Some(text) = &options.configuration {
            let path = options.data.with_extension("toml");
            fs::write(&path, text)?;
            command.arg("--config").arg(path);
        }
        command.env("CAPSTAN_ADMIN_USER", USER).env("CAPSTAN_ADMIN_PASSWORD", PASSWORD);
        command.envs(options.clock.iter().flat_map(WrongClock::environment));
        command.envs(options.environment.iter().map(|(name, value)| (name, value)));
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().context("cannot start capstan")?;
        let output = process.stdout.take().context("the output of capstan")?;
        let (says, said) = mpsc::sync_channel(1);
        // The reader goes on to the end: a host that prints must never block on a full pipe.
        spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(base) = line.strip_prefix("listening on ") {
                    let _ = says.try_send(base.to_owned());
                }
            }
        });
        let mut host = Self { process, options, base: String::new() };
        match said.recv_timeout(START) {
            Ok(base) => host.base = base,
            Err(_) => bail!("capstan did not start; the end of its log:\n{}", host.log_tail()),
        }
        compiled::keep(&plugins);
        Ok(host)
    }

    pub fn client(&self) -> Client {
        Client::new(&self.base, USER, PASSWORD)
    }

    /// `http://ADDRESS`.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn data(&self) -> &Path {
        &self.options.data
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Where a container's files lie by default.
    pub fn container(&self, name: &str) -> PathBuf {
        self.options.data.join("spaces").join(name)
    }

    /// Resident memory, bytes.
    pub fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(log_of(&self.options.data)).unwrap_or_default()
    }

    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// `kill -9`. What it was started with stays, for `start_again`.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// A new process on the data of one that was killed.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        *self = Self::start(self.options.clone())?;
        Ok(())
    }

    /// `kill -9`, and a new process on the same data.
    pub fn crash_and_restart(mut self) -> anyhow::Result<Self> {
        self.kill()?;
        Self::start(self.options.clone())
    }

    /// SIGTERM; must end well within the time that is promised.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let status = self.terminate()?;
        if !status.success() {
            bail!("capstan ended with {status} after SIGTERM; the end of its log:\n{}", self.log_tail());
        }
        Ok(())
    }

    /// SIGTERM, and a new process on the same data.
    pub fn restart(mut self) -> anyhow::Result<Self> {
        let status = self.terminate()?;
        if !status.success() {
            bail!("capstan ended with {status} after SIGTERM");
        }
        Self::start(self.options.clone())
    }

    fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        ended(&mut self.process).with_context(|| format!("the end of its log:\n{}", self.log_tail()))
    }
}

/// Sends SIGTERM, and waits for the end that the documentation promises.
pub(crate) fn ended(process: &mut Child) -> anyhow::Result<ExitStatus> {
    let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw).context("a process id")?;
    kill_process(pid, Signal::TERM)?;
    let until = Instant::now() + DRAIN;
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > until {
            bail!("capstan did not end within {} s of SIGTERM", DRAIN.as_secs());
        }
        sleep(Duration::from_millis(50));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn log_of(data: &Path) -> PathBuf {
    data.with_extension("log")
}
