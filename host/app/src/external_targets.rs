//! External targets: which files of a space go to which bucket, and what lies in that bucket.

use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::external_target::{ExternalTarget, NewExternalTarget, TargetRule};
use capstan_domain::failure::Kind;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{LocationId, Number, SpaceId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::{Failure, Outcome};
use capstan_mover::names::checked;
use capstan_mover::{Item, ItemKind};
use capstan_spaces::is_manifest;
use capstan_workflows::local_file_regex;
use serde_json::json;

use crate::audit::Audit;
use crate::ownership::check_attributes;
use crate::places::Grounds;
use crate::pools::check_name;

/// Pages of a store that are looked through for one page of what a pattern fits.
const LOOKED_THROUGH: usize = 20;

#[derive(Clone)]
pub struct ExternalTargets {
    catalogue: Catalogue,
    audit: Audit,
    grounds: Arc<Grounds>,
}

/// One page of one level of a bucket.
#[derive(Clone, Debug, Default)]
pub struct RemotePage {
    pub entries: Vec<RemoteEntry>,
    /// Where the next page begins; none: this was the last.
    pub next: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteEntry {
    /// In the bucket, without a slash before.
    pub path: String,
    pub is_folder: bool,
    /// Bytes of a file.
    pub size: u64,
}

impl ExternalTargets {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, grounds: Arc<Grounds>) -> Self {
        Self { catalogue, audit, grounds }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<ExternalTarget>> {
        self.catalogue.external_targets(&listing).await
    }

    pub async fn get(&self, number: Number) -> Outcome<ExternalTarget> {
        self.catalogue.external_target(number).await
    }

    pub async fn create(&self, caller: &Caller, new: NewExternalTarget) -> Outcome<ExternalTarget> {
        check_name(&new.name)?;
        self.check_rule(new.space, &new.rule).await?;
        self.check_bucket(new.location).await?;
        let target = self.catalogue.create_external_target(&new).await?;
        self.audit.done(caller, "create", "external target", &target.name, detail(&target)).await?;
        Ok(target)
    }

    /// Its space and its bucket are those it was made with.
    pub async fn update(
        &self,
        caller: &Caller,
        number: Number,
        name: Option<String>,
        rule: TargetRule,
    ) -> Outcome<ExternalTarget> {
        let mut target = self.catalogue.external_target(number).await?;
        if let Some(name) = name {
            check_name(&name)?;
            target.name = name;
        }
        self.check_rule(target.space, &rule).await?;
        target.rule = rule;
        let target = self.catalogue.update_external_target(&target).await?;
        self.audit.done(caller, "update", "external target", &target.name, detail(&target)).await?;
        Ok(target)
    }

    /// Copies in its bucket stay, and are recalled from there.
    pub async fn delete(&self, caller: &Caller, number: Number) -> Outcome<()> {
        let target = self.catalogue.external_target(number).await?;
        self.catalogue.delete_external_target(target.id).await?;
        self.audit.done(caller, "delete", "external target", &target.name, detail(&target)).await
    }

    /// `path`: a folder of the bucket, or a pattern with `*` and `?` in its last name, which fits names of one folder. `after`: the
    /// page's before `next`. A page of a pattern may be empty and not the last.
    pub async fn remote(&self, number: Number, path: &str, after: Option<String>, limit: u32) -> Outcome<RemotePage> {
        let target = self.catalogue.external_target(number).await?;
        let tree = self.grounds.bucket(target.location).await?;
        let path = path.trim_matches('/');
        let (folder, pattern) = match path.rsplit_once('/').unwrap_or(("", path)) {
            (folder, last) if last.contains(['*', '?']) => (folder, Some(last)),
            _ => (path, None),
        };
        if folder.contains(['*', '?']) {
            return Err(Failure::invalid("a pattern fits names of one folder only").with_code("path"));
        }
        let folder = checked(folder)?;
        let mut page = RemotePage { entries: Vec::new(), next: after };
        for _ in 0..LOOKED_THROUGH {
            let left = limit.saturating_sub(u32::try_from(page.entries.len()).unwrap_or(u32::MAX));
            let found = tree.children(folder, page.next.as_deref(), left).await?;
            page.next = found.next;
            page.entries
                .extend(found.items.into_iter().filter(|item| !is_manifest(&item.path) && fits_last(item, pattern)).map(entry));
            let enough = pattern.is_none() || page.entries.len() >= limit as usize;
            if page.next.is_none() || enough {
                break;
            }
        }
        Ok(page)
    }

    async fn check_rule(&self, space: SpaceId, rule: &TargetRule) -> Outcome<()> {
        local_file_regex(&rule.local_file_regex)
            .map_err(|refusal| Failure::invalid(refusal.to_string()).with_code("local_file_regex"))?;
        check_attributes(&rule.attributes)?;
        let space = self.catalogue.managed_space(space).await?;
        if let Some(other) = rule.sites.iter().find(|site| !space.sites.contains(site)) {
            let message = format!("the space {} is not on site {other}", space.space.name);
            return Err(Failure::invalid(message).with_code("available_on_sites"));
        }
        match rule.backup_site {
            Some(site) if !space.sites.contains(&site) => {
                let message = format!("the space {} is not on site {site}", space.space.name);
                Err(Failure::invalid(message).with_code("backup_site"))
            }
            _ => Ok(()),
        }
    }

    async fn check_bucket(&self, location: LocationId) -> Outcome<()> {
        match self.catalogue.bucket(location).await?.deleting {
            Some(_) => Err(Failure::new(Kind::Conflict, "the bucket is being deleted").with_code("deleting")),
            None => Ok(()),
        }
    }
}

fn detail(target: &ExternalTarget) -> serde_json::Value {
    json!({ "number": target.number, "space": target.space_number, "bucket": target.location_number })
}

fn entry(item: Item) -> RemoteEntry {
    RemoteEntry { is_folder: matches!(item.kind, ItemKind::Folder { .. }), size: item.size, path: item.path }
}

fn fits_last(item: &Item, pattern: Option<&str>) -> bool {
    let name = item.path.rsplit_once('/').map_or(item.path.as_str(), |(_, name)| name);
    pattern.is_none_or(|pattern| fits(pattern, name))
}

/// `*` stands for any run of characters and `?` for one. Each `*` gives back at most once what it took, so the time is bounded by the
/// product of the lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let mut rest = (pattern.chars(), name.chars());
    let mut star = None;
    loop {
        let (mut pattern, mut name) = rest.clone();
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((pattern.clone(), rest.1.clone()));
                rest.0 = pattern;
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => rest = (pattern, name),
            _ => {
                let Some((pattern, mut taken)) = star.take() else { return false };
                if taken.next().is_none() {
                    return false;
                }
                rest = (pattern.clone(), taken.clone());
                star = Some((pattern, taken));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_whole_names() {
        for (pattern, name) in [("*", "a"), ("*", ""), ("a?c", "abc"), ("*.tar", "x.tar"), ("a*b*c", "aXbYbZc"), ("**", "x")] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a?c", "ac"), ("*.tar", "x.tar.gz"), ("a*b", "ba"), ("", "a"), ("?", "")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        assert!(!fits(&"*a".repeat(500), &"b".repeat(4_000)));
    }
}
