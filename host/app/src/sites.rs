//! Sites: hosts, or groups of them, that work on the same spaces, with the nodes that work there.

use std::collections::HashMap;

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{Number, SpaceId};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::node::Node;
use capstan_domain::site::{NewSite, Site, SiteCounts, SiteSettings};
use capstan_domain::space_profile::ManagedSpace;
use capstan_domain::workflow::Task;
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::{Map, Value, json};

use crate::audit::Audit;
use crate::ownership::check_attributes;

/// What the site is called that a host makes on its first start.
const DEFAULT_SITE: &str = "default";
/// Characters of a site's name.
const NAME_MAX: usize = 255;
/// Nodes of one site that are looked at, and spaces; the catalogue's own bound on a window.
const PARTS_MAX: u32 = capstan_catalogue::WINDOW;
/// Keys that one site has settings under.
const KEYS_MAX: usize = 1_000;

#[derive(Clone)]
pub struct Sites {
    catalogue: Catalogue,
    audit: Audit,
}

/// What is `None` stays as it is, or has its default in a new site.
#[derive(Clone, Debug, Default)]
pub struct SiteEdit {
    pub name: Option<String>,
    pub label: Option<String>,
    pub settings: Option<SiteSettings>,
    pub attributes: Option<Value>,
    /// Names of the spaces that are on it from then on.
    pub spaces: Option<Vec<String>>,
}

