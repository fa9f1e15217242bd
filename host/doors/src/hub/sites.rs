//! Sites.

use std::collections::HashMap;

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub as api;
use capstan_api_hub::{
    Answer, HealthState, Link, NodeHealth, Page, SettingChange, SiteHealth, SiteInput, SiteSetting, Sites, SpaceOfSite, Window,
};
use capstan_app::sites::{SiteEdit, settings_of};
use capstan_domain::identity;
use capstan_domain::ids::Number;
use capstan_domain::listing::Listing;
use capstan_domain::node::Node;
use capstan_domain::site::{Site, SiteCounts};
use capstan_domain::time::Timestamp;

use super::Door;
use super::failures::{Fields, error, missing, missing_or, wrong_field};
use super::listing::window;
use super::site_attributes::{USUAL_COLOUR, kept, laid, settings};

/// Codes of the host, and the fields that they point at.
const FIELDS: Fields = &[("taken", "name"), ("name", "name"), ("blank", "name"), ("too-long", "name"), ("spaces", "spaces")];

/// Counts are integers of 64 bits with a sign on the wire.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// None of a site's nodes: its work waits.
pub(super) fn health(site: String, nodes: Vec<Node>, now: Timestamp) -> SiteHealth {
    let told: Vec<NodeHealth> = nodes
        .into_iter()
        .map(|node| {
            let online = node.is_online(now);
            NodeHealth { name: node.name, health: if online { HealthState::Ok } else { HealthState::Critical }, online }
        })
        .collect();
    let health = match told.iter().filter(|node| node.online).count() {
        0 => HealthState::Critical,
        online if online < told.len() => HealthState::Warning,
        _ => HealthState::Ok,
    };
    SiteHealth { site, health, nodes: told }
}

impl Door {
    async fn shown_site(&self, caller: &identity::Caller, site: Site, counts: &HashMap<Number, SiteCounts>) -> Answer<api::Site> {
        let spaces = self.app.sites.spaces(site.number).await.map_err(error)?;
        let spaces = spaces.into_iter().filter(|space| caller.may_on("spaces", "show", space.space.number));
        let spaces = spaces.map(|space| SpaceOfSite {
            id: space.space.number,
            url: Link::to(api::Noun::Space, space.space.number),
            name: space.space.name,
        });
        let counts = counts.get(&site.number).copied().unwrap_or_default();
        let kept = kept(&site);
        Ok(api::Site {
            id: site.number,
            url: Link::to(api::Noun::Site, site.number),
            editable: caller.may_on("sites", "update", site.number),
            label: Some(site.label),
            shortcode: kept.shortcode,
            kind: kept.kind,
            timezone: kept.timezone,
            color: kept.color.unwrap_or_else(|| USUAL_COLOUR.map(i64::from).to_vec()),
            public_url: site.settings.public_url,
            spaces: spaces.collect(),
            am_i_configured: kept.am_i_configured,
            ready_to_configure: kept.ready_to_configure,
            bandwidth: site.settings.bandwidth.map(signed),
            directories_count: counts.directories,
            files_count: counts.files,
            files_hydrated_count: counts.hydrated(),
            files_stubbed_count: counts.stubbed,
            include: site.settings.include,
            exclude: site.settings.exclude,
            enable_auto_file_batch_sizing: site.settings.automatic_batches,
            file_batch_size: signed(site.settings.file_batch_size),
            file_batch_gb: signed(site.settings.file_batch_gb),
            lock_threshold: signed(site.settings.lock_threshold),
            gpfs_iscan_buckets: kept.gpfs_iscan_buckets,
            gpfs_iscan_threads: kept.gpfs_iscan_threads,
            elasticsearch_url: kept.elasticsearch_url,
            pixstor_search_url: kept.pixstor_search_url,
            name: site.name,
        })
    }

    async fn one_site(&self, caller: &identity::Caller, site: Site) -> Answer<api::Site> {
        let counts = self.app.sites.counts().await.map_err(error)?;
        self.shown_site(caller, site, &counts).await
    }
}

