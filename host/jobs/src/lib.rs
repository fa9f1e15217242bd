//! Durable work: what is to be done is recorded before it starts, and a killed process finds it again.
//!
//! A [`Jobs`] handle puts work into the catalogue's queue; workers claim it under a lease, renew the lease with every report of
//! progress, and write the end. A worker that dies loses its lease, and another takes the job up where the ledger says it was.
//! Nothing here talks to a target: trees come from [`Places`], bytes move in `capstan_mover`.

mod by_hand;
mod calendar;
mod engine;
mod idle_drives;
mod inventories;
mod ledger;
mod leftovers;
mod limits;
mod meter;
mod part_tables;
mod places;
mod run;
mod scheduler;
mod work;
mod workflow;

pub use by_hand::ByHand;
pub use engine::Jobs;
pub use limits::Limits;
pub use part_tables::CataloguedParts;
pub use places::{Ground, Places, Plot, Probes};
pub use workflow::{AskedDiscovery, Refusal, SpaceWork, StepWork, Submission, WorkflowJobs, WorkflowLimits};
