//! A server process that never outlives the test that started it.
//!
//! The process hangs below a small shell which reads a pipe that only this process holds. When the guard is dropped, or the test
//! is killed in any way, the pipe closes and the shell stops the server. So nothing is left behind and nothing is killed by name.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// The polite signal to the server, ten seconds of patience, KILL to whatever is left of its session.
const KEEPER: &str = r#"
pidfile=$1; shift
setsid "$@" </dev/null &
server=$!
echo $server >"$pidfile"
read -r _
kill -"${CAPSTAN_STOP_SIGNAL:-TERM}" $server 2>/dev/null
for _ in $(seq 100); do kill -0 $server 2>/dev/null || break; sleep 0.1; done
kill -KILL -- -$server 2>/dev/null
exit 0
"#;
const POLL: Duration = Duration::from_millis(100);

/// A running server. Dropping it stops the server and waits until it is gone.
#[derive(Debug)]
pub struct Keeper {
    shell: Child,
    name: String,
    log: PathBuf,
    pidfile: PathBuf,
}

impl Keeper {
    /// Starts `program` with its output in `directory/NAME.log`.
    pub fn start<S: AsRef<OsStr>>(
        directory: &Path,
        name: &str,
        program: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<Self> {
        Self::start_with(directory, name, program, arguments, &[])
    }

    pub fn start_with<S: AsRef<OsStr>>(
        directory: &Path,
        name: &str,
        program: &str,
        arguments: impl IntoIterator<Item = S>,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let pidfile = directory.join(format!("{name}.pid"));
        // A server of the same name may have run here before.
        let _ = fs::remove_file(&pidfile);
        let output = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let shell = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&pidfile)
            .arg(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        Ok(Self { shell, name: name.to_owned(), log, pidfile })
    }

    /// The server's own process, not the shell above it.
    pub fn pid(&self) -> Option<u32> {
        fs::read_to_string(&self.pidfile).ok()?.trim().parse().ok()
    }

    /// Asks again and again until `ready` says yes; a server that has ended, or a wait that is over, shows the end of its log.
    pub fn wait_until(&self, patience: Duration, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
        let until = Instant::now() + patience;
        while !ready() {
            let ended = self.pid().is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
            if ended || Instant::now() > until {
                let why =
                    if ended { "ended by itself".to_owned() } else { format!("was not ready after {} s", patience.as_secs()) };
                bail!("{} {why}; the end of its log:\n{}", self.name, self.tail());
            }
            sleep(POLL);
        }
        Ok(())
    }

    fn tail(&self) -> String {
        let text = String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned();
        let lines: Vec<&str> = text.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// One plain GET over loopback; true when the answer begins with a 2xx.
pub(crate) fn http_ok(url: &str) -> bool {
    use std::io::{Read, Write};
    let Some((host, path)) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')) else { return false };
    let Ok(mut stream) = std::net::TcpStream::connect(host) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    if write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").is_err() {
        return false;
    }
    let mut head = [0_u8; 12];
    // Either version of HTTP 1.
    stream.read_exact(&mut head).is_ok() && head.starts_with(b"HTTP/1.") && head.get(9) == Some(&b'2')
}
