//! External targets.

use std::collections::HashMap;

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub as api;
use capstan_api_hub::{
    Answer, Error, ExternalTargetInput, ExternalTargets, Page, RemoteEntry, RemoteKind, RemoteListing, RemoteQuery,
    RemoteSummary, SpaceChoice, SpaceOfTarget, TargetFilter, Window,
};
use capstan_domain::bucket::Bucket;
use capstan_domain::external_target::{ExternalTarget, NewExternalTarget, TargetRule};
use capstan_domain::failure::Kind;
use capstan_domain::identity;
use capstan_domain::ids::Number;
use capstan_domain::listing::{Filter, Listing, Operator};
use capstan_domain::space_profile::ManagedSpace;
use serde_json::{Value, json};

use super::failures::{Fields, error, missing, missing_or, wrong_field};
use super::listing::window;
use super::site_attributes::NAME;
use super::{Door, buckets};
use crate::attributes;

/// Codes of the host, and the fields that they point at.
const FIELDS: Fields = &[
    ("taken", "name"),
    ("blank", "name"),
    ("too-long", "name"),
    ("local_file_regex", "local_file_regex"),
    ("available_on_sites", "available_on_sites"),
    ("backup_site", "backup_site"),
];

/// Targets whose spaces and buckets are looked up at once.
const LOOKED_UP: usize = 1_000;

type Advanced = serde_json::Map<String, Value>;

fn listed<T: ToString>(field: &str, numbers: impl Iterator<Item = T>) -> Listing {
    let mut listing = Listing::first(0);
    let values = numbers.map(|number| number.to_string()).collect();
    listing.filters.push(Filter { field: field.to_owned(), operator: Operator::In, values });
    listing
}

fn shown(target: ExternalTarget, space: &ManagedSpace, bucket: api::Bucket) -> api::ExternalTarget {
    let rule = target.rule;
    api::ExternalTarget {
        id: target.number,
        endpoint_name: target.name.clone(),
        name: target.name,
        local_file_regex: rule.local_file_regex,
        space: SpaceOfTarget {
            name: space.space.name.clone(),
            mountpoint: space.profile.mountpoint.clone().unwrap_or_default(),
            sites: space.sites.clone(),
        },
        bucket,
        bucket_instance: target.location_number,
        available_on_sites: if rule.sites.is_empty() { space.sites.clone() } else { rule.sites },
        enabled: rule.enabled,
        delete_on_recall: rule.delete_on_recall,
        backup_only: rule.backup_only,
        backup_site: rule.backup_site,
        is_ready: target.is_ready,
        advanced_settings: attributes::read::<Advanced>(NAME, &rule.attributes),
    }
}

/// What is given laid over what there was.
fn rule(input: &ExternalTargetInput, old: Option<TargetRule>) -> Answer<TargetRule> {
    let mut rule = old.unwrap_or_else(|| TargetRule {
        local_file_regex: String::new(),
        enabled: true,
        delete_on_recall: false,
        backup_only: false,
        backup_site: None,
        sites: Vec::new(),
        position: 0,
        attributes: json!({}),
    });
    if let Some(regex) = &input.local_file_regex {
        rule.local_file_regex.clone_from(regex);
    }
    if let Some(sites) = &input.available_on_sites {
        rule.sites.clone_from(sites);
    }
    rule.enabled = input.enabled.unwrap_or(rule.enabled);
    rule.delete_on_recall = input.delete_on_recall.unwrap_or(rule.delete_on_recall);
    rule.backup_only = input.backup_only.unwrap_or(rule.backup_only);
    rule.backup_site = input.backup_site.change().unwrap_or(rule.backup_site);
    if let Some(advanced) = &input.advanced_settings {
        rule.attributes = attributes::write(NAME, &rule.attributes, advanced).map_err(error)?;
    }
    Ok(rule)
}

