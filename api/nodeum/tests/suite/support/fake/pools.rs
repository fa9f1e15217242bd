//! Pools, and what is asked of one.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::*;

use super::Fake;

fn pool(name: &str) -> Pool {
    Pool {
        id: 1,
        name: name.into(),
        comment: None,
        kind: PoolKind::OfflineArchive,
        content: PoolContent::Cloud,
        primary_id: None,
        storage_id: None,
        tape_write_protect_when_full: None,
        storage_extra_data: None,
    }
}

#[async_trait]
impl Pools for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<Pool>> {
        self.list(&listing, pool("one"))
    }
    async fn create(&self, _: &Caller, input: PoolInput) -> Answer<Pool> {
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(pool(input.name.as_deref().unwrap_or_default()))
    }
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<Pool> {
        self.find("pool_id", at).map(|()| pool("one"))
    }
    async fn update(&self, _: &Caller, at: &Reference, input: PoolInput) -> Answer<Pool> {
        self.find("pool_id", at)?;
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(pool(input.name.as_deref().unwrap_or("one")))
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("pool_id", at)
    }
    async fn sync_primary(&self, _: &Caller, at: &Reference, transaction: i64) -> Answer<()> {
        self.find("pool_id", at)?;
        self.note(transaction);
        Ok(())
    }
}

#[async_trait]
impl PrimaryScans for Fake {
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<PrimaryScan> {
        self.find("pool_id", at).map(|()| PrimaryScan { id: 1, pool_id: 1, enabled: true, operand: 4, unit: Unit::Minutes })
    }
    async fn create(&self, _: &Caller, at: &Reference, input: PrimaryScanInput) -> Answer<PrimaryScan> {
        self.find("pool_id", at)?;
        let operand = i64::from(input.whole_operand().unwrap_or_default());
        Ok(PrimaryScan { id: 1, pool_id: 1, enabled: true, operand, unit: input.unit.unwrap_or(Unit::Days) })
    }
    async fn update(&self, caller: &Caller, at: &Reference, input: PrimaryScanInput) -> Answer<PrimaryScan> {
        PrimaryScans::create(self, caller, at, input).await
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("pool_id", at)
    }
}
