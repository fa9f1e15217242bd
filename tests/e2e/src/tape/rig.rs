//! A host with one tape library, registered by a Nodeum client, and the tasks that this client makes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::known::{KnownFile, known};
use super::library::Library;
use super::told::Told;
use crate::cargo::{Cargo, Execution, Stand};
use crate::host::{Host, HostOptions};
use crate::tree::{Shape, Tree};

/// Name of the library once it is registered.
pub const LIBRARY: &str = "shelf";
/// Name of the pool that most tests archive to.
pub const POOL: &str = "vault";
/// Of the target that leads to the library.
const TARGET: &str = "robot";
/// For a task on a library in which nobody waits.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// For an inventory.
const LOOK: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub struct TapeRig {
    pub host: Host,
    pub cargo: Cargo,
    pub library: Library,
    /// Name of each container that files came back into.
    returned: u32,
    /// Hosts that there were.
    hosts: u32,
    // Last: the host ends before its directory goes.
    room: TempDir,
}

impl TapeRig {
    /// A fresh host, the library registered, its tapes known. `configuration`: text of the host's configuration file.
    pub fn open(library: Library, configuration: &str) -> anyhow::Result<Self> {
        let room = tempfile::Builder::new().prefix("capstan-tapes-").tempdir()?;
        let options = HostOptions {
            data: room.path().join("data-0"),
            configuration: Some(configuration.to_owned()),
            environment: library.environment()?,
            ..HostOptions::default()
        };
        let host = Host::start(options)?;
        let cargo = Cargo::new(host.client());
        let rig = Self { host, cargo, library, returned: 0, hosts: 1, room };
        rig.register(json!({}))?;
        Ok(rig)
    }

    /// Ends the host as an administrator would, and begins another one that knows nothing but where the library is, and that its drives are its
    /// own now.
    pub fn forget_everything(self) -> anyhow::Result<Self> {
        let Self { host, library, returned, hosts, room, .. } = self;
        host.stop()?;
        let options = HostOptions {
            data: room.path().join(format!("data-{hosts}")),
            environment: library.environment()?,
            ..HostOptions::default()
        };
        let host = Host::start(options)?;
        let cargo = Cargo::new(host.client());
        let rig = Self { host, cargo, library, returned, hosts: hosts + 1, room };
        rig.register(json!({ "reservations": "take" }))?;
        Ok(rig)
    }

    /// `kill -9`, and the same host again on the same data.
    pub fn crash_and_restart(&mut self) -> anyhow::Result<()> {
        self.host.kill()?;
        self.host.start_again()?;
        self.cargo = Cargo::new(self.host.client());
        Ok(())
    }

