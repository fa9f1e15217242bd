//! Pools.

use async_trait::async_trait;
use capstan_api_http::{Caller, Given, Reference};
use capstan_api_nodeum::{Answer, Code, Error, Listing, Page, Pool, PoolContent, PoolInput, Pools, StorageExtraData};
use capstan_app::pools::PoolChange;
use capstan_domain::Failure;
use capstan_domain::listing::{self, Operator};
use capstan_domain::pool;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failures::{error, missing, sentence};
use super::listing::{Column, Columns, filter, listing};
use super::protocols::NAS_PLUGINS;
use super::providers::CLOUD_PLUGINS;
use super::{Door, attributes, words};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("name", Column::Is("name")),
    ("comment", Column::Is("comment")),
    ("type", Column::Is("role")),
    ("content", Column::Is("content")),
    ("primary_id", Column::Is("root_number")),
];

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    storage_id: Option<i64>,
    tape_write_protect_when_full: Option<bool>,
    storage_extra_data: Option<StorageExtraData>,
}

impl Kept {
    fn change(mut self, input: &mut PoolInput) -> Self {
        if let Some(changed) = std::mem::take(&mut input.storage_id).change() {
            self.storage_id = changed;
        }
        self.tape_write_protect_when_full = input.tape_write_protect_when_full.or(self.tape_write_protect_when_full);
        match std::mem::take(&mut input.storage_extra_data) {
            Given::Absent => {}
            Given::Null => self.storage_extra_data = None,
            // A pool has one such record, so its id need not tell it from others.
            Given::Value(extra) => {
                self.storage_extra_data = Some(StorageExtraData {
                    id: 1,
                    storage_id: extra.storage_id,
                    storage_type: extra.storage_type,
                    data: extra.data,
                });
            }
        }
        self
    }
}

pub(super) fn pool(pool: &pool::Pool) -> Pool {
    let kept: Kept = attributes::read(&pool.attributes);
    Pool {
        id: pool.number,
        name: pool.name.clone(),
        comment: pool.comment.clone(),
        kind: words::pool_kind(pool.role),
        content: words::pool_content(pool.content),
        primary_id: pool.root_number,
        storage_id: kept.storage_id,
        tape_write_protect_when_full: kept.tape_write_protect_when_full,
        storage_extra_data: kept.storage_extra_data,
    }
}

impl Door {
    pub(super) async fn pool(&self, at: &Reference) -> Answer<pool::Pool> {
        self.app.pools.find(at.text()).await.map_err(missing("pool_id", at.text()))
    }

    /// The members that are given, each of which has to be there.
    async fn members(&self, input: &PoolInput) -> Answer<Option<Vec<i64>>> {
        let ways = [
            ("nas_share_ids", &input.nas_share_ids, &NAS_PLUGINS[..]),
            ("cloud_bucket_ids", &input.cloud_bucket_ids, &CLOUD_PLUGINS[..]),
        ];
        let mut members: Option<Vec<i64>> = None;
        if let Some(given) = &input.tape_ids {
            self.known_tapes(given).await?;
            members.get_or_insert_default().extend(given);
        }
        for (attribute, given, plugins) in ways {
            let Some(given) = given else { continue };
            self.known_members(attribute, given, plugins).await?;
            members.get_or_insert_default().extend(given);
        }
        Ok(members)
    }

