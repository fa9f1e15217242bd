//! Manifests of spaces beside their data: written whole, and spaces made anew from them.
//!
//! Both go on when whoever asked for them does not wait any more; asked for again they are refused as long as they do.

use capstan_catalogue::Catalogue;
use capstan_domain::bucket::Bucket;
use capstan_domain::failure::Kind;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{LocationId, SpaceId};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::space_profile::ManagedSpace;
use capstan_domain::{Failure, Outcome};
pub use capstan_spaces::{Exported, Left, Rebuilt};
use serde_json::json;

use crate::audit::Audit;
use crate::space_work::OpenSpaces;

/// External targets of a space whose buckets are read.
const TARGETS_MAX: u32 = 1_000;

#[derive(Clone)]
pub struct Manifests {
    catalogue: Catalogue,
    audit: Audit,
    open: OpenSpaces,
}

impl Manifests {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, open: OpenSpaces) -> Self {
        Self { catalogue, audit, open }
    }

    /// By number or name. `Conflict` "deleting" for one that is on its way out.
    pub async fn space(&self, reference: &str) -> Outcome<ManagedSpace> {
        let space = self.catalogue.space(reference).await?;
        let space = self.catalogue.managed_space(space.id).await?;
        match space.deleting {
            Some(_) => Err(Failure::new(Kind::Conflict, "the space is being deleted").with_code("deleting")),
            None => Ok(space),
        }
    }

    /// `bucket`: by number or name; none: all that hold copies.
    pub async fn export(&self, caller: &Caller, space: &ManagedSpace, bucket: Option<&str>) -> Outcome<Vec<(Bucket, Exported)>> {
        let only = match bucket {
            Some(bucket) => Some(self.catalogue.bucket(bucket).await?.location),
            None => None,
        };
        let (work, caller, space) = (self.clone(), caller.clone(), space.clone());
        detached(async move {
            let id = space.space.id;
            let mut exports = Vec::new();
            for exported in work.open.spaces().export(id, only).await? {
                exports.push((work.catalogue.bucket(exported.location).await?, exported));
            }
            let files: u64 = exports.iter().map(|(_, exported)| exported.files).sum();
            work.audit.done(&caller, "export", "space", &space.space.name, json!({ "files": files })).await?;
            Ok(exports)
        })
        .await
    }

    /// `bucket`: by number or name; none: one after the other, all that the space's external targets lead to. `from`: the id of the space
    /// that the manifest was written for, where several could be meant.
    pub async fn rebuild(
        &self,
        caller: &Caller,
        space: &ManagedSpace,
        bucket: Option<&str>,
        from: Option<&str>,
    ) -> Outcome<Vec<(Bucket, Rebuilt)>> {
        let from: Option<SpaceId> = match from {
            Some(id) => Some(id.parse().map_err(|_| Failure::invalid(format!("{id:?} is no id of a space")).with_code("from"))?),
            None => None,
        };
        let locations = match bucket {
            Some(bucket) => vec![self.catalogue.bucket(bucket).await?.location],
            None => self.led_to(space.space.id).await?,
        };
        let (work, caller, space) = (self.clone(), caller.clone(), space.clone());
        detached(async move {
            let mut rebuilds = Vec::new();
            for location in locations {
                let rebuilt = work.open.spaces().rebuild(space.space.id, location, from).await?;
                let detail =
                    json!({ "from": rebuilt.from, "made": rebuilt.made, "kept": rebuilt.kept, "failed": rebuilt.failed });
                work.audit.done(&caller, "rebuild", "space", &space.space.name, detail).await?;
                rebuilds.push((work.catalogue.bucket(location).await?, rebuilt));
            }
            Ok(rebuilds)
        })
        .await
    }

    async fn led_to(&self, space: SpaceId) -> Outcome<Vec<LocationId>> {
        let listing = Listing::first(TARGETS_MAX).with("space", Operator::Equal, space);
        let mut locations = Vec::new();
        for target in self.catalogue.external_targets(&listing).await?.items {
            if !locations.contains(&target.location) {
                locations.push(target.location);
            }
        }
        if locations.is_empty() {
            return Err(Failure::invalid("No external target of the space leads to a bucket")
                .with_code("no-target")
                .with_next_step("Make one, or name the bucket."));
        }
        Ok(locations)
    }
}

async fn detached<T: Send + 'static>(work: impl Future<Output = Outcome<T>> + Send + 'static) -> Outcome<T> {
    tokio::spawn(work).await.map_err(|error| Failure::host("The host's own work broke off", error))?
}
