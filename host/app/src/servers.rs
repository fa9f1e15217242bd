//! Servers: machines, such as NAS, whose shares are targets. What is changed here is changed for all of them.
//!
//! A change is judged for every target before any is touched. Dying among them leaves some changed and the server's own row as it
//! was: the same change made again ends it. Deleting is alike: targets first, the server last.

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{ServerId, TargetId};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::ports::LocationInfo;
use capstan_domain::server::{NewServer, Server};
use capstan_domain::target::{NewTarget, Target};
use capstan_domain::{Failure, Outcome};
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::pools::check_name;
use crate::targets::{TargetChange, Targets};

/// Targets of one server; more are refused.
const TARGETS_MAX: u32 = 1_000;

#[derive(Clone)]
pub struct Servers {
    catalogue: Catalogue,
    audit: Audit,
    targets: Targets,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ServerChange {
    pub name: Option<String>,
    pub host: Option<String>,
    pub protocol: Option<String>,
    pub attributes: Option<Value>,
    /// What it comes to for its targets.
    pub targets: Vec<(TargetId, TargetChange)>,
}

impl Servers {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, targets: Targets) -> Self {
        Self { catalogue, audit, targets }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<Server>> {
        self.catalogue.servers(&listing).await
    }

    pub async fn find(&self, reference: &str) -> Outcome<Server> {
        self.catalogue.server(reference).await
    }

    pub async fn get(&self, id: ServerId) -> Outcome<Server> {
        self.catalogue.server(id).await
    }

    /// All of its targets, by number.
    pub async fn targets_of(&self, id: ServerId) -> Outcome<Vec<Target>> {
        let listing = Listing::first(TARGETS_MAX).with("server", Operator::Equal, id);
        Ok(self.catalogue.targets(&listing).await?.items)
    }

    pub async fn create(&self, caller: &Caller, new: NewServer) -> Outcome<Server> {
        check_name(&new.name)?;
        let server = self.catalogue.create_server(&new).await?;
        self.audit.done(caller, "create", "server", &server.name, detail(&server)).await?;
        Ok(server)
    }

    /// A target of the server with the one location that its configuration names, which need not be reached for it.
    pub async fn add(&self, caller: &Caller, server: &Server, new: NewTarget, location: &str) -> Outcome<Target> {
        check_name(location)?;
        if self.targets_of(server.id).await?.len() >= TARGETS_MAX as usize {
            return Err(
                Failure::invalid(format!("{} has {TARGETS_MAX} shares; no more are kept", server.name)).with_code("too-many")
            );
        }
        let location = LocationInfo { name: location.to_owned(), created: None, extras: Vec::new() };
        self.targets.create_with(caller, new, Some(server.id), vec![location]).await
    }

    pub async fn update(&self, caller: &Caller, id: ServerId, change: ServerChange) -> Outcome<Server> {
        let mut server = self.catalogue.server(id).await?;
        if let Some(name) = change.name {
            check_name(&name)?;
            server.name = name;
        }
        server.host = change.host.unwrap_or(server.host);
        server.protocol = change.protocol.unwrap_or(server.protocol);
        server.attributes = change.attributes.unwrap_or(server.attributes);
        for (target, change) in &change.targets {
            self.targets.judge(caller, *target, change.clone()).await?;
        }
        for (target, change) in change.targets {
            self.targets.update(caller, target, change).await?;
        }
        let server = self.catalogue.update_server(&server).await?;
        self.audit.done(caller, "update", "server", &server.name, detail(&server)).await?;
        Ok(server)
    }

    /// With its targets; none of them goes if one is in use.
    pub async fn delete(&self, caller: &Caller, id: ServerId) -> Outcome<()> {
        let server = self.catalogue.server(id).await?;
        let targets = self.targets_of(id).await?;
        for target in &targets {
            self.targets.unused(target).await?;
        }
        for target in targets {
            self.targets.delete(caller, target.id).await?;
        }
        self.catalogue.delete_server(id).await?;
        self.audit.done(caller, "delete", "server", &server.name, detail(&server)).await
    }
}

fn detail(server: &Server) -> Value {
    json!({ "number": server.number, "host": server.host, "protocol": server.protocol })
}
