//! Jobs that run workflows: their tasks wait in the queues of sites, and the nodes of a site take them up.
//!
//! A [`Submission`] is checked and becomes a job with one task, its discovery, which makes the others while it finds paths
//! (`discovery`). A task that takes a step hands its paths to [`SpaceWork`] and records what became of each; what it processed goes on
//! down its chain, at this site or another. Who may do what next is said by the catalogue, in the transaction that ends a task, so a
//! process may die anywhere: its leases run out, and another takes its tasks up where results and cursors say they were.

mod aside;
mod call;
mod destinations;
mod discovery;
mod engine;
mod limits;
mod recovery;
mod refusal;
mod run;
mod space_work;
mod step;
mod submit;
mod task_step;
mod walk;

pub use engine::WorkflowJobs;
pub use limits::WorkflowLimits;
pub use refusal::Refusal;
pub use space_work::{SpaceWork, StepWork};
pub use submit::{AskedDiscovery, Submission};
