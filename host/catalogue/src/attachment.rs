//! Attachments: that the host lets somebody reach a drive's bytes, one of a drive at a time. None outlives the process that made
//! it.

use capstan_domain::Outcome;
use capstan_domain::drive::{DriveAttachment, DriveState};
use capstan_domain::ids::DriveId;

use crate::Catalogue;
use crate::drive::{CHUNK, hold_drives};
use crate::drive_job::wrong_state;
use crate::failure::missing;
use crate::mounting::{mounted, refuse_missing, refuse_shared};
use crate::query::{Row, Value, sql, tuples, word};

fn read(row: &mut Row) -> Outcome<DriveAttachment> {
    Ok(DriveAttachment { drive: row.take()?, address: row.take()?, read_only: row.take()?, created: row.take()? })
}

impl Catalogue {
    /// Of a drive that is ready, else `Conflict` "state". `Conflict` "mounted" if it is attached already, or if a machine lists
    /// it and it is not for several.
    pub async fn add_attachment(&self, attachment: DriveAttachment) -> Outcome<DriveAttachment> {
        self.write(move |connection| {
            Box::pin(async move {
                let drive = attachment.drive;
                hold_drives(connection, &[drive]).await?;
                refuse_missing(connection, &[drive]).await?;
                let found = connection.one(sql("SELECT state FROM drives WHERE id = $1").bind(drive)).await?;
                let state: DriveState = found.ok_or_else(|| missing("drive"))?.word()?;
                if state != DriveState::Ready {
                    return Err(wrong_state("drive", &word(&state)));
                }
                let insert = sql("INSERT INTO drive_attachments (drive, address, read_only, created) VALUES ($1, $2, $3, $4) \
                                  ON CONFLICT (drive) DO NOTHING")
                .bind(drive)
                .bind(&attachment.address)
                .bind(attachment.read_only)
                .bind(attachment.created);
                if connection.run(insert).await? == 0 {
                    return Err(mounted("the drive is attached already").with_next_step("detach it first"));
                }
                refuse_shared(connection, &[drive]).await?;
                Ok(attachment)
            })
        })
        .await
    }

    /// Of these drives, in no order.
    pub async fn drive_attachments(&self, drives: &[DriveId]) -> Outcome<Vec<DriveAttachment>> {
        let mut connection = self.read().await?;
        let mut attachments = Vec::new();
        for chunk in drives.chunks(CHUNK) {
            let text = format!(
                "SELECT drive, address, read_only, created FROM drive_attachments WHERE drive IN {}",
                tuples(1, chunk.len())
            );
            for mut row in connection.all(sql(text).bind_all(chunk.iter().map(|drive| Value::from(*drive)))).await? {
                attachments.push(read(&mut row)?);
            }
        }
        Ok(attachments)
    }

    /// All that there are.
    pub async fn attachments(&self) -> Outcome<Vec<DriveAttachment>> {
        let rows = self.read().await?.all(sql("SELECT drive, address, read_only, created FROM drive_attachments")).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// A drive that is not attached is a success.
    pub async fn remove_attachment(&self, drive: DriveId) -> Outcome<()> {
        let remove = sql("DELETE FROM drive_attachments WHERE drive = $1").bind(drive);
        self.write(move |connection| Box::pin(async move { connection.run(remove).await.map(|_| ()) })).await
    }

    /// At a host's start. Answers how many there were.
    pub async fn clear_attachments(&self) -> Outcome<u64> {
        self.write(|connection| Box::pin(connection.run(sql("DELETE FROM drive_attachments")))).await
    }
}
