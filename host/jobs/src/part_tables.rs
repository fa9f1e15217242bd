//! The part tables of files on their way, kept in the catalogue, so that a killed worker's next run goes on with them.

use async_trait::async_trait;
use capstan_catalogue::{Begun, Catalogue, StoredPart};
use capstan_domain::Outcome;
use capstan_domain::ids::JobId;
use capstan_mover::{PartRecord, PartTables, UploadKey, UploadRecord};

/// Of one job, which takes over what another began.
pub struct CataloguedParts {
    pub catalogue: Catalogue,
    /// None: a person did it.
    pub job: Option<JobId>,
}

#[async_trait]
impl PartTables for CataloguedParts {
    async fn find_upload(&self, key: &UploadKey) -> Outcome<Option<UploadRecord>> {
        let found = self.catalogue.upload(&key.tree, &key.key).await?;
        // Begun by a job before: from here on it is this one that would leave it behind.
        if found.as_ref().is_some_and(|(begun, _)| begun.job != self.job)
            && let Some(job) = self.job
        {
            self.catalogue.take_upload_over(&key.tree, &key.key, job).await?;
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
            job: self.job,
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
