//! A throw-away PostgreSQL, as an unprivileged user, without fsync: fast to start, worthless after a power cut.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::Keeper;
use crate::program::{Missing, find};

const CURE: &str = "apt-get install postgresql";
const SHARED: &str = "CAPSTAN_TEST_POSTGRES_URL";

#[derive(Debug)]
pub struct Postgres {
    /// `postgres://admin:pw@127.0.0.1:PORT/postgres`
    pub url: String,
    _process: Option<Keeper>,
    _data: Option<TempDir>,
}

impl Postgres {
    /// The run's server, or a fresh one.
    pub fn get() -> anyhow::Result<Self> {
        match std::env::var(SHARED) {
            Ok(url) => Ok(Self { url, _process: None, _data: None }),
            Err(_) => Self::start(),
        }
    }

    pub fn start() -> anyhow::Result<Self> {
        let (initdb, server) = (program("initdb")?, program("postgres")?);
        let data = TempDir::with_prefix("capstan-pg-")?;
        let root = data.path();
        let cluster = root.join("cluster");
        std::fs::write(root.join("password"), "pw\n")?;
        let user = owner(root)?;
        let initdb_arguments: Vec<String> = [
            "-D",
            &cluster.display().to_string(),
            "-U",
            "admin",
            "-A",
            "scram-sha-256",
            "--pwfile",
            &root.join("password").display().to_string(),
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        .map(str::to_owned)
        .to_vec();
        let (first, arguments) = as_user(user.as_deref(), &initdb.display().to_string(), initdb_arguments);
        let made = Command::new(first).args(arguments).current_dir(root).output()?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        let port = free_port()?;
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", root.display()),
            "fsync=off".to_owned(),
            "synchronous_commit=off".to_owned(),
            "shared_buffers=64MB".to_owned(),
            "max_connections=200".to_owned(),
        ];
        let mut arguments = vec!["-D".to_owned(), cluster.display().to_string(), "-p".to_owned(), port.to_string()];
        arguments.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        let (first, arguments) = as_user(user.as_deref(), &server.display().to_string(), arguments);
        // INT: sessions are cut. TERM would wait for every client to leave.
        let process = Keeper::start_with(root, "postgres", &first, arguments, &[("CAPSTAN_STOP_SIGNAL", "INT")])?;
        let marker = cluster.join("postmaster.pid");
        process.wait_until(Duration::from_secs(30), || {
            std::fs::read_to_string(&marker).is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
        })?;
        Ok(Self { url: format!("postgres://admin:pw@127.0.0.1:{port}/postgres"), _process: Some(process), _data: Some(data) })
    }
}

fn program(name: &str) -> anyhow::Result<PathBuf> {
    let mut rooms: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    rooms.sort();
    match rooms.last().map(|room| room.join(name)) {
        Some(path) if path.is_file() => Ok(path),
        _ => find(name, &[], CURE).map_err(|_| Missing { program: format!("PostgreSQL ({name})"), cure: CURE.to_owned() }.into()),
    }
}

/// PostgreSQL refuses to run as root; then the package's own user runs it and owns the directory.
fn owner(root: &std::path::Path) -> anyhow::Result<Option<String>> {
    let me = crate::program::run("id", ["-u"])?;
    if me.trim() != "0" {
        return Ok(None);
    }
    crate::program::run("chown", ["-R", "postgres", &root.display().to_string()])
        .context("PostgreSQL needs the user `postgres`")?;
    Ok(Some("postgres".to_owned()))
}

fn as_user(user: Option<&str>, program: &str, arguments: Vec<String>) -> (String, Vec<String>) {
    let Some(user) = user else { return (program.to_owned(), arguments) };
    let mut all = vec![format!("--reuid={user}"), "--regid=postgres".to_owned(), "--clear-groups".to_owned(), program.to_owned()];
    all.extend(arguments);
    ("setpriv".to_owned(), all)
}
