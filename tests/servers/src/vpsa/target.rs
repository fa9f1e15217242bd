//! The iSCSI target with the volumes' bytes: tgt, one target, a LUN for each attached volume.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::ports::free_port;
use crate::process::Keeper;
use crate::program::find;

const CURE: &str = "apt-get install tgt";
const SBIN: [&str; 1] = ["/usr/sbin"];
pub(super) const NAME: &str = "iqn.2026-11.test.zadara:vsa-00000001";
pub(super) const USER: &str = "vpsa-user";
const SECRET: &str = "vpsa-secret-0001";
/// A LUN with a command under way is not taken away; commands end soon.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Target {
    pub(super) port: u16,
    pub(super) secret: String,
    directory: PathBuf,
    process: Option<Keeper>,
}

impl Target {
    pub(super) fn start(directory: &Path) -> anyhow::Result<Self> {
        let mut target = Self { port: free_port()?, secret: SECRET.to_owned(), directory: directory.to_owned(), process: None };
        target.begin()?;
        Ok(target)
    }

    /// Starts it, again or for the first time, without a LUN.
    pub(super) fn begin(&mut self) -> anyhow::Result<()> {
        self.process = None;
        let tgtd = find("tgtd", &SBIN, CURE)?.display().to_string();
        let (socket, portal) = (self.socket(), format!("portal=127.0.0.1:{}", self.port));
        let environment = [("TGT_IPC_SOCKET", socket.as_str()), ("CAPSTAN_STOP_SIGNAL", "KILL")];
        let process = Keeper::start_with(&self.directory, "tgtd", &tgtd, ["-f", "--iscsi", &portal], &environment)?;
        let port = self.port;
        process.wait_until(Duration::from_secs(60), || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        self.process = Some(process);
        self.account()?;
        self.tell(&format!("--mode target --op new --tid 1 -T {NAME}"), None)?;
        for digest in ["HeaderDigest", "DataDigest"] {
            self.tell(&format!("--mode target --op update --tid 1 --name {digest} --value CRC32C,None"), None)?;
        }
        self.tell(&format!("--mode account --op bind --tid 1 --user {USER}"), None)?;
        self.tell("--mode target --op bind --tid 1 -I 127.0.0.1", None)
    }

    fn account(&self) -> anyhow::Result<()> {
        self.tell(&format!("--mode account --op new --user {USER} --password"), Some(&self.secret))
    }

    pub(super) fn change_secret(&mut self, secret: &str) -> anyhow::Result<()> {
        self.secret = secret.to_owned();
        self.tell(&format!("--mode account --op unbind --tid 1 --user {USER}"), None)?;
        self.tell(&format!("--mode account --op delete --user {USER}"), None)?;
        self.account()?;
        self.tell(&format!("--mode account --op bind --tid 1 --user {USER}"), None)
    }

    /// The unit calls itself after the volume, as long as it is that.
    pub(super) fn add(&self, lun: u16, volume: &str, file: &Path) -> anyhow::Result<()> {
        let path = file.to_str().context("a temporary directory whose name is text")?;
        self.tell(&format!("--mode logicalunit --op new --tid 1 --lun {lun} --device-type disk --bstype rdwr -b"), Some(path))?;
        let shown = format!("vendor_id=ZADARA,product_id=VPSA,scsi_id={volume},scsi_sn={volume},thin_provisioning=1");
        self.tell(&format!("--mode logicalunit --op update --tid 1 --lun {lun} --params {shown}"), None)
    }

    pub(super) fn remove(&self, lun: u16) -> anyhow::Result<()> {
        self.again(&format!("--mode logicalunit --op delete --tid 1 --lun {lun}"), None)
    }

    /// Looks at the file anew, which has grown.
    pub(super) fn grown(&self, lun: u16, file: &Path) -> anyhow::Result<()> {
        self.again(&format!("--mode logicalunit --op update --tid 1 --lun {lun} --params online=0"), None)?;
        let path = format!("path={}", file.display());
        self.again(&format!("--mode logicalunit --op update --tid 1 --lun {lun} --params"), Some(&path))
    }

    fn again(&self, words: &str, last: Option<&str>) -> anyhow::Result<()> {
        for _ in 1..TRIES {
            if self.tell(words, last).is_ok() {
                return Ok(());
            }
            sleep(PAUSE);
        }
        self.tell(words, last)
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
        self.directory.join("socket").display().to_string()
    }
}
