//! Health: the host's own, and that of its sites.

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub::{Answer, Health, HealthState, HubHealth, HubStatus, NodeHealth, SiteHealth};
use capstan_app::health::{self, State};

use super::Door;
use super::failures::error;

fn state(state: State) -> HealthState {
    match state {
        State::Well => HealthState::Ok,
        State::Ailing => HealthState::Warning,
        State::Down => HealthState::Critical,
    }
}

fn site(site: health::SiteHealth) -> SiteHealth {
    let node = |(name, online): (String, bool)| NodeHealth {
        name,
        health: if online { HealthState::Ok } else { HealthState::Critical },
        online,
    };
    SiteHealth { site: site.site, health: state(site.state), nodes: site.nodes.into_iter().map(node).collect() }
}

#[async_trait]
impl Health for Door {
    /// A host that answers this has its catalogue: it is well, and all else is its sites.
    async fn show(&self, caller: &Caller) -> Answer<HubHealth> {
        let sites = self.app.health.sites(&self.caller(caller)?).await.map_err(error)?;
        let site_status: Vec<SiteHealth> = sites.into_iter().map(site).collect();
        let worst = site_status.iter().map(|site| site.health).max().unwrap_or(HealthState::Ok);
        Ok(HubHealth { overall_health: worst, hub_status: HubStatus { health: HealthState::Ok }, site_status })
    }
}
