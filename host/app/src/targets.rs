//! Targets: configured instances of plugins, checked before they are kept, opened in the runtime, and reached.
//!
//! An administrator who creates or edits a target grants it exactly the hosts and ports that its configuration names; those grants are
//! rows of their own and can be revoked. What else a plugin asks for has to be allowed, and until then the target is there but
//! unavailable, with the commands that would allow it in its failure.

mod first;
mod in_use;

use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::grant::{GrantRecord, NewGrant, Power};
use capstan_domain::identity::Caller;
use capstan_domain::ids::{LocationId, ServerId, TargetId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::plugin::Description;
use capstan_domain::ports::{Connection, LocationInfo, ProbeReport, Targets as _};
use capstan_domain::secret::SecretText;
use capstan_domain::target::{NewTarget, Target};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_grants::{Granted, requested};
use capstan_runtime::{Runtime, TargetSettings, TargetStatus};
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::pools::check_name;
use crate::schema;
use crate::secrets::Secrets;

/// `GrantRecord::by` of what came with the configuration.
pub(crate) const CONFIGURED: &str = "configured";
/// Targets that are opened at start; the catalogue is asked this many at a time.
const PAGE: u32 = 500;
/// A failure with this code does not keep a target from being saved: it is unavailable until somebody allows what it lacks.
const GRANTS_MISSING: &str = "grants-missing";

#[derive(Clone)]
pub struct Targets {
    catalogue: Catalogue,
    audit: Audit,
    secrets: Secrets,
    runtime: Arc<Runtime>,
}

/// Why a target does not serve.
#[derive(Clone, Debug)]
pub struct Away {
    /// Since when it is not reached; none where the fault is not the target's.
    pub since: Option<Timestamp>,
    pub failure: Failure,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct TargetChange {
    pub name: Option<String>,
    pub plugin: Option<String>,
    /// `Some(None)`: follow the active version.
    pub pinned: Option<Option<String>>,
    /// The whole document; secrets that it leaves out stay.
    pub configuration: Option<Value>,
    pub attributes: Option<Value>,
    /// Set over what is there; an empty one is removed.
    pub secrets: Vec<(String, SecretText)>,
    /// Where the new configuration calls a location otherwise: which one, and its new name.
    pub location: Option<(LocationId, String)>,
}

/// A change that was judged and can be written.
struct Prepared {
    target: Target,
    checked: Checked,
    forgotten: Vec<String>,
}

/// A configuration that was looked at: the document without secrets, the secrets, and what it grants.
struct Checked {
    configuration: Value,
    secrets: Vec<(String, SecretText)>,
    powers: Vec<Power>,
}

impl Targets {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, secrets: Secrets, runtime: Arc<Runtime>) -> Self {
        Self { catalogue, audit, secrets, runtime }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<Target>> {
        self.catalogue.targets(&listing).await
    }

    /// By number, name or id.
    pub async fn find(&self, reference: &str) -> Outcome<Target> {
        match reference.parse::<TargetId>() {
            Ok(id) => self.catalogue.target(id).await,
            Err(_) => self.catalogue.target(reference).await,
        }
    }

    pub async fn get(&self, id: TargetId) -> Outcome<Target> {
        self.catalogue.target(id).await
    }

    /// Why it does not serve, if it does not: its plugin, its grants, or that it is not reached.
    pub fn unavailable(&self, target: &Target) -> Option<Away> {
        let failure = match self.runtime.status(target.id) {
            Some(TargetStatus::Serving { .. }) => {
                let unreached = self.runtime.unreached(target.id)?;
                return Some(Away { since: Some(unreached.since), failure: unreached.failure });
            }
            Some(TargetStatus::Unavailable { failure }) => failure,
            None => Failure::new(capstan_domain::Kind::Unavailable, "the target is not open in this host"),
        };
        Some(Away { since: None, failure })
    }

    pub async fn create(&self, caller: &Caller, new: NewTarget) -> Outcome<Target> {
        self.create_with(caller, new, None, Vec::new()).await
    }

    /// A target of a server, and the locations that its configuration names.
    pub(crate) async fn create_with(
        &self,
        caller: &Caller,
        new: NewTarget,
        server: Option<ServerId>,
        locations: Vec<LocationInfo>,
    ) -> Outcome<Target> {
        check_name(&new.name)?;
        let id = TargetId::new();
        let checked = self.check(caller, id, &new, Vec::new()).await?;
        let sealed = self.secrets.seal(id, &checked.secrets)?;
        let grants: Vec<NewGrant> = checked.powers.into_iter().map(|power| configured(caller, power)).collect();
        let record = NewTarget { configuration: checked.configuration, secrets: Vec::new(), ..new };
        let target = self.catalogue.create_target_with(id, &record, sealed, grants, server, locations).await?;
        self.open(&target).await?;
        self.audit.done(caller, "create", "target", &target.name, detail(&target)).await?;
        Ok(target)
    }

    pub async fn update(&self, caller: &Caller, id: TargetId, change: TargetChange) -> Outcome<Target> {
        let renamed = change.location.clone();
        let Prepared { target, checked, forgotten } = self.prepare(caller, id, change).await?;
        let sealed = self.secrets.seal(id, &checked.secrets)?;
        let in_force = self.catalogue.grants_in_force(id).await?;
        let outdated: Vec<&GrantRecord> =
            in_force.iter().filter(|grant| grant.by == CONFIGURED && !checked.powers.contains(&grant.power)).collect();
        let grants: Vec<NewGrant> = checked
            .powers
            .iter()
            .filter(|power| !in_force.iter().any(|grant| grant.power == **power))
            .map(|power| configured(caller, power.clone()))
            .collect();
        let target = self.catalogue.update_target_with(&target, sealed, forgotten, grants, renamed).await?;
        for grant in outdated {
            self.catalogue.revoke_grant(grant.id).await?;
        }
        self.reopen(&target).await?;
        self.audit.done(caller, "update", "target", &target.name, detail(&target)).await?;
        Ok(target)
    }

    /// Says what `update` would say, and changes nothing.
    pub(crate) async fn judge(&self, caller: &Caller, id: TargetId, change: TargetChange) -> Outcome<()> {
        self.prepare(caller, id, change).await.map(|_| ())
    }

    async fn prepare(&self, caller: &Caller, id: TargetId, change: TargetChange) -> Outcome<Prepared> {
        let mut target = self.catalogue.target(id).await?;
        if let Some(name) = change.name {
            check_name(&name)?;
            target.name = name;
        }
        target.plugin = change.plugin.unwrap_or(target.plugin);
        target.pinned = change.pinned.unwrap_or(target.pinned);
        target.attributes = change.attributes.unwrap_or(target.attributes);
        let forgotten: Vec<String> =
            change.secrets.iter().filter(|(_, secret)| secret.reveal().is_empty()).map(|(name, _)| name.clone()).collect();
        let kept = self.secrets.open(id).await?.into_iter().filter(|(name, _)| !forgotten.contains(name)).collect();
        let given = NewTarget {
            name: target.name.clone(),
            plugin: target.plugin.clone(),
            pinned: target.pinned.clone(),
            configuration: change.configuration.unwrap_or_else(|| target.configuration.clone()),
            attributes: target.attributes.clone(),
            secrets: change.secrets.into_iter().filter(|(_, secret)| !secret.reveal().is_empty()).collect(),
            owner: target.owner,
        };
        let checked = self.check(caller, id, &given, kept).await?;
        target.configuration.clone_from(&checked.configuration);
        Ok(Prepared { target, checked, forgotten })
    }

    pub async fn delete(&self, caller: &Caller, id: TargetId) -> Outcome<()> {
        let target = self.catalogue.target(id).await?;
        self.remove(&target).await?;
        self.audit.done(caller, "delete", "target", &target.name, detail(&target)).await
    }

    /// One that is in use stays. Whoever asks for it writes the audit log.
    pub(crate) async fn remove(&self, target: &Target) -> Outcome<()> {
        self.unused(target).await?;
        self.catalogue.delete_target(target.id).await?;
        self.runtime.close_target(target.id);
        Ok(())
    }

    /// Reaches it now.
    pub async fn probe(&self, id: TargetId) -> Outcome<ProbeReport> {
        self.connect(id).await?.probe().await
    }

    /// The connection to call it by; a target of another host of the same catalogue is opened here first.
    pub async fn connect(&self, id: TargetId) -> Outcome<Arc<dyn Connection>> {
        if self.runtime.connection(id).is_none() {
            let target = self.catalogue.target(id).await?;
            self.open(&target).await?;
        }
        self.runtime.connect(id).await
    }

    /// What it may reach just now.
    pub(crate) fn granted(&self, id: TargetId) -> Outcome<capstan_grants::Grants> {
        self.runtime.granted(id)
    }

    /// Looks at a target that is not saved and will not be.
    pub async fn probe_unsaved(&self, caller: &Caller, new: NewTarget) -> Outcome<ProbeReport> {
        let settings = self.unsaved(caller, new).await?;
        self.runtime.probe_unsaved(settings).await
    }

    /// Checked settings of a target that is not saved.
    pub(crate) async fn unsaved(&self, caller: &Caller, new: NewTarget) -> Outcome<TargetSettings> {
        let id = TargetId::new();
        let checked = self.check(caller, id, &new, Vec::new()).await?;
        Ok(settings(
            id,
            &new.name,
            &new.plugin,
            new.pinned,
            checked.configuration,
            checked.secrets,
            granted(&checked.powers, &[]),
        ))
    }

    /// A secret in the clear, for a caller whose dialect lets them see it. Always audited.
    pub async fn reveal_secret(&self, caller: &Caller, id: TargetId, name: &str) -> Outcome<Option<SecretText>> {
        let target = self.catalogue.target(id).await?;
        let secret = self.secrets.open(id).await?.into_iter().find(|(found, _)| found == name).map(|(_, secret)| secret);
        self.audit.done(caller, "reveal", "target", &target.name, json!({ "number": target.number, "secret": name })).await?;
        Ok(secret)
    }

    /// Opens every target of the catalogue. None of them can keep the host from starting.
    pub(crate) async fn open_all(&self) -> Outcome<()> {
        let mut listing = Listing::first(PAGE);
        loop {
            let page = self.catalogue.targets(&listing).await?;
            for target in &page.items {
                if let Err(failure) = self.open(target).await {
                    tracing::error!(target = target.name, %failure, "a target cannot be opened");
                }
            }
            listing.offset += u64::from(PAGE);
            if listing.offset >= page.count {
                return Ok(());
            }
        }
    }

    /// After its grants or its configuration changed: what runs on the old ones is cut or drains.
    pub(crate) async fn reopen(&self, target: &Target) -> Outcome<()> {
        let settings = self.settings(target).await?;
        if self.runtime.connection(target.id).is_none() {
            self.runtime.open_target(settings);
            return Ok(());
        }
        match self.runtime.update_target(settings).await {
            Err(failure) if failure.code.as_deref() != Some(GRANTS_MISSING) => Err(failure),
            _ => Ok(()),
        }
    }

    async fn open(&self, target: &Target) -> Outcome<()> {
        let settings = self.settings(target).await?;
        self.runtime.open_target(settings);
        Ok(())
    }

    async fn settings(&self, target: &Target) -> Outcome<TargetSettings> {
        let grants = self.catalogue.grants_in_force(target.id).await?;
        let secrets = self.secrets.open(target.id).await?;
        let grants = grants.iter().map(Granted::from).collect();
        Ok(settings(
            target.id,
            &target.name,
            &target.plugin,
            target.pinned.clone(),
            target.configuration.clone(),
            secrets,
            grants,
        ))
    }

    /// Schema, grants and the plugin's own opinion, before anything is kept. `kept`: secrets that are set already.
    async fn check(&self, caller: &Caller, id: TargetId, new: &NewTarget, kept: Vec<(String, SecretText)>) -> Outcome<Checked> {
        let description = self.description(&new.plugin, new.pinned.as_deref())?;
        let mut configuration = new.configuration.clone();
        let mut given = schema::take_secrets(&description.configuration, &mut configuration)?;
        given = schema::merge_secrets(given, &new.secrets);
        let secrets = schema::merge_secrets(kept, &given);
        schema::check(&description.configuration, &configuration, &secrets)?;
        let powers = configured_powers(caller, &description, &configuration)?;
        let by_hand: Vec<GrantRecord> = match self.catalogue.grants_in_force(id).await {
            Ok(grants) => grants.into_iter().filter(|grant| grant.by != CONFIGURED).collect(),
            Err(failure) => return Err(failure),
        };
        let probe = settings(
            id,
            &new.name,
            &new.plugin,
            new.pinned.clone(),
            configuration.clone(),
            secrets.clone(),
            granted(&powers, &by_hand),
        );
        match self.runtime.check(&probe).await {
            Err(failure) if failure.code.as_deref() != Some(GRANTS_MISSING) => return Err(failure),
            _ => {}
        }
        Ok(Checked { configuration, secrets, powers })
    }

    /// Fails where no version of a plugin is active, with the command that installs one.
    pub fn served_by(&self, plugin: &str) -> Outcome<()> {
        self.description(plugin, None).map(|_| ())
    }

    fn description(&self, plugin: &str, pinned: Option<&str>) -> Outcome<Description> {
        let versions = self.runtime.versions(Some(plugin));
        let found = match pinned {
            Some(version) => versions.into_iter().find(|known| known.version == version),
            None => versions.into_iter().find(|known| known.state == capstan_domain::plugin::VersionState::Active),
        };
        found.and_then(|version| version.description).ok_or_else(|| {
            let what = pinned.map_or_else(|| format!("plugin {plugin}"), |version| format!("plugin {plugin} {version}"));
            Failure::invalid(format!("{what} is not installed"))
                .with_code("plugin")
                .with_next_step(format!("install it with: capstan plugin install {plugin}.wasm"))
        })
    }
}

/// Hosts and ports that the configuration names, if it is an administrator's.
fn configured_powers(caller: &Caller, description: &Description, configuration: &Value) -> Outcome<Vec<Power>> {
    if !caller.is_administrator() {
        return Ok(Vec::new());
    }
    let all = requested(&description.grants, configuration)?;
    let named = all.into_iter().filter(|one| one.configured && matches!(one.power, Power::Connect { .. }));
    Ok(named.map(|one| one.power).collect())
}

fn granted(powers: &[Power], by_hand: &[GrantRecord]) -> Vec<Granted> {
    let configured = powers.iter().map(|power| Granted { power: power.clone(), configured: true });
    configured.chain(by_hand.iter().map(Granted::from)).collect()
}

fn configured(caller: &Caller, power: Power) -> NewGrant {
    NewGrant {
        power,
        by: CONFIGURED.to_owned(),
        reason: Some(format!("configured by {} at {}", caller.name, Timestamp::now().millis())),
    }
}

fn settings(
    id: TargetId,
    name: &str,
    plugin: &str,
    pinned: Option<String>,
    configuration: Value,
    secrets: Vec<(String, SecretText)>,
    grants: Vec<Granted>,
) -> TargetSettings {
    TargetSettings { id, name: name.to_owned(), plugin: plugin.to_owned(), pinned, configuration, secrets, grants }
}

fn detail(target: &Target) -> Value {
    json!({ "number": target.number, "plugin": target.plugin, "pinned": target.pinned })
}
