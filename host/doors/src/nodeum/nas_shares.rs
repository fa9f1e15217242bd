//! NAS shares: this host has no NAS yet, so no pool has one.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, Listing, NasShare, NasShares, Page};

use super::Door;

#[async_trait]
impl NasShares for Door {
    async fn index_of_pool(&self, _: &Caller, at: &Reference, _: Listing, _: bool) -> Answer<Page<NasShare>> {
        self.pool(at).await.map(|_| Page::empty())
    }
}
