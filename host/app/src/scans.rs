//! Scans: the repeating crawl of a primary pool into the catalogue, at most one a pool.

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::PoolId;
use capstan_domain::pool::{PeriodUnit, PoolRole, Scan};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::json;

use crate::audit::Audit;

/// Periods of one scan at most, in its unit; more is refused.
const OPERAND_MAX: u32 = 10_000;

#[derive(Clone)]
pub struct Scans {
    catalogue: Catalogue,
    audit: Audit,
}

#[derive(Clone, Copy, Debug)]
pub struct ScanSetting {
    pub enabled: bool,
    pub operand: u32,
    pub unit: PeriodUnit,
}

impl Scans {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit) -> Self {
        Self { catalogue, audit }
    }

    pub async fn of(&self, pool: PoolId) -> Outcome<Option<Scan>> {
        self.catalogue.pool(pool).await?;
        match self.catalogue.scan_of(pool).await {
            Ok(scan) => Ok(Some(scan)),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Makes it or changes it; an enabled one is due at once.
    pub async fn set(&self, caller: &Caller, pool: PoolId, setting: ScanSetting) -> Outcome<Scan> {
        let record = self.catalogue.pool(pool).await?;
        if record.role != PoolRole::Primary {
            return Err(Failure::invalid("only a primary pool is scanned").with_code("invalid"));
        }
        if setting.operand == 0 || setting.operand > OPERAND_MAX {
            return Err(Failure::invalid(format!("a period is between 1 and {OPERAND_MAX} of its unit")).with_code("invalid"));
        }
        let due = setting.enabled.then(Timestamp::now);
        let scan = self.catalogue.put_scan(pool, setting.enabled, setting.operand, setting.unit, due).await?;
        let detail = json!({ "enabled": scan.enabled, "operand": scan.operand, "unit": scan.unit });
        self.audit.done(caller, "update", "scan", &record.name, detail).await?;
        Ok(scan)
    }

    pub async fn delete(&self, caller: &Caller, pool: PoolId) -> Outcome<()> {
        let record = self.catalogue.pool(pool).await?;
        self.catalogue.delete_scan(pool).await?;
        self.audit.done(caller, "delete", "scan", &record.name, json!({})).await
    }

    /// Results of a scan are in the catalogue as soon as they are found, so nothing is left to take over: of a primary pool, whether its
    /// scan is a repeating one or a task's. No other pool is scanned.
    pub async fn take_over(&self, pool: PoolId) -> Outcome<()> {
        match self.catalogue.pool(pool).await?.role {
            PoolRole::Primary => Ok(()),
            _ => {
                Err(Failure::invalid("only a primary pool is scanned, so this one has no results to take over")
                    .with_code("invalid"))
            }
        }
    }
}
