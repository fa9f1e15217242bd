//! Manifests of spaces, in this dialect.

use async_trait::async_trait;
use capstan_api_admin::AdminError;
use capstan_api_admin::spaces::{Export, ExportList, Left, NewExport, NewRebuild, Rebuild, RebuildList, Spaces};
use capstan_api_http::Caller;
use capstan_app::manifests::{Exported, Rebuilt};
use capstan_domain::bucket::Bucket;
use capstan_domain::identity;
use capstan_domain::space_profile::ManagedSpace;

use super::AdminDoor;
use super::words::error;
use crate::authenticator::caller_of;

#[async_trait]
impl Spaces for AdminDoor {
    async fn export_space(&self, caller: &Caller, space: &str, export: NewExport) -> Result<ExportList, AdminError> {
        let (caller, space) = self.space_for(caller, space).await?;
        let exported = self.app.manifests.export(&caller, &space, export.bucket.as_deref()).await.map_err(error)?;
        Ok(ExportList { exports: exported.into_iter().map(exported_wire).collect() })
    }

    async fn rebuild_space(&self, caller: &Caller, space: &str, rebuild: NewRebuild) -> Result<RebuildList, AdminError> {
        let (caller, space) = self.space_for(caller, space).await?;
        let (bucket, from) = (rebuild.bucket.as_deref(), rebuild.from.as_deref());
        let rebuilt = self.app.manifests.rebuild(&caller, &space, bucket, from).await.map_err(error)?;
        Ok(RebuildList { rebuilds: rebuilt.into_iter().map(rebuilt_wire).collect() })
    }
}

impl AdminDoor {
    /// With the caller, who may change it.
    async fn space_for(&self, caller: &Caller, space: &str) -> Result<(identity::Caller, ManagedSpace), AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let space = self.app.manifests.space(space).await.map_err(error)?;
        caller.check_on("spaces", "update", space.space.number).map_err(error)?;
        Ok((caller, space))
    }
}

fn exported_wire((bucket, exported): (Bucket, Exported)) -> Export {
    Export {
        bucket: bucket.profile.name,
        files: exported.files,
        written: exported.written,
        removed: exported.removed,
        missing: exported.missing,
    }
}

fn rebuilt_wire((bucket, rebuilt): (Bucket, Rebuilt)) -> Rebuild {
    Rebuild {
        bucket: bucket.profile.name,
        from: rebuilt.from.iter().map(ToString::to_string).collect(),
        batches: rebuilt.batches,
        torn: rebuilt.torn,
        made: rebuilt.made,
        there: rebuilt.there,
        kept: rebuilt.kept,
        failed: rebuilt.failed,
        left: rebuilt.left.into_iter().map(|left| Left { path: left.path, failure: error(left.why) }).collect(),
    }
}
