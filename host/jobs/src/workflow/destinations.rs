//! In which queue a step waits.

use std::collections::HashMap;

use capstan_catalogue::Catalogue;
use capstan_domain::ids::{Number, QueueId};
use capstan_domain::{Failure, Outcome};
use capstan_workflows::BoundStep;

/// Remembers what it has looked up: steps of a job name few places.
pub(super) struct Destinations {
    catalogue: Catalogue,
    /// The job's own.
    site: Number,
    queue: QueueId,
    known: HashMap<(Option<String>, Option<String>), Destination>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) site: Number,
    pub(super) queue: QueueId,
}

impl Destinations {
    pub(super) fn new(catalogue: &Catalogue, site: Number, queue: QueueId) -> Self {
        Self { catalogue: catalogue.clone(), site, queue, known: HashMap::new() }
    }

    /// `NotFound` "site" or "queue".
    pub(super) async fn of(&mut self, step: &BoundStep) -> Outcome<Destination> {
        let named = (step.site.clone(), step.queue.clone());
        if let Some(known) = self.known.get(&named) {
            return Ok(*known);
        }
        let site = match &step.site {
            None => self.site,
            Some(name) => {
                let site = self.catalogue.site(name.as_str()).await;
                site.map_err(|failure| failure.with_code(SITE))?.number
            }
        };
        let queue = match &step.queue {
            None if site == self.site => self.queue,
            name => {
                let queue = self.catalogue.queue_of_site(site, name.as_deref()).await;
                queue.map_err(|failure: Failure| failure.with_code(QUEUE))?.id
            }
        };
        let destination = Destination { site, queue };
        self.known.insert(named, destination);
        Ok(destination)
    }
}

pub(super) const SITE: &str = "site";
pub(super) const QUEUE: &str = "queue";
