//! nfs-ganesha: NFS version 3 from a process of its own, no kernel part. Needs root: it opens files by handle.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::portmapper;
use crate::ports::free_block;
use crate::process::Keeper;
use crate::program::{find, run};
use crate::small_disk::SmallDisk;

const CURE: &str = "apt-get install nfs-ganesha nfs-ganesha-vfs";
/// NFS, mount, and two that the server would bind by itself.
const PORTS: u16 = 4;
/// A signal takes effect within.
const PATIENCE: Duration = Duration::from_secs(5);
const MOUNT_PROGRAM: u32 = 100_005;

/// A server with three exports. It is killed when it stops, as a crash does.
#[derive(Debug)]
pub struct Ganesha {
    pub port: u16,
    pub mount_port: u16,
    process: Option<Keeper>,
    /// What the export `open` lies on, if not on the disk of the others. Before `data`, which it is mounted in.
    small: Option<SmallDisk>,
    data: TempDir,
}

/// The exports: for all, for reading alone, for those with a privileged port.
const EXPORTS: [(&str, &str); 3] = [
    ("open", "Access_Type = RW; PrivilegedPort = false;"),
    ("sealed", "Access_Type = RO; PrivilegedPort = false;"),
    ("privileged", "Access_Type = RW; PrivilegedPort = true;"),
];

impl Ganesha {
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(None)
    }

    /// The export `open` has a file system of its own, of so many MiB.
    pub fn on_small_disk(mebibytes: u64) -> anyhow::Result<Self> {
        Self::start_with(Some(mebibytes))
    }

    fn start_with(small: Option<u64>) -> anyhow::Result<Self> {
        let program = find("ganesha.nfsd", &["/usr/bin", "/usr/sbin"], CURE)?;
        portmapper::ensure_running()?;
        // Where it writes whatever it was told.
        fs::create_dir_all("/var/run/ganesha").context("ganesha needs root")?;
        let data = TempDir::with_prefix("capstan-ganesha-")?;
        let base = free_block(PORTS)?;
        for name in EXPORTS.iter().map(|(name, _)| *name).chain(["recovery"]) {
            let directory = data.path().join(name);
            fs::create_dir(&directory)?;
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o777))?;
        }
        let small = small.map(|mebibytes| SmallDisk::over(&data.path().join("open"), mebibytes)).transpose()?;
        fs::write(data.path().join("ganesha.conf"), configuration(data.path(), base))?;
        let mut server = Self { port: base, mount_port: base + 1, process: None, small, data };
        server.run(&program)?;
        Ok(server)
    }

    fn run(&mut self, program: &Path) -> anyhow::Result<()> {
        let file = |name: &str| self.data.path().join(name).display().to_string();
        let (log, conf, pid) = (file("ganesha-server.log"), file("ganesha.conf"), file("ganesha-server.pid"));
        let process = Keeper::start_with(
            self.data.path(),
            "ganesha",
            &program.display().to_string(),
            ["-F", "-L", &log, "-f", &conf, "-p", &pid],
            &[("CAPSTAN_STOP_SIGNAL", "KILL")],
        )?;
        let ports = [self.port, self.mount_port];
        process
            .wait_until(Duration::from_secs(40), || ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()))
            .with_context(|| format!("its own log:\n{}", fs::read_to_string(&log).unwrap_or_default()))?;
        self.process = Some(process);
        Ok(())
    }

    /// The path under which "open", "sealed" or "privileged" is exported; the same on the disk.
    pub fn export(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// More room below `open`.
    pub fn grow(&self, mebibytes: u64) -> anyhow::Result<()> {
        self.small.as_ref().context("it lies on no small disk")?.grow(mebibytes)
    }

    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Kills it, if it runs, and starts it again at the same ports over the same files.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop();
        self.run(&find("ganesha.nfsd", &["/usr/bin", "/usr/sbin"], CURE)?)
    }

    /// Takes everything and answers nothing, until it is told to go on.
    pub fn halt(&self, halted: bool) -> anyhow::Result<()> {
        let pid = self.process.as_ref().and_then(Keeper::pid).context("it does not run")?;
        run("kill", [if halted { "-STOP" } else { "-CONT" }, &pid.to_string()])?;
        let status = format!("/proc/{pid}/status");
        let is_halted = || fs::read_to_string(&status).is_ok_and(|text| text.contains("(stopped)"));
        let until = Instant::now() + PATIENCE;
        while is_halted() != halted {
            ensure!(Instant::now() < until, "the server does not stop, or does not go on");
            std::thread::sleep(Duration::from_millis(10));
        }
        // Its threads follow one by one.
        std::thread::sleep(Duration::from_millis(100));
        Ok(())
    }

    /// Makes this server the one that the port mapper names.
    pub fn register(&self) -> anyhow::Result<()> {
        ensure!(self.process.is_some(), "it does not run");
        portmapper::register(MOUNT_PROGRAM, 3, self.mount_port)
    }
}

fn configuration(data: &Path, base: u16) -> String {
    let (mount, lock, quota) = (base + 1, base + 2, base + 3);
    let mut text = format!(
        "NFS_CORE_PARAM {{ Bind_addr = 127.0.0.1; NFS_Port = {base}; MNT_Port = {mount}; NLM_Port = {lock}; Rquota_Port = {quota};\n\
         Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false; Protocols = 3; mount_path_pseudo = false; }}\n\
         NFSv4 {{ Graceless = true; RecoveryBackend = fs; RecoveryRoot = \"{}\"; }}\n\
         NFS_KRB5 {{ Active_krb5 = false; }}\n\
         LOG {{ Default_Log_Level = EVENT; }}\n",
        data.join("recovery").display()
    );
    for (number, (name, options)) in (70..).zip(EXPORTS) {
        let path = data.join(name);
        text.push_str(&format!(
            "EXPORT {{ Export_Id = {number}; Path = {}; Pseudo = /{name}; {options} Squash = No_Root_Squash; Protocols = 3; \
             Transports = TCP; SecType = sys; FSAL {{ Name = VFS; }} }}\n",
            path.display()
        ));
    }
    text
}
