//! What is done to a drive: a change is begun with its job and finished with what came of it; a drive that is to go is removed at
//! last.
//!
//! | the process dies | the drive |
//! |---|---|
//! | before `begin_drive_change` is durable | is as it was, and there is no job |
//! | after it, before the work is done | is in the state of the change; its job is taken up again |
//! | after the work, before `finish_drive_change` | the same: the work is repeated under its attempt, to no further effect |
//! | after `finish_drive_change`, before its job has ended | is in its new state; the job finds that and ends |
//! | before `remove_drive` | is `Deleting`; its job deletes again what is not there and removes the row |
//!
//! From which states a change may begin is the caller's to say, and is compared in the statement that changes the state. Nothing
//! begins on a drive that is being read, nor while a snapshot of it is being taken.

use capstan_domain::drive::{ChangeOutcome, Drive, DriveChange, DriveState};
use capstan_domain::ids::DriveId;
use capstan_domain::job::{Job, NewJob, Work};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use serde::Serialize;

use crate::Catalogue;
use crate::connection::Connection;
use crate::drive::{DRIVES, hold_drives, read};
use crate::drive_job::{AT_WORK, begin_job, wrong_state};
use crate::find::find;
use crate::mounting::{refuse_attached, refuse_mounted, refuse_running};
use crate::query::{Query, Value, json_option, sql, tuples, word};

impl Catalogue {
    /// With the job that does it; `sources` are read by that job. `Conflict` "state", which says the state, if the drive is in none
    /// of `from`, is being read, or has a snapshot being taken, or if a source is not ready; `Conflict` "mounted" if it is to be
    /// deleted while anybody has it mounted, or to be resized while a machine that runs has, or given a snapshot's bytes while it
    /// is attached too.
    pub async fn begin_drive_change(
        &self,
        id: DriveId,
        from: &[DriveState],
        to: DriveState,
        job: &NewJob,
        sources: &[DriveId],
    ) -> Outcome<(Drive, Job)> {
        let from: Vec<Value> = from.iter().map(|state| Value::from(word(state))).collect();
        let (job, sources) = (job.clone(), sources.to_vec());
        self.write(move |connection| {
            Box::pin(async move {
                let mut held = sources.clone();
                held.push(id);
                hold_drives(connection, &held).await?;
                if from.is_empty() {
                    return Err(refusal(connection, id).await);
                }
                let text =
                    format!("UPDATE drives SET state = ?, updated = ? WHERE id = ? AND state IN {}", tuples(1, from.len()));
                let change = sql(text).bind(word(&to)).bind(Timestamp::now()).bind(id).bind_all(from);
                if connection.run(change).await? == 0 {
                    return Err(refusal(connection, id).await);
                }
                refuse_read(connection, id).await?;
                match to {
                    DriveState::Deleting => refuse_mounted(connection, id).await?,
                    // Its bytes are taken away beneath whoever has it.
                    DriveState::Resizing if restores(&job) => refuse_attached(connection, id).await?,
                    DriveState::Resizing => refuse_running(connection, id).await?,
                    _ => {}
                }
                let job = begin_job(connection, id, &job, &sources).await?;
                Ok((find(connection, &DRIVES, "drive", id.into(), read).await?, job))
            })
        })
        .await
    }

    /// What the work came to; the same again changes nothing. A drive that was told to go meanwhile stays so unless that failed:
    /// `Conflict` "state".
    pub async fn finish_drive_change(&self, id: DriveId, outcome: ChangeOutcome<DriveState>) -> Outcome<Drive> {
        let finish = finish("drives", id, &outcome);
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(finish).await? == 0 {
                    return Err(refusal(connection, id).await);
                }
                find(connection, &DRIVES, "drive", id.into(), read).await
            })
        })
        .await
    }

    /// With its snapshots, mounts, attachment, tags and users; what jobs tell of it stays. Only a drive that is `Deleting` or
    /// `Unavailable`, else `Conflict` "state".
    pub async fn remove_drive(&self, id: DriveId) -> Outcome<()> {
        let remove = sql("DELETE FROM drives WHERE id = $1 AND state IN ('deleting', 'unavailable')").bind(id);
        self.write(move |connection| {
            Box::pin(async move {
                match connection.run(remove).await? {
                    0 => Err(refusal(connection, id).await),
                    _ => Ok(()),
                }
            })
        })
        .await
    }
}

/// The statement that finishes a change of a row of this table. What was told to go meanwhile stays so unless that failed.
pub(crate) fn finish<State: Serialize>(table: &str, id: impl Into<Value>, outcome: &ChangeOutcome<State>) -> Query {
    let text = format!(
        "UPDATE {table} SET state = $2, size = COALESCE($3, size), failure = $4, updated = $5 \
         WHERE id = $1 AND (state <> 'deleting' OR $6 = 1)"
    );
    sql(text)
        .bind(id)
        .bind(word(&outcome.state))
        .bind(outcome.size)
        .bind(json_option(outcome.failure.as_ref()))
        .bind(Timestamp::now())
        .bind(outcome.failure.is_some())
}

fn restores(job: &NewJob) -> bool {
    matches!(&job.work, Work::Drive { change: DriveChange::RestoreSnapshot { .. }, .. })
}

/// Why a statement that compares the state changed nothing.
pub(crate) async fn refusal(connection: &mut Connection, id: DriveId) -> Failure {
    match find(connection, &DRIVES, "drive", id.into(), read).await {
        Ok(drive) => wrong_state("drive", &word(&drive.state)),
        Err(failure) => failure,
    }
}

pub(crate) async fn refuse_read(connection: &mut Connection, id: DriveId) -> Outcome<()> {
    let text = format!(
        "SELECT count(*) FROM drive_jobs r JOIN jobs t ON t.id = r.job WHERE r.drive = $1 AND r.role = 'source' AND {AT_WORK}"
    );
    if connection.value::<i64>(sql(text).bind(id)).await? > 0 {
        return Err(wrong_state("drive", "being cloned"));
    }
    let taking = sql("SELECT count(*) FROM drive_snapshots WHERE drive = $1 AND state = 'creating'");
    if connection.value::<i64>(taking.bind(id)).await? > 0 {
        return Err(wrong_state("drive", "having a snapshot taken"));
    }
    Ok(())
}
