//! The jobs of drives, as their owners see them.

use capstan_domain::Outcome;
use capstan_domain::drive::DriveJob;
use capstan_domain::identity::Caller;
use capstan_domain::ids::JobId;
use capstan_domain::job::Job;
use capstan_domain::listing::{Listing, Operator, Page};

use super::Drives;
use crate::ownership::missing;

impl Drives {
    /// Of the caller's drives; of an administrator of all.
    pub async fn jobs(&self, caller: &Caller, listing: Listing) -> Outcome<Page<Job>> {
        let listing = listing.with("kind", Operator::Equal, "drive");
        if caller.is_administrator() {
            return self.catalogue.jobs(&listing).await;
        }
        self.catalogue.jobs(&listing.with("drive_owner", Operator::Equal, caller.user)).await
    }

    pub async fn job(&self, caller: &Caller, id: JobId) -> Outcome<Job> {
        let page = self.jobs(caller, Listing::first(1).with("id", Operator::Equal, id)).await?;
        page.items.into_iter().next().ok_or_else(|| missing("job"))
    }

    /// The drives of jobs that the caller was given before, the one that is changed before those that are read.
    pub async fn drives_of_jobs(&self, jobs: &[JobId]) -> Outcome<Vec<DriveJob>> {
        self.catalogue.drives_of_jobs(jobs).await
    }
}
