//! Samba: the SMB server of most file servers that are not Windows.
//!
//! Shares: `share` (signed; encrypted where the client wants it), `encrypted` (demands it), `read-only`, `small` (a disk of a few MiB,
//! where this host may mount one), all for the one user. The user is an account of the host: smbd needs one to own the files. Where the
//! tests do not run as root the user is the one who runs them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::Keeper;
use crate::program::{find, run};
use crate::small_disk::SmallDisk;

const CURE: &str = "apt-get install samba";
const SBIN: [&str; 2] = ["/usr/sbin", "/usr/local/samba/sbin"];
/// Owns the files where the tests run as root. Made once a host, without a home and without a shell.
const ACCOUNT: &str = "capstan-smb";
pub const PASSWORD: &str = "Passw0rd!";
/// MiB of the small disk.
const SMALL_MIB: u64 = 16;

#[derive(Debug)]
pub struct Samba {
    pub port: u16,
    pub user: String,
    /// What the share `small` lies on; none where this host may not mount one. Before `data`, which it is mounted in.
    pub small: Option<SmallDisk>,
    process: Option<Keeper>,
    data: TempDir,
}

impl Samba {
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with("")
    }

    /// `more`: lines for the `[global]` section.
    pub fn start_with(more: &str) -> anyhow::Result<Self> {
        find("smbd", &SBIN, CURE)?;
        // Not /tmp, which may be in memory, where files have no extended attributes.
        let data = TempDir::with_prefix_in("capstan-samba-", room())?;
        let user = account()?;
        let mut samba = Self { port: free_port()?, user, small: None, process: None, data };
        samba.lay_out(more)?;
        samba.enrol(PASSWORD)?;
        samba.begin()?;
        Ok(samba)
    }

    fn root(&self) -> &Path {
        self.data.path()
    }

    /// Where the files of a share lie.
    pub fn share(&self, name: &str) -> PathBuf {
        self.root().join("shares").join(name)
    }

    /// Ends the server with all its sessions, as a crash does.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port, with the same files.
    pub fn begin(&mut self) -> anyhow::Result<()> {
        let smbd = find("smbd", &SBIN, CURE)?;
        let configuration = self.configuration().display().to_string();
        let arguments = ["--foreground", "--no-process-group", "--configfile", &configuration];
        let process = Keeper::start(self.root(), "smbd", &smbd.display().to_string(), arguments)?;
        let port = self.port;
        process.wait_until(Duration::from_secs(20), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        self.process = Some(process);
        Ok(())
    }

    pub fn configuration(&self) -> PathBuf {
        self.root().join("smb.conf")
    }

    /// `smbclient`, signed in to a share, with its commands.
    pub fn client(&self, share: &str, commands: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(find("smbclient", &[], "apt-get install smbclient")?);
        command
            .arg("--configfile")
            .arg(self.configuration())
            .arg(format!("--port={}", self.port))
            .arg(format!("--user={}%{PASSWORD}", self.user))
            .arg(format!("//127.0.0.1/{share}"))
            .args(["--command", commands]);
        Ok(command)
    }

    /// Locks the account out, or lets it in again.
    pub fn enable(&self, enabled: bool) -> anyhow::Result<()> {
        let flag = if enabled { "-e" } else { "-d" };
        let smbpasswd = find("smbpasswd", &[], CURE)?;
        run(smbpasswd, ["-c", &self.configuration().display().to_string(), flag, &self.user]).map(drop)
    }

    fn lay_out(&mut self, more: &str) -> anyhow::Result<()> {
        for name in ["share", "encrypted", "read-only", "small"] {
            std::fs::create_dir_all(self.share(name))?;
        }
        self.small = SmallDisk::over(&self.share("small"), SMALL_MIB).ok();
        let given = |name: &str| run("chown", [self.user.as_str(), &self.share(name).display().to_string()]);
        for name in ["share", "encrypted", "read-only"] {
            given(name)?;
        }
        // Whoever mounted it with another's rights may not; it is open to all.
        let _ = given("small");
        open_way(self.root())?;
        let state = self.root().join("state");
        for name in ["lock", "state", "cache", "private", "pid", "ncalrpc"] {
            std::fs::create_dir_all(state.join(name))?;
        }
        let (port, shares, state, user) = (self.port, self.root().join("shares"), state.display(), &self.user);
        let mut text = format!(
            "[global]\n workgroup = CAPSTAN\n netbios name = TESTS\n server role = standalone server\n interfaces = 127.0.0.1/8\n \
             bind interfaces only = yes\n smb ports = {port}\n disable netbios = yes\n lock directory = {state}/lock\n \
             state directory = {state}/state\n cache directory = {state}/cache\n private dir = {state}/private\n \
             pid directory = {state}/pid\n ncalrpc dir = {state}/ncalrpc\n passdb backend = tdbsam:{state}/private/passdb.tdb\n \
             server min protocol = SMB2_02\n server signing = mandatory\n map to guest = never\n load printers = no\n \
             printing = bsd\n printcap name = /dev/null\n disable spoolss = yes\n log file = {state}/log\n log level = 1\n \
             host msdfs = no\n{more}\n"
        );
        for (name, options) in
            [("share", ""), ("encrypted", " smb encrypt = required\n"), ("read-only", " read only = yes\n"), ("small", "")]
        {
            let path = shares.join(name);
            text.push_str(&format!("[{name}]\n path = {}\n valid users = {user}\n read only = no\n{options}", path.display()));
        }
        std::fs::write(self.configuration(), text).context("the configuration of Samba")
    }

    fn enrol(&self, password: &str) -> anyhow::Result<()> {
        use std::io::Write;
        let mut smbpasswd = Command::new(find("smbpasswd", &[], CURE)?)
            .arg("-c")
            .arg(self.configuration())
            .args(["-s", "-a", &self.user])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()?;
        let mut input = smbpasswd.stdin.take().context("the input of smbpasswd")?;
        write!(input, "{password}\n{password}\n")?;
        drop(input);
        match smbpasswd.wait()?.success() {
            true => Ok(()),
            false => bail!("smbpasswd does not take the user {}", self.user),
        }
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        // Before the disk below its share goes.
        self.stop();
    }
}

/// A directory of a real disk.
fn room() -> PathBuf {
    let disk = PathBuf::from("/var/tmp");
    if disk.is_dir() { disk } else { std::env::temp_dir() }
}

/// The shares belong to another user, who must be able to come there.
fn open_way(root: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755)).context("the directory of Samba")
}

fn account() -> anyhow::Result<String> {
    let me = run("id", ["--user"])?;
    if me.trim() != "0" {
        return Ok(run("id", ["--user", "--name"])?.trim().to_owned());
    }
    if run("id", [ACCOUNT]).is_err() {
        // Two tests at once may both try.
        let made = run("useradd", ["--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]);
        if run("id", [ACCOUNT]).is_err() {
            made.context("Samba needs an account of the host")?;
        }
    }
    Ok(ACCOUNT.to_owned())
}
