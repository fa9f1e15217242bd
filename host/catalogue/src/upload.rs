//! Large files on their way: which upload was begun under a key of a tree, and the parts that are stored.

use capstan_domain::failure::Kind;
use capstan_domain::ids::JobId;
use capstan_domain::ports::{NamedValues, Part};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::query::{json, sql};
use crate::text_key::text_key;

/// An upload that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Empty as long as the target has not answered with one.
    pub id: String,
    /// Set until then: the attempt that asks.
    pub attempt: Option<String>,
    pub size: u64,
    pub part_size: u64,
    /// Which content the parts are of.
    pub content: String,
    pub extras: NamedValues,
    /// Whose it is.
    pub job: Option<JobId>,
}

/// A part with the digests of its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPart {
    pub part: Part,
    pub blocks: Vec<u8>,
}

impl Catalogue {
    /// The upload under this key with its parts, by number.
    pub async fn upload(&self, tree: &str, key: &str) -> Outcome<Option<(Begun, Vec<StoredPart>)>> {
        let mut connection = self.read().await?;
        let query = sql("SELECT u.number, u.upload, u.size, u.part_size, u.content, u.extras, u.attempt, j.id FROM uploads u \
                         LEFT JOIN jobs j ON j.number = u.job WHERE u.name_key = $1");
        let Some(mut row) = connection.one(query.bind(text_key(&[tree, key]))).await? else {
            return Ok(None);
        };
        let number: i64 = row.take()?;
        let begun = Begun {
            id: row.take()?,
            size: row.take()?,
            part_size: row.take()?,
            content: row.take()?,
            extras: row.json()?,
            attempt: row.take()?,
            job: row.take()?,
        };
        let parts = sql("SELECT part, blocks FROM upload_parts WHERE upload = $1 ORDER BY number").bind(number);
        let rows = connection.all(parts).await?;
        let parts =
            rows.into_iter().map(|mut row| Ok(StoredPart { part: row.json()?, blocks: row.take()? })).collect::<Outcome<_>>()?;
        Ok(Some((begun, parts)))
    }

    /// Replaces what was under the key, parts included.
    pub async fn begin_upload(&self, tree: &str, key: &str, begun: &Begun) -> Outcome<()> {
        let clear = sql("DELETE FROM uploads WHERE name_key = $1").bind(text_key(&[tree, key]));
        let insert =
            sql("INSERT INTO uploads (tree, name, name_key, upload, size, part_size, content, extras, created, attempt, job) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, (SELECT number FROM jobs WHERE id = $11))")
            .bind(tree)
            .bind(key)
            .bind(text_key(&[tree, key]))
            .bind(&begun.id)
            .bind(begun.size)
            .bind(begun.part_size)
            .bind(&begun.content)
            .bind(json(&begun.extras))
            .bind(Timestamp::now())
            .bind(begun.attempt.clone())
            .bind(begun.job);
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(clear).await?;
                connection.run(insert).await.map(|_| ())
            })
        })
        .await
    }

    /// The upload is this job's from now on, if there still is one.
    pub async fn take_upload_over(&self, tree: &str, key: &str, job: JobId) -> Outcome<()> {
        let take = sql("UPDATE uploads SET job = (SELECT number FROM jobs WHERE id = $2) WHERE name_key = $1");
        let take = take.bind(text_key(&[tree, key])).bind(job);
        self.write(move |connection| Box::pin(async move { connection.run(take).await.map(|_| ()) })).await
    }

    /// `Conflict` when another upload is under the key by now.
    pub async fn save_part(&self, tree: &str, key: &str, upload: &str, part: &StoredPart) -> Outcome<()> {
        let save = sql("INSERT INTO upload_parts (upload, number, part, blocks) \
                        SELECT u.number, CAST($3 AS INTEGER), CAST($4 AS TEXT), $5 FROM uploads u \
                        WHERE u.name_key = $1 AND u.upload = $2 \
                        ON CONFLICT (upload, number) DO UPDATE SET part = excluded.part, blocks = excluded.blocks");
        let save = save
            .bind(text_key(&[tree, key]))
            .bind(upload)
            .bind(part.part.number)
            .bind(json(&part.part))
            .bind(part.blocks.clone());
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(save).await? == 0 {
                    return Err(
                        Failure::new(Kind::Conflict, "another upload has taken this one's place").with_code("upload-gone")
                    );
                }
                Ok(())
            })
        })
        .await
    }

    /// Forgetting what is not there changes nothing.
    pub async fn forget_upload(&self, tree: &str, key: &str, upload: &str) -> Outcome<()> {
        let forget = sql("DELETE FROM uploads WHERE name_key = $1 AND upload = $2").bind(text_key(&[tree, key])).bind(upload);
        self.write(move |connection| Box::pin(async move { connection.run(forget).await.map(|_| ()) })).await
    }
}
