//! Images on their way into drives: how far each has come, so that what broke off goes on and not begins anew.
//!
//! | the process dies | the drive |
//! |---|---|
//! | before `begin_upload` is durable | is as it was |
//! | after it | is `Uploading`, with as many bytes of the image as `advance_drive_upload` recorded last, or more |
//! | after `finish_drive_upload` | is `Ready` |

use capstan_domain::Outcome;
use capstan_domain::drive::{Drive, DriveUpload};
use capstan_domain::ids::DriveId;
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::drive::{DRIVES, hold_drives, read};
use crate::drive_change::{refusal, refuse_read};
use crate::find::find;
use crate::mounting::refuse_mounted;
use crate::query::sql;

impl Catalogue {
    /// From its first byte on, whatever came before. `Conflict` "state" if the drive is neither ready nor uploading, is being
    /// read or has a snapshot being taken; `Conflict` "mounted" while anybody has it.
    pub async fn begin_drive_upload(&self, drive: DriveId, size: u64) -> Outcome<DriveUpload> {
        let upload = DriveUpload { drive, size, received: 0, updated: Timestamp::now() };
        self.write(move |connection| {
            Box::pin(async move {
                hold_drives(connection, &[drive]).await?;
                let change = sql("UPDATE drives SET state = 'uploading', failure = NULL, updated = $2 \
                                  WHERE id = $1 AND state IN ('ready', 'uploading')")
                .bind(drive)
                .bind(upload.updated);
                if connection.run(change).await? == 0 {
                    return Err(refusal(connection, drive).await);
                }
                refuse_read(connection, drive).await?;
                refuse_mounted(connection, drive).await?;
                let put = sql("INSERT INTO drive_uploads (drive, size, received, updated) VALUES ($1, $2, 0, $3) \
                               ON CONFLICT (drive) DO UPDATE SET size = $2, received = 0, updated = $3")
                .bind(drive)
                .bind(size)
                .bind(upload.updated);
                connection.run(put).await?;
                Ok(upload)
            })
        })
        .await
    }

    /// None: no image is on its way.
    pub async fn drive_upload(&self, drive: DriveId) -> Outcome<Option<DriveUpload>> {
        let find = sql("SELECT drive, size, received, updated FROM drive_uploads WHERE drive = $1").bind(drive);
        let Some(mut row) = self.read().await?.one(find).await? else { return Ok(None) };
        Ok(Some(DriveUpload { drive: row.take()?, size: row.take()?, received: row.take()?, updated: row.take()? }))
    }

    /// So many bytes of the image are in the drive for good.
    pub async fn advance_drive_upload(&self, drive: DriveId, received: u64) -> Outcome<()> {
        let advance = sql("UPDATE drive_uploads SET received = $2, updated = $3 WHERE drive = $1")
            .bind(drive)
            .bind(received)
            .bind(Timestamp::now());
        self.write(move |connection| Box::pin(async move { connection.run(advance).await.map(|_| ()) })).await
    }

    /// All of it is there: the drive is ready. `Conflict` "state" if it was told to go meanwhile.
    pub async fn finish_drive_upload(&self, drive: DriveId) -> Outcome<Drive> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_drives(connection, &[drive]).await?;
                let change = sql("UPDATE drives SET state = 'ready', updated = $2 WHERE id = $1 AND state = 'uploading'")
                    .bind(drive)
                    .bind(Timestamp::now());
                if connection.run(change).await? == 0 {
                    return Err(refusal(connection, drive).await);
                }
                connection.run(sql("DELETE FROM drive_uploads WHERE drive = $1").bind(drive)).await?;
                find(connection, &DRIVES, "drive", drive.into(), read).await
            })
        })
        .await
    }
}
