//! Primary scans: at most one a pool, with its next due time.

use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ids::{PoolId, Reference, ScanId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::pool::{PeriodUnit, Scan};
use capstan_domain::time::Timestamp;
use capstan_domain::unread::Unread;

use crate::Catalogue;
use crate::query::{Row, json, sql, word};
use crate::select::{Field, Select, Type};

const SCANS: Select = Select {
    columns: "t.id, t.number, t.pool, p.number, t.enabled, t.operand, t.unit, t.due, t.last_started, t.last_finished, \
              t.last_complete, t.unread",
    from: "scans t JOIN pools p ON p.id = t.pool",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("pool", Type::Id, "t.pool"),
        Field("pool_number", Type::Integer, "p.number"),
        Field("enabled", Type::Flag, "t.enabled"),
        Field("due", Type::Integer, "t.due"),
    ],
    open: &[],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Scan> {
    Ok(Scan {
        id: row.take()?,
        number: row.take()?,
        pool: row.take()?,
        pool_number: row.take()?,
        enabled: row.take()?,
        operand: row.take()?,
        unit: row.word()?,
        due: row.take()?,
        last_started: row.take()?,
        last_finished: row.take()?,
        last_complete: row.take()?,
        unread: row.json_option()?.unwrap_or_default(),
    })
}

impl Catalogue {
    /// Makes or changes the scan of a pool; `due` none: never by itself.
    pub async fn put_scan(
        &self,
        pool: PoolId,
        enabled: bool,
        operand: u32,
        unit: PeriodUnit,
        due: Option<Timestamp>,
    ) -> Outcome<Scan> {
        let put = sql("INSERT INTO scans (id, pool, enabled, operand, unit, due) VALUES ($1, $2, $3, $4, $5, $6) \
                       ON CONFLICT (pool) DO UPDATE SET enabled = excluded.enabled, operand = excluded.operand, unit = excluded.unit, \
                       due = excluded.due");
        let put = put.bind(ScanId::new()).bind(pool).bind(enabled).bind(operand).bind(word(&unit)).bind(due);
        self.change("pool", put).await?;
        self.scan_of(pool).await
    }

    pub async fn scan(&self, reference: impl Into<Reference<ScanId>>) -> Outcome<Scan> {
        self.find(&SCANS, "scan", reference.into(), read).await
    }

    pub async fn scan_of(&self, pool: PoolId) -> Outcome<Scan> {
        let text = format!("{} WHERE t.pool = $1", SCANS.text());
        match self.read().await?.one(sql(text).bind(pool)).await? {
            Some(mut row) => read(&mut row),
            None => Err(crate::failure::missing("scan")),
        }
    }

    pub async fn scans(&self, listing: &Listing) -> Outcome<Page<Scan>> {
        self.list(&SCANS, listing, read).await
    }

    pub async fn delete_scan(&self, pool: PoolId) -> Outcome<()> {
        self.delete("scan", sql("DELETE FROM scans WHERE pool = $1").bind(pool)).await
    }

    /// Enabled scans whose time has come, oldest first.
    pub async fn due_scans(&self, now: Timestamp, limit: u32) -> Outcome<Vec<Scan>> {
        let text = format!("{} WHERE t.enabled = 1 AND t.due <= $1 ORDER BY t.due LIMIT {limit}", SCANS.text());
        let rows = self.read().await?.all(sql(text).bind(now)).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Moves the due time on, if it is still the one that `scan` shows: of several schedulers one wins, and only that one gets true.
    pub async fn advance_scan(&self, scan: &Scan, due: Option<Timestamp>, started: Timestamp) -> Outcome<bool> {
        let advance = sql("UPDATE scans SET due = $3, last_started = $4 WHERE id = $1 AND due = $2 AND enabled = 1");
        let advance = advance.bind(scan.id).bind(scan.due).bind(due).bind(started);
        match self.change("scan", advance).await {
            Ok(()) => Ok(true),
            Err(failure) if failure.kind == Kind::NotFound => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// When all of a pool but `unread` was last looked at; none: something is left unfinished, and the next scan looks at
    /// everything.
    pub async fn mark_scan(&self, pool: PoolId, complete: Option<Timestamp>, unread: &Unread) -> Outcome<()> {
        let mark = sql("UPDATE scans SET last_complete = $2, unread = $3 WHERE pool = $1");
        let mark = mark.bind(pool).bind(complete).bind(json(unread));
        self.write(move |connection| Box::pin(async move { connection.run(mark).await.map(|_| ()) })).await
    }

    /// A pool without a scan is none the worse.
    pub async fn finish_scan(&self, pool: PoolId, finished: Timestamp) -> Outcome<()> {
        let finish = sql("UPDATE scans SET last_finished = $2 WHERE pool = $1").bind(pool).bind(finished);
        self.write(move |connection| Box::pin(async move { connection.run(finish).await.map(|_| ()) })).await
    }
}
