//! Buckets: locations of targets, as they are offered to spaces.
//!
//! One that is made here has a target of its own, which goes with it; a location that another door made is a bucket as it is. Deleting
//! one is a wish first: from then on nothing is routed there, and it goes when no task works with it and no file's content lies there
//! alone (`drain`). Its data in the store stays.

use std::time::Duration;

use capstan_catalogue::Catalogue;
use capstan_domain::audit::Verdict;
use capstan_domain::bucket::{Bucket, BucketProfile};
use capstan_domain::failure::Kind;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{Number, TargetId};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::ports::LocationInfo;
use capstan_domain::secret::SecretText;
use capstan_domain::target::{NewTarget, Target};
use capstan_domain::{Failure, Outcome};
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::identity::there;
use crate::ownership::check_attributes;
use crate::pools::check_name;
use crate::targets::{TargetChange, Targets};

/// How long a caller waits to hear whether a new bucket was reached; it is ready later if it takes longer.
const REACHED_WITHIN: Duration = Duration::from_secs(10);
/// Buckets whose deletion is tried in one round.
const ROUND: u32 = 100;
/// The member of a target's attributes that says that it is a bucket's own.
const OWN: &str = "bucket";

#[derive(Clone)]
pub struct Buckets {
    catalogue: Catalogue,
    audit: Audit,
    targets: Targets,
}

/// What a caller gives for a new bucket.
#[derive(Clone, Debug)]
pub struct BucketWish {
    /// Unique among buckets.
    pub name: String,
    /// The id of the one that speaks to the store, and its whole configuration.
    pub plugin: String,
    pub configuration: Value,
    pub secrets: Vec<(String, SecretText)>,
    /// As the store calls it.
    pub container: String,
    /// A dialect's word.
    pub storage_type: String,
    pub endpoint: Option<String>,
    pub label: Option<String>,
    pub attributes: Value,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct BucketEdit {
    pub name: Option<String>,
    /// The whole document; secrets that it leaves out stay.
    pub configuration: Option<Value>,
    /// Set over what is there; an empty one is removed.
    pub secrets: Vec<(String, SecretText)>,
    pub container: Option<String>,
    pub endpoint: Option<Option<String>>,
    pub label: Option<Option<String>>,
    pub attributes: Option<Value>,
}

impl Buckets {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, targets: Targets) -> Self {
        Self { catalogue, audit, targets }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<Bucket>> {
        self.catalogue.buckets(&listing).await
    }

    /// By number only: a name may be digits.
    pub async fn get(&self, number: Number) -> Outcome<Bucket> {
        self.catalogue.bucket(number).await
    }

    pub async fn named(&self, name: &str) -> Outcome<Bucket> {
        let found = self.catalogue.buckets(&Listing::first(1).with("name", Operator::Equal, name)).await?;
        found
            .items
            .into_iter()
            .next()
            .ok_or_else(|| Failure::not_found(format!("there is no bucket {name}")).with_code("not-found"))
    }

    /// Of these buckets, by id: their configurations, and the names of the secrets that are set.
    pub async fn targets_of(&self, buckets: &[Bucket]) -> Outcome<Vec<Target>> {
        let mut targets = Vec::with_capacity(buckets.len());
        for chunk in buckets.chunks(capstan_catalogue::WINDOW as usize) {
            let mut ids: Vec<String> = chunk.iter().map(|bucket| bucket.target.to_string()).collect();
            ids.sort_unstable();
            ids.dedup();
            let listing = crate::ownership::one_of(Listing::first(u32::try_from(ids.len()).unwrap_or(u32::MAX)), "id", ids);
            targets.extend(self.catalogue.targets(&listing).await?.items);
        }
        Ok(targets)
    }

    /// It is there even when its store cannot be reached, and says so.
    pub async fn create(&self, caller: &Caller, wish: BucketWish) -> Outcome<Bucket> {
        check_name(&wish.name)?;
        check_name(&wish.container)?;
        check_attributes(&wish.attributes)?;
        if there(self.named(&wish.name).await)?.is_some() {
            return Err(taken());
        }
        let name = target_name(&wish.name);
        self.clear_left(caller, &name).await?;
        let new = NewTarget {
            name,
            plugin: wish.plugin,
            pinned: None,
            configuration: wish.configuration,
            attributes: json!({ OWN: true }),
            secrets: wish.secrets,
            owner: Some(caller.user),
        };
        let location = LocationInfo { name: wish.container, created: None, extras: Vec::new() };
        let target = self.targets.create_with(caller, new, None, vec![location]).await?;
        let profile = BucketProfile {
            name: wish.name,
            storage_type: Some(wish.storage_type),
            endpoint: wish.endpoint,
            label: wish.label,
            folder: None,
            is_ready: self.is_reached(target.id).await,
            attributes: wish.attributes,
        };
        let made = self.profile_of(&target, &profile).await;
        if made.is_err() {
            self.targets.delete(caller, target.id).await?;
        }
        let bucket = made?;
        self.audit.done(caller, "create", "bucket", &bucket.profile.name, json!({ "number": bucket.number })).await?;
        Ok(bucket)
    }

