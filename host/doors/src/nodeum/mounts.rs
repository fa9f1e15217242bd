//! Mounts of pools.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, MountInfo, MountKind, MountStatus, Mounts};
use capstan_app::mounts::{Mount, MountState};

use super::Door;
use super::failures::error;

fn info(mount: Mount) -> MountInfo {
    let (connector, bucket) = (mount.target.unzip(), mount.location.unzip());
    MountInfo {
        id: mount.number,
        major_minor: Some(mount.major_minor).filter(|text| !text.is_empty()),
        target: mount.directory,
        source: mount.source,
        options: mount.options,
        // Generated clients check this against the list that was published, so no other word goes out.
        kind: match mount.kind.as_str() {
            "cifs" => MountKind::Cifs,
            "nfs" => MountKind::Nfs,
            "fuse.s3fs" => MountKind::FuseS3fs,
            _ => MountKind::Fuse,
        },
        pool_id: Some(mount.pool),
        pool_name: Some(mount.pool_name),
        nas_id: None,
        nas_name: None,
        nas_share_id: None,
        nas_share_name: None,
        cloud_connector_id: connector.0,
        cloud_connector_name: connector.1,
        cloud_bucket_id: bucket.0,
        cloud_bucket_name: bucket.1,
        tape_id: None,
        tape_barcode: None,
        tape_library_id: None,
        tape_library_name: None,
        tape_library_serial: None,
    }
}

fn status(state: MountState) -> MountStatus {
    MountStatus { mounted: state.mounted, message: state.message, status: state.mount.map(info) }
}

#[async_trait]
impl Mounts for Door {
    async fn index(&self, _: &Caller) -> Answer<Vec<MountInfo>> {
        let mounts = self.app.mounts.list().await.map_err(error)?;
        Ok(mounts.into_iter().map(info).collect())
    }

    async fn status(&self, _: &Caller, at: &Reference) -> Answer<MountStatus> {
        let pool = self.pool(at).await?;
        self.app.mounts.status(pool.id).await.map(status).map_err(error)
    }

    async fn mount(&self, caller: &Caller, at: &Reference) -> Answer<MountStatus> {
        let pool = self.pool(at).await?;
        self.app.mounts.mount(&self.caller(caller)?, pool.id).await.map(status).map_err(error)
    }

    async fn unmount(&self, caller: &Caller, at: &Reference) -> Answer<MountStatus> {
        let pool = self.pool(at).await?;
        self.app.mounts.unmount(&self.caller(caller)?, pool.id).await.map(status).map_err(error)
    }
}
