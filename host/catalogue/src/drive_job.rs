//! Which drives take part in which job. The rows outlive their drives: a job tells for three days what it was about.

use std::collections::HashSet;

use capstan_domain::drive::{DriveChange, DriveJob, DriveRole, DriveState, SnapshotState};
use capstan_domain::ids::{DriveId, JobId, SnapshotId};
use capstan_domain::job::{Job, NewJob, Work};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::drive::CHUNK;
use crate::failure::missing;
use crate::find::find;
use crate::job::{self, JOBS, insert_job};
use crate::query::{Row, Value, sql, tuples, word};

/// Jobs of a drive that are told, the newest.
const NEWEST: u32 = 100;

/// Nanoseconds that a job is told of after its end.
const KEPT: i64 = 3 * 24 * 60 * 60 * 1_000_000_000;

/// Of `drive_jobs r JOIN jobs t`: the job has not ended, or not long ago.
const RECENT: &str = "(t.state IN ('queued', 'calculating', 'running', 'paused') OR COALESCE(t.finished, t.created) > $1)";

/// Of `drive_jobs r JOIN jobs t`: the job has not ended, and what it changes has not come to rest. Work that is done a moment
/// before its job has ended holds nobody up.
pub(crate) const AT_WORK: &str = "t.state IN ('queued', 'calculating', 'running', 'paused') AND EXISTS (SELECT 1 FROM drive_jobs s \
                                  JOIN drives d ON d.id = s.drive WHERE s.job = r.job AND s.role = 'subject' \
                                  AND d.state NOT IN ('ready', 'unavailable'))";

impl Catalogue {
    /// Newest first: those that have not ended or ended in the last three days.
    pub async fn drive_jobs(&self, drive: DriveId) -> Outcome<Vec<(DriveRole, Job)>> {
        let text = format!(
            "SELECT {}, r.role FROM drive_jobs r JOIN jobs t ON t.id = r.job LEFT JOIN definitions d ON d.id = t.definition \
             WHERE {RECENT} AND r.drive = $2 ORDER BY t.number DESC LIMIT {NEWEST}",
            JOBS.columns
        );
        let rows = self.read().await?.all(sql(text).bind(since()).bind(drive)).await?;
        rows.into_iter()
            .map(|mut row| {
                let job = job::read(&mut row)?;
                Ok((row.word()?, job))
            })
            .collect()
    }

    /// The same of many drives, by the jobs' ids alone, newest first.
    pub async fn jobs_of_drives(&self, drives: &[DriveId]) -> Outcome<Vec<DriveJob>> {
        let mut connection = self.read().await?;
        let mut jobs = Vec::new();
        for chunk in drives.chunks(CHUNK) {
            let text = format!(
                "SELECT k.drive, k.job, k.role FROM (SELECT r.drive, r.job, r.role, t.number, \
                 row_number() OVER (PARTITION BY r.drive ORDER BY t.number DESC) AS place \
                 FROM drive_jobs r JOIN jobs t ON t.id = r.job WHERE {RECENT} AND r.drive IN ({})) AS k \
                 WHERE k.place <= {NEWEST} ORDER BY k.number DESC",
                marks(2, chunk.len())
            );
            let query = sql(text).bind(since()).bind_all(chunk.iter().map(|drive| Value::from(*drive)));
            for mut row in connection.all(query).await? {
                jobs.push(read(&mut row)?);
            }
        }
        Ok(jobs)
    }

    /// The drives of these jobs, the one that is changed before those that are read. They may be gone since.
    pub async fn drives_of_jobs(&self, jobs: &[JobId]) -> Outcome<Vec<DriveJob>> {
        let mut connection = self.read().await?;
        let mut drives = Vec::new();
        for chunk in jobs.chunks(CHUNK) {
            let text = format!(
                "SELECT r.drive, r.job, r.role FROM drive_jobs r WHERE r.job IN {} ORDER BY r.job, r.role DESC, r.drive",
                tuples(1, chunk.len())
            );
            for mut row in connection.all(sql(text).bind_all(chunk.iter().map(|job| Value::from(*job)))).await? {
                drives.push(read(&mut row)?);
            }
        }
        Ok(drives)
    }

