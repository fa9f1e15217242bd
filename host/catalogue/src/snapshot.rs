//! Snapshots of drives. As with a drive, a job does what the state says, and both are recorded in one transaction, with its tags.

use capstan_domain::drive::{ChangeOutcome, Drive, DriveState, NewSnapshot, Snapshot, SnapshotEdit, SnapshotState};
use capstan_domain::ids::{DriveId, Reference, SnapshotId};
use capstan_domain::job::{Job, NewJob};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::tag::Tagged;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::drive::{DRIVES, hold_drives, read as read_drive};
use crate::drive_change;
use crate::drive_job::{AT_WORK, begin_job, wrong_state};
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, Value, json, json_option, sql, tuples, word};
use crate::select::{Field, Select, Type};
use crate::tag::bear;

pub(crate) const SNAPSHOTS: Select = Select {
    columns: "t.id, t.number, t.drive, t.owner, t.name, t.size, t.used, t.state, t.failure, t.attributes, t.created, t.updated",
    from: "drive_snapshots t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("drive", Type::Id, "t.drive"),
        Field("owner", Type::Id, "t.owner"),
        Field("name", Type::Text, "t.name"),
        Field("size", Type::Integer, "t.size"),
        Field("state", Type::Text, "t.state"),
        Field(
            "tag",
            Type::Id,
            "t.number IN (SELECT n.number FROM tag_resources r JOIN drive_snapshots n ON n.id = r.snapshot WHERE {r.tag})",
        ),
        Field(
            "tag_name",
            Type::Text,
            "t.number IN (SELECT n.number FROM tag_resources r JOIN drive_snapshots n ON n.id = r.snapshot \
             WHERE r.tag IN (SELECT g.id FROM tags g WHERE {g.name}))",
        ),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["attributes"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Snapshot> {
    Ok(Snapshot {
        id: row.take()?,
        number: row.take()?,
        drive: row.take()?,
        owner: row.take()?,
        name: row.take()?,
        size: row.take()?,
        used: row.take()?,
        state: row.word()?,
        failure: row.json_option()?,
        attributes: row.json()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    /// In `Creating`, with its tags and the job that takes it. `Conflict` "state" if the drive is not ready, `Invalid` if a tag is not
    /// there.
    pub async fn create_snapshot(&self, new: &NewSnapshot, job: &NewJob) -> Outcome<(Snapshot, Job)> {
        let (id, drive, tags, job) = (new.id, new.drive, new.tags.clone(), job.clone());
        let insert = sql("INSERT INTO drive_snapshots (id, drive, owner, name, size, state, attributes, created, updated) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)")
        .bind(id)
        .bind(drive)
        .bind(new.owner)
        .bind(&new.name)
        .bind(new.size)
        .bind(word(&SnapshotState::Creating))
        .bind(json(&new.attributes))
        .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                hold_drives(connection, &[drive]).await?;
                let found: Drive = find(connection, &DRIVES, "drive", drive.into(), read_drive).await?;
                if found.state != DriveState::Ready {
                    return Err(wrong_state("drive", &word(&found.state)));
                }
                connection.run(insert).await?;
                bear(connection, Tagged::Snapshot(id), &tags).await?;
                let job = begin_job(connection, drive, &job, &[]).await?;
                Ok((find(connection, &SNAPSHOTS, "snapshot", id.into(), read).await?, job))
            })
        })
        .await
    }

    /// Names are not unique: of several the newest is found.
    pub async fn snapshot(&self, reference: impl Into<Reference<SnapshotId>>) -> Outcome<Snapshot> {
        self.find(&SNAPSHOTS, "snapshot", reference.into(), read).await
    }

    /// Those that are being deleted too, unless the listing leaves them out.
    pub async fn snapshots(&self, listing: &Listing) -> Outcome<Page<Snapshot>> {
        self.list(&SNAPSHOTS, listing, read).await
    }

    /// With the job that does it. `Conflict` "state", which says the state, if the snapshot is in none of `from`, or is to be
    /// deleted while a drive gets its bytes.
    pub async fn begin_snapshot_change(
        &self,
        id: SnapshotId,
        from: &[SnapshotState],
        to: SnapshotState,
        job: &NewJob,
    ) -> Outcome<(Snapshot, Job)> {
        let from: Vec<Value> = from.iter().map(|state| Value::from(word(state))).collect();
        let job = job.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let found = connection.one(sql("SELECT drive FROM drive_snapshots WHERE id = $1").bind(id)).await?;
                let drive: DriveId = found.ok_or_else(|| missing("snapshot"))?.take()?;
                hold_drives(connection, &[drive]).await?;
                if from.is_empty() {
                    return Err(refusal(connection, id).await);
                }
                let text = format!(
                    "UPDATE drive_snapshots SET state = ?, updated = ? WHERE id = ? AND state IN {}",
                    tuples(1, from.len())
                );
                let change = sql(text).bind(word(&to)).bind(Timestamp::now()).bind(id).bind_all(from);
                if connection.run(change).await? == 0 {
                    return Err(refusal(connection, id).await);
                }
                if to == SnapshotState::Deleting {
                    refuse_read(connection, id).await?;
                }
                let job = begin_job(connection, drive, &job, &[]).await?;
                Ok((find(connection, &SNAPSHOTS, "snapshot", id.into(), read).await?, job))
            })
        })
        .await
    }

    /// What the work came to; the same again changes nothing. A snapshot that was told to go meanwhile stays so unless that failed:
    /// `Conflict` "state". `used`: bytes it takes, where they became known.
    pub async fn finish_snapshot_change(
        &self,
        id: SnapshotId,
        outcome: ChangeOutcome<SnapshotState>,
        used: Option<u64>,
    ) -> Outcome<Snapshot> {
        let finish = drive_change::finish("drive_snapshots", id, &outcome);
        let weighed = used.map(|used| sql("UPDATE drive_snapshots SET used = $2 WHERE id = $1").bind(id).bind(used));
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(finish).await? == 0 {
                    return Err(refusal(connection, id).await);
                }
                if let Some(weighed) = weighed {
                    connection.run(weighed).await?;
                }
                find(connection, &SNAPSHOTS, "snapshot", id.into(), read).await
            })
        })
        .await
    }

    /// Writes what is given and nothing else. A snapshot that is being deleted is not there any more.
    pub async fn update_snapshot(&self, id: SnapshotId, edit: SnapshotEdit) -> Outcome<Snapshot> {
        let update =
            sql("UPDATE drive_snapshots SET name = COALESCE($2, name), attributes = COALESCE($3, attributes), updated = $4 \
                          WHERE id = $1 AND state <> 'deleting'")
            .bind(id)
            .bind(edit.name)
            .bind(json_option(edit.attributes.as_ref()))
            .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("snapshot"));
                }
                find(connection, &SNAPSHOTS, "snapshot", id.into(), read).await
            })
        })
        .await
    }

    /// With its tags. Only a snapshot that is `Deleting` or `Unavailable`, else `Conflict` "state".
    pub async fn remove_snapshot(&self, id: SnapshotId) -> Outcome<()> {
        let remove = sql("DELETE FROM drive_snapshots WHERE id = $1 AND state IN ('deleting', 'unavailable')").bind(id);
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

/// Why a statement that compares the state changed nothing.
async fn refusal(connection: &mut Connection, id: SnapshotId) -> Failure {
    match find(connection, &SNAPSHOTS, "snapshot", id.into(), read).await {
        Ok(snapshot) => wrong_state("snapshot", &word(&snapshot.state)),
        Err(failure) => failure,
    }
}

async fn refuse_read(connection: &mut Connection, id: SnapshotId) -> Outcome<()> {
    let text = format!("SELECT count(*) FROM drive_jobs r JOIN jobs t ON t.id = r.job WHERE r.snapshot = $1 AND {AT_WORK}");
    match connection.value::<i64>(sql(text).bind(id)).await? {
        0 => Ok(()),
        _ => Err(wrong_state("snapshot", "being read")),
    }
}
