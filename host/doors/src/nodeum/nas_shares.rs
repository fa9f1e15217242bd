//! NAS shares: targets of the plugins that speak to file servers, each with the one location that it is.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{
    ActiveJob, ActiveJobState, Answer, Code, Error, Listing, NasShare, NasShareInput, NasShares, Page, SharesOf,
};
use capstan_app::targets::TargetChange;
use capstan_domain::identity;
use capstan_domain::job::Work;
use capstan_domain::listing::{self, Operator};
use capstan_domain::location::Location;
use capstan_domain::pool::PoolRole;
use capstan_domain::target::{NewTarget, Target};
use serde_json::Value;

use super::failures::{error, missing};
use super::listing::{Column, Columns, filter, listing};
use super::nas::{protocol, target_name};
use super::protocols::NAS_PLUGINS;
use super::share_settings::{self, Spoken, share};
use super::{Door, attributes, jobs};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("name", Column::Is("name")),
    ("path", Column::Is("target/nodeum/path")),
    ("options", Column::Is("target/nodeum/options")),
    ("username", Column::Is("target/nodeum/username")),
    ("nas_id", Column::Is("server_number")),
    ("pool_id", Column::Is("pool_number")),
];

/// What an unsaved share is called that has no name.
const UNNAMED: &str = "share";

fn of_nas_plugins(mut asked: listing::Listing) -> listing::Listing {
    asked.filters.push(filter("plugin", Operator::In, NAS_PLUGINS.map(str::to_owned).to_vec()));
    asked
}

impl Door {
    /// The lists that these shares are among.
    async fn within(&self, of: &SharesOf, asked: listing::Listing) -> Answer<listing::Listing> {
        let asked = of_nas_plugins(asked);
        Ok(match of {
            SharesOf::All => asked,
            SharesOf::Nas(at) => asked.with("server_number", Operator::Equal, self.nas(at).await?.number),
            SharesOf::Pool(at) => asked.with("pool_number", Operator::Equal, self.pool(at).await?.number),
        })
    }

    /// By number, then by name; where several of a name are meant, the newest.
    pub(super) async fn share_of(&self, of: &SharesOf, at: &Reference) -> Answer<(Location, Target)> {
        let mut ways = Vec::with_capacity(2);
        if let Some(number) = at.number() {
            ways.push(("number", number.to_string()));
        }
        ways.push(("name", at.text().to_owned()));
        for (field, value) in ways {
            let mut asked = self.within(of, listing::Listing::first(1)).await?.with(field, Operator::Equal, value);
            asked.sort = vec![listing::Sort { field: "number".to_owned(), descending: true }];
            if let Some(location) = self.app.locations.list(asked).await.map_err(error)?.items.into_iter().next() {
                let target = self.app.targets.get(location.target).await.map_err(error)?;
                return Ok((location, target));
            }
        }
        Err(Error::not_found("nas_share_id", at.text()))
    }

    /// With the caller, who may make the call about it.
    async fn share_for(
        &self,
        caller: &Caller,
        verb: &str,
        of: &SharesOf,
        at: &Reference,
    ) -> Answer<(identity::Caller, Location, Target)> {
        let (location, target) = self.share_of(of, at).await?;
        let caller = self.caller_on(caller, ("nas_shares", verb), location.number).map_err(missing("nas_share_id", at.text()))?;
        Ok((caller, location, target))
    }

