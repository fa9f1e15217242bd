//! The project's own tape library (`tests/tape-simulator`): over iSCSI, and as SCSI generic devices for programs that are started with
//! [`TapeSimulator::environment`].

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::Keeper;
use crate::program::{Missing, run};
use crate::sg_shim;

const PROGRAM: &str = "capstan-tape-simulator";
const CURE: &str = "cargo build --package capstan-tape-simulator";
/// For the listeners, after the library has read its cartridges.
const START: Duration = Duration::from_secs(20);
/// For an order to be carried out.
const ORDER: Duration = Duration::from_secs(60);
/// Bytes of an answer to an order.
const ANSWER: u64 = 16 << 20;
/// A socket's path has room for so many bytes.
const PATH_BYTES: usize = 107;
/// The path of a device begins with /dev/, and here everybody may make one.
const DEVICES: &str = "/dev/shm";

/// A running library. Dropping it stops it; what was on its cartridges goes with it.
#[derive(Debug)]
pub struct TapeSimulator {
    pub port: u16,
    process: Option<Keeper>,
    data: TempDir,
    devices: TempDir,
}

impl TapeSimulator {
    pub const TARGET: &str = "iqn.2026-11.test.capstan:tape-simulator";
    pub const USER: &str = "capstan";
    pub const SECRET: &str = "the library's own secret";

    /// `plan`: what the library has, as `capstan-tape-simulator` reads it.
    pub fn start(plan: &Value) -> anyhow::Result<Self> {
        let data = TempDir::with_prefix("capstan-tape-")?;
        std::fs::write(data.path().join("plan.json"), serde_json::to_vec(plan)?)?;
        let devices = TempDir::with_prefix_in("capstan-tape-", DEVICES).context("no room for devices")?;
        let mut library = Self { port: free_port()?, process: None, data, devices };
        library.begin()?;
        Ok(library)
    }

    /// Where its cartridges lie.
    pub fn media(&self) -> PathBuf {
        self.data.path().join("media")
    }

    /// The devices are `sg0`, `sg1`, … in it, in the order of logical unit numbers.
    pub fn devices(&self) -> PathBuf {
        self.devices.path().to_owned()
    }

    /// For a program that is to see the devices.
    pub fn environment(&self) -> anyhow::Result<[(&'static str, String); 2]> {
        let library = sg_shim::library()?;
        Ok([("LD_PRELOAD", text(&library)?), ("CAPSTAN_SG_DIRECTORY", text(&self.devices())?)])
    }

    /// Has an order carried out; what the library refuses is an error.
    pub fn order(&self, order: &Value) -> anyhow::Result<Value> {
        let mut socket = UnixStream::connect(self.control()).context("the tape simulator does not take orders")?;
        socket.set_read_timeout(Some(ORDER))?;
        writeln!(socket, "{order}")?;
        let mut line = String::new();
        BufReader::new(socket.take(ANSWER)).read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("{order} was not answered"))?;
        match (answer.get("done"), answer.get("refused")) {
            (Some(done), None) => Ok(done.clone()),
            (None, Some(why)) => bail!("the tape simulator refuses {order}: {why}"),
            _ => bail!("the tape simulator answers {order} with {answer}"),
        }
    }

    /// `kill -9`. The cartridges stay, for `restart`.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let Some(process) = self.process.take() else { return Ok(()) };
        let pid = process.pid().context("the tape simulator has no process")?;
        run("kill", ["-KILL", &pid.to_string()])?;
        Ok(())
    }

    /// Ends it politely if it runs, and starts it at the same port with the cartridges as they are.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.process = None;
        self.begin()
    }

    /// The same, with what another plan says of drives and time.
    pub fn restart_with(&mut self, plan: &Value) -> anyhow::Result<()> {
        std::fs::write(self.data.path().join("plan.json"), serde_json::to_vec(plan)?)?;
        self.restart()
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        let control = self.control();
        if control.as_os_str().len() > PATH_BYTES {
            bail!("{} is too long a path for a socket", control.display());
        }
        // One that was killed leaves it.
        let _ = std::fs::remove_file(&control);
        let plan = self.data.path().join("plan.json");
        let arguments = [
            "--plan".to_owned(),
            text(&plan)?,
            "--media".to_owned(),
            text(&self.media())?,
            "--listen".to_owned(),
            format!("127.0.0.1:{}", self.port),
            "--target".to_owned(),
            Self::TARGET.to_owned(),
            "--devices".to_owned(),
            text(&self.devices())?,
            "--control".to_owned(),
            text(&control)?,
        ];
        let chap = format!("{}:{}", Self::USER, Self::SECRET);
        let environment = [("CAPSTAN_TAPE_SIMULATOR_CHAP", chap.as_str())];
        let process = Keeper::start_with(self.data.path(), "tape-simulator", &text(&program()?)?, arguments, &environment)?;
        // It listens for orders when it listens everywhere else.
        process.wait_until(START, || UnixStream::connect(&control).is_ok())?;
        self.process = Some(process);
        Ok(())
    }

    fn control(&self) -> PathBuf {
        self.data.path().join("control")
    }
}

/// The built program: where the environment says that programs are, or beside the test.
fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = match std::env::var_os("CAPSTAN_TEST_BINARIES") {
        Some(directory) => Some(PathBuf::from(directory).join(PROGRAM)),
        // A test lies in `deps`, a program beside it.
        None => own.ancestors().skip(1).map(|directory| directory.join(PROGRAM)).find(|program| program.is_file()),
    };
    program
        .filter(|program| program.is_file())
        .ok_or_else(|| Missing { program: PROGRAM.to_owned(), cure: CURE.to_owned() }.into())
}

fn text(path: &Path) -> anyhow::Result<String> {
    path.to_str().map(str::to_owned).context("a path that is text")
}
