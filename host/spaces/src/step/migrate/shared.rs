//! A space on several sites: a stub of any of them may rest on what is stored under a file's name, and the catalogue knows the states of the
//! first site alone.
//!
//! So a copy is replaced only where the step says so, as a synchronisation does, which makes the stubs of the other site anew; and never by
//! another site while the first one has nothing but that copy.

use std::collections::HashSet;

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};

use super::Migrating;

impl Migrating {
    /// Whether an earlier copy of a file may be replaced at all.
    pub(super) fn may_replace(&self) -> bool {
        !self.is_shared || self.step.overwrite
    }

    /// Of these paths those that are stubs at the first site, if that is another one.
    pub(super) async fn stubs_at_home(&self, paths: &[String]) -> Outcome<HashSet<String>> {
        let space = &self.run.space;
        if !self.is_shared || space.is_home || paths.is_empty() {
            return Ok(HashSet::new());
        }
        let known = self.run.inner.catalogue.file_states(space.tree, paths).await?;
        Ok(known.into_iter().filter(|file| !file.state.is_here()).map(|file| file.path).collect())
    }

    /// Fails for a file that the step is to replace and that another site needs.
    pub(super) async fn check_nobody_needs(&self, path: &str) -> Outcome<()> {
        if !self.step.overwrite || self.stubs_at_home(&[path.to_owned()]).await?.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            Kind::Conflict,
            format!("The first site of the space has nothing of {path:?} but the copy that stands there"),
        )
        .with_code("needed-elsewhere")
        .with_next_step("Recall the file at that site first."))
    }
}
