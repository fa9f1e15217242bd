//! Primary scans.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, Code, Error, PrimaryScan, PrimaryScanInput, PrimaryScans};
use capstan_app::scans::ScanSetting;
use capstan_domain::pool::{Pool, PoolRole, Scan};

use super::failures::error;
use super::{Door, words};

fn scan(scan: &Scan) -> PrimaryScan {
    PrimaryScan {
        id: scan.number,
        pool_id: scan.pool_number,
        enabled: scan.enabled,
        operand: i64::from(scan.operand),
        unit: words::unit(scan.unit),
    }
}

impl Door {
    /// The pool of a scan, which has to be a primary one, and the same that the body names if it names one.
    async fn scanned(&self, at: &Reference, named: Option<i64>) -> Answer<(Pool, Option<Scan>)> {
        let pool = self.pool(at).await?;
        if named.is_some_and(|named| named != pool.number) {
            return Err(Error::because("pool_id", Code::Invalid, "pool_id names another pool than the path"));
        }
        let scan = self.app.scans.of(pool.id).await.map_err(error)?;
        Ok((pool, scan))
    }

    async fn put_scan(&self, caller: &Caller, pool: &Pool, setting: ScanSetting) -> Answer<PrimaryScan> {
        if pool.role != PoolRole::Primary {
            return Err(Error::because("pool_id", Code::Invalid, format!("{} is not a primary pool", pool.name)));
        }
        let set = self.app.scans.set(&self.caller(caller)?, pool.id, setting).await.map_err(error)?;
        Ok(scan(&set))
    }
}

fn none(at: &Reference) -> Error {
    Error::not_found("primary_scan", at.text())
}

#[async_trait]
impl PrimaryScans for Door {
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<PrimaryScan> {
        let (_, found) = self.scanned(at, None).await?;
        found.as_ref().map(scan).ok_or_else(|| none(at))
    }

    async fn create(&self, caller: &Caller, at: &Reference, input: PrimaryScanInput) -> Answer<PrimaryScan> {
        let (pool, found) = self.scanned(at, input.pool_id).await?;
        if found.is_some() {
            return Err(Error::because("pool_id", Code::Taken, format!("{} has a scan already; PUT changes it", pool.name)));
        }
        let (Some(operand), Some(unit)) = (input.whole_operand(), input.unit) else {
            return Err(Error::attribute("operand", Code::Blank));
        };
        let setting = ScanSetting { enabled: input.enabled.unwrap_or(true), operand, unit: words::period_unit(unit) };
        self.put_scan(caller, &pool, setting).await
    }

    async fn update(&self, caller: &Caller, at: &Reference, input: PrimaryScanInput) -> Answer<PrimaryScan> {
        let (pool, found) = self.scanned(at, input.pool_id).await?;
        let old = found.ok_or_else(|| none(at))?;
        let setting = ScanSetting {
            enabled: input.enabled.unwrap_or(old.enabled),
            operand: input.whole_operand().unwrap_or(old.operand),
            unit: input.unit.map_or(old.unit, words::period_unit),
        };
        self.put_scan(caller, &pool, setting).await
    }

    async fn destroy(&self, caller: &Caller, at: &Reference) -> Answer<()> {
        let (pool, found) = self.scanned(at, None).await?;
        found.ok_or_else(|| none(at))?;
        self.app.scans.delete(&self.caller(caller)?, pool.id).await.map_err(error)
    }
}
