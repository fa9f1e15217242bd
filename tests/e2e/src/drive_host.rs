//! What tests of drives begin with: a host with a target of every storage type, on a real Ceph cluster, on a simulated VPSA with its
//! real iSCSI target, and on its own disk.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use capstan_test_servers::{CephDrives, StorageType, Vpsa};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::{Host, HostOptions};

/// On the host's own disk, as a fresh host has it.
pub const NVME: StorageType<'static> = StorageType { name: "nvme", minimum: 512 << 20, granularity: SIZES };
/// On Ceph.
pub const DSSD: StorageType<'static> = StorageType { name: "dssd", minimum: 1 << 20, granularity: SIZES };
/// On the VPSA.
pub const ZADARA: StorageType<'static> = StorageType { name: "zadara", minimum: 1 << 30, granularity: 1 << 30 };
pub const STORAGE_TYPES: [StorageType<'static>; 3] = [NVME, DSSD, ZADARA];

/// What CloudSigma's API rounds sizes up to, bytes. Coarser storage types round further.
const SIZES: u64 = 16 << 10;
/// For targets to be heard of, and for volumes to go.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(100);
/// How a drive is called in its target, before its id.
const VOLUME: &str = "capstan-";

#[derive(Debug)]
pub struct DriveHost {
    pub host: Host,
    ceph: CephDrives,
    vpsa: Vpsa,
    // Last: the host ends before its directory goes.
    room: TempDir,
}

impl DriveHost {
    /// `default`: the storage type of drives whose maker does not say; none: it is not set.
    pub fn open(ceph: CephDrives, vpsa: Vpsa, default: Option<StorageType<'_>>) -> anyhow::Result<Self> {
        let room = tempfile::Builder::new().prefix("capstan-e2e-").tempdir()?;
        let configuration = default.map(|default| format!("[drives]\ndefault-storage-type = \"{}\"\n", default.name));
        let host = Host::start(HostOptions { data: room.path().join("data"), configuration, ..HostOptions::default() })?;
        let client = host.client();
        for target in [on_ceph(&ceph), on_vpsa(&vpsa)] {
            client.post("/capstan/v1/targets", &target)?;
        }
        let drives = Self { host, ceph, vpsa, room };
        drives.heard_of()?;
        Ok(drives)
    }

    /// All targets have told what they can make.
    fn heard_of(&self) -> anyhow::Result<()> {
        let client = self.host.client();
        let until = Instant::now() + PATIENCE;
        loop {
            let told = client.get("/api/2.0/capabilities/")?;
            let drives = told.get("drives").context("capabilities without drives")?;
            if STORAGE_TYPES.iter().all(|storage_type| drives.get(storage_type.name).is_some()) {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("not all storage types serve: {told}; the end of the host's log:\n{}", self.host.log_tail());
            }
            sleep(PAUSE);
        }
    }

    /// `kill -9`, then the same host again on the same data.
    pub fn crash_and_restart(self) -> anyhow::Result<Self> {
        let host = self.host.crash_and_restart()?;
        let drives = Self { host, ..self };
        drives.heard_of()?;
        Ok(drives)
    }

    /// Ends the host, which has no drive any more. What the engines still have of its drives is a failure once they had time to let
    /// it go.
    pub fn close_empty(self) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = self.volumes()?;
            if left.is_empty() {
                return self.host.stop();
            }
            if Instant::now() > until {
                bail!(
                    "volumes are left of drives that were deleted: {left:?}; the end of the host's log:\n{}",
                    self.host.log_tail()
                );
            }
            sleep(PAUSE);
        }
    }

    /// Volumes of the host's drives, those that were deleted included. The cluster has drives of other hosts too.
    fn volumes(&self) -> anyhow::Result<Vec<String>> {
        let drives = self.drives_ever()?;
        let mut volumes = self.vpsa.volumes();
        volumes.extend(self.ceph.images()?.into_iter().filter(|image| drives.iter().any(|drive| image.contains(drive.as_str()))));
        for entry in fs::read_dir(self.room.path().join("data/drives"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.contains(VOLUME) {
                volumes.push(name);
            }
        }
        Ok(volumes)
    }

    /// Ids of all drives that there ever were: jobs tell for days what they were about.
    fn drives_ever(&self) -> anyhow::Result<Vec<String>> {
        let jobs = self.host.client().get("/api/2.0/jobs/?limit=0")?;
        let jobs = jobs.get("objects").and_then(Value::as_array).context("a list of jobs")?;
        let resources = jobs.iter().filter_map(|job| job.get("resources")?.as_array()).flatten();
        let ids = resources.filter_map(|uri| uri.as_str()?.trim_end_matches('/').rsplit('/').next().map(str::to_owned));
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        ids.dedup();
        Ok(ids)
    }
}

fn on_ceph(server: &CephDrives) -> Value {
    let configuration = json!({
        "dashboard": server.dashboard,
        "username": CephDrives::USER,
        "password": CephDrives::PASSWORD,
        "pool": CephDrives::POOL,
        "nbd-host": "127.0.0.1",
        "nbd-port": server.nbd_port,
        "qmp-port": server.qmp_port,
        "ceph-conf": server.conf,
    });
    json!({ "name": "ceph", "plugin": DSSD.name, "configuration": configuration })
}

/// In one of its pools: the other one is soon full.
fn on_vpsa(server: &Vpsa) -> Value {
    let configuration = json!({
        "endpoint": server.endpoint,
        "access-key": server.access_key,
        "pools": [Vpsa::POOL],
        "iscsi-host": "127.0.0.1",
        "iscsi-port": server.iscsi_port,
    });
    json!({ "name": "vpsa", "plugin": ZADARA.name, "configuration": configuration })
}
