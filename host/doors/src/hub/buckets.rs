//! Buckets.

use std::collections::HashMap;

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub as api;
use capstan_api_hub::{Answer, BucketInput, Buckets, Error, Masked, Page, Protocol, StorageType, Window};
use capstan_app::buckets::{BucketEdit, BucketWish};
use capstan_domain::bucket::Bucket;
use capstan_domain::ids::TargetId;
use capstan_domain::listing::{Filter, Listing, Operator};
use capstan_domain::target::Target;
use serde_json::Value;

use super::Door;
use super::bucket_settings::{AZURE, BUCKET_PLUGINS, Kept, Old, POSIX, advanced, plugin, settings, storage_type, text, word};
use super::failures::{Fields, error, missing, missing_or, wrong_field};
use super::listing::window;
use super::site_attributes::NAME;
use crate::attributes;

/// Codes of the host, and the fields that they point at.
const FIELDS: Fields = &[
    ("taken", "name"),
    ("blank", "name"),
    ("too-long", "name"),
    ("invalid", "name"),
    ("plugin", "storage_type"),
    ("configuration", "advanced_settings"),
];

fn kept(bucket: &Bucket) -> Kept {
    attributes::read(NAME, &bucket.profile.attributes)
}

/// `target`: the bucket's.
pub(super) fn bucket(bucket: &Bucket, target: &Target) -> api::Bucket {
    let configuration = &target.configuration;
    let of = |member: &str| text(configuration, member).map(str::to_owned);
    let secret = |name: &str| Masked(target.secrets.iter().any(|set| set == name));
    let azure = target.plugin == AZURE;
    let kept = kept(bucket);
    api::Bucket {
        id: bucket.number,
        name: bucket.profile.name.clone(),
        label: bucket.profile.label.clone(),
        storage_type: storage_type(bucket.profile.storage_type.as_deref(), &target.plugin, configuration),
        // One that another door made has the whole address.
        endpoint: match &bucket.profile.storage_type {
            Some(_) => bucket.profile.endpoint.clone(),
            None => of("endpoint"),
        },
        port: kept.port,
        scheme: kept.plain_http.map(|plain| if plain { Protocol::Http } else { Protocol::Https }),
        region: of("region").or_else(|| of("location")),
        ssl_verify: configuration.get("tls-insecure").and_then(Value::as_bool) != Some(true),
        access_key: secret("account-key"),
        access_key_id: Masked(of("access-key").is_some()),
        secret_access_key: secret("secret-key"),
        credentials_json: secret("private-key"),
        credentials_file: None,
        container: azure.then(|| bucket.container.clone()),
        storage_account: of("account"),
        migration_target_folder: match target.plugin.as_str() {
            POSIX => of("path"),
            "nfs" | "smb" => Some(bucket.container.clone()),
            _ => None,
        },
        advanced_settings: advanced(&target.plugin, configuration),
        external_targets: bucket.external_targets.clone(),
        soft_deleting: bucket.deleting.is_some(),
    }
}

/// Only what this dialect has a word for.
fn shown_plugins(mut listing: Listing) -> Listing {
    let values = BUCKET_PLUGINS.map(str::to_owned).to_vec();
    listing.filters.push(Filter { field: "plugin".to_owned(), operator: Operator::In, values });
    listing
}

impl Door {
    pub(super) async fn bucket_targets(&self, buckets: &[Bucket]) -> Answer<HashMap<TargetId, Target>> {
        let targets = self.app.buckets.targets_of(buckets).await.map_err(error)?;
        Ok(targets.into_iter().map(|target| (target.id, target)).collect())
    }

    async fn one_bucket(&self, number: i64) -> Answer<(Bucket, Target)> {
        let found = self.app.buckets.get(number).await.map_err(missing("bucket"))?;
        if !BUCKET_PLUGINS.contains(&found.plugin.as_str()) {
            return Err(Error::not_found("bucket"));
        }
        let target = self.app.targets.get(found.target).await.map_err(missing("bucket"))?;
        Ok((found, target))
    }
}