impl Door {
    async fn shown_targets(&self, targets: Vec<ExternalTarget>) -> Answer<Vec<api::ExternalTarget>> {
        let mut items = Vec::with_capacity(targets.len());
        for chunk in targets.chunks(LOOKED_UP) {
            let all = Window { offset: 0, limit: LOOKED_UP as u64 };
            let spaces = listed("number", chunk.iter().map(|target| target.space_number));
            let spaces = window(all, spaces, |listing| self.app.spaces.list_managed(listing)).await?.items;
            let spaces: HashMap<Number, ManagedSpace> = spaces.into_iter().map(|space| (space.space.number, space)).collect();
            let found = listed("number", chunk.iter().map(|target| target.location_number));
            let found = window(all, found, |listing| self.app.buckets.list(listing)).await?.items;
            let stores = self.bucket_targets(&found).await?;
            let found: HashMap<Number, Bucket> = found.into_iter().map(|bucket| (bucket.number, bucket)).collect();
            for target in chunk {
                let (Some(space), Some(bucket)) = (spaces.get(&target.space_number), found.get(&target.location_number)) else {
                    continue;
                };
                let Some(store) = stores.get(&bucket.target) else { continue };
                items.push(shown(target.clone(), space, buckets::bucket(bucket, store)));
            }
        }
        Ok(items)
    }

    async fn one_target(&self, target: ExternalTarget) -> Answer<api::ExternalTarget> {
        let shown = self.shown_targets(vec![target]).await?;
        shown.into_iter().next().ok_or_else(|| Error::not_found("external target"))
    }

    /// One that the caller may look at.
    async fn chosen_space(&self, caller: &identity::Caller, choice: &SpaceChoice) -> Answer<ManagedSpace> {
        let listing = match (&choice.name, &choice.mountpoint) {
            (Some(name), _) => Listing::first(1).with("name", Operator::Equal, name),
            (None, Some(mountpoint)) => Listing::first(1).with("mountpoint", Operator::Equal, mountpoint.trim_end_matches('/')),
            (None, None) => return Err(Error::field("space.name", "This field is required.")),
        };
        let field = if choice.name.is_some() { "space.name" } else { "space.mountpoint" };
        let found = self.app.spaces.list_managed(caller.narrowed("spaces", "index", listing)).await.map_err(error)?;
        found.items.into_iter().next().ok_or_else(|| Error::field(field, "There is no such space."))
    }

    async fn chosen_bucket(&self, caller: &identity::Caller, input: &ExternalTargetInput) -> Answer<Option<Bucket>> {
        let named = input.bucket.as_ref().and_then(|bucket| bucket.name.as_deref());
        let (field, found) = match (input.bucket_instance, named) {
            (Some(number), _) => ("bucket_instance", self.app.buckets.get(number).await),
            (None, Some(name)) => ("bucket.name", self.app.buckets.named(name).await),
            (None, None) => return Ok(None),
        };
        match found {
            Ok(bucket) if caller.may_on("buckets", "show", bucket.number) => Ok(Some(bucket)),
            Err(failure) if failure.kind != Kind::NotFound => Err(error(failure)),
            _ => Err(Error::field(field, "There is no such bucket.")),
        }
    }
}

#[async_trait]
impl ExternalTargets for Door {
    async fn list(&self, caller: &Caller, filter: TargetFilter, asked: Window) -> Answer<Page<api::ExternalTarget>> {
        self.caller(caller)?;
        let mut filters = Listing::first(0);
        if let Some(bucket) = filter.bucket {
            filters = filters.with("bucket_name", Operator::Equal, bucket);
        }
        let found = window(asked, filters, |listing| self.app.external_targets.list(listing)).await?;
        Ok(Page { count: found.count, items: self.shown_targets(found.items).await? })
    }

