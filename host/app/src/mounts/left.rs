//! What views of an earlier run left at their targets: parts of files that were being stored when the process died. Nobody was told
//! that they were stored, and nobody will go on with them, so they are given up once, after a start. What cannot be reached then is
//! tried again at the next one.

use capstan_catalogue::OwnerlessUpload;
use capstan_domain::ids::{LocationId, SpaceId};
use capstan_domain::job::Place;
use capstan_domain::time::Timestamp;
use capstan_domain::{Kind, Outcome};
use capstan_jobs::Places as _;
use capstan_mover::Tree;

use super::Mounts;

/// Read together.
const BATCH: u32 = 64;

impl Mounts {
    pub(crate) async fn give_up_left(self, before: Timestamp) {
        let mut after = 0;
        loop {
            let left = match self.catalogue.ownerless_uploads(before, after, BATCH).await {
                Ok(left) => left,
                Err(failure) => {
                    tracing::error!(%failure, "what views left at their targets cannot be read");
                    return;
                }
            };
            let Some(last) = left.last() else { return };
            after = last.number;
            for upload in &left {
                if let Err(failure) = self.give_up(upload).await {
                    tracing::warn!(%failure, key = upload.key, "what a view left at its target could not be given up");
                }
            }
        }
    }

    async fn give_up(&self, left: &OwnerlessUpload) -> Outcome<()> {
        match self.tree_called(&left.tree).await {
            Ok(Some(tree)) => match &left.attempt {
                Some(attempt) => tree.give_up_begun(&left.key, left.size, attempt).await?,
                None => tree.give_up(&left.key, &left.upload).await?,
            },
            // Its place is gone: nobody can be asked.
            Ok(None) => {}
            Err(failure) if failure.kind == Kind::NotFound => {}
            Err(failure) => return Err(failure),
        }
        self.catalogue.forget_left_upload(left.number).await
    }

    /// A tree by its id, as views have them: of a whole location or of a whole space.
    async fn tree_called(&self, id: &str) -> Outcome<Option<std::sync::Arc<dyn Tree>>> {
        let mut words = id.splitn(3, ':');
        let (Some(kind), Some(of), Some("")) = (words.next(), words.next(), words.next()) else { return Ok(None) };
        let tree = match (kind, of.parse::<LocationId>(), of.parse::<SpaceId>()) {
            ("location", Ok(location), _) => {
                let location = self.catalogue.location(location).await?;
                Some(self.grounds.tree(&location, "").await?)
            }
            ("space", _, Ok(space)) => {
                let ground = self.grounds.source(&Place::Space { space, path: String::new() }).await?;
                ground.plots.into_iter().next().map(|plot| plot.tree)
            }
            _ => None,
        };
        Ok(tree)
    }
}
