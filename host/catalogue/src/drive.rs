//! Drives as records: made, found, listed, edited. What is done to one is `drive_change`'s.
//!
//! A drive, its tags, the job that makes it and who takes part in that job are recorded in one transaction: dying before its commit
//! leaves nothing, dying after it leaves a drive in `Creating` or `Cloning` with a job that any worker of its lane takes up.

use capstan_domain::Outcome;
use capstan_domain::drive::{Drive, DriveEdit, NewDrive};
use capstan_domain::ids::{DriveId, Reference};
use capstan_domain::job::{Job, NewJob};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::tag::Tagged;
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::{Connection, Flavour};
use crate::drive_job::begin_job;
use crate::failure::missing;
use crate::find::find;
use crate::mounting::refuse_shared;
use crate::query::{Row, Value, json, json_option, sql, tuples, word};
use crate::select::{Field, Select, Type};
use crate::tag::bear;

/// Ids of one statement.
pub(crate) const CHUNK: usize = 500;

pub(crate) const DRIVES: Select = Select {
    columns: "t.id, t.number, t.owner, t.name, t.media, t.size, t.storage_type, t.target, t.location, t.state, t.failure, \
              t.allow_multimount, t.attributes, t.created, t.updated",
    from: "drives t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("owner", Type::Id, "t.owner"),
        Field("name", Type::Text, "t.name"),
        Field("media", Type::Text, "t.media"),
        Field("size", Type::Integer, "t.size"),
        Field("storage_type", Type::Text, "t.storage_type"),
        Field("target", Type::Id, "t.target"),
        Field("location", Type::Text, "t.location"),
        Field("state", Type::Text, "t.state"),
        Field("allow_multimount", Type::Flag, "t.allow_multimount"),
        Field(
            "machine",
            Type::Id,
            "t.number IN (SELECT n.number FROM machine_mounts m JOIN drives n ON n.id = m.drive WHERE {m.machine})",
        ),
        Field(
            "tag",
            Type::Id,
            "t.number IN (SELECT n.number FROM tag_resources r JOIN drives n ON n.id = r.drive WHERE {r.tag})",
        ),
        Field(
            "tag_name",
            Type::Text,
            "t.number IN (SELECT n.number FROM tag_resources r JOIN drives n ON n.id = r.drive \
             WHERE r.tag IN (SELECT g.id FROM tags g WHERE {g.name}))",
        ),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["attributes"],
    order: "t.number",
};

pub(crate) fn read(row: &mut Row) -> Outcome<Drive> {
    Ok(Drive {
        id: row.take()?,
        number: row.take()?,
        owner: row.take()?,
        name: row.take()?,
        media: row.word()?,
        size: row.take()?,
        storage_type: row.take()?,
        target: row.take()?,
        location: row.take()?,
        state: row.word()?,
        failure: row.json_option()?,
        allow_multimount: row.take()?,
        attributes: row.json()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    /// With its tags and the job that makes it; `sources` are read by that job. `Conflict` "state" if one of them is not ready,
    /// `Invalid` if a tag is not there.
    pub async fn create_drive(&self, new: &NewDrive, job: &NewJob, sources: &[DriveId]) -> Outcome<(Drive, Job)> {
        let (new, job, sources) = (new.clone(), job.clone(), sources.to_vec());
        self.write(move |connection| {
            Box::pin(async move {
                hold_drives(connection, &sources).await?;
                insert(connection, &new, &job, &sources).await
            })
        })
        .await
    }

    /// All of them or none, in their order.
    pub async fn create_drives(&self, new: Vec<(NewDrive, NewJob, Vec<DriveId>)>) -> Outcome<Vec<(Drive, Job)>> {
        self.write(move |connection| {
            Box::pin(async move {
                let sources: Vec<DriveId> = new.iter().flat_map(|(_, _, sources)| sources.iter().copied()).collect();
                hold_drives(connection, &sources).await?;
                let mut made = Vec::with_capacity(new.len());
                for (drive, job, sources) in &new {
                    made.push(insert(connection, drive, job, sources).await?);
                }
                Ok(made)
            })
        })
        .await
    }

    /// Names are not unique: of several the newest is found.
    pub async fn drive(&self, reference: impl Into<Reference<DriveId>>) -> Outcome<Drive> {
        self.find(&DRIVES, "drive", reference.into(), read).await
    }

    /// Those that are being deleted too, unless the listing leaves them out.
    pub async fn drives(&self, listing: &Listing) -> Outcome<Page<Drive>> {
        self.list(&DRIVES, listing, read).await
    }

    /// Writes what is given and nothing else. A drive that is being deleted is not there any more. `Conflict` "mounted" if several
    /// have it mounted and may not any more.
    pub async fn update_drive(&self, id: DriveId, edit: DriveEdit) -> Outcome<Drive> {
        let update = sql("UPDATE drives SET name = COALESCE($2, name), media = COALESCE($3, media), \
                          allow_multimount = COALESCE($4, allow_multimount), attributes = COALESCE($5, attributes), updated = $6 \
                          WHERE id = $1 AND state <> 'deleting'")
        .bind(id)
        .bind(edit.name)
        .bind(edit.media.map(|media| word(&media)))
        .bind(edit.allow_multimount)
        .bind(json_option(edit.attributes.as_ref()))
        .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                hold_drives(connection, &[id]).await?;
                if connection.run(update).await? == 0 {
                    return Err(missing("drive"));
                }
                refuse_shared(connection, &[id]).await?;
                find(connection, &DRIVES, "drive", id.into(), read).await
            })
        })
        .await
    }
}

async fn insert(connection: &mut Connection, new: &NewDrive, job: &NewJob, sources: &[DriveId]) -> Outcome<(Drive, Job)> {
    let insert =
        sql("INSERT INTO drives (id, owner, name, media, size, storage_type, target, location, state, allow_multimount, \
                      attributes, created, updated) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)")
        .bind(new.id)
        .bind(new.owner)
        .bind(&new.name)
        .bind(word(&new.media))
        .bind(new.size)
        .bind(&new.storage_type)
        .bind(new.target)
        .bind(&new.location)
        .bind(word(&new.state))
        .bind(new.allow_multimount)
        .bind(json(&new.attributes))
        .bind(Timestamp::now());
    connection.run(insert).await?;
    bear(connection, Tagged::Drive(new.id), &new.tags).await?;
    let job = begin_job(connection, new.id, job, sources).await?;
    Ok((find(connection, &DRIVES, "drive", new.id.into(), read).await?, job))
}

/// On PostgreSQL a look at drives and the change that follows from it need their rows held, by all in the same order; SQLite has
/// one writer.
pub(crate) async fn hold_drives(connection: &mut Connection, drives: &[DriveId]) -> Outcome<()> {
    if connection.flavour() == Flavour::Sqlite {
        return Ok(());
    }
    let mut drives = drives.to_vec();
    drives.sort_unstable();
    drives.dedup();
    for chunk in drives.chunks(CHUNK) {
        let text = format!("SELECT number FROM drives WHERE id IN {} ORDER BY id FOR UPDATE", tuples(1, chunk.len()));
        connection.all(sql(text).bind_all(chunk.iter().map(|drive| Value::from(*drive)))).await?;
    }
    Ok(())
}
