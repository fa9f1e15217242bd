//! Grants, in this dialect.

use async_trait::async_trait;
use capstan_api_admin::AdminError;
use capstan_api_admin::grants::{Grant, GrantList, Grants, NewGrant, Power as WirePower};
use capstan_api_http::Caller;
use capstan_domain::Failure;
use capstan_domain::grant::{GrantRecord, Power};
use capstan_domain::ids::GrantId;

use super::AdminDoor;
use super::words::{error, instant};
use crate::authenticator::caller_of;

#[async_trait]
impl Grants for AdminDoor {
    async fn list_grants(&self, _: &Caller, target: Option<&str>) -> Result<GrantList, AdminError> {
        let target = match target {
            None => None,
            Some(target) => Some(self.app.targets.find(target).await.map_err(error)?.id),
        };
        let grants = self.app.grants.list(target).await.map_err(error)?;
        Ok(GrantList { grants: grants.into_iter().map(|(record, target)| wire(record, target)).collect() })
    }

    async fn allow_grant(&self, caller: &Caller, grant: NewGrant) -> Result<Grant, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let target = self.app.targets.find(&grant.target).await.map_err(error)?;
        let record = self.app.grants.allow(&caller, target.id, power(grant.power), grant.reason).await.map_err(error)?;
        Ok(wire(record, target.name))
    }

    async fn revoke_grant(&self, caller: &Caller, id: &str) -> Result<(), AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let id: GrantId = id.parse().map_err(|_| error(Failure::not_found("there is no such grant")))?;
        self.app.grants.revoke(&caller, id).await.map_err(error)
    }
}

fn wire(record: GrantRecord, target: String) -> Grant {
    Grant {
        id: record.id.to_string(),
        target,
        power: match record.power {
            Power::Connect { host, port } => WirePower::Connect { host, port },
            Power::Directory { root, path, write } => WirePower::Directory { root, path, write },
            Power::InsecureTls { host, port } => WirePower::InsecureTls { host, port },
            Power::ScsiDevice { path } => WirePower::ScsiDevice { path },
        },
        by: record.by,
        reason: record.reason,
        created: instant(record.created),
        revoked: record.revoked.map(instant),
    }
}

fn power(power: WirePower) -> Power {
    match power {
        WirePower::Connect { host, port } => Power::Connect { host, port },
        WirePower::Directory { root, path, write } => Power::Directory { root, path, write },
        WirePower::InsecureTls { host, port } => Power::InsecureTls { host, port },
        WirePower::ScsiDevice { path } => Power::ScsiDevice { path },
    }
}
