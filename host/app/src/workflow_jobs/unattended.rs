//! Tasks that wait for nobody: no worker of their site is online. They go on as soon as one is started.

use std::collections::{BTreeMap, HashMap};

use capstan_domain::Outcome;
use capstan_domain::ids::Number;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{Task, TaskState, WorkflowJob};

use super::WorkflowJobs;

/// Waiting tasks of a job that are looked at; those beyond are of the same sites.
const LOOKED_AT: u32 = 200;
/// Nodes of a site.
const NODES_MAX: u32 = 1_000;

impl WorkflowJobs {
    /// What is to be said of the sites of those of these tasks that wait for nobody, by the site's number.
    pub async fn unattended(&self, tasks: &[Task]) -> Outcome<HashMap<Number, String>> {
        let waiting = tasks.iter().filter(|task| task.state == TaskState::Pending);
        let sites: BTreeMap<Number, String> = waiting.filter_map(|task| task.site_number.zip(task.site_name.clone())).collect();
        let now = Timestamp::now();
        let mut unattended = HashMap::new();
        for (site, name) in sites {
            let nodes = self.catalogue.nodes(&Listing::first(NODES_MAX).with("site_number", Operator::Equal, site)).await?;
            if !nodes.items.iter().any(|node| node.is_online(now)) {
                unattended
                    .insert(site, format!("Nobody works for the site {name}: what is to be done there waits for a worker."));
            }
        }
        Ok(unattended)
    }

    /// What a job waits for, if it waits for nobody.
    pub async fn waits(&self, job: &WorkflowJob) -> Outcome<Option<String>> {
        if job.state.is_final() {
            return Ok(None);
        }
        let waiting = Listing::first(LOOKED_AT).with("job_number", Operator::Equal, job.number).with(
            "state",
            Operator::Equal,
            TaskState::Pending.name(),
        );
        let unattended = self.unattended(&self.catalogue.tasks(&waiting).await?.items).await?;
        let mut told: Vec<String> = unattended.into_values().collect();
        told.sort_unstable();
        Ok((!told.is_empty()).then(|| told.join(" ")))
    }
}