    /// `more`: of the target's configuration.
    fn register(&self, more: Value) -> anyhow::Result<()> {
        let client = &self.cargo.client;
        let mut configuration = self.library.configuration()?;
        if let (Some(all), Some(more)) = (configuration.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        let target = json!({ "name": TARGET, "plugin": "tape", "configuration": configuration });
        client.post("/capstan/v1/targets", &target)?;
        for path in self.library.paths()? {
            let grant = json!({ "target": TARGET, "power": { "to": "scsi-device", "path": path } });
            client.post("/capstan/v1/grants", &grant)?;
        }
        let library = client.post("/api/v2/tape_libraries", &json!({ "name": LIBRARY, "device": format!("target:{TARGET}") }))?;
        let serial = library.get("serial").and_then(Value::as_str);
        ensure!(serial == Some(self.library.serial()), "this is not the library: {library}");
        self.inventory_has(1)
    }

    /// Waits until the tape of this number is known.
    pub fn inventory_has(&self, number: u16) -> anyhow::Result<()> {
        let until = Instant::now() + LOOK;
        let path = format!("/api/v2/tape_libraries/{LIBRARY}/tapes/{}", self.library.label(number));
        loop {
            let answer = self.cargo.client.raw("GET", &path, None, b"")?;
            match answer.status {
                200 => return Ok(()),
                404 if Instant::now() < until => sleep(PAUSE),
                status => bail!("no inventory: {status}: {}; the end of the log:\n{}", answer.text, self.host.log_tail()),
            }
        }
    }

    /// As the Nodeum API shows it.
    pub fn tape(&self, number: u16) -> anyhow::Result<Value> {
        self.cargo.client.get(&format!("/api/v2/tapes/{}", self.library.label(number)))
    }

    pub fn labels(&self, numbers: &[u16]) -> Vec<String> {
        numbers.iter().map(|number| self.library.label(*number)).collect()
    }

    /// A pool over tapes.
    pub fn pool(&self, name: &str, numbers: &[u16]) -> anyhow::Result<()> {
        let mut ids = Vec::new();
        for number in numbers {
            ids.push(self.tape(*number)?.get("id").cloned().context("a tape without an id")?);
        }
        let pool = json!({ "name": name, "type": "offline_archive", "content": "tape", "tape_ids": ids });
        self.cargo.client.post("/api/v2/pools", &pool).map(drop)
    }

    /// A task of this action on tapes.
    pub fn maintenance(&self, action: &str, numbers: &[u16]) -> anyhow::Result<i64> {
        let sources: Vec<Value> = self.labels(numbers).iter().map(|label| json!({ "tape_barcode": label })).collect();
        let options: &[(&str, &str)] = if action == "format" { &[("overwrite", "true")] } else { &[] };
        self.cargo.maintenance(action, &sources, options)
    }

    /// Whatever is on them is gone.
    pub fn format(&self, numbers: &[u16], patience: Duration) -> anyhow::Result<()> {
        let task = self.maintenance("format", numbers)?;
        let done = self.cargo.run(task, patience).context("format")?;
        ensure!(done.files == numbers.len() as u64, "not all tapes were formatted: {}", done.whole);
        Ok(())
    }

    /// A container with the files of this shape in a folder of its own name, so that no two containers have one path.
    pub fn fill(&self, name: &str, shape: &Shape) -> anyhow::Result<Tree> {
        self.cargo.container(name)?;
        let folder = self.host.container(name).join(name);
        std::fs::create_dir_all(&folder)?;
        shape.make(&folder)?;
        self.left(name)
    }

    /// Files of a container as they are on the disk.
    pub fn left(&self, name: &str) -> anyhow::Result<Tree> {
        Tree::read(&self.host.container(name))
    }

    /// The task that takes a container to a pool of tapes; `action` is copy or move.
    pub fn archiving(&self, action: &str, container: &str, pool: &str) -> anyhow::Result<i64> {
        let from = format!("/{container}");
        self.cargo.transfer(&format!("{action} {container}"), action, Stand::Container(&from), Stand::TapePool(pool))
    }

    /// The task that brings all files of a pool into a new container, and that container.
    pub fn recalling(&mut self, pool: &str) -> anyhow::Result<(i64, String)> {
        self.returned += 1;
        let name = format!("returned-{}-{}", self.hosts, self.returned);
        self.cargo.container(&name)?;
        let to = format!("/{name}");
        let task = self.cargo.transfer(&format!("recall {pool}"), "copy", Stand::TapePool(pool), Stand::Container(&to))?;
        Ok((task, name))
    }

    /// All files of a pool, as they come back.
    pub fn recall(&mut self, pool: &str, patience: Duration) -> anyhow::Result<(Execution, Tree)> {
        let (task, container) = self.recalling(pool)?;
        let end = self.cargo.run(task, patience).context("recall")?;
        let tree = self.left(&container)?;
        self.discard(&container)?;
        Ok((end, tree))
    }

    /// Leaves room on the disk; nobody looks at the container again.
    pub fn discard(&self, container: &str) -> anyhow::Result<()> {
        let directory: PathBuf = self.host.container(container);
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() { std::fs::remove_dir_all(&path)? } else { std::fs::remove_file(&path)? }
        }
        Ok(())
    }

    /// Files of a container that the host says to lie on tapes.
    pub fn stored(&self, container: &str) -> anyhow::Result<BTreeMap<Vec<u8>, KnownFile>> {
        let mut files = known(&self.cargo.client, &format!("/api/v2/containers/{container}/files"))?;
        files.retain(|_, file| !file.tapes.is_empty());
        Ok(files)
    }

    /// What the host says of a container to lie on the tapes of a pool comes back from there as it was; how many files these are. Others may
    /// come with them, or fail to.
    pub fn stored_is_readable(&mut self, container: &str, pool: &str, before: &Tree) -> anyhow::Result<usize> {
        let stored = self.stored(container)?;
        if stored.is_empty() {
            return Ok(0);
        }
        let (task, returned) = self.recalling(pool)?;
        self.cargo.act(task, "run")?;
        let end = self.cargo.watch(task, PATIENCE, |_| false)?;
        let after = self.left(&returned)?;
        for path in stored.keys() {
            let (was, is) = (before.files.get(path), after.files.get(path));
            let same = was.zip(is).is_some_and(|(was, is)| was.size == is.size && was.hash == is.hash);
            if !same {
                let told = Told::of(&self.cargo, &end)?;
                let path = String::from_utf8_lossy(path);
                bail!("{path:?} is said to be stored and does not come back: {was:?}, {is:?}; {:#?}", told.failures);
            }
        }
        self.discard(&returned)?;
        Ok(stored.len())
    }

    /// Runs the task to an end that is not good, and answers what it tells.
    pub fn fails(&self, task: i64, patience: Duration) -> anyhow::Result<Told> {
        self.cargo.act(task, "run")?;
        let end = self.cargo.watch(task, patience, |_| false)?;
        ensure!(end.status != "done", "it was to fail, and is done: {}", end.whole);
        Told::of(&self.cargo, &end)
    }

    pub fn close(self) -> anyhow::Result<()> {
        self.host.stop()
    }
}
