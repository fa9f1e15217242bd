//! Workflows: which steps are taken with which files of a space, and when.
//!
//! A workflow is data: how files are discovered, rules that choose among them, and for each rule a chain of steps whose arguments may
//! wait for the fields of a call. Here it is read from JSON and checked (`workflow`), bound to the fields of a call (`FieldValues`),
//! asked which chains a file goes down (`Selection`), and laid out as tasks (`plan`). What may follow what is said by `JobState` and
//! `TaskState`. `snapdiff` tells what changed between two looks at a tree, `Router` which external target takes a file.
//!
//! Everything is a value or a pure function: nothing here does IO, waits, or looks at a clock. Whatever a user writes is bounded by
//! `limits` and refused with the path of the member that is wrong.

mod built_in;
mod discovery;
mod field;
mod field_error;
mod field_value;
mod glob;
pub mod limits;
mod members;
pub mod plan;
mod route;
mod rule;
mod selection;
pub mod snapdiff;
mod step;
mod workflow;

pub use capstan_domain::workflow::{IllegalEvent, JobEvent, JobState, Readiness, TaskEvent, TaskState, readiness};

pub use built_in::{BUILT_IN, built_in, is_protected};
pub use discovery::{Discovery, DiscoveryKind, DiscoveryOptions};
pub use field::{Field, FieldKind};
pub use field_error::{FieldError, FieldErrors, FieldPath};
pub use field_value::FieldValues;
pub use glob::Globs;
pub use route::{RegexRefusal, Router, local_file_regex};
pub use rule::{Rule, RuleKind, RuleState};
pub use selection::{Filters, Selection};
pub use step::{
    BoundStep, ConflictPreference, Delete, LockLevel, Migrate, Move, Recall, ReverseStub, Setting, Step, StepKind, StepTemplate,
};
pub use workflow::Workflow;
