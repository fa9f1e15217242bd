//! NAS servers and their shares.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::*;

use super::{Fake, job, queued};

fn nas(name: &str) -> Nas {
    Nas { id: 1, name: name.into(), host: "nas.example".into(), kind: NasProtocol::NfsV3, comment: None, price: None }
}

fn share(name: &str) -> NasShare {
    NasShare {
        id: 1,
        nas_id: Some(1),
        name: name.into(),
        path: Some("/export".into()),
        password: Some(CENSORED.into()),
        ..NasShare::default()
    }
}

#[async_trait]
impl NasServers for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<Nas>> {
        self.list(&listing, nas("one"))
    }
    async fn create(&self, _: &Caller, input: NasInput) -> Answer<Nas> {
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(nas(input.name.as_deref().unwrap_or_default()))
    }
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<Nas> {
        self.find("nas_id", at).map(|()| nas("one"))
    }
    async fn update(&self, _: &Caller, at: &Reference, input: NasInput) -> Answer<Nas> {
        self.find("nas_id", at)?;
        self.note(&input);
        Ok(nas("one"))
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("nas_id", at)
    }
}

#[async_trait]
impl NasShares for Fake {
    async fn index(&self, _: &Caller, of: SharesOf, listing: Listing) -> Answer<Page<NasShare>> {
        self.within_shares(&of)?;
        self.list(&listing, share("one"))
    }
    async fn create(&self, _: &Caller, at: &Reference, input: NasShareInput) -> Answer<NasShare> {
        self.find("nas_id", at)?;
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(share(input.name.as_deref().unwrap_or_default()))
    }
    async fn show(&self, _: &Caller, of: SharesOf, at: &Reference) -> Answer<NasShare> {
        self.within_shares(&of)?;
        self.find("nas_share_id", at).map(|()| share("one"))
    }
    async fn update(&self, _: &Caller, of: SharesOf, at: &Reference, input: NasShareInput) -> Answer<NasShare> {
        self.within_shares(&of)?;
        self.find("nas_share_id", at)?;
        self.note(&input);
        Ok(share("one"))
    }
    async fn destroy(&self, _: &Caller, of: SharesOf, at: &Reference) -> Answer<()> {
        self.within_shares(&of)?;
        self.find("nas_share_id", at)
    }
    async fn test(&self, _: &Caller, at: &Reference, input: NasShareInput) -> Answer<ActiveJob> {
        self.find("nas_id", at)?;
        self.note(&input);
        Ok(queued())
    }
    async fn test_result(&self, _: &Caller, at: &Reference, id: &str) -> Answer<ActiveJob> {
        self.find("nas_id", at)?;
        job(id)
    }
}
