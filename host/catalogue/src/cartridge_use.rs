//! Which jobs work with which cartridges. Several may read one, or write to it and read it; who needs it alone waits for them, and they for
//! who has it alone.
//!
//! A use counts as long as its job runs. A job that died is not at its end: its uses count until it was taken up again and has ended.

use capstan_domain::failure::Retry;
use capstan_domain::ids::{JobId, LocationId, Number};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};

use crate::Catalogue;
use crate::connection::{Connection, Flavour};
use crate::query::{Query, Value, sql};

/// Locations of one statement.
const CHUNK: usize = 400;
/// Code of a failure that ends when another job has ended.
pub const CARTRIDGE_BUSY: &str = "cartridge-busy";
/// Of a job `j` that runs.
const RUNS: &str = "j.state IN ('calculating', 'running')";

impl Catalogue {
    /// For a job, until it ends or lets go. All of them or none: `Busy`, code [`CARTRIDGE_BUSY`]. Locations that are no cartridges are
    /// left out.
    pub async fn hold_cartridges(&self, job: JobId, locations: &[LocationId], alone: bool) -> Outcome<()> {
        if locations.is_empty() {
            return Ok(());
        }
        let locations = locations.to_vec();
        self.write(move |connection| {
            Box::pin(async move {
                for chunk in locations.chunks(CHUNK) {
                    hold(connection, job, chunk, alone).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// The job is done with one of them.
    pub async fn let_go_of_cartridge(&self, job: JobId, cartridge: LocationId) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let used = sql("UPDATE cartridges SET used = $2 WHERE location = $1").bind(cartridge).bind(Timestamp::now());
                connection.run(used).await?;
                let delete = sql("DELETE FROM cartridge_uses WHERE location = $1 AND job = $2");
                connection.run(delete.bind(cartridge).bind(job)).await.map(|_| ())
            })
        })
        .await
    }

    /// Takes an idle cartridge for who wants to put it away: false where a job works with it, or something happened to it since `before`.
    pub async fn take_idle_cartridge(&self, cartridge: LocationId, before: Timestamp) -> Outcome<bool> {
        let text = format!("UPDATE cartridges SET used = $3 WHERE location = $1 AND {}", idle_since("$2", "cartridges"));
        let query = sql(text).bind(cartridge).bind(before).bind(Timestamp::now());
        self.write(move |connection| Box::pin(async move { Ok(connection.run(query).await? > 0) })).await
    }
}

/// Whether nothing happened to the cartridge of this table since, and no job works with it.
pub(crate) fn idle_since(before: &str, cartridge: &str) -> String {
    format!(
        "{cartridge}.moved < {before} AND ({cartridge}.used IS NULL OR {cartridge}.used < {before}) AND NOT EXISTS \
         (SELECT 1 FROM cartridge_uses u JOIN jobs j ON j.id = u.job WHERE u.location = {cartridge}.location AND {RUNS})"
    )
}

/// A job does not run any more, as it is.
pub(crate) async fn end_uses(connection: &mut Connection, job: JobId) -> Outcome<()> {
    let used =
        sql("UPDATE cartridges SET used = $2 WHERE location IN (SELECT u.location FROM cartridge_uses u WHERE u.job = $1)");
    connection.run(used.bind(job).bind(Timestamp::now())).await?;
    connection.run(sql("DELETE FROM cartridge_uses WHERE job = $1").bind(job)).await.map(|_| ())
}

async fn hold(connection: &mut Connection, job: JobId, locations: &[LocationId], alone: bool) -> Outcome<()> {
    let marks = |from: usize| (from..from + locations.len()).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ");
    let with = |query: Query| query.bind_all(locations.iter().map(|location| Value::from(*location)));
    if connection.flavour() == Flavour::Postgres {
        let text = format!("SELECT location FROM cartridges WHERE location IN ({}) ORDER BY location FOR UPDATE", marks(1));
        connection.all(with(sql(text))).await?;
    }
    let others = if alone { "" } else { " AND u.alone = 1" };
    let text = format!(
        "SELECT l.name, j.number FROM cartridge_uses u JOIN jobs j ON j.id = u.job JOIN locations l ON l.id = u.location \
         WHERE u.job <> $1 AND {RUNS}{others} AND u.location IN ({}) ORDER BY j.number LIMIT 1",
        marks(2)
    );
    if let Some(mut row) = connection.one(with(sql(text).bind(job))).await? {
        let (barcode, other): (String, Number) = (row.take()?, row.take()?);
        return Err(Failure::new(Kind::Busy, format!("job {other} works with tape {barcode}"))
            .with_code(CARTRIDGE_BUSY)
            .with_retry(Retry::Later)
            .with_next_step("wait until that job has ended, or stop it"));
    }
    let text = format!(
        "INSERT INTO cartridge_uses (location, job, alone) SELECT c.location, $1, $2 FROM cartridges c WHERE c.location IN ({}) \
         ON CONFLICT (location, job) DO UPDATE SET alone = excluded.alone",
        marks(3)
    );
    connection.run(with(sql(text).bind(job).bind(alone))).await?;
    let text = format!("UPDATE cartridges SET used = $1 WHERE location IN ({})", marks(2));
    connection.run(with(sql(text).bind(Timestamp::now()))).await.map(|_| ())
}
