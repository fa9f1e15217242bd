//! What the simulated VPSA has: pools, volumes, snapshots, servers; and what it is about to do by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::target::{NAME, Target};
use crate::program::run;

const GIB: u64 = 1 << 30;
/// Who else has volumes attached.
pub(super) const STRANGER: &str = "srv-0000ffff";

#[derive(Debug)]
pub(super) struct Store {
    pub(super) directory: PathBuf,
    pub(super) moment: Duration,
    /// Id and GB.
    pub(super) pools: Vec<(String, u64)>,
    pub(super) volumes: BTreeMap<String, Volume>,
    pub(super) snapshots: BTreeMap<String, Snapshot>,
    /// Id, display name, IQN.
    pub(super) servers: BTreeMap<String, (String, String)>,
    last: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Volume {
    pub(super) id: String,
    pub(super) display_name: String,
    pub(super) cg: String,
    pub(super) pool: String,
    /// GB.
    pub(super) capacity: u64,
    pub(super) created: String,
    pub(super) comment: String,
    pub(super) encrypted: bool,
    pub(super) work: Option<(Instant, Work)>,
    pub(super) servers: Vec<String>,
    pub(super) lun: Option<u16>,
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Creating,
    /// By so many GB.
    Expanding(u64),
    Deleting,
}

#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) id: String,
    pub(super) display_name: String,
    pub(super) cg: String,
    pub(super) pool: String,
    /// GB.
    pub(super) capacity: u64,
    pub(super) created: String,
}

pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Store {
    pub(super) fn new(directory: &Path, pools: &[u64], moment: Duration) -> Self {
        let mut store = Self {
            directory: directory.to_owned(),
            moment,
            pools: Vec::new(),
            volumes: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            servers: BTreeMap::new(),
            last: 0,
        };
        store.pools = (1..).zip(pools).map(|(number, capacity)| (format!("pool-{number:08x}"), *capacity)).collect();
        store
    }

    pub(super) fn id(&mut self, kind: &str) -> String {
        self.last += 1;
        format!("{kind}-{:08x}", self.last)
    }

    pub(super) fn file(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.img"))
    }

    /// Bytes, holes and all.
    pub(super) fn copy(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let (from, to) = (self.file(from), self.file(to));
        run("cp", ["--sparse=auto".as_ref(), "--reflink=auto".as_ref(), from.as_os_str(), to.as_os_str()]).map(drop)
    }

    /// GB that volumes of the pool do not have yet.
    pub(super) fn free(&self, pool: &str) -> u64 {
        let capacity = self.pools.iter().find(|(id, _)| id == pool).map_or(0, |(_, capacity)| *capacity);
        let taken = self.volumes.values().filter(|volume| volume.pool == pool).map(|volume| match volume.work {
            Some((_, Work::Expanding(more))) => volume.capacity + more,
            _ => volume.capacity,
        });
        capacity.saturating_sub(taken.sum())
    }

    pub(super) fn called(&self, display_name: &str) -> Option<&Volume> {
        self.volumes.values().find(|volume| volume.display_name == display_name)
    }

    pub(super) fn of_group(&self, cg: &str) -> Option<&Volume> {
        self.volumes.values().find(|volume| volume.cg == cg)
    }

    pub(super) fn display_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.volumes.values().map(|volume| volume.display_name.clone()).collect();
        names.sort();
        names
    }

    /// Of the volume, and of the snapshot.
    pub(super) fn snapshot_names(&self) -> Vec<(String, String)> {
        let named = |snapshot: &Snapshot| {
            let volume = self.of_group(&snapshot.cg)?;
            Some((volume.display_name.clone(), snapshot.display_name.clone()))
        };
        self.snapshots.values().filter_map(named).collect()
    }

    pub(super) fn file_of(&self, display_name: &str) -> Option<PathBuf> {
        self.called(display_name).map(|volume| self.file(&volume.id))
    }

    /// LUNs, and the volumes behind them.
    pub(super) fn attached(&self) -> Vec<(u16, String)> {
        self.volumes.values().filter_map(|volume| Some((volume.lun?, volume.id.clone()))).collect()
    }

    pub(super) fn free_lun(&self) -> Option<u16> {
        (1..=255).find(|lun| self.volumes.values().all(|volume| volume.lun != Some(*lun)))
    }

    pub(super) fn attach_elsewhere(&mut self, display_name: &str) -> Option<()> {
        self.servers.insert(STRANGER.to_owned(), ("stranger".to_owned(), "iqn.2026-11.test:stranger".to_owned()));
        let volume = self.volumes.values_mut().find(|volume| volume.display_name == display_name)?;
        volume.servers.push(STRANGER.to_owned());
        Some(())
    }

    /// Does what was begun and is due.
    pub(super) fn settle(&mut self, target: &mut Target) -> anyhow::Result<()> {
        let due: Vec<(String, Work)> = self
            .volumes
            .values()
            .filter_map(|volume| {
                volume.work.filter(|(when, _)| Instant::now() >= *when).map(|(_, work)| (volume.id.clone(), work))
            })
            .collect();
        for (id, work) in due {
            let file = self.file(&id);
            if work == Work::Deleting {
                if let Some(volume) = self.volumes.remove(&id) {
                    self.drop_snapshots(&volume.cg)?;
                    volume.lun.map_or(Ok(()), |lun| target.remove(lun))?;
                }
                std::fs::remove_file(file)?;
                continue;
            }
            let Some(volume) = self.volumes.get_mut(&id) else { continue };
            volume.work = None;
            if let Work::Expanding(more) = work {
                volume.capacity += more;
                std::fs::OpenOptions::new().write(true).open(&file)?.set_len(volume.capacity * GIB)?;
                if let Some(lun) = volume.lun {
                    target.grown(lun, &file)?;
                }
            }
        }
        Ok(())
    }

    fn drop_snapshots(&mut self, cg: &str) -> anyhow::Result<()> {
        let ids: Vec<String> =
            self.snapshots.values().filter(|snapshot| snapshot.cg == cg).map(|snapshot| snapshot.id.clone()).collect();
        for id in ids {
            self.snapshots.remove(&id);
            std::fs::remove_file(self.file(&id))?;
        }
        Ok(())
    }

    pub(super) fn shown(&self, volume: &Volume) -> Value {
        let status = match volume.work {
            Some((_, Work::Creating)) => "Creating",
            Some((_, Work::Expanding(_))) => "Expanding",
            Some((_, Work::Deleting)) => "Deleting",
            None if volume.servers.is_empty() => "Available",
            None => "In-use",
        };
        let used = std::fs::metadata(self.file(&volume.id)).map_or(0, |file| std::os::unix::fs::MetadataExt::blocks(&file) * 512);
        let snapshots = self.snapshots.values().any(|snapshot| snapshot.cg == volume.cg);
        json!({
            "name": volume.id,
            "display_name": volume.display_name,
            "cg_name": volume.cg,
            "cg_display_name": volume.display_name,
            "pool_name": volume.pool,
            "pool_display_name": volume.pool,
            "status": status,
            "data_type": "BLOCK",
            "virtual_capacity": volume.capacity,
            "allocated_capacity": used as f64 / GIB as f64,
            "thin": "YES",
            "encryption": if volume.encrypted { "YES" } else { "NO" },
            "has_snapshots": if snapshots { "YES" } else { "NO" },
            "has_mirror": "NO",
            "has_backup": "NO",
            "server_ext_names": volume.servers.join(","),
            "target": volume.lun.map(|_| NAME),
            "lun": volume.lun,
            "comment": volume.comment,
            "created_at": volume.created,
            "modified_at": volume.created,
        })
    }
}
