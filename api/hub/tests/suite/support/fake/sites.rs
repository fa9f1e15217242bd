//! Site 1 and its health of the fake host.

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub::*;
use serde_json::json;

use super::Fake;

fn site() -> Site {
    Site {
        id: 1,
        url: Link::to(Noun::Site, 1),
        name: "one".into(),
        label: None,
        shortcode: None,
        kind: None,
        timezone: Some("UTC".into()),
        color: vec![1, 2, 3],
        public_url: None,
        spaces: vec![SpaceOfSite { id: 1, url: Link::to(Noun::Space, 1), name: "one".into() }],
        editable: true,
        am_i_configured: true,
        ready_to_configure: true,
        bandwidth: None,
        directories_count: 0,
        files_count: 0,
        files_hydrated_count: 0,
        files_stubbed_count: 0,
        include: Vec::new(),
        exclude: Vec::new(),
        enable_auto_file_batch_sizing: true,
        file_batch_size: 1,
        file_batch_gb: 1,
        lock_threshold: 0,
        gpfs_iscan_buckets: None,
        gpfs_iscan_threads: None,
        elasticsearch_url: None,
        pixstor_search_url: None,
    }
}

fn health() -> SiteHealth {
    let node = NodeHealth { name: "n1".into(), health: HealthState::Ok, online: true };
    SiteHealth { site: "one".into(), health: HealthState::Ok, nodes: vec![node] }
}

#[async_trait]
impl Sites for Fake {
    async fn list(&self, _: &Caller, window: Window) -> Answer<Page<Site>> {
        self.page((), window, site())
    }

    async fn create(&self, _: &Caller, input: SiteInput) -> Answer<Site> {
        self.note(&input);
        self.free(input.name.as_deref()).map(|()| site())
    }

    async fn show(&self, _: &Caller, id: i64) -> Answer<Site> {
        self.find("site", id).map(|()| site())
    }

    async fn update(&self, _: &Caller, id: i64, input: SiteInput) -> Answer<Site> {
        self.find("site", id)?;
        self.note(&input);
        Ok(site())
    }

    async fn delete(&self, _: &Caller, id: i64) -> Answer<()> {
        self.find("site", id)
    }

    async fn health(&self, _: &Caller, id: i64) -> Answer<SiteHealth> {
        self.find("site", id).map(|()| health())
    }

    async fn refresh(&self, _: &Caller, id: i64) -> Answer<Site> {
        self.find("site", id).map(|()| site())
    }

    async fn settings(&self, _: &Caller, id: i64) -> Answer<Vec<SiteSetting>> {
        self.find("site", id)?;
        Ok(vec![SiteSetting { id: 1, key: "samba:realm".into(), value: json!("EXAMPLE"), desc: "Realm".into() }])
    }

    async fn change_settings(&self, _: &Caller, id: i64, changes: Vec<SettingChange>) -> Answer<String> {
        self.find("site", id)?;
        self.note(&changes);
        Ok("t1".into())
    }

    async fn refresh_settings(&self, _: &Caller, id: i64) -> Answer<String> {
        self.find("site", id).map(|()| "t1".into())
    }
}

#[async_trait]
impl Health for Fake {
    async fn show(&self, _: &Caller) -> Answer<HubHealth> {
        let hub_status = HubStatus { health: HealthState::Ok };
        Ok(HubHealth { overall_health: HealthState::Ok, hub_status, site_status: vec![health()] })
    }
}
