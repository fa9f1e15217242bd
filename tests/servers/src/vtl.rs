//! A tape library over iSCSI: tgt's, in a process of its own, no kernel part. A robot, two drives, ten slots, two mail slots.
//!
//! What it does not know: LOCATE, partitions, the memory of cartridges, TapeAlert, ERASE, formats. READ POSITION answers that it does not
//! know. A block is read whole only by whoever asks for its exact length.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::Keeper;
use crate::program::{find, run};
use crate::tgt_source;

const CURE: &str = "apt-get install tgt";
const SBIN: [&str; 2] = ["/usr/sbin", "/usr/bin"];
/// Mebibytes of a cartridge. Their files grow as they are written.
const CARTRIDGE: &str = "1024";
/// What a drive is given before the robot loads it for the first time.
const NOTHING: &str = "NONE";
/// tgt's path of a cartridge has room for so many bytes.
const PATH_BYTES: usize = 120;

#[derive(Debug)]
pub struct Vtl {
    pub port: u16,
    process: Option<Keeper>,
    data: TempDir,
}

impl Vtl {
    pub const TARGET: &str = "iqn.2026-11.test.capstan:library";
    pub const USER: &str = "capstan";
    pub const SECRET: &str = "the library's own secret";
    /// LUNs; 0 is a controller of tgt's own.
    pub const DRIVES: [u16; 2] = [1, 2];
    pub const ROBOT: u16 = 3;
    /// Serial numbers.
    pub const LIBRARY: &str = "LIB0001";
    pub const DRIVE_NAMES: [&str; 2] = ["DRV0001", "DRV0002"];
    /// Addresses: drives are 1 and 2.
    pub const ARM: u16 = 16;
    pub const MAIL_SLOTS: [u16; 2] = [32, 33];
    pub const FIRST_SLOT: u16 = 256;
    pub const SLOTS: u16 = 10;
    /// In the first slots; the last two are empty.
    pub const CARTRIDGES: u16 = 8;

    pub fn start() -> anyhow::Result<Self> {
        find("tgtadm", &SBIN, CURE)?;
        let mut library = Self { port: free_port()?, process: None, data: TempDir::with_prefix("capstan-vtl-")? };
        std::fs::create_dir(library.cartridges())?;
        std::fs::write(library.data.path().join("robot"), [0; 1024])?;
        for label in (1..=Self::CARTRIDGES).map(Self::label).chain([NOTHING.to_owned()]) {
            let file = library.cartridges().join(&label);
            if file.as_os_str().len() > PATH_BYTES {
                bail!("{} is too long a path for tgt", file.display());
            }
            let described =
                ["--op", "new", "--device-type", "tape", "--type", "data", "--size", CARTRIDGE, "--barcode", label.as_str()];
            run(find("tgtimg", &SBIN, CURE)?, described.into_iter().chain(["--file", text(&file)?]))?;
        }
        library.begin()?;
        Ok(library)
    }

    /// Of the cartridge of this number, from 1.
    pub fn label(number: u16) -> String {
        format!("CAP{number:03}L6")
    }

    /// The file behind a cartridge.
    pub fn cartridge(&self, number: u16) -> PathBuf {
        self.cartridges().join(Self::label(number))
    }

    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it, again or for the first time, at the same port with every cartridge in its slot and what was written on it.
    pub fn begin(&mut self) -> anyhow::Result<()> {
        self.stop();
        let tgtd = tgt_source::tgtd()?.display().to_string();
        let (socket, portal) = (self.socket(), format!("portal=127.0.0.1:{}", self.port));
        let environment = [("TGT_IPC_SOCKET", socket.as_str()), ("CAPSTAN_STOP_SIGNAL", "KILL")];
        let process = Keeper::start_with(self.data.path(), "tgtd", &tgtd, ["-f", "--iscsi", &portal], &environment)?;
        let port = self.port;
        process.wait_until(Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        self.process = Some(process);
        self.lay_out()
    }

    /// What tgt says that it has.
    pub fn shown(&self) -> anyhow::Result<String> {
        self.tell("--mode target --op show", None)
    }

    fn lay_out(&self) -> anyhow::Result<()> {
        self.tell(&format!("--mode account --op new --user {} --password", Self::USER), Some(Self::SECRET))?;
        self.tell(&format!("--mode target --op new --tid 1 -T {}", Self::TARGET), None)?;
        for digest in ["HeaderDigest", "DataDigest"] {
            self.tell(&format!("--mode target --op update --tid 1 --name {digest} --value CRC32C,None"), None)?;
        }
        let unit = |operation: &str, lun: u16| format!("--mode logicalunit --op {operation} --tid 1 --lun {lun}");
        let nothing = self.cartridges().join(NOTHING);
        for (lun, name) in Self::DRIVES.into_iter().zip(Self::DRIVE_NAMES) {
            self.tell(&format!("{} --device-type tape --bstype ssc -b", unit("new", lun)), Some(text(&nothing)?))?;
            let shown = format!("vendor_id=IBM,product_id=ULT3580-TD6,product_rev=0001,scsi_sn={name},removable=1,online=0");
            self.tell(&format!("{} --params", unit("update", lun)), Some(&shown))?;
        }
        let robot = self.data.path().join("robot");
        self.tell(&format!("{} --device-type changer -b", unit("new", Self::ROBOT)), Some(text(&robot)?))?;
        let set = |parameters: &str| self.tell(&format!("{} --params", unit("update", Self::ROBOT)), Some(parameters)).map(drop);
        set(&format!("media_home={}", text(&self.cartridges())?))?;
        set(&format!("vendor_id=STK,product_id=L700,product_rev=0010,scsi_sn={},removable=1", Self::LIBRARY))?;
        set(&format!("element_type=1,start_address={},quantity=1", Self::ARM))?;
        set("element_type=4,start_address=1,quantity=2")?;
        for lun in Self::DRIVES {
            set(&format!("element_type=4,address={lun},tid=1,lun={lun}"))?;
        }
        set(&format!("element_type=2,start_address={},quantity={}", Self::FIRST_SLOT, Self::SLOTS))?;
        for (number, address) in (1..=Self::CARTRIDGES).zip(Self::FIRST_SLOT..) {
            set(&format!("element_type=2,address={address},barcode={},sides=1", Self::label(number)))?;
        }
        let [first, ..] = Self::MAIL_SLOTS;
        set(&format!("element_type=3,start_address={first},quantity=2"))?;
        self.tell(&format!("--mode account --op bind --tid 1 --user {}", Self::USER), None)?;
        self.tell("--mode target --op bind --tid 1 -I 127.0.0.1", None).map(drop)
    }

    /// One word of tgtadm's, and its answer; the last argument may have spaces.
    fn tell(&self, words: &str, last: Option<&str>) -> anyhow::Result<String> {
        let output = Command::new(find("tgtadm", &SBIN, CURE)?)
            .args(["--lld", "iscsi"])
            .args(words.split(' '))
            .args(last)
            .env("TGT_IPC_SOCKET", self.socket())
            .output()?;
        if !output.status.success() {
            bail!("tgtadm {words} failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn cartridges(&self) -> PathBuf {
        self.data.path().join("cartridges")
    }

    fn socket(&self) -> String {
        self.data.path().join("socket").display().to_string()
    }
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a temporary directory whose name is text")
}