impl Sites {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit) -> Self {
        Self { catalogue, audit }
    }

    /// The site that this host works for: the default one, which is there from the first start on, or another by name.
    pub(crate) async fn own(&self, name: &str) -> Outcome<Site> {
        let new = NewSite {
            name: DEFAULT_SITE.to_owned(),
            label: DEFAULT_SITE.to_owned(),
            settings: SiteSettings::default(),
            attributes: json!({}),
        };
        let default = self.catalogue.default_site(&new).await?;
        if name.is_empty() {
            return Ok(default);
        }
        self.catalogue
            .site(name)
            .await
            .map_err(|failure| failure.with_next_step("Make the site first, or correct `[site] name`."))
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<Site>> {
        self.catalogue.sites(&listing).await
    }

    pub async fn get(&self, number: Number) -> Outcome<Site> {
        self.catalogue.site(number).await
    }

    /// By name only: a name may be digits.
    pub async fn named(&self, name: &str) -> Outcome<Site> {
        let found = self.catalogue.sites(&Listing::first(1).with("name", Operator::Equal, name)).await?;
        found
            .items
            .into_iter()
            .next()
            .ok_or_else(|| Failure::not_found(format!("there is no site {name}")).with_code("not-found"))
    }

    /// What lies in the spaces of each site, by its number.
    pub async fn counts(&self) -> Outcome<HashMap<Number, SiteCounts>> {
        Ok(self.catalogue.site_counts().await?.into_iter().collect())
    }

    pub async fn nodes(&self, site: Number) -> Outcome<Vec<Node>> {
        let listing = Listing::first(PARTS_MAX).with("site_number", Operator::Equal, site);
        Ok(self.catalogue.nodes(&listing).await?.items)
    }

    /// The spaces that are on a site.
    pub async fn spaces(&self, site: Number) -> Outcome<Vec<ManagedSpace>> {
        let listing = Listing::first(PARTS_MAX).with("site_number", Operator::Equal, site);
        Ok(self.catalogue.managed_spaces(&listing).await?.items)
    }

    pub async fn create(&self, caller: &Caller, edit: SiteEdit) -> Outcome<Site> {
        let name = edit.name.unwrap_or_default();
        check_name(&name)?;
        let attributes = edit.attributes.unwrap_or_else(|| json!({}));
        check_attributes(&attributes)?;
        let spaces = self.named_spaces(edit.spaces.as_deref().unwrap_or_default()).await?;
        let new = NewSite {
            label: edit.label.unwrap_or_else(|| name.clone()),
            name,
            settings: edit.settings.unwrap_or_default(),
            attributes,
        };
        let site = self.catalogue.create_site(&new).await?;
        self.place(site.number, &spaces).await?;
        self.audit.done(caller, "create", "site", &site.name, json!({ "number": site.number })).await?;
        Ok(site)
    }

    pub async fn update(&self, caller: &Caller, number: Number, edit: SiteEdit) -> Outcome<Site> {
        let mut site = self.catalogue.site(number).await?;
        if let Some(name) = edit.name {
            check_name(&name)?;
            site.name = name;
        }
        site.label = edit.label.unwrap_or(site.label);
        site.settings = edit.settings.unwrap_or(site.settings);
        site.attributes = edit.attributes.unwrap_or(site.attributes);
        check_attributes(&site.attributes)?;
        let moved = match edit.spaces {
            Some(names) => {
                let stay = self.named_spaces(&names).await?;
                let leaving = self.leaving(site.number, &stay).await?;
                Some((stay, leaving))
            }
            None => None,
        };
        let site = self.catalogue.update_site(&site).await?;
        if let Some((stay, leaving)) = moved {
            for space in leaving {
                let sites: Vec<Number> = space.sites.iter().copied().filter(|other| *other != site.number).collect();
                self.catalogue.set_space_profile(space.space.id, &space.profile, Some(&sites)).await?;
            }
            self.place(site.number, &stay).await?;
        }
        self.audit.done(caller, "update", "site", &site.name, json!({ "number": site.number })).await?;
        Ok(site)
    }

    pub async fn delete(&self, caller: &Caller, number: Number) -> Outcome<()> {
        let site = self.catalogue.site(number).await?;
        self.catalogue.delete_site(site.id).await?;
        self.audit.done(caller, "delete", "site", &site.name, json!({ "number": site.number })).await
    }

    /// Values by key; null removes one. The workers of a site read them from the catalogue, so they are there when this answers: the
    /// task that says so has ended.
    pub async fn change_settings(&self, caller: &Caller, number: Number, changes: Vec<(String, Value)>) -> Outcome<Task> {
        let mut site = self.catalogue.site(number).await?;
        let mut values = settings_of(&site);
        let mut keys = Vec::with_capacity(changes.len());
        for (key, value) in changes {
            keys.push(key.clone());
            if value.is_null() {
                values.remove(&key);
            } else {
                values.insert(key, value);
            }
        }
        if values.len() > KEYS_MAX {
            return Err(Failure::invalid(format!("a site has at most {KEYS_MAX} settings")).with_code("too-many"));
        }
        match &mut site.attributes {
            Value::Object(attributes) => drop(attributes.insert(SETTINGS.to_owned(), Value::Object(values))),
            other => *other = json!({ SETTINGS: values }),
        }
        check_attributes(&site.attributes)?;
        let task = self.catalogue.settle_site(&site, "push_settings", &json!({ "keys": keys })).await?;
        self.audit.done(caller, "set", "site", &site.name, json!({ "number": site.number, "keys": keys })).await?;
        Ok(task)
    }

    /// There is one copy of them, the catalogue's: reading it is the whole of the task.
    pub async fn refresh_settings(&self, caller: &Caller, number: Number) -> Outcome<Task> {
        let site = self.catalogue.site(number).await?;
        let task = self.catalogue.settle_site(&site, "read_settings", &json!({})).await?;
        self.audit.done(caller, "refresh", "site", &site.name, json!({ "number": site.number })).await?;
        Ok(task)
    }

    async fn named_spaces(&self, names: &[String]) -> Outcome<Vec<ManagedSpace>> {
        let mut spaces = Vec::with_capacity(names.len());
        for name in names {
            let found = self.catalogue.managed_spaces(&Listing::first(1).with("name", Operator::Equal, name)).await?;
            let missing = || Failure::invalid(format!("there is no space {name}")).with_code("spaces");
            spaces.push(found.items.into_iter().next().ok_or_else(missing)?);
        }
        Ok(spaces)
    }

    async fn place(&self, site: Number, spaces: &[ManagedSpace]) -> Outcome<()> {
        for space in spaces.iter().filter(|space| !space.sites.contains(&site)) {
            let sites: Vec<Number> = space.sites.iter().copied().chain([site]).collect();
            self.catalogue.set_space_profile(space.space.id, &space.profile, Some(&sites)).await?;
        }
        Ok(())
    }

    /// Those that are on a site and do not stay; each of them is on another one too.
    async fn leaving(&self, site: Number, stay: &[ManagedSpace]) -> Outcome<Vec<ManagedSpace>> {
        let stay: Vec<SpaceId> = stay.iter().map(|space| space.space.id).collect();
        let leaving: Vec<ManagedSpace> =
            self.spaces(site).await?.into_iter().filter(|space| !stay.contains(&space.space.id)).collect();
        match leaving.iter().find(|space| space.sites.as_slice() == [site]) {
            Some(only) => {
                let message = format!("the space {} is on no other site", only.space.name);
                Err(Failure::new(Kind::Conflict, message).with_code("spaces").with_next_step("put it on another one first"))
            }
            None => Ok(leaving),
        }
    }
}

/// The member of a site's attributes that holds its settings.
const SETTINGS: &str = "settings";

/// Values by key, ordered.
pub fn settings_of(site: &Site) -> Map<String, Value> {
    site.attributes.get(SETTINGS).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Letters, digits, "-" and "_": it stands in the command line of a worker.
fn check_name(name: &str) -> Outcome<()> {
    if name.is_empty() {
        return Err(Failure::invalid("a name cannot be empty").with_code("blank"));
    }
    if name.len() > NAME_MAX {
        return Err(Failure::invalid(format!("a name has at most {NAME_MAX} characters")).with_code("too-long"));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Err(Failure::invalid("a site has letters, digits, '-' and '_' in its name").with_code("name"));
    }
    Ok(())
}
