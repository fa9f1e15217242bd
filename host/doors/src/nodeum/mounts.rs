//! Mounts of pools, and of shares, buckets and tapes as members of them.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, BucketsOf, MountInfo, MountKind, MountStatus, Mounts, SharesOf, TapesOf};
use capstan_app::mounts::{Member, Mount, MountState};

use super::Door;
use super::failures::error;
use super::protocols::{NFS, SMB, is_nas};
use super::providers::CLOUD_PLUGINS;

fn info(mount: Mount) -> MountInfo {
    let kind = kind(&mount.members);
    let pool = mount.pool.unzip();
    // A record names one of each, so it names none where there are several.
    let single = |of: fn(&Member) -> bool| match mount.members.as_slice() {
        [only] if of(only) => Some(only.clone()),
        _ => None,
    };
    let share = single(|member| is_nas(&member.plugin));
    let (nas, share) = (share.as_ref().and_then(|share| share.server.clone()).unzip(), share.map(|share| share.location).unzip());
    let bucket = single(|member| is_cloud(&member.plugin));
    let (connector, bucket) = (bucket.clone().map(|bucket| bucket.target).unzip(), bucket.map(|bucket| bucket.location).unzip());
    let tape = single(is_tape);
    let library = tape.as_ref().and_then(|tape| tape.library.clone());
    let tape = tape.map(|tape| tape.location).unzip();
    MountInfo {
        id: mount.number,
        major_minor: Some(mount.major_minor).filter(|text| !text.is_empty()),
        target: mount.directory,
        source: mount.source,
        options: mount.options,
        kind,
        pool_id: pool.0,
        pool_name: pool.1,
        nas_id: nas.0,
        nas_name: nas.1,
        nas_share_id: share.0,
        nas_share_name: share.1,
        cloud_connector_id: connector.0,
        cloud_connector_name: connector.1,
        cloud_bucket_id: bucket.0,
        cloud_bucket_name: bucket.1,
        tape_id: tape.0,
        tape_barcode: tape.1,
        tape_library_id: library.as_ref().map(|library| library.number),
        tape_library_name: library.as_ref().map(|library| library.name.clone()),
        tape_library_serial: library.map(|library| library.serial),
    }
}

fn is_cloud(plugin: &str) -> bool {
    CLOUD_PLUGINS.contains(&plugin)
}

fn is_tape(member: &Member) -> bool {
    member.library.is_some()
}

/// What the members have in common. Generated clients check this against the list that was published, so no other word goes out.
fn kind(members: &[Member]) -> MountKind {
    let all = |of: &dyn Fn(&str) -> bool| !members.is_empty() && members.iter().all(|member| of(&member.plugin));
    if !members.is_empty() && members.iter().all(is_tape) {
        MountKind::FuseCoreFuse
    } else if all(&|plugin| plugin == SMB) {
        MountKind::Cifs
    } else if all(&|plugin| plugin == NFS) {
        MountKind::Nfs
    } else if all(&is_cloud) {
        MountKind::FuseS3fs
    } else {
        MountKind::Fuse
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

    async fn share_status(&self, _: &Caller, of: SharesOf, at: &Reference) -> Answer<MountStatus> {
        let (location, _) = self.share_of(&of, at).await?;
        self.app.mounts.status_of(&location).await.map(status).map_err(error)
    }

    async fn bucket_status(&self, _: &Caller, of: BucketsOf, at: &Reference) -> Answer<MountStatus> {
        let location = self.bucket_of(&of, at).await?;
        self.app.mounts.status_of(&location).await.map(status).map_err(error)
    }

    async fn tape_status(&self, _: &Caller, of: TapesOf, at: &Reference) -> Answer<MountStatus> {
        let tape = self.tape_of(&of, at).await?;
        let location = self.app.locations.get(tape.location).await.map_err(error)?;
        self.app.mounts.status_of(&location).await.map(status).map_err(error)
    }
}
