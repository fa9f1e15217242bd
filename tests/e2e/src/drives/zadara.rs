//! A Zadara array, simulated over a real iSCSI target: its volumes as it lists them itself.

use capstan_test_servers::{HoldFront, Vpsa};
use serde_json::json;

use super::engine::{Engine, Stock};
use crate::client::Client;

/// How the names that the host gives begin.
const OURS: &str = "capstan-";
/// How the plugin calls what a drive was before it was restored.
const FORMER: (&str, &str) = ("Capstan-", "-old");

#[derive(Debug)]
pub struct Zadara {
    // Before what it stands before.
    front: HoldFront,
    pub vpsa: Vpsa,
    pool: &'static str,
}

impl Zadara {
    pub fn start() -> anyhow::Result<Self> {
        Self::with_pool(Vpsa::POOL)
    }

    /// With nothing but a pool that is soon full.
    pub fn small() -> anyhow::Result<Self> {
        Self::with_pool(Vpsa::SMALL_POOL)
    }

    fn with_pool(pool: &'static str) -> anyhow::Result<Self> {
        let vpsa = Vpsa::start()?;
        let front = HoldFront::start(&vpsa.endpoint)?;
        Ok(Self { front, vpsa, pool })
    }
}

impl Engine for Zadara {
    fn storage_type(&self) -> &'static str {
        "zadara"
    }

    fn connect(&self, client: &Client) -> anyhow::Result<()> {
        let configuration = json!({
            "endpoint": self.front.endpoint, "access-key": self.vpsa.access_key, "pools": [self.pool],
            "iscsi-host": "127.0.0.1", "iscsi-port": self.vpsa.iscsi_port,
        });
        let target = json!({ "name": "zadara", "plugin": "zadara", "configuration": configuration });
        client.post("/capstan/v1/targets", &target).map(drop)
    }

    fn front(&self) -> Option<&HoldFront> {
        Some(&self.front)
    }

    fn stock(&self) -> anyhow::Result<Stock> {
        let mut stock = Stock::default();
        let snapshots = self.vpsa.snapshots();
        for volume in self.vpsa.volumes() {
            if volume.starts_with(OURS) {
                stock.volumes.entry(volume).or_default();
            } else if !(is_former(&volume) && snapshots.iter().any(|(of, _)| *of == volume)) {
                stock.strays.push(volume);
            }
        }
        for (volume, snapshot) in snapshots {
            if is_former(&volume) {
                stock.apart.insert(snapshot);
            } else {
                stock.volumes.entry(volume).or_default().insert(snapshot);
            }
        }
        Ok(stock)
    }
}

fn is_former(volume: &str) -> bool {
    volume.starts_with(FORMER.0) && volume.ends_with(FORMER.1)
}