    async fn free_share(&self, nas: &Reference, name: &str, but: Option<i64>) -> Answer<()> {
        let asked = self.within(&SharesOf::Nas(nas.clone()), listing::Listing::first(2)).await?;
        let same = self.app.locations.list(asked.with("name", Operator::Equal, name)).await.map_err(error)?;
        match same.items.iter().any(|location| Some(location.number) != but) {
            true => Err(Error::attribute("name", Code::Taken)),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl NasShares for Door {
    async fn index(&self, caller: &Caller, of: SharesOf, given: Listing) -> Answer<Page<NasShare>> {
        let asked = self.caller(caller)?.narrowed("nas_shares", "index", listing(&given, COLUMNS)?);
        let asked = self.within(&of, asked).await?;
        let page = self.app.locations.list(asked).await.map_err(error)?;
        let mut items = Vec::with_capacity(page.items.len());
        for location in &page.items {
            let target = self.app.targets.get(location.target).await.map_err(error)?;
            items.push(share(location, &target));
        }
        Ok(Page { count: page.count, items })
    }

    async fn create(&self, caller: &Caller, nas: &Reference, mut input: NasShareInput) -> Answer<NasShare> {
        let caller = self.caller(caller)?;
        let server = self.nas(nas).await?;
        let plugin = self.nas_plugin(protocol(&server))?;
        let name = input.name.take().unwrap_or_default();
        self.free_share(nas, &name, None).await?;
        let spoken = Spoken { plugin, protocol: Some(protocol(&server)), host: &server.host };
        let settings = share_settings::settings(spoken, &name, input, None)?;
        let new = NewTarget {
            name: target_name(&server.name, &name),
            plugin: plugin.to_owned(),
            pinned: None,
            configuration: settings.configuration,
            attributes: attributes::write(&Value::Null, &settings.kept)?,
            secrets: settings.secrets,
            owner: Some(caller.user),
        };
        let target = self.app.servers.add(&caller, &server, new, &name).await.map_err(error)?;
        let asked = listing::Listing::first(1).with("target", Operator::Equal, target.id);
        let made = self.app.locations.list(asked).await.map_err(error)?.items.into_iter().next();
        made.map(|location| share(&location, &target)).ok_or_else(|| Error::not_found("nas_share_id", &name))
    }

    async fn show(&self, caller: &Caller, of: SharesOf, at: &Reference) -> Answer<NasShare> {
        let (_, location, target) = self.share_for(caller, "show", &of, at).await?;
        Ok(share(&location, &target))
    }

    async fn update(&self, caller: &Caller, of: SharesOf, at: &Reference, mut input: NasShareInput) -> Answer<NasShare> {
        let (caller, old, target) = self.share_for(caller, "update", &of, at).await?;
        let server = match target.server {
            Some(server) => Some(self.app.servers.get(server).await.map_err(error)?),
            None => None,
        };
        let name = input.name.take().filter(|name| *name != old.name);
        if let Some(name) = &name {
            if let Some(pool) = old.pool
                && self.app.pools.get(pool).await.map_err(error)?.role == PoolRole::Primary
            {
                let why = "The share is a folder of a primary pool, by its name; take it out of the pool to rename it";
                return Err(Error::because("name", Code::Frozen, why));
            }
            if let Some(server) = &server {
                let nas = Reference::try_from(server.number.to_string()).map_err(|_| Error::attribute("name", Code::Invalid))?;
                self.free_share(&nas, name, Some(old.number)).await?;
            }
        }
        let host = server.as_ref().map_or_else(
            || target.configuration.get("host").and_then(Value::as_str).unwrap_or_default().to_owned(),
            |server| server.host.clone(),
        );
        let shown = name.clone().unwrap_or_else(|| old.name.clone());
        let spoken = Spoken { plugin: &target.plugin, protocol: server.as_ref().map(protocol), host: &host };
        let settings = share_settings::settings(spoken, &shown, input, Some(&target))?;
        let change = TargetChange {
            name: server.as_ref().map(|server| target_name(&server.name, &shown)),
            configuration: Some(settings.configuration),
            attributes: Some(attributes::write(&target.attributes, &settings.kept)?),
            secrets: settings.secrets,
            location: name.map(|name| (old.id, name)),
            ..TargetChange::default()
        };
        let target = self.app.targets.update(&caller, target.id, change).await.map_err(error)?;
        let location = self.app.locations.get(old.id).await.map_err(error)?;
        Ok(share(&location, &target))
    }

    async fn destroy(&self, caller: &Caller, of: SharesOf, at: &Reference) -> Answer<()> {
        let (caller, _, target) = self.share_for(caller, "destroy", &of, at).await?;
        self.app.targets.delete(&caller, target.id).await.map_err(error)
    }

    async fn test(&self, caller: &Caller, nas: &Reference, mut input: NasShareInput) -> Answer<ActiveJob> {
        let caller = self.caller(caller)?;
        let server = self.nas(nas).await?;
        let plugin = self.nas_plugin(protocol(&server))?;
        let name = input.name.take().unwrap_or_else(|| UNNAMED.to_owned());
        let spoken = Spoken { plugin, protocol: Some(protocol(&server)), host: &server.host };
        let settings = share_settings::settings(spoken, &name, input, None)?;
        let new = NewTarget {
            name: target_name(&server.name, &name),
            plugin: plugin.to_owned(),
            pinned: None,
            configuration: settings.configuration,
            attributes: Value::Null,
            secrets: settings.secrets,
            owner: Some(caller.user),
        };
        let job = self.app.jobs.probe_unsaved(&caller, new).await.map_err(error)?;
        Ok(jobs::request(&job, ActiveJobState::Queued))
    }

    async fn test_result(&self, _: &Caller, nas: &Reference, job: &str) -> Answer<ActiveJob> {
        self.nas(nas).await?;
        let of_nas = |plugin: &String| NAS_PLUGINS.contains(&plugin.as_str());
        let job = self.job(job, |job| matches!(&job.work, Work::Probe { plugin } if of_nas(plugin))).await?;
        Ok(jobs::active(&job))
    }
}
