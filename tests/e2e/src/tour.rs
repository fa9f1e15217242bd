//! A tree's way round every kind of target: from an NFS share to Azure, to Google Cloud Storage, to an SMB share, and back.

use std::path::PathBuf;
use std::time::Duration;

use capstan_test_servers::{Azurite, Ganesha, Gcs, SAMBA_PASSWORD, Samba};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cargo::{Cargo, Execution, Stand};
use crate::host::{Host, HostOptions};
use crate::tree::{Shape, Tree};

const SHARE: &str = "open";
const BUCKET: &str = "tour";

#[derive(Debug)]
pub struct Tour {
    pub host: Host,
    pub cargo: Cargo,
    nfs: Ganesha,
    _azurite: Azurite,
    _gcs: Gcs,
    samba: Samba,
    // Last: the host ends before its directory goes.
    _room: TempDir,
}

/// One stretch of the way, and the task that does it.
#[derive(Clone, Debug)]
pub struct Leg {
    pub name: &'static str,
    pub task: i64,
}

impl Tour {
    /// All servers, a host, a pool over each, and the tasks between them.
    pub fn open() -> anyhow::Result<(Self, Vec<Leg>)> {
        let room = tempfile::Builder::new().prefix("capstan-tour-").tempdir()?;
        let (nfs, azurite, gcs, samba) = (Ganesha::start()?, Azurite::start()?, Gcs::start()?, Samba::start()?);
        azurite.blob.create_container(BUCKET)?;
        gcs.create_bucket(BUCKET)?;
        let host = Host::start(HostOptions { data: room.path().join("data"), ..HostOptions::default() })?;
        let tour = Self { cargo: Cargo::new(host.client()), host, nfs, _azurite: azurite, _gcs: gcs, samba, _room: room };
        std::fs::create_dir(tour.nfs.export(SHARE).join("there"))?;
        std::fs::create_dir(tour.nfs.export(SHARE).join("back"))?;
        let legs = tour.legs()?;
        Ok((tour, legs))
    }

    fn legs(&self) -> anyhow::Result<Vec<Leg>> {
        self.nas_pools()?;
        self.cloud_pools()?;
        let nfs = |folder: &str| format!("/nfs/{SHARE}/{folder}");
        let (there, back) = (nfs("there"), nfs("back"));
        let legs = [
            ("NFS to Azure", Stand::NasPath(&there), Stand::CloudPool("azure")),
            ("Azure to Google Cloud Storage", Stand::CloudPool("azure"), Stand::CloudPool("gcs")),
            ("Google Cloud Storage to SMB", Stand::CloudPool("gcs"), Stand::NasPool("smb")),
            ("SMB to NFS", Stand::NasPool("smb"), Stand::NasPath(&back)),
        ];
        legs.into_iter().map(|(name, from, to)| Ok(Leg { name, task: self.cargo.carry(name, from, to)? })).collect()
    }

    fn nas_pools(&self) -> anyhow::Result<()> {
        let options = format!("port={},mountport={}", self.nfs.port, self.nfs.mount_port);
        let nfs = json!({ "name": SHARE, "path": self.nfs.export(SHARE), "options": options });
        self.cargo.nas_pool("nfs", "nfs_v3", "primary", &nfs)?;
        let smb = json!({
            "name": "share", "path": "share", "options": format!("port={}", self.samba.port),
            "username": self.samba.user, "password": SAMBA_PASSWORD,
        });
        self.cargo.nas_pool("smb", "smb_v3", "data_exchange", &smb)
    }

    fn cloud_pools(&self) -> anyhow::Result<()> {
        let (azure, gcs) = (&self._azurite.blob, &self._gcs);
        let connectors: [(&str, Value); 2] = [
            (
                "azure",
                json!({ "provider": "azure", "url": azure.endpoint, "access_key": azure.account, "secret_key": azure.key }),
            ),
            (
                "gcs",
                json!({
                    "provider": "google_cloud_storage", "url": gcs.endpoint, "access_key": gcs.account.access_key,
                    "secret_key": gcs.account.secret_key,
                }),
            ),
        ];
        for (name, mut input) in connectors {
            if let Some(input) = input.as_object_mut() {
                input.insert("name".to_owned(), name.into());
            }
            self.cargo.cloud_pool(name, &input, BUCKET)?;
        }
        Ok(())
    }

    /// Where the tree starts.
    pub fn there(&self) -> PathBuf {
        self.nfs.export(SHARE).join("there")
    }

    pub fn load(&self, shape: &Shape) -> anyhow::Result<Tree> {
        shape.make(&self.there())?;
        Tree::read(&self.there())
    }

    pub fn run(&self, leg: &Leg, patience: Duration) -> anyhow::Result<Execution> {
        use anyhow::Context;
        self.cargo.run(leg.task, patience).context(leg.name)
    }

    /// The tree as it came back. On the way it may have got folders above it, as copies into pools keep the folder they were told to copy.
    pub fn back(&self) -> anyhow::Result<Tree> {
        let mut root = self.nfs.export(SHARE).join("back");
        while let [only] = std::fs::read_dir(&root)?.collect::<Result<Vec<_>, _>>()?.as_slice()
            && only.file_type()?.is_dir()
        {
            root = only.path();
        }
        Tree::read(&root)
    }
}
