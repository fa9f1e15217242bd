//! tgt: an iSCSI target in a process of its own, no kernel part.
//!
//! Four targets, each with one disk of its own: `open`, which can do digests; `guarded`, which asks for a name and a secret; `mutual`, which proves itself too;
//! `narrow`, which takes data only in small pieces that it asked for.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::Keeper;
use crate::program::find;

const CURE: &str = "apt-get install tgt";
const SBIN: [&str; 1] = ["/usr/sbin"];
/// Bytes of each disk. They are sparse.
const DISK_BYTES: u64 = 64 << 20;
const TARGETS: [&str; 4] = ["open", "guarded", "mutual", "narrow"];
/// What `narrow` is told to be.
const NARROW: [(&str, &str); 5] = [
    ("MaxRecvDataSegmentLength", "1024"),
    ("MaxBurstLength", "4096"),
    ("FirstBurstLength", "2048"),
    ("InitialR2T", "Yes"),
    ("ImmediateData", "No"),
];

#[derive(Debug)]
pub struct Tgt {
    pub port: u16,
    process: Option<Keeper>,
    data: TempDir,
}

impl Tgt {
    /// The LUN of each target's disk; 0 is a controller of tgt's own.
    pub const LUN: u16 = 1;
    /// Who is let in to `guarded` and `mutual`, and who `mutual` says that it is.
    pub const USER: &str = "capstan";
    pub const SECRET: &str = "a secret of some length";
    pub const TARGET_USER: &str = "disk";
    pub const TARGET_SECRET: &str = "another one, the disk's";

    pub fn start() -> anyhow::Result<Self> {
        find("tgtd", &SBIN, CURE)?;
        let mut server = Self { port: free_port()?, process: None, data: TempDir::with_prefix("capstan-tgt-")? };
        for name in TARGETS {
            let disk = std::fs::File::create(server.disk(name))?;
            disk.set_len(DISK_BYTES)?;
        }
        server.begin()?;
        Ok(server)
    }

    /// The name of "open", "guarded", "mutual" or "narrow".
    pub fn target(name: &str) -> String {
        format!("iqn.2026-01.test.capstan:{name}")
    }

    /// The file behind a target's disk.
    pub fn disk(&self, name: &str) -> PathBuf {
        self.data.path().join(format!("{name}.img"))
    }

    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it, again or for the first time, at the same port over the same disks.
    pub fn begin(&mut self) -> anyhow::Result<()> {
        self.stop();
        let tgtd = find("tgtd", &SBIN, CURE)?.display().to_string();
        let socket = self.socket();
        let portal = format!("portal=127.0.0.1:{}", self.port);
        let environment = [("TGT_IPC_SOCKET", socket.as_str()), ("CAPSTAN_STOP_SIGNAL", "KILL")];
        let process = Keeper::start_with(self.data.path(), "tgtd", &tgtd, ["-f", "--iscsi", &portal], &environment)?;
        let port = self.port;
        process.wait_until(Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        self.process = Some(process);
        self.lay_out()
    }

    fn lay_out(&self) -> anyhow::Result<()> {
        for (user, secret) in [(Self::USER, Self::SECRET), (Self::TARGET_USER, Self::TARGET_SECRET)] {
            self.tell(&format!("--mode account --op new --user {user} --password"), Some(secret))?;
        }
        let (lun, user, target_user) = (Self::LUN, Self::USER, Self::TARGET_USER);
        for (number, name) in (1..).zip(TARGETS) {
            let (tid, target, disk) = (format!("--tid {number}"), Self::target(name), self.disk(name));
            self.tell(&format!("--mode target --op new {tid} -T {target}"), None)?;
            self.tell(
                &format!("--mode logicalunit --op new {tid} --lun {lun} --device-type disk --bstype rdwr -b"),
                Some(text(&disk)?),
            )?;
            let shown = format!("vendor_id=CAPSTAN,product_id=DISK,scsi_sn={name},thin_provisioning=1");
            self.tell(&format!("--mode logicalunit --op update {tid} --lun {lun} --params {shown}"), None)?;
            if matches!(name, "guarded" | "mutual") {
                self.tell(&format!("--mode account --op bind {tid} --user {user}"), None)?;
            }
            match name {
                "mutual" => self.tell(&format!("--mode account --op bind {tid} --user {target_user} --outgoing"), None)?,
                "open" => ["HeaderDigest", "DataDigest"].into_iter().try_for_each(|key| {
                    self.tell(&format!("--mode target --op update {tid} --name {key} --value CRC32C,None"), None)
                })?,
                "narrow" => NARROW.into_iter().try_for_each(|(key, value)| {
                    self.tell(&format!("--mode target --op update {tid} --name {key} --value {value}"), None)
                })?,
                _ => {}
            }
            self.tell(&format!("--mode target --op bind {tid} -I 127.0.0.1"), None)?;
        }
        Ok(())
    }

    /// One word of tgtadm's; the last argument may have spaces.
    fn tell(&self, words: &str, last: Option<&str>) -> anyhow::Result<()> {
        let output = Command::new(find("tgtadm", &SBIN, CURE)?)
            .args(["--lld", "iscsi"])
            .args(words.split(' '))
            .args(last)
            .env("TGT_IPC_SOCKET", self.socket())
            .output()?;
        if !output.status.success() {
            bail!("tgtadm {words} failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn socket(&self) -> String {
        self.data.path().join("socket").display().to_string()
    }
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a temporary directory whose name is text")
}