    async fn create(&self, caller: &Caller, input: ExternalTargetInput) -> Answer<api::ExternalTarget> {
        let caller = self.caller(caller)?;
        let space = self.chosen_space(&caller, input.space.as_ref().unwrap_or(&SpaceChoice::default())).await?;
        let bucket = self.chosen_bucket(&caller, &input).await?;
        let bucket = bucket.ok_or_else(|| Error::field("bucket_instance", "This field is required."))?;
        let new = NewExternalTarget {
            rule: rule(&input, None)?,
            name: input.name.unwrap_or_default(),
            space: space.space.id,
            location: bucket.location,
        };
        let target = self.app.external_targets.create(&caller, new).await.map_err(wrong_field(FIELDS))?;
        self.one_target(target).await
    }

    async fn show(&self, caller: &Caller, target: i64) -> Answer<api::ExternalTarget> {
        self.caller(caller)?;
        let target = self.app.external_targets.get(target).await.map_err(missing("external target"))?;
        self.one_target(target).await
    }

    async fn update(&self, caller: &Caller, target: i64, input: ExternalTargetInput) -> Answer<api::ExternalTarget> {
        let caller = self.caller(caller)?;
        let old = self.app.external_targets.get(target).await.map_err(missing("external target"))?;
        if let Some(choice) = &input.space
            && self.chosen_space(&caller, choice).await?.space.id != old.space
        {
            return Err(Error::field("space", "The space of an external target stays; make another one."));
        }
        if self.chosen_bucket(&caller, &input).await?.is_some_and(|bucket| bucket.location != old.location) {
            return Err(Error::field("bucket_instance", "The bucket of an external target stays; make another one."));
        }
        let rule = rule(&input, Some(old.rule))?;
        let changed = self.app.external_targets.update(&caller, target, input.name, rule).await;
        self.one_target(changed.map_err(missing_or("external target", FIELDS))?).await
    }

    async fn delete(&self, caller: &Caller, target: i64) -> Answer<()> {
        let caller = self.caller(caller)?;
        self.app.external_targets.delete(&caller, target).await.map_err(missing("external target"))
    }

    async fn files(&self, caller: &Caller, target: i64, query: RemoteQuery) -> Answer<RemoteListing> {
        self.caller(caller)?;
        self.app.external_targets.get(target).await.map_err(missing("external target"))?;
        let found = self.app.external_targets.remote(target, &query.path, query.marker.clone(), query.max_items).await;
        let page = found.map_err(wrong_field(&[("path", "path"), ("bad-path", "path")]))?;
        let (mut directories, mut files) = (Vec::new(), Vec::new());
        let mut size: u64 = 0;
        for entry in page.entries {
            let name = entry.path.rsplit('/').next().unwrap_or_default().to_owned();
            if entry.is_folder {
                directories.push(RemoteEntry { name, path: entry.path, size: None, kind: RemoteKind::Directory });
            } else {
                size = size.saturating_add(entry.size);
                files.push(RemoteEntry { name, path: entry.path, size: Some(entry.size), kind: RemoteKind::File });
            }
        }
        let summary = RemoteSummary { directories: directories.len() as u64, files: files.len() as u64, size };
        Ok(RemoteListing { path: query.path, marker: query.marker, next_marker: page.next, directories, files, summary })
    }
}

#[cfg(test)]
mod tests {
    use capstan_api_http::Given;

    use super::*;

    #[test]
    fn a_rule_is_enabled_unless_it_says_otherwise_and_keeps_what_is_left_out() {
        let input =
            ExternalTargetInput { local_file_regex: Some(".*".to_owned()), backup_site: Given::Value(3), ..Default::default() };
        let first = rule(&input, None).unwrap();
        assert!(first.enabled && !first.backup_only);
        let change = ExternalTargetInput { enabled: Some(false), backup_site: Given::Null, ..Default::default() };
        let second = rule(&change, Some(first)).unwrap();
        assert_eq!((second.local_file_regex.as_str(), second.enabled, second.backup_site), (".*", false, None));
    }
}
