//! What the host tells of drives, snapshots and the work on them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde_json::Value;

use crate::client::Client;

/// States that work leads to.
const AT_REST: [&str; 3] = ["ready", "available", "unavailable"];
/// States of a job that is still to do something.
const TO_DO: [&str; 5] = ["not_activated", "queued", "calculating", "running", "paused"];
/// How a name begins that the host gives in an engine; the id follows.
const NAMED: &str = "capstan-";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    pub name: String,
    /// Bytes.
    pub size: u64,
    pub storage_type: String,
    pub state: String,
    /// The kind of its failure.
    pub failure: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub name: String,
    /// Id of its drive.
    pub drive: String,
    pub state: String,
}

/// All that is shown, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    pub drives: BTreeMap<String, Drive>,
    pub snapshots: BTreeMap<String, Snapshot>,
}

pub(super) fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("no {pointer} in {value}"))
}

fn items(list: &Value, member: &str) -> anyhow::Result<Vec<Value>> {
    list.get(member).and_then(Value::as_array).cloned().with_context(|| format!("no {member} in {list}"))
}

impl Catalogue {
    /// Of a host with less than a thousand drives.
    pub fn read(client: &Client) -> anyhow::Result<Self> {
        let mut drives = BTreeMap::new();
        for drive in items(&client.get("/capstan/v1/drives?limit=1000")?, "items")? {
            let known = Drive {
                name: text(&drive, "/name")?,
                size: drive.get("size").and_then(Value::as_u64).context("a drive without a size")?,
                storage_type: text(&drive, "/storage_type")?,
                state: text(&drive, "/state")?,
                failure: text(&drive, "/failure/kind").ok(),
            };
            drives.insert(text(&drive, "/id")?, known);
        }
        let mut snapshots = BTreeMap::new();
        for snapshot in items(&client.get("/api/2.0/snapshots/?limit=0")?, "objects")? {
            let known = Snapshot {
                name: text(&snapshot, "/name")?,
                drive: text(&snapshot, "/drive/uuid")?,
                state: text(&snapshot, "/status")?,
            };
            snapshots.insert(text(&snapshot, "/uuid")?, known);
        }
        Ok(Self { drives, snapshots })
    }

    pub fn drive(&self, id: &str) -> anyhow::Result<&Drive> {
        self.drives.get(id).with_context(|| format!("drive {id} is lost; there are {:?}", self.drives))
    }

    /// Id of the drive of this name.
    pub fn drive_called(&self, name: &str) -> Option<&str> {
        self.drives.iter().find(|(_, drive)| drive.name == name).map(|(id, _)| id.as_str())
    }

    pub fn snapshot_called(&self, name: &str) -> Option<&str> {
        self.snapshots.iter().find(|(_, snapshot)| snapshot.name == name).map(|(id, _)| id.as_str())
    }

    /// The volumes, each with its snapshots, that an engine has to have. What is unavailable has none.
    pub fn volumes_of(&self, storage_type: &str) -> BTreeMap<String, BTreeSet<String>> {
        let ours = self.drives.iter().filter(|(_, drive)| drive.storage_type == storage_type && drive.state != "unavailable");
        let volume = |(id, _): (&String, &Drive)| {
            let taken = self.snapshots.iter().filter(|(_, snapshot)| snapshot.drive == *id && snapshot.state != "unavailable");
            (format!("{NAMED}{id}"), taken.map(|(snapshot, _)| format!("{NAMED}{snapshot}")).collect())
        };
        ours.map(volume).collect()
    }

    /// What is not at rest yet, of all that is shown; none: all of it is.
    fn moving(&self) -> Option<String> {
        let drives = self.drives.values().map(|drive| (&drive.name, &drive.state));
        let snapshots = self.snapshots.values().map(|snapshot| (&snapshot.name, &snapshot.state));
        let mut all = drives.chain(snapshots);
        all.find(|(_, state)| !AT_REST.contains(&state.as_str())).map(|(name, state)| format!("{name} is {state}"))
    }
}

/// What is still under way: drives, snapshots, and jobs of either, that of a deleted one too. None: all has come to rest.
pub(super) fn under_way(client: &Client) -> anyhow::Result<Option<String>> {
    for job in items(&client.get("/capstan/v1/jobs?limit=100")?, "items")? {
        let (work, state) = (text(&job, "/work")?, text(&job, "/state")?);
        if work == "drive" && TO_DO.contains(&state.as_str()) {
            return Ok(Some(format!("the job {} is {state}", text(&job, "/name")?)));
        }
    }
    Ok(Catalogue::read(client)?.moving())
}
