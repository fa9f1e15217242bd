//! Pools: locations used as one.

use std::collections::HashSet;

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{LocationId, Number, PoolId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::location::Location;
use capstan_domain::pool::{NewPool, Pool, PoolContent, PoolRole};
use capstan_domain::{Failure, Outcome};
use serde_json::{Value, json};

use crate::audit::Audit;

/// Locations of one pool; more are refused.
const MEMBERS_MAX: usize = 10_000;

#[derive(Clone)]
pub struct Pools {
    catalogue: Catalogue,
    audit: Audit,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct PoolChange {
    pub name: Option<String>,
    pub comment: Option<Option<String>>,
    pub content: Option<PoolContent>,
    pub role: Option<PoolRole>,
    pub protects_full: Option<bool>,
    pub attributes: Option<Value>,
    /// Exactly these from then on.
    pub locations: Option<Vec<Number>>,
}

impl Pools {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit) -> Self {
        Self { catalogue, audit }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<Pool>> {
        self.catalogue.pools(&listing).await
    }

    pub async fn find(&self, reference: &str) -> Outcome<Pool> {
        self.catalogue.pool(reference).await
    }

    pub async fn get(&self, id: PoolId) -> Outcome<Pool> {
        self.catalogue.pool(id).await
    }

    /// Its locations, by number.
    pub async fn members(&self, id: PoolId) -> Outcome<Vec<Location>> {
        self.catalogue.members(id).await
    }

    pub async fn create(&self, caller: &Caller, new: NewPool, locations: Vec<Number>) -> Outcome<Pool> {
        check_name(&new.name)?;
        let members = self.resolve(locations, None).await?;
        self.told_apart(new.role, &members).await?;
        let pool = self.catalogue.create_pool(&new, &members).await?;
        self.audit
            .done(caller, "create", "pool", &pool.name, json!({ "number": pool.number, "locations": members.len() }))
            .await?;
        Ok(pool)
    }

    pub async fn update(&self, caller: &Caller, id: PoolId, change: PoolChange) -> Outcome<Pool> {
        let mut pool = self.catalogue.pool(id).await?;
        if let Some(name) = change.name {
            check_name(&name)?;
            pool.name = name;
        }
        if let Some(comment) = change.comment {
            pool.comment = comment;
        }
        pool.content = change.content.unwrap_or(pool.content);
        pool.role = change.role.unwrap_or(pool.role);
        pool.protects_full = change.protects_full.unwrap_or(pool.protects_full);
        pool.attributes = change.attributes.unwrap_or(pool.attributes);
        let members = match change.locations {
            None => None,
            Some(locations) => Some(self.resolve(locations, Some(id)).await?),
        };
        if pool.role == PoolRole::Primary && (members.is_some() || change.role.is_some()) {
            let all = match &members {
                Some(members) => members.clone(),
                None => self.catalogue.members(id).await?.into_iter().map(|member| member.id).collect(),
            };
            self.told_apart(pool.role, &all).await?;
        }
        let pool = self.catalogue.update_pool(&pool, members.as_deref()).await?;
        self.audit
            .done(
                caller,
                "update",
                "pool",
                &pool.name,
                json!({ "number": pool.number, "locations": members.map(|all| all.len()) }),
            )
            .await?;
        Ok(pool)
    }

    pub async fn delete(&self, caller: &Caller, id: PoolId) -> Outcome<()> {
        let pool = self.catalogue.pool(id).await?;
        self.catalogue.delete_pool(id).await?;
        self.audit.done(caller, "delete", "pool", &pool.name, json!({ "number": pool.number })).await
    }

    /// A primary pool shows each location as a folder of its name, so no two may have the same.
    async fn told_apart(&self, role: PoolRole, members: &[LocationId]) -> Outcome<()> {
        if role != PoolRole::Primary {
            return Ok(());
        }
        let mut names = HashSet::with_capacity(members.len());
        for member in members {
            let location = self.catalogue.location(*member).await?;
            if !names.insert(location.name.clone()) {
                let message =
                    format!("two of the locations are called {}, and a primary pool shows each by its name", location.name);
                return Err(Failure::invalid(message).with_code("locations").with_next_step("rename one, or use two pools"));
            }
        }
        Ok(())
    }

    /// Numbers to ids; each has to exist and to be free, or in this pool already.
    async fn resolve(&self, locations: Vec<Number>, pool: Option<PoolId>) -> Outcome<Vec<LocationId>> {
        if locations.len() > MEMBERS_MAX {
            return Err(Failure::invalid(format!("a pool has at most {MEMBERS_MAX} locations")).with_code("locations"));
        }
        let mut members = Vec::with_capacity(locations.len());
        for number in locations {
            let location = self.catalogue.location(number).await.map_err(|failure| match failure.kind {
                capstan_domain::Kind::NotFound => {
                    Failure::invalid(format!("there is no location {number}")).with_code("locations")
                }
                _ => failure,
            })?;
            if location.pool.is_some() && location.pool != pool {
                let other = location.pool_number.unwrap_or_default();
                return Err(Failure::invalid(format!("location {number} is in pool {other} already"))
                    .with_code("locations")
                    .with_next_step("take it out of the other pool first"));
            }
            if !members.contains(&location.id) {
                members.push(location.id);
            }
        }
        Ok(members)
    }
}

/// Names that work refers to: not empty, no slash (a path begins with it), nothing that does not print.
pub(crate) fn check_name(name: &str) -> Outcome<()> {
    if name.is_empty() {
        return Err(Failure::invalid("a name cannot be empty").with_code("blank"));
    }
    if name.len() > 255 {
        return Err(Failure::invalid("a name has at most 255 bytes").with_code("too-long"));
    }
    if name == "." || name == ".." || name.contains('/') || name.chars().any(char::is_control) {
        return Err(
            Failure::invalid("a name holds neither '/' nor control characters, and is neither '.' nor '..'").with_code("invalid")
        );
    }
    Ok(())
}
