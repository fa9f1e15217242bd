//! From discovered paths to tasks.
//!
//! The planner is fed with paths as they are discovered and gathers them by rule. A full batch becomes one task a step of the rule's
//! chain: the first holds the paths, each next one waits for the one before and works on what that one hands on (`end_of`). So tasks
//! run while discovery goes on, and what the planner holds is one batch a rule.

mod batch;
mod end;

pub use capstan_domain::workflow::{PathResult, TaskPath};

use self::batch::Batch;
pub use self::batch::BatchSize;
pub use self::end::end_of;
use crate::field_error::{FieldErrors, FieldPath};
use crate::field_value::FieldValues;
use crate::selection::{Filters, Selection};
use crate::step::BoundStep;
use crate::workflow::Workflow;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTask {
    /// Unique within the job, ascending.
    pub number: u64,
    /// Of `Workflow::rules`.
    pub rule: usize,
    /// Of the rule's chain.
    pub step_index: usize,
    pub step: BoundStep,
    /// Empty for a task with predecessors: they hand it its paths.
    pub paths: Vec<TaskPath>,
    /// Numbers of the tasks that must have ended before.
    pub predecessors: Vec<u64>,
}

#[derive(Clone, Debug)]
pub struct Planner {
    selection: Selection,
    chains: Vec<Vec<BoundStep>>,
    size: BatchSize,
    /// One a rule.
    open: Vec<Batch>,
    next: u64,
}

impl Planner {
    /// `first`: the number of the first task; higher than any before when a job is taken up again. `mountpoint` of the space.
    ///
    /// # Errors
    /// Values that an argument does not take, under the place of the step; globs that are none.
    pub fn new(
        workflow: &Workflow,
        values: &FieldValues,
        filters: &Filters,
        mountpoint: &str,
        size: BatchSize,
        first: u64,
    ) -> Result<Self, FieldErrors> {
        let at = FieldPath::root().then("filter_rules");
        let mut chains = Vec::with_capacity(workflow.rules.len());
        for (index, rule) in workflow.rules.iter().enumerate() {
            let at = at.then(index).then("action");
            let steps = rule.chain.iter().enumerate();
            chains.push(steps.map(|(index, step)| step.bind(values, &at.then(index))).collect::<Result<Vec<_>, _>>()?);
        }
        let selection = Selection::new(&workflow.rules, filters, mountpoint)?;
        let open = vec![Batch::default(); chains.len()];
        Ok(Self { selection, chains, size, open, next: first })
    }

    /// A path that discovery, or the caller, brings: the tasks of batches that it filled; mostly none. A path that no rule takes is passed over.
    pub fn add(&mut self, path: &TaskPath) -> Vec<PlannedTask> {
        let mut tasks = Vec::new();
        for rule in self.selection.rules_for(&path.path, path.kind, &path.state) {
            let full = self.open.get_mut(rule).map(|open| open.add(path.clone(), self.size)).unwrap_or_default();
            full.into_iter().for_each(|paths| self.lay_out(rule, paths, &mut tasks));
        }
        tasks
    }

    /// The tasks of what is left, once discovery has ended.
    pub fn finish(&mut self) -> Vec<PlannedTask> {
        let left: Vec<_> = self.open.iter_mut().map(Batch::take).enumerate().collect();
        let mut tasks = Vec::new();
        for (rule, paths) in left.into_iter().filter(|(_, paths)| !paths.is_empty()) {
            self.lay_out(rule, paths, &mut tasks);
        }
        tasks
    }

    fn lay_out(&mut self, rule: usize, mut paths: Vec<TaskPath>, tasks: &mut Vec<PlannedTask>) {
        let mut before = None;
        for (step_index, step) in self.chains.get(rule).into_iter().flatten().enumerate() {
            let number = self.next;
            self.next += 1;
            let predecessors = before.replace(number).into_iter().collect();
            let (step, paths) = (step.clone(), std::mem::take(&mut paths));
            tasks.push(PlannedTask { number, rule, step_index, step, paths, predecessors });
        }
    }
}

#[cfg(test)]
mod tests;
