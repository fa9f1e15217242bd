//! The part tables of large files on their way, kept in the catalogue, so that a killed worker's next run goes on with them.

use async_trait::async_trait;
use capstan_catalogue::{Begun, Catalogue, StoredPart};
use capstan_domain::ids::JobId;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Item, Known, Ledger, PartRecord, Settled, UploadKey, UploadRecord};

pub(crate) struct Uploads {
    pub(crate) catalogue: Catalogue,
    pub(crate) job: JobId,
}

#[async_trait]
impl Ledger for Uploads {
    async fn known(&self, _: usize, items: &[Item]) -> Outcome<Vec<Option<Known>>> {
        Ok(vec![None; items.len()])
    }

    async fn record(&self, _: Vec<Settled>) -> Outcome<()> {
        Err(Failure::unsupported("What a step settles is recorded with the states of its files"))
    }

    async fn find_upload(&self, key: &UploadKey) -> Outcome<Option<UploadRecord>> {
        let found = self.catalogue.upload(&key.tree, &key.key).await?;
        // Begun by a job before: from here on it is this one that would leave it behind.
        if found.as_ref().is_some_and(|(begun, _)| begun.job != Some(self.job)) {
            self.catalogue.take_upload_over(&key.tree, &key.key, self.job).await?;
        }
        Ok(found.map(|(begun, parts)| UploadRecord {
            id: begun.id,
            attempt: begun.attempt,
            size: begun.size,
            part_size: begun.part_size,
            content: begun.content,
            extras: begun.extras,
            parts: parts.into_iter().map(|stored| PartRecord { part: stored.part, blocks: stored.blocks }).collect(),
        }))
    }

    async fn begin_upload(&self, key: &UploadKey, upload: &UploadRecord) -> Outcome<()> {
        let begun = Begun {
            id: upload.id.clone(),
            attempt: upload.attempt.clone(),
            size: upload.size,
            part_size: upload.part_size,
            content: upload.content.clone(),
            extras: upload.extras.clone(),
            job: Some(self.job),
        };
        self.catalogue.begin_upload(&key.tree, &key.key, &begun).await
    }

    async fn save_part(&self, key: &UploadKey, upload: &str, part: &PartRecord) -> Outcome<()> {
        let stored = StoredPart { part: part.part.clone(), blocks: part.blocks.clone() };
        self.catalogue.save_part(&key.tree, &key.key, upload, &stored).await
    }

    async fn forget_upload(&self, key: &UploadKey, upload: &str) -> Outcome<()> {
        self.catalogue.forget_upload(&key.tree, &key.key, upload).await
    }
}
