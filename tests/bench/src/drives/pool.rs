//! A pool of a real Ceph cluster, as a target of a host.

use capstan_test_servers::CephDrives;
use serde_json::json;

use super::image::Image;
use super::qemu;
use super::rig::{DSSD, Drive, Rig, TCP};
use crate::rivals;

pub(super) struct Pool<'r> {
    pub rig: &'r Rig,
    ceph: &'r CephDrives,
}

impl<'r> Pool<'r> {
    pub(super) fn connect(rig: &'r Rig, ceph: &'r CephDrives) -> anyhow::Result<Self> {
        let configuration = json!({
            "dashboard": ceph.dashboard,
            "username": CephDrives::USER,
            "password": CephDrives::PASSWORD,
            "pool": CephDrives::POOL,
            "nbd-host": "127.0.0.1",
            "nbd-port": ceph.nbd_port,
            "qmp-port": ceph.qmp_port,
            "ceph-conf": ceph.conf,
        });
        rig.client.post("/capstan/v1/targets", &json!({ "name": "ceph", "plugin": DSSD, "configuration": configuration }))?;
        rig.client.post("/capstan/v1/targets/ceph/probe", &json!({}))?;
        Ok(Self { rig, ceph })
    }

    /// A drive with the bytes of an image.
    pub(super) fn filled(&self, name: &str, image: Image) -> anyhow::Result<Drive> {
        let file = self.rig.room().join(format!("{name}.raw"));
        image.write(&file)?;
        let drive = self.rig.made(name, image.size, DSSD)?;
        let uri = self.rig.attach(&drive, TCP, false)?;
        rivals::run(qemu::convert_into(&file.display().to_string(), &uri)?)?;
        self.rig.detach(&drive)?;
        std::fs::remove_file(&file)?;
        Ok(drive)
    }

    /// Where the engine itself gives an attached drive out, under the name that its plugin chose.
    pub(super) fn direct(&self, drive: &Drive) -> String {
        format!("nbd://127.0.0.1:{}/capstan.capstan-{}.attached", self.ceph.nbd_port, drive.id)
    }
}
