//! The secrets of targets: sealed into the catalogue, opened for the runtime, revealed to a caller only where a dialect says so.

use std::sync::Arc;

use capstan_catalogue::{Catalogue, SealedSecret};
use capstan_domain::Outcome;
use capstan_domain::ids::TargetId;
use capstan_domain::secret::SecretText;

use crate::sealing::Sealer;

#[derive(Clone)]
pub(crate) struct Secrets {
    catalogue: Catalogue,
    sealer: Arc<Sealer>,
}

impl Secrets {
    pub(crate) fn new(catalogue: Catalogue, sealer: Arc<Sealer>) -> Self {
        Self { catalogue, sealer }
    }

    /// What to store for a target; the rows are written together with the target's.
    pub(crate) fn seal(&self, target: TargetId, secrets: &[(String, SecretText)]) -> Outcome<Vec<SealedSecret>> {
        let owner = target.to_string();
        secrets.iter().map(|(name, secret)| Ok((name.clone(), self.sealer.seal(&owner, name, secret)?))).collect()
    }

    /// All secrets of a target, in the clear.
    pub(crate) async fn open(&self, target: TargetId) -> Outcome<Vec<(String, SecretText)>> {
        let owner = target.to_string();
        let sealed = self.catalogue.secrets(target).await?;
        sealed.into_iter().map(|(name, sealed)| Ok((name.clone(), self.sealer.open_sealed(&owner, &name, &sealed)?))).collect()
    }
}