#[async_trait]
impl Sites for Door {
    async fn list(&self, caller: &Caller, asked: Window) -> Answer<Page<api::Site>> {
        let caller = self.caller(caller)?;
        let filters = caller.narrowed("sites", "index", Listing::first(0));
        let found = window(asked, filters, |listing| self.app.sites.list(listing)).await?;
        let counts = self.app.sites.counts().await.map_err(error)?;
        let mut items = Vec::with_capacity(found.items.len());
        for site in found.items {
            items.push(self.shown_site(&caller, site, &counts).await?);
        }
        Ok(Page { count: found.count, items })
    }

    async fn create(&self, caller: &Caller, input: SiteInput) -> Answer<api::Site> {
        let caller = self.caller(caller)?;
        let edit = SiteEdit {
            attributes: Some(laid(&input, None)?),
            settings: Some(settings(&input, None)),
            name: input.name,
            label: input.label.value(),
            spaces: input.spaces,
        };
        let site = self.app.sites.create(&caller, edit).await.map_err(wrong_field(FIELDS))?;
        self.one_site(&caller, site).await
    }

    async fn show(&self, caller: &Caller, site: i64) -> Answer<api::Site> {
        let caller = self.caller_on(caller, ("sites", "show"), site)?;
        let site = self.app.sites.get(site).await.map_err(missing("site"))?;
        self.one_site(&caller, site).await
    }

    async fn update(&self, caller: &Caller, site: i64, input: SiteInput) -> Answer<api::Site> {
        let caller = self.caller_on(caller, ("sites", "update"), site)?;
        let old = self.app.sites.get(site).await.map_err(missing("site"))?;
        let edit = SiteEdit {
            attributes: Some(laid(&input, Some(&old))?),
            settings: Some(settings(&input, Some(&old))),
            label: input.label.change().map(|label| label.unwrap_or_else(|| input.name.clone().unwrap_or(old.name))),
            name: input.name,
            spaces: input.spaces,
        };
        let site = self.app.sites.update(&caller, site, edit).await.map_err(missing_or("site", FIELDS))?;
        self.one_site(&caller, site).await
    }

    async fn delete(&self, caller: &Caller, site: i64) -> Answer<()> {
        let caller = self.caller_on(caller, ("sites", "destroy"), site)?;
        self.app.sites.delete(&caller, site).await.map_err(missing("site"))
    }

    async fn health(&self, caller: &Caller, site: i64) -> Answer<SiteHealth> {
        self.caller_on(caller, ("sites", "show"), site)?;
        let site = self.app.sites.get(site).await.map_err(missing("site"))?;
        let nodes = self.app.sites.nodes(site.number).await.map_err(error)?;
        Ok(health(site.name, nodes, Timestamp::now()))
    }

    /// The counts are kept as files come and go: reading them is the whole of it.
    async fn refresh(&self, caller: &Caller, site: i64) -> Answer<api::Site> {
        let caller = self.caller_on(caller, ("sites", "refresh"), site)?;
        let site = self.app.sites.get(site).await.map_err(missing("site"))?;
        self.one_site(&caller, site).await
    }

    async fn settings(&self, caller: &Caller, site: i64) -> Answer<Vec<SiteSetting>> {
        self.caller_on(caller, ("sites", "show"), site)?;
        let site = self.app.sites.get(site).await.map_err(missing("site"))?;
        let settings = (1..).zip(settings_of(&site));
        Ok(settings.map(|(id, (key, value))| SiteSetting { id, key, value, desc: String::new() }).collect())
    }

    async fn change_settings(&self, caller: &Caller, site: i64, changes: Vec<SettingChange>) -> Answer<String> {
        let caller = self.caller_on(caller, ("sites", "update"), site)?;
        let changes = changes.into_iter().map(|change| (change.key, change.value)).collect();
        let task = self.app.sites.change_settings(&caller, site, changes).await.map_err(missing_or("site", SETTINGS_FIELDS))?;
        Ok(task.id.to_string())
    }

    async fn refresh_settings(&self, caller: &Caller, site: i64) -> Answer<String> {
        let caller = self.caller_on(caller, ("sites", "refresh"), site)?;
        let task = self.app.sites.refresh_settings(&caller, site).await.map_err(missing("site"))?;
        Ok(task.id.to_string())
    }
}

const SETTINGS_FIELDS: Fields = &[("too-many", "values"), ("too-long", "values")];
