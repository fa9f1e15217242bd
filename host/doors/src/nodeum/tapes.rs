//! Tapes: this host has no tape library yet, so no pool has one.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, Listing, Page, Tape, Tapes};

use super::Door;

#[async_trait]
impl Tapes for Door {
    async fn index_of_pool(&self, _: &Caller, at: &Reference, _: Listing) -> Answer<Page<Tape>> {
        self.pool(at).await.map(|_| Page::empty())
    }
}
