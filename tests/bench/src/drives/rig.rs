//! A host for measurements, and a client of its drives that waits for what it asked for.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use capstan_e2e::{Client, Host, HostOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(super) const API: &str = "/api/2.0/drives/";
pub(super) const NVME: &str = "nvme";
pub(super) const DSSD: &str = "dssd";
/// Nothing that is waited for takes longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(1800);
/// Between two looks at what takes long.
const LOOK: Duration = Duration::from_millis(10);
/// Jobs among which that of the last request is.
const NEWEST: u32 = 8;

pub(super) struct Rig {
    host: Host,
    pub client: Client,
    room: TempDir,
}

#[derive(Clone, Debug)]
pub(super) struct Drive {
    pub id: String,
    pub name: String,
}

impl Drive {
    /// The first of an answer's objects.
    fn of(answer: &Value) -> anyhow::Result<Self> {
        let text = |member: &str| answer.pointer(&format!("/objects/0/{member}")).and_then(Value::as_str).map(str::to_owned);
        let (id, name) = text("uuid").zip(text("name")).with_context(|| format!("no drive in {answer}"))?;
        Ok(Self { id, name })
    }

    fn path(&self) -> String {
        format!("{API}{}/", self.id)
    }

    fn attachment(&self) -> String {
        format!("/capstan/v1/drives/{}/attachment", self.id)
    }
}

/// Where an export is listened for that need not be at a socket.
pub(super) const TCP: &str = "tcp:127.0.0.1:0";

/// What a new drive is asked for with. `size` in bytes.
pub(super) fn wish(name: &str, size: u64, storage_type: &str) -> Value {
    json!({ "name": name, "media": "disk", "size": size, "storage_type": storage_type })
}

impl Rig {
    pub(super) fn start() -> anyhow::Result<Self> {
        let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir_in("/var/tmp")?;
        let host = Host::start(HostOptions { data: room.path().join("data"), ..HostOptions::default() })?;
        let client = host.client();
        Ok(Self { host, client, room })
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.host.stop()
    }

    /// A directory on the disk that the host's own drives are on.
    pub(super) fn room(&self) -> &Path {
        self.room.path()
    }

    /// Answers as soon as the host does.
    pub(super) fn create(&self, name: &str, size: u64, storage_type: &str) -> anyhow::Result<Drive> {
        Drive::of(&self.client.post(API, &json!({ "objects": [wish(name, size, storage_type)] }))?)
    }

    /// A drive that is ready.
    pub(super) fn made(&self, name: &str, size: u64, storage_type: &str) -> anyhow::Result<Drive> {
        let drive = self.create(name, size, storage_type)?;
        self.ready(&drive, LOOK)?;
        Ok(drive)
    }

    /// Looks, with this pause between two looks, until the drive can be used.
    pub(super) fn ready(&self, drive: &Drive, pause: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.client.get(&drive.path())?;
            match shown.get("status").and_then(Value::as_str) {
                Some("unmounted") => return Ok(()),
                Some("creating" | "cloning_dst") if Instant::now() < until => sleep(pause),
                _ => bail!("the drive is not made: {shown}"),
            }
        }
    }

    /// A clone of that type, and how long it took from the request until it could be used.
    pub(super) fn cloned(&self, drive: &Drive, storage_type: &str) -> anyhow::Result<(Drive, Duration)> {
        let wish = json!({ "name": format!("{} cloned", drive.name), "storage_type": storage_type });
        let start = Instant::now();
        let clone = Drive::of(&self.client.post(&format!("{}action/?do=clone", drive.path()), &wish)?)?;
        self.ready(&clone, LOOK)?;
        Ok((clone, start.elapsed()))
    }

    /// Waits until its volume is gone too.
    pub(super) fn delete(&self, drive: &Drive) -> anyhow::Result<()> {
        self.client.delete(&drive.path())?;
        let job = format!("delete {}", drive.name);
        let until = Instant::now() + PATIENCE;
        loop {
            // Newest first: of drives of one name it is the last one's.
            let jobs = self.client.get(&format!("/capstan/v1/jobs?limit={NEWEST}"))?;
            let mut items = jobs.get("items").and_then(Value::as_array).into_iter().flatten();
            let found = items.find(|one| one.get("name").and_then(Value::as_str) == Some(job.as_str()));
            match found.and_then(|one| one.get("state")).and_then(Value::as_str) {
                Some("done") => return Ok(()),
                Some("queued" | "calculating" | "running") if Instant::now() < until => sleep(LOOK),
                _ => bail!("\"{job}\" did not come to its end: {jobs}"),
            }
        }
    }

    /// On loopback, over TCP; the address for clients of NBD.
    pub(super) fn attach(&self, drive: &Drive, address: &str, read_only: bool) -> anyhow::Result<String> {
        let wish = json!({ "address": address, "read_only": read_only });
        let attachment = self.client.post(&drive.attachment(), &wish)?;
        let uri = attachment.get("uri").and_then(Value::as_str).with_context(|| format!("no address in {attachment}"))?;
        Ok(uri.to_owned())
    }

    pub(super) fn detach(&self, drive: &Drive) -> anyhow::Result<()> {
        self.client.delete(&drive.attachment()).map(drop)
    }

    /// The bytes of a drive on the host's own disk, where its plugin lays them.
    pub(super) fn file(&self, drive: &Drive) -> PathBuf {
        self.host.data().join(format!("drives/drive.capstan-{}/disk", drive.id))
    }
}
