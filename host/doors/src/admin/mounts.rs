//! Mounts, in this dialect.

use async_trait::async_trait;
use capstan_api_admin::AdminError;
use capstan_api_admin::mounts::{Mount, MountList, Mounts, NewMount};
use capstan_api_http::Caller;
use capstan_app::mounts::{Mount as Record, MountRequest};

use super::AdminDoor;
use super::words::error;
use crate::authenticator::caller_of;

#[async_trait]
impl Mounts for AdminDoor {
    async fn list_mounts(&self, _: &Caller) -> Result<MountList, AdminError> {
        let mounts = self.app.mounts.list().await.map_err(error)?;
        Ok(MountList { mounts: mounts.into_iter().map(wire).collect() })
    }

    async fn create_mount(&self, caller: &Caller, mount: NewMount) -> Result<Mount, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let request = MountRequest {
            of: mount.of,
            space: mount.space,
            directory: mount.directory,
            read_only: mount.read_only,
            for_all: mount.for_all,
        };
        self.app.mounts.mount_at(&caller, request).await.map(wire).map_err(error)
    }

    async fn remove_mount(&self, caller: &Caller, mount: &str) -> Result<(), AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        self.app.mounts.unmount_at(&caller, mount).await.map_err(error)
    }
}

fn wire(mount: Record) -> Mount {
    Mount {
        number: mount.number,
        pool: mount.pool.map(|(_, name)| name),
        space: mount.space.map(|(_, name)| name),
        directory: mount.directory,
        source: mount.source,
        kind: mount.kind,
        options: mount.options,
        device: mount.major_minor,
    }
}
