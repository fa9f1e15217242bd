//! Containers: spaces.

use std::collections::HashMap;

use async_trait::async_trait;
use capstan_api_http::{Caller, Given, Reference};
use capstan_api_nodeum::{Answer, Code, Container, ContainerInput, Containers, Error, GuestRight, Listing, Page};
use capstan_app::spaces::{SpaceChange, SpaceRequest};
use capstan_domain::identity;
use capstan_domain::ids::{Number, PoolId};
use capstan_domain::listing::{self, Operator};
use capstan_domain::space::Space;
use serde_json::json;

use super::Door;
use super::failures::{error, missing};
use super::listing::{Column, Columns, filter, listing};
use super::words::{count, moment};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("name", Column::Is("name")),
    ("comment", Column::Is("comment")),
    ("quota_total_size", Column::Is("quota_bytes")),
    ("quota_on_cache", Column::Is("cache_quota_bytes")),
    ("stat_total_files", Column::Is("file_count")),
    ("stat_total_size", Column::Is("file_bytes")),
    ("stat_size_on_cache", Column::Is("resident_bytes")),
    // No container is shared over NFS, SMB or S3, so there are no guests.
    ("guest_right", Column::Always("none")),
    ("last_update", Column::Is("updated")),
];

/// A right that could not be kept is refused rather than shown and not honoured.
fn check_guests(input: &ContainerInput) -> Answer<()> {
    match input.guest_right {
        None | Some(GuestRight::None) => Ok(()),
        Some(_) => {
            let message =
                "This host shares no container over NFS, SMB or S3, so guests have no right that could be set but \"none\"";
            Err(Error::because("guest_right", Code::Invalid, message))
        }
    }
}

/// Numbers of pools by id.
type PoolNumbers = HashMap<PoolId, Number>;

fn container(space: &Space, pools: &PoolNumbers) -> Container {
    let number = |pool: Option<PoolId>| pool.and_then(|pool| pools.get(&pool).copied());
    Container {
        id: space.number,
        name: space.name.clone(),
        comment: space.comment.clone(),
        push_pool_id: number(space.push_pool),
        cleaning_pool_id: number(space.cleaning_pool),
        quota_total_size: space.quota_bytes.map(count),
        quota_on_cache: space.cache_quota_bytes.map(count),
        stat_total_files: count(space.file_count),
        only_on_cache_file_count: None,
        stat_total_size: count(space.file_bytes),
        stat_size_on_cache: Some(count(space.resident_bytes)),
        only_on_cache_file_size_sum: None,
        guest_right: GuestRight::None,
        last_update: Some(moment(space.updated)),
    }
}

/// Bytes; 0 is no quota.
fn quota(bytes: i64) -> Option<u64> {
    u64::try_from(bytes).ok().filter(|bytes| *bytes > 0)
}

impl Door {
    pub(super) async fn space(&self, at: &Reference) -> Answer<Space> {
        self.app.spaces.find(at.text()).await.map_err(missing("container_id", at.text()))
    }

    /// With the caller, who may make the call about it.
    async fn space_for(&self, caller: &Caller, verb: &str, at: &Reference) -> Answer<(identity::Caller, Space)> {
        let space = self.space(at).await?;
        let caller = self.caller_on(caller, ("containers", verb), space.number).map_err(missing("container_id", at.text()))?;
        Ok((caller, space))
    }

    /// One container as it is shown, for the answers that hold one.
    pub(super) async fn container(&self, space: &Space) -> Answer<Container> {
        let pools = self.pool_numbers(std::slice::from_ref(space)).await?;
        Ok(container(space, &pools))
    }

