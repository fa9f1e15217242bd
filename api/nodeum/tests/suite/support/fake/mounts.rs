//! Mounts: nothing is ever mounted.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::*;

use super::Fake;

#[async_trait]
impl Mounts for Fake {
    async fn index(&self, _: &Caller) -> Answer<Vec<MountInfo>> {
        Ok(Vec::new())
    }
    async fn status(&self, _: &Caller, at: &Reference) -> Answer<MountStatus> {
        self.find("pool_id", at).map(|()| MountStatus { mounted: false, message: String::new(), status: None })
    }
    async fn mount(&self, caller: &Caller, at: &Reference) -> Answer<MountStatus> {
        self.status(caller, at).await
    }
    async fn unmount(&self, caller: &Caller, at: &Reference) -> Answer<MountStatus> {
        self.status(caller, at).await
    }
    async fn share_status(&self, _: &Caller, of: SharesOf, at: &Reference) -> Answer<MountStatus> {
        self.within_shares(&of)?;
        self.find("nas_share_id", at).map(|()| MountStatus { mounted: false, message: String::new(), status: None })
    }
    async fn bucket_status(&self, _: &Caller, of: BucketsOf, at: &Reference) -> Answer<MountStatus> {
        self.within_buckets(&of)?;
        self.find("cloud_bucket_id", at).map(|()| MountStatus { mounted: false, message: String::new(), status: None })
    }
    async fn tape_status(&self, _: &Caller, of: TapesOf, at: &Reference) -> Answer<MountStatus> {
        self.within_tapes(&of)?;
        self.find("tape_id", at).map(|()| MountStatus { mounted: false, message: String::new(), status: None })
    }
}
