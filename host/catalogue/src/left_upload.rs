//! Uploads of jobs that have ended for good: nobody will go on with them, and their parts take room at the target.
//!
//! First an upload is set aside, so that no other job takes it over; then the target gives its parts up; then it is forgotten.
//! Dying between two of these steps leaves it listed here.

use capstan_domain::Outcome;
use capstan_domain::ids::{JobId, Number};
use capstan_domain::job::Work;
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::query::sql;
use crate::text_key::text_key;

/// One that was begun and that nobody will complete.
#[derive(Clone, Debug)]
pub struct LeftUpload {
    pub number: Number,
    /// As the upload was begun under.
    pub tree: String,
    pub key: String,
    /// The target's id of it; empty where it is not known.
    pub upload: String,
    pub size: u64,
    /// Set where the id is not known: the attempt that asked for it.
    pub attempt: Option<String>,
    /// Whose it was.
    pub job: JobId,
    pub work: Work,
}

/// One that no job began: a view did, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerlessUpload {
    pub number: Number,
    pub tree: String,
    pub key: String,
    pub upload: String,
    pub size: u64,
    pub attempt: Option<String>,
}

impl Catalogue {
    /// Begun before `before`, in their order, from after `after` on.
    pub async fn ownerless_uploads(&self, before: Timestamp, after: Number, limit: u32) -> Outcome<Vec<OwnerlessUpload>> {
        let query = sql(
            "SELECT number, tree, name, upload, size, attempt FROM uploads WHERE job IS NULL AND created < $1 AND number > $2 \
                         ORDER BY number LIMIT $3",
        );
        let rows = self.read().await?.all(query.bind(before).bind(after).bind(limit)).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(OwnerlessUpload {
                    number: row.take()?,
                    tree: row.take()?,
                    key: row.take()?,
                    upload: row.take()?,
                    size: row.take()?,
                    attempt: row.take()?,
                })
            })
            .collect()
    }

    /// In the order in which they were begun, from after `after` on.
    pub async fn left_uploads(&self, after: Number, limit: u32) -> Outcome<Vec<LeftUpload>> {
        let query = sql(
            "SELECT u.number, u.tree, u.name, u.upload, u.size, u.attempt, j.id, j.work FROM uploads u JOIN jobs j ON j.number = u.job \
                         WHERE u.number > $1 AND j.state IN ('done', 'done_with_warnings', 'failed', 'stopped_by_user', 'stopped_by_system') \
                         ORDER BY u.number LIMIT $2",
        );
        let rows = self.read().await?.all(query.bind(after).bind(limit)).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(LeftUpload {
                    number: row.take()?,
                    tree: row.take()?,
                    key: row.take()?,
                    upload: row.take()?,
                    size: row.take()?,
                    attempt: row.take()?,
                    job: row.take()?,
                    work: row.json()?,
                })
            })
            .collect()
    }

    /// From now on nobody finds it under its key. False: another job has taken it over.
    pub async fn set_upload_aside(&self, left: &LeftUpload) -> Outcome<bool> {
        let aside = sql("UPDATE uploads SET name_key = $3 WHERE number = $1 AND job = (SELECT number FROM jobs WHERE id = $2)")
            .bind(left.number)
            .bind(left.job)
            .bind(text_key(&[&left.tree, &left.key, &left.upload, "left"]));
        Ok(self.write(move |connection| Box::pin(connection.run(aside))).await? > 0)
    }

    pub async fn forget_left_upload(&self, number: Number) -> Outcome<()> {
        let forget = sql("DELETE FROM uploads WHERE number = $1").bind(number);
        self.write(move |connection| Box::pin(async move { connection.run(forget).await.map(|_| ()) })).await
    }
}