    async fn known_tapes(&self, given: &[i64]) -> Answer<()> {
        for chunk in given.chunks(MEMBERS_LOOKED_UP) {
            let mut asked = listing::Listing::first(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
            asked.filters.push(filter("number", Operator::In, chunk.iter().map(ToString::to_string).collect()));
            let found = self.app.cartridges.list(asked).await.map_err(error)?;
            let unknown = |id: &&i64| !found.items.iter().any(|tape| tape.number == **id);
            absent("tape_ids", &chunk.iter().filter(unknown).copied().collect::<Vec<_>>())?;
            // What cleans drives stores nothing.
            if let Some(tape) = found.items.iter().find(|tape| tape.is_cleaning()) {
                return Err(Error::because("tape_ids", Code::Invalid, format!("{} is a cleaning tape", tape.barcode)));
            }
        }
        Ok(())
    }

    async fn known_members(&self, attribute: &str, given: &[i64], plugins: &[&str]) -> Answer<()> {
        for chunk in given.chunks(MEMBERS_LOOKED_UP) {
            let mut asked = listing::Listing::first(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
            asked.filters.push(filter("number", Operator::In, chunk.iter().map(ToString::to_string).collect()));
            asked.filters.push(filter("plugin", Operator::In, plugins.iter().map(|plugin| (*plugin).to_owned()).collect()));
            let found = self.app.locations.list(asked).await.map_err(error)?;
            let unknown = |id: &&i64| !found.items.iter().any(|location| location.number == **id);
            absent(attribute, &chunk.iter().filter(unknown).copied().collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

/// Members that do not go with the content a pool has.
fn fitting(input: &PoolInput, content: PoolContent) -> Answer<()> {
    for (attribute, given, fits) in [
        ("tape_ids", &input.tape_ids, PoolContent::Tape),
        ("nas_share_ids", &input.nas_share_ids, PoolContent::Nas),
        ("cloud_bucket_ids", &input.cloud_bucket_ids, PoolContent::Cloud),
    ] {
        if content != fits && given.as_ref().is_some_and(|given| !given.is_empty()) {
            return Err(Error::because(
                attribute,
                Code::Invalid,
                format!("{attribute} does not go with the content of the pool"),
            ));
        }
    }
    Ok(())
}

/// A failure of changing a pool; its members are called after its content.
fn refused(failure: Failure, content: PoolContent) -> Error {
    let attribute = match content {
        PoolContent::Tape => "tape_ids",
        PoolContent::Nas => "nas_share_ids",
        PoolContent::Cloud => "cloud_bucket_ids",
    };
    match failure.code.as_deref() {
        Some("locations") => Error::because(attribute, Code::Invalid, sentence(&failure)),
        _ => error(failure),
    }
}

/// Members that are looked up at once.
const MEMBERS_LOOKED_UP: usize = 1_000;

fn absent(attribute: &str, ids: &[i64]) -> Answer<()> {
    let Some(first) = ids.first() else { return Ok(()) };
    let named = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut error = Error::because(attribute, Code::NotFound, format!("There is nothing with the id {named}"));
    if let Some(entry) = error.body.details.get_mut(attribute).and_then(|errors| errors.first_mut()) {
        entry.value = Some(Value::from(*first));
    }
    Err(error)
}

#[async_trait]
impl Pools for Door {
    async fn index(&self, _: &Caller, given: Listing) -> Answer<Page<Pool>> {
        let page = self.app.pools.list(listing(&given, COLUMNS)?).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.iter().map(pool).collect() })
    }

    async fn create(&self, caller: &Caller, mut input: PoolInput) -> Answer<Pool> {
        let members = self.members(&input).await?.unwrap_or_default();
        let kept = Kept::default().change(&mut input);
        let (Some(kind), Some(content)) = (input.kind, input.content) else {
            return Err(Error::attribute(if input.kind.is_none() { "type" } else { "content" }, Code::Blank));
        };
        let new = pool::NewPool {
            name: input.name.unwrap_or_default(),
            comment: input.comment,
            content: words::content(content),
            role: words::pool_role(kind),
            protects_full: kept.tape_write_protect_when_full == Some(true),
            attributes: attributes::write(&Value::Null, &kept)?,
        };
        let created =
            self.app.pools.create(&self.caller(caller)?, new, members).await.map_err(|failure| refused(failure, content))?;
        Ok(pool(&created))
    }

    async fn show(&self, _: &Caller, at: &Reference) -> Answer<Pool> {
        self.pool(at).await.map(|found| pool(&found))
    }

    async fn update(&self, caller: &Caller, at: &Reference, mut input: PoolInput) -> Answer<Pool> {
        let old = self.pool(at).await?;
        let content = input.content.unwrap_or(words::pool_content(old.content));
        fitting(&input, content)?;
        let members = self.members(&input).await?;
        let kept = attributes::read::<Kept>(&old.attributes).change(&mut input);
        let change = PoolChange {
            name: input.name,
            comment: input.comment.map(Some),
            content: input.content.map(words::content),
            role: input.kind.map(words::pool_role),
            protects_full: kept.tape_write_protect_when_full,
            attributes: Some(attributes::write(&old.attributes, &kept)?),
            locations: members,
        };
        let changed =
            self.app.pools.update(&self.caller(caller)?, old.id, change).await.map_err(|failure| refused(failure, content))?;
        Ok(pool(&changed))
    }

    async fn destroy(&self, caller: &Caller, at: &Reference) -> Answer<()> {
        let old = self.pool(at).await?;
        self.app.pools.delete(&self.caller(caller)?, old.id).await.map_err(error)
    }

    async fn sync_primary(&self, _: &Caller, at: &Reference, _: i64) -> Answer<()> {
        let found = self.pool(at).await?;
        self.app.scans.take_over(found.id).await.map_err(error)
    }
}