    /// `Conflict` "deleting" for one that is on its way out.
    pub async fn update(&self, caller: &Caller, number: Number, edit: BucketEdit) -> Outcome<Bucket> {
        let old = self.catalogue.bucket(number).await?;
        if old.deleting.is_some() {
            return Err(Failure::new(Kind::Conflict, "the bucket is being deleted").with_code("deleting"));
        }
        let target = self.catalogue.target(old.target).await?;
        let mut profile = old.profile.clone();
        if let Some(name) = edit.name {
            check_name(&name)?;
            if name != profile.name && there(self.named(&name).await)?.is_some() {
                return Err(taken());
            }
            profile.name = name;
        }
        profile.endpoint = edit.endpoint.unwrap_or(profile.endpoint);
        profile.label = edit.label.unwrap_or(profile.label);
        profile.attributes = edit.attributes.unwrap_or(profile.attributes);
        check_attributes(&profile.attributes)?;
        let renamed = edit.container.filter(|container| *container != old.container);
        if let Some(container) = &renamed {
            check_name(container)?;
        }
        if edit.configuration.is_some() || !edit.secrets.is_empty() || renamed.is_some() {
            let change = TargetChange {
                name: is_own(&target).then(|| target_name(&profile.name)),
                configuration: edit.configuration,
                secrets: edit.secrets,
                location: renamed.map(|container| (old.location, container)),
                ..TargetChange::default()
            };
            self.targets.update(caller, target.id, change).await?;
            profile.is_ready = self.is_reached(target.id).await;
        }
        let bucket = self.catalogue.set_bucket_profile(old.location, &profile).await?;
        self.audit.done(caller, "update", "bucket", &bucket.profile.name, json!({ "number": number })).await?;
        Ok(bucket)
    }

    /// Marks it, and ends it at once where nothing works with it.
    pub async fn delete(&self, caller: &Caller, number: Number) -> Outcome<()> {
        let old = self.catalogue.bucket(number).await?;
        let bucket = self.catalogue.begin_bucket_deletion(old.location).await?;
        self.audit.done(caller, "delete", "bucket", &bucket.profile.name, json!({ "number": number })).await?;
        match self.end_deletion(&bucket).await {
            Err(failure) if failure.code.as_deref() == Some("in-use") => Ok(()),
            ended => ended,
        }
    }

    /// Ends the deletion of buckets that nothing works with any more.
    pub(crate) async fn drain(&self) -> Outcome<()> {
        for bucket in self.catalogue.buckets_to_delete(ROUND).await? {
            if let Err(failure) = self.end_deletion(&bucket).await {
                tracing::debug!(bucket = bucket.profile.name, %failure, "a bucket cannot be deleted yet");
            }
        }
        Ok(())
    }

    /// The target of its own goes with it; what another door set up stays.
    async fn end_deletion(&self, bucket: &Bucket) -> Outcome<()> {
        let target = self.catalogue.target(bucket.target).await?;
        self.catalogue.forget_spare_copies(bucket.location).await?;
        self.catalogue.delete_bucket(bucket.location).await?;
        if is_own(&target) {
            self.targets.remove(&target).await?;
        }
        let detail = json!({ "number": bucket.number, "target": target.number });
        self.audit.host("delete", "bucket", &bucket.profile.name, Verdict::Done, detail).await;
        Ok(())
    }

    async fn profile_of(&self, target: &Target, profile: &BucketProfile) -> Outcome<Bucket> {
        let of_target = Listing::first(1).with("target", Operator::Equal, target.id);
        let location = self.catalogue.locations(&of_target).await?.items.into_iter().next();
        let location = location.ok_or_else(|| Failure::host("the bucket has no location", &target.name))?;
        self.catalogue.set_bucket_profile(location.id, profile).await
    }

    /// A host that died while it deleted a bucket may have left its target behind, without a location.
    async fn clear_left(&self, caller: &Caller, name: &str) -> Outcome<()> {
        let named = Listing::first(1).with("name", Operator::Equal, name);
        let Some(target) = self.catalogue.targets(&named).await?.items.into_iter().next() else { return Ok(()) };
        let of_target = Listing::first(1).with("target", Operator::Equal, target.id);
        if is_own(&target) && self.catalogue.locations(&of_target).await?.count == 0 {
            self.targets.delete(caller, target.id).await?;
        }
        Ok(())
    }

    async fn is_reached(&self, target: TargetId) -> bool {
        match tokio::time::timeout(REACHED_WITHIN, self.targets.probe(target)).await {
            Ok(Ok(_)) => true,
            Ok(Err(failure)) => {
                tracing::warn!(%target, %failure, "a bucket cannot be reached");
                false
            }
            Err(_) => false,
        }
    }
}

fn is_own(target: &Target) -> bool {
    target.attributes.get(OWN).and_then(Value::as_bool).unwrap_or(false)
}

/// A target's name is unique among targets of all doors.
fn target_name(bucket: &str) -> String {
    format!("bucket:{bucket}")
}

fn taken() -> Failure {
    Failure::new(Kind::AlreadyExists, "the name is already taken").with_code("taken")
}
