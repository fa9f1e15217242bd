//! `capstan:target/target`: the target itself.

use std::sync::Arc;

use async_trait::async_trait;
use capstan_bindings::latest::target;
use capstan_domain::Outcome;
use capstan_domain::plugin::Facet;
use capstan_domain::ports::{Connection, Consumption, Drives, Files, Media, NamedValues, Objects, ProbeReport, Uploads};

use super::Handle;

impl Handle {
    fn has(&self, facet: Facet) -> bool {
        self.slot.current().is_ok_and(|incarnation| incarnation.prepared.has(facet))
    }
}

#[async_trait]
impl Connection for Handle {
    async fn probe(&self) -> Outcome<ProbeReport> {
        let probed = self.ask::<target::Probe, _>(()).await;
        self.slot.reach().probed(&probed);
        Ok(probed?.into())
    }

    async fn usage(&self, location: Option<&str>) -> Outcome<Consumption> {
        Ok(self.ask::<target::Usage, _>((location.map(str::to_owned),)).await?.into())
    }

    fn capabilities(&self) -> NamedValues {
        self.slot.current().map(|incarnation| incarnation.prepared.description.capabilities.clone()).unwrap_or_default()
    }

    fn objects(&self) -> Option<Arc<dyn Objects>> {
        self.has(Facet::Objects).then(|| Arc::new(self.clone()) as Arc<dyn Objects>)
    }

    fn uploads(&self) -> Option<Arc<dyn Uploads>> {
        self.has(Facet::Uploads).then(|| Arc::new(self.clone()) as Arc<dyn Uploads>)
    }

    fn files(&self) -> Option<Arc<dyn Files>> {
        // Files on a cartridge wait until it was fetched, threaded and wound.
        let handle = || if self.has(Facet::Media) { self.patient() } else { self.clone() };
        self.has(Facet::Files).then(|| Arc::new(handle()) as Arc<dyn Files>)
    }

    fn drives(&self) -> Option<Arc<dyn Drives>> {
        self.has(Facet::Drives).then(|| Arc::new(self.clone()) as Arc<dyn Drives>)
    }

    fn media(&self) -> Option<Arc<dyn Media>> {
        self.has(Facet::Media).then(|| Arc::new(self.patient()) as Arc<dyn Media>)
    }
}
