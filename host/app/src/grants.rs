//! Grants: what a target may reach beyond what its configuration names. They are rows, they can be revoked, and both act at once.

use std::path::{Path, PathBuf};

use capstan_catalogue::Catalogue;
use capstan_domain::grant::{GrantRecord, NewGrant, Power};
use capstan_domain::identity::Caller;
use capstan_domain::ids::{GrantId, TargetId};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::json;

use crate::attachments::Attachments;
use crate::audit::Audit;
use crate::targets::Targets;

/// Grants that are listed at once; there are a few a target.
const LIST_MAX: u32 = 1000;

#[derive(Clone)]
pub struct Grants {
    catalogue: Catalogue,
    audit: Audit,
    targets: Targets,
    attachments: Attachments,
    /// Canonical. Holds the key of all secrets, so no plugin gets a directory that overlaps it.
    data: PathBuf,
}

impl Grants {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, targets: Targets, attachments: Attachments, data: &Path) -> Self {
        Self { catalogue, audit, targets, attachments, data: data.to_owned() }
    }

    /// With the names of their targets, revoked ones included.
    pub async fn list(&self, target: Option<TargetId>) -> Outcome<Vec<(GrantRecord, String)>> {
        let listing = match target {
            None => Listing::first(LIST_MAX),
            Some(target) => Listing::first(LIST_MAX).with("target", Operator::Equal, target),
        };
        let mut named = Vec::new();
        for record in self.catalogue.grants(&listing).await?.items {
            let known = named.iter().find(|(other, _): &&(GrantRecord, String)| other.target == record.target);
            let name = match known {
                Some((_, name)) => name.clone(),
                None => self.catalogue.target(record.target).await?.name,
            };
            named.push((record, name));
        }
        Ok(named)
    }

    pub async fn allow(&self, caller: &Caller, target: TargetId, power: Power, reason: Option<String>) -> Outcome<GrantRecord> {
        only_administrators(caller)?;
        self.check(&power)?;
        let target = self.catalogue.target(target).await?;
        let same = self
            .catalogue
            .grants_in_force(target.id)
            .await?
            .into_iter()
            .find(|grant| grant.power == power && grant.by != "configured");
        if let Some(same) = same {
            return Ok(same);
        }
        let record = self.catalogue.create_grant(target.id, &NewGrant { power, by: caller.name.clone(), reason }).await?;
        self.targets.reopen(&target).await?;
        self.audit.done(caller, "allow", "grant", &target.name, json!({ "grant": record.id, "power": record.power })).await?;
        Ok(record)
    }

    /// Connections that rest on it are cut.
    pub async fn revoke(&self, caller: &Caller, id: GrantId) -> Outcome<()> {
        only_administrators(caller)?;
        let record = self.catalogue.grant(id).await?;
        self.catalogue.revoke_grant(id).await?;
        let target = self.catalogue.target(record.target).await?;
        let reopened = self.targets.reopen(&target).await;
        self.attachments.judge_again(target.id).await;
        reopened?;
        self.audit.done(caller, "revoke", "grant", &target.name, json!({ "grant": id, "power": record.power })).await
    }

    fn check(&self, power: &Power) -> Outcome<()> {
        let (root, path) = match power {
            Power::Directory { root, path, .. } => (root, path),
            Power::ScsiDevice { path } => return capstan_grants::device_path(path).map(drop),
            Power::Connect { .. } | Power::InsecureTls { .. } => return Ok(()),
        };
        if root.is_empty() || !Path::new(path).is_absolute() {
            return Err(Failure::invalid("a directory grant has a name and an absolute path").with_code("invalid"));
        }
        let real = Path::new(path).canonicalize().map_err(|error| {
            Failure::invalid(format!("{path} is not a directory of this host"))
                .with_code("directory")
                .with_detail(error.to_string())
        })?;
        if real.starts_with(&self.data) || self.data.starts_with(&real) {
            return Err(Failure::new(
                Kind::Denied,
                "a plugin cannot be granted the host's own data directory, nor one that holds it",
            )
            .with_next_step("choose a directory of its own for the target"));
        }
        Ok(())
    }
}

fn only_administrators(caller: &Caller) -> Outcome<()> {
    if caller.is_administrator() {
        Ok(())
    } else {
        Err(Failure::new(Kind::Denied, "only administrators allow and revoke grants"))
    }
}
