//! Cloud buckets: locations of cloud connectors.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{
    ActiveJob, ActiveJobState, Answer, BucketsOf, CloudBucket, CloudBucketInput, CloudBuckets, Error, Found, Listing, MAX_LIMIT,
    Page,
};
use capstan_domain::identity;
use capstan_domain::job::Work;
use capstan_domain::listing::{self, Operator};
use capstan_domain::location::Location;
use serde::{Deserialize, Serialize};

use super::failures::{error, missing};
use super::listing::{Column, Columns, filter, listing};
use super::providers::CLOUD_PLUGINS;
use super::words::count;
use super::{Door, attributes, jobs};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("cloud_connector_id", Column::Is("target_number")),
    ("pool_id", Column::Is("pool_number")),
    ("name", Column::Is("name")),
    ("location", Column::Is("attributes/region")),
    ("price", Column::Is("attributes/nodeum/price")),
];

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    price: Option<String>,
    options: Option<String>,
}

fn bucket(location: &Location) -> CloudBucket {
    let kept: Kept = attributes::read(&location.attributes);
    CloudBucket {
        id: Some(location.number),
        cloud_connector_id: Some(location.target_number),
        pool_id: location.pool_number,
        name: location.name.clone(),
        file_count: count(location.file_count),
        file_size_sum: count(location.file_bytes),
        location: location.attributes.get("region").and_then(serde_json::Value::as_str).map(str::to_owned),
        price: kept.price,
        options: kept.options,
    }
}

impl Door {
    pub(super) async fn buckets(&self, mut asked: listing::Listing) -> Answer<Page<CloudBucket>> {
        asked.filters.push(filter("plugin", Operator::In, CLOUD_PLUGINS.map(str::to_owned).to_vec()));
        let page = self.app.locations.list(asked).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.iter().map(bucket).collect() })
    }

    async fn bucket(&self, at: &Reference) -> Answer<Location> {
        let location = self.app.locations.find(at.text()).await.map_err(missing("cloud_bucket_id", at.text()))?;
        let mut asked = listing::Listing::first(1).with("number", Operator::Equal, location.number);
        asked.filters.push(filter("plugin", Operator::In, CLOUD_PLUGINS.map(str::to_owned).to_vec()));
        let known = self.app.locations.list(asked).await.map_err(error)?;
        if known.count == 1 { Ok(location) } else { Err(Error::not_found("cloud_bucket_id", at.text())) }
    }
}

impl Door {
    /// With the caller, who may make the call about it.
    async fn bucket_for(&self, caller: &Caller, verb: &str, at: &Reference) -> Answer<(identity::Caller, Location)> {
        let location = self.bucket(at).await?;
        let caller =
            self.caller_on(caller, ("cloud_buckets", verb), location.number).map_err(missing("cloud_bucket_id", at.text()))?;
        Ok((caller, location))
    }

    /// A bucket among those of a connector or a pool.
    pub(super) async fn bucket_of(&self, of: &BucketsOf, at: &Reference) -> Answer<Location> {
        let location = self.bucket(at).await?;
        let among = match of {
            BucketsOf::All => true,
            BucketsOf::Connector(at) => self.connector(at).await?.id == location.target,
            BucketsOf::Pool(at) => location.pool == Some(self.pool(at).await?.id),
        };
        if among { Ok(location) } else { Err(Error::not_found("cloud_bucket_id", at.text())) }
    }
}

#[async_trait]
impl CloudBuckets for Door {
    async fn index(&self, caller: &Caller, of: BucketsOf, given: Listing) -> Answer<Page<CloudBucket>> {
        let asked = self.caller(caller)?.narrowed("cloud_buckets", "index", listing(&given, COLUMNS)?);
        let asked = match of {
            BucketsOf::All => asked,
            BucketsOf::Connector(at) => asked.with("target_number", Operator::Equal, self.connector(&at).await?.number),
            BucketsOf::Pool(at) => asked.with("pool_number", Operator::Equal, self.pool(&at).await?.number),
        };
        self.buckets(asked).await
    }

    async fn show(&self, caller: &Caller, at: &Reference) -> Answer<CloudBucket> {
        self.bucket_for(caller, "show", at).await.map(|(_, location)| bucket(&location))
    }

    async fn update(&self, caller: &Caller, at: &Reference, input: CloudBucketInput) -> Answer<CloudBucket> {
        let (caller, location) = self.bucket_for(caller, "update", at).await?;
        let old: Kept = attributes::read(&location.attributes);
        let kept = Kept { price: input.price.or(old.price), options: input.options.or(old.options) };
        let changed = attributes::write(&location.attributes, &kept)?;
        let location = self.app.locations.set_attributes(&caller, location.id, changed).await.map_err(error)?;
        Ok(bucket(&location))
    }

    async fn sync(&self, caller: &Caller, at: &Reference) -> Answer<ActiveJob> {
        let target = self.connector(at).await?;
        let job = self.app.jobs.sync_locations(&self.caller(caller)?, target.id).await.map_err(error)?;
        Ok(jobs::request(&job, ActiveJobState::Queued))
    }

    async fn sync_result(&self, _: &Caller, at: &Reference, job: &str) -> Answer<Found> {
        let target = self.connector(at).await?;
        let job = self.job(job, |job| job.work == Work::SyncLocations { target: target.id }).await?;
        let active = jobs::active(&job);
        if active.status != ActiveJobState::Completed {
            return Ok(Found::NotYet(active));
        }
        let asked = listing::Listing::first(MAX_LIMIT).with("target_number", Operator::Equal, target.number);
        let present = asked.with("present", Operator::Equal, true);
        self.buckets(present).await.map(|page| Found::Buckets(page.items))
    }
}
