//! A Ceph cluster: its images and their snapshots, as its own tool lists them. Others may have images in the pool meanwhile: only
//! those count that a host named, and that were not there before.

use std::collections::BTreeSet;

use anyhow::Context;
use capstan_test_servers::{CephDrives, HoldFront};
use serde_json::{Value, json};

use super::engine::{Engine, Stock};
use crate::client::Client;

/// How the plugin's names of images begin, and of snapshots that no caller sees.
const OURS: &str = "capstan.";
/// How the host's names begin, and their length: an id follows.
const HOSTS: &str = "capstan-";
const HOSTS_LENGTH: usize = HOSTS.len() + 36;

#[derive(Debug)]
pub struct Dssd {
    // Before what it stands before.
    front: HoldFront,
    ceph: CephDrives,
    /// Images of hosts that were here before.
    before: BTreeSet<String>,
}

impl Dssd {
    pub fn start() -> anyhow::Result<Self> {
        let ceph = CephDrives::get()?;
        let front = HoldFront::start(&ceph.dashboard)?;
        let mut this = Self { front, ceph, before: BTreeSet::new() };
        this.before = this.images()?.into_iter().collect();
        Ok(this)
    }

    /// Those that a host named.
    fn images(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.ceph.images()?.into_iter().filter(|image| is_hosts(image) && !self.before.contains(image)).collect())
    }

    /// Names in a list of the tool's.
    fn list(&self, arguments: &[&str]) -> anyhow::Result<Vec<String>> {
        let said = self.ceph.rbd(&[arguments, &["--format", "json"]].concat())?;
        let rows: Vec<Value> = serde_json::from_str(&said).with_context(|| format!("rbd {arguments:?}: {said}"))?;
        let name = |row: &Value| row.get("name").or(row.get("image")).and_then(Value::as_str).map(str::to_owned);
        Ok(rows.iter().filter_map(name).collect())
    }
}

impl Engine for Dssd {
    fn storage_type(&self) -> &'static str {
        "dssd"
    }

    fn connect(&self, client: &Client) -> anyhow::Result<()> {
        let configuration = json!({
            "dashboard": self.front.endpoint, "username": CephDrives::USER, "password": CephDrives::PASSWORD,
            "pool": CephDrives::POOL, "nbd-host": "127.0.0.1", "nbd-port": self.ceph.nbd_port, "qmp-port": self.ceph.qmp_port,
            "ceph-conf": self.ceph.conf,
        });
        let target = json!({ "name": "dssd", "plugin": "dssd", "configuration": configuration });
        client.post("/capstan/v1/targets", &target).map(drop)
    }

    fn front(&self) -> Option<&HoldFront> {
        Some(&self.front)
    }

    fn stock(&self) -> anyhow::Result<Stock> {
        let mut stock = Stock::default();
        for image in self.images()? {
            let mut snapshots = BTreeSet::new();
            for snapshot in self.list(&["snap", "ls", &image])? {
                match snapshot.split_once('.') {
                    // With the mark of its attempt.
                    Some((name, _)) if !snapshot.starts_with(OURS) => {
                        snapshots.insert(name.to_owned());
                    }
                    // What a clone hangs on goes with the clone.
                    _ => {
                        let place = format!("{image}@{snapshot}");
                        if self.list(&["children", &place])?.is_empty() {
                            stock.strays.push(place);
                        }
                    }
                }
            }
            stock.volumes.insert(image.strip_prefix(OURS).unwrap_or(&image).to_owned(), snapshots);
        }
        let thrown_away = self.list(&["trash", "ls", "--all"])?.into_iter().filter(|image| is_hosts(image));
        stock.strays.extend(thrown_away.map(|image| format!("trash: {image}")));
        Ok(stock)
    }
}

fn is_hosts(image: &str) -> bool {
    image.strip_prefix(OURS).is_some_and(|name| name.starts_with(HOSTS) && name.len() == HOSTS_LENGTH)
}