#[async_trait]
impl Buckets for Door {
    async fn list(&self, caller: &Caller, asked: Window) -> Answer<Page<api::Bucket>> {
        let filters = shown_plugins(self.caller(caller)?.narrowed("buckets", "index", Listing::first(0)));
        let found = window(asked, filters, |listing| self.app.buckets.list(listing)).await?;
        let targets = self.bucket_targets(&found.items).await?;
        let shown = found.items.iter().filter_map(|one| Some(bucket(one, targets.get(&one.target)?)));
        Ok(Page { count: found.count, items: shown.collect() })
    }

    async fn create(&self, caller: &Caller, input: BucketInput) -> Answer<api::Bucket> {
        let caller = self.caller(caller)?;
        let storage_type = input.storage_type.unwrap_or(StorageType::S3);
        let settings = settings(storage_type, &input, None)?;
        let wish = BucketWish {
            name: input.name.unwrap_or_default(),
            plugin: plugin(storage_type).to_owned(),
            configuration: settings.configuration,
            // There is nothing yet that an empty one could remove.
            secrets: settings.secrets.into_iter().filter(|(_, secret)| !secret.reveal().is_empty()).collect(),
            container: settings.container,
            storage_type: word(storage_type).to_owned(),
            endpoint: settings.endpoint,
            label: input.label.value(),
            attributes: attributes::write(NAME, &Value::Null, &settings.kept).map_err(error)?,
        };
        let made = self.app.buckets.create(&caller, wish).await.map_err(wrong_field(FIELDS))?;
        let target = self.app.targets.get(made.target).await.map_err(error)?;
        Ok(bucket(&made, &target))
    }

    async fn show(&self, caller: &Caller, number: i64) -> Answer<api::Bucket> {
        self.caller_on(caller, ("buckets", "show"), number)?;
        let (found, target) = self.one_bucket(number).await?;
        Ok(bucket(&found, &target))
    }

    async fn update(&self, caller: &Caller, number: i64, input: BucketInput) -> Answer<api::Bucket> {
        let caller = self.caller_on(caller, ("buckets", "update"), number)?;
        let (old, target) = self.one_bucket(number).await?;
        let storage_type = storage_type(old.profile.storage_type.as_deref(), &target.plugin, &target.configuration);
        if input.storage_type.is_some_and(|given| given != storage_type) {
            return Err(Error::field("storage_type", "The type of a bucket stays; make another bucket."));
        }
        let mut edit = BucketEdit { name: input.name.clone(), label: input.label.clone().change(), ..BucketEdit::default() };
        // What another door set up is changed there: it may be shared with other buckets.
        if old.profile.storage_type.is_some() {
            let before = Old {
                name: &old.container,
                configuration: &target.configuration,
                endpoint: old.profile.endpoint.as_deref(),
                kept: kept(&old),
            };
            let new = settings(storage_type, &input, Some(&before))?;
            if new.configuration != target.configuration {
                edit.configuration = Some(new.configuration);
            }
            edit.secrets = new.secrets;
            edit.container = Some(new.container);
            edit.endpoint = Some(new.endpoint);
            edit.attributes = Some(attributes::write(NAME, &old.profile.attributes, &new.kept).map_err(error)?);
        } else if changes_settings(&input) {
            return Err(Error::non_field("This bucket was set up elsewhere: here only its name and its label can be changed."));
        }
        let changed = self.app.buckets.update(&caller, number, edit).await.map_err(missing_or("bucket", FIELDS))?;
        let target = self.app.targets.get(changed.target).await.map_err(error)?;
        Ok(bucket(&changed, &target))
    }

    async fn delete(&self, caller: &Caller, number: i64) -> Answer<()> {
        let caller = self.caller_on(caller, ("buckets", "destroy"), number)?;
        self.one_bucket(number).await?;
        self.app.buckets.delete(&caller, number).await.map_err(missing("bucket"))
    }
}

/// Whether more is given than a name and a label.
fn changes_settings(input: &BucketInput) -> bool {
    use capstan_api_http::Given::Absent;
    let texts = [
        &input.endpoint,
        &input.region,
        &input.credentials_file,
        &input.container,
        &input.storage_account,
        &input.migration_target_folder,
    ];
    let secrets = [&input.access_key, &input.access_key_id, &input.secret_access_key];
    let others = input.ssl_verify.is_some() || input.advanced_settings.is_some();
    let addressed = input.port != Absent || input.scheme != Absent || input.credentials_json != Absent;
    others || addressed || texts.iter().any(|text| **text != Absent) || secrets.iter().any(|secret| **secret != Absent)
}