    async fn pool_numbers(&self, spaces: &[Space]) -> Answer<PoolNumbers> {
        let mut ids: Vec<String> = spaces
            .iter()
            .flat_map(|space| [space.push_pool, space.cleaning_pool])
            .flatten()
            .map(|pool| pool.to_string())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let mut numbers = PoolNumbers::new();
        for chunk in ids.chunks(POOLS_LOOKED_UP) {
            let mut asked = listing::Listing::first(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
            asked.filters.push(filter("id", Operator::In, chunk.to_vec()));
            let found = self.app.pools.list(asked).await.map_err(error)?;
            numbers.extend(found.items.into_iter().map(|pool| (pool.id, pool.number)));
        }
        Ok(numbers)
    }

    /// The pool with exactly this number; a name of digits is not meant.
    pub(super) async fn numbered_pool(&self, attribute: &str, number: i64) -> Answer<capstan_domain::pool::Pool> {
        let asked = listing::Listing::first(1).with("number", Operator::Equal, number);
        let found = self.app.pools.list(asked).await.map_err(error)?;
        found
            .items
            .into_iter()
            .next()
            .ok_or_else(|| Error::because(attribute, Code::NotFound, format!("There is no pool {number}")))
    }

    async fn given_pool(&self, attribute: &str, given: Given<i64>) -> Answer<Option<Option<PoolId>>> {
        match given {
            Given::Absent => Ok(None),
            Given::Null => Ok(Some(None)),
            Given::Value(number) => Ok(Some(Some(self.numbered_pool(attribute, number).await?.id))),
        }
    }
}

/// Pools that are looked up at once.
const POOLS_LOOKED_UP: usize = 1_000;

#[async_trait]
impl Containers for Door {
    async fn index(&self, caller: &Caller, given: Listing) -> Answer<Page<Container>> {
        let asked = self.caller(caller)?.narrowed("containers", "index", listing(&given, COLUMNS)?);
        let page = self.app.spaces.list(asked).await.map_err(error)?;
        let pools = self.pool_numbers(&page.items).await?;
        Ok(Page { count: page.count, items: page.items.iter().map(|space| container(space, &pools)).collect() })
    }

    async fn create(&self, caller: &Caller, input: ContainerInput) -> Answer<Container> {
        check_guests(&input)?;
        let request = SpaceRequest {
            name: input.name.unwrap_or_default(),
            comment: input.comment,
            directory: None,
            quota_bytes: input.quota_total_size.value().and_then(quota),
            cache_quota_bytes: input.quota_on_cache.value().and_then(quota),
            push_pool: self.given_pool("push_pool_id", input.push_pool_id).await?.flatten(),
            cleaning_pool: self.given_pool("cleaning_pool_id", input.cleaning_pool_id).await?.flatten(),
            attributes: json!({}),
        };
        let space = self.app.spaces.create(&self.caller(caller)?, request).await.map_err(error)?;
        self.container(&space).await
    }

    async fn show(&self, caller: &Caller, at: &Reference) -> Answer<Container> {
        let (_, space) = self.space_for(caller, "show", at).await?;
        self.container(&space).await
    }

    async fn update(&self, caller: &Caller, at: &Reference, input: ContainerInput) -> Answer<Container> {
        let (caller, old) = self.space_for(caller, "update", at).await?;
        check_guests(&input)?;
        let change = SpaceChange {
            name: input.name,
            comment: input.comment.map(Some),
            quota_bytes: input.quota_total_size.change().map(|bytes| bytes.and_then(quota)),
            cache_quota_bytes: input.quota_on_cache.change().map(|bytes| bytes.and_then(quota)),
            push_pool: self.given_pool("push_pool_id", input.push_pool_id).await?,
            cleaning_pool: self.given_pool("cleaning_pool_id", input.cleaning_pool_id).await?,
            attributes: None,
        };
        let space = self.app.spaces.update(&caller, old.id, change).await.map_err(error)?;
        self.container(&space).await
    }

    async fn destroy(&self, caller: &Caller, at: &Reference) -> Answer<()> {
        let (caller, old) = self.space_for(caller, "destroy", at).await?;
        self.app.spaces.delete(&caller, old.id).await.map_err(error)
    }
}