    /// Those of these drives that a job reads that is not done with what it makes of them.
    pub async fn active_sources(&self, drives: &[DriveId]) -> Outcome<HashSet<DriveId>> {
        let mut connection = self.read().await?;
        let mut sources = HashSet::new();
        for chunk in drives.chunks(CHUNK) {
            let text = format!(
                "SELECT DISTINCT r.drive FROM drive_jobs r JOIN jobs t ON t.id = r.job WHERE r.role = 'source' AND {AT_WORK} \
                 AND r.drive IN {}",
                tuples(1, chunk.len())
            );
            for mut row in connection.all(sql(text).bind_all(chunk.iter().map(|drive| Value::from(*drive)))).await? {
                sources.insert(row.take()?);
            }
        }
        Ok(sources)
    }
}

fn read(row: &mut Row) -> Outcome<DriveJob> {
    Ok(DriveJob { drive: row.take()?, job: row.take()?, role: row.word()? })
}

fn since() -> Timestamp {
    Timestamp(Timestamp::now().0.saturating_sub(KEPT))
}

fn marks(first: usize, count: usize) -> String {
    (first..first + count).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ")
}

/// Records a job on a drive that is held, and what it reads. What is read must be ready, drive or snapshot.
pub(crate) async fn begin_job(connection: &mut Connection, drive: DriveId, new: &NewJob, sources: &[DriveId]) -> Outcome<Job> {
    let id = insert_job(connection, new, None).await?;
    let (snapshot, is_read) = snapshot_of(&new.work);
    if let Some(snapshot) = snapshot
        && is_read
    {
        refuse_unready(connection, snapshot).await?;
    }
    take_part(connection, id, drive, DriveRole::Subject, snapshot).await?;
    let mut told = HashSet::from([drive]);
    for source in sources {
        if !told.insert(*source) {
            continue;
        }
        let found = connection.one(sql("SELECT state FROM drives WHERE id = $1").bind(*source)).await?;
        let state: DriveState = found.ok_or_else(|| missing("drive"))?.word()?;
        if state != DriveState::Ready {
            return Err(wrong_state("drive", &word(&state)));
        }
        take_part(connection, id, *source, DriveRole::Source, snapshot).await?;
    }
    find(connection, &JOBS, "job", id.into(), job::read).await
}

async fn take_part(
    connection: &mut Connection,
    job: JobId,
    drive: DriveId,
    role: DriveRole,
    snapshot: Option<SnapshotId>,
) -> Outcome<()> {
    let owner = connection.one(sql("SELECT owner FROM drives WHERE id = $1").bind(drive)).await?;
    let owner: Vec<u8> = owner.ok_or_else(|| missing("drive"))?.take()?;
    let part = sql("INSERT INTO drive_jobs (job, drive, role, snapshot, owner) VALUES ($1, $2, $3, $4, $5)");
    connection.run(part.bind(job).bind(drive).bind(word(&role)).bind(snapshot).bind(owner)).await.map(|_| ())
}

async fn refuse_unready(connection: &mut Connection, snapshot: SnapshotId) -> Outcome<()> {
    let found = connection.one(sql("SELECT state FROM drive_snapshots WHERE id = $1").bind(snapshot)).await?;
    let state: SnapshotState = found.ok_or_else(|| missing("snapshot"))?.word()?;
    if state == SnapshotState::Ready { Ok(()) } else { Err(wrong_state("snapshot", &word(&state))) }
}

/// The snapshot that a work is about, and whether its bytes are read.
fn snapshot_of(work: &Work) -> (Option<SnapshotId>, bool) {
    let Work::Drive { change, .. } = work else { return (None, false) };
    match change {
        DriveChange::Clone { snapshot, .. } => (*snapshot, true),
        DriveChange::RestoreSnapshot { snapshot } => (Some(*snapshot), true),
        DriveChange::TakeSnapshot { snapshot } | DriveChange::DeleteSnapshot { snapshot } => (Some(*snapshot), false),
        DriveChange::Create | DriveChange::Resize { .. } | DriveChange::Delete => (None, false),
    }
}

/// Says the state it is in, in the state's own word.
pub(crate) fn wrong_state(noun: &str, state: &str) -> Failure {
    Failure::new(Kind::Conflict, format!("the {noun} is {state}"))
        .with_code("state")
        .with_next_step("ask again when it is in another state")
}
