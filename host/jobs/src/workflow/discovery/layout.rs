//! From paths to the tasks that a discovery makes. What it holds is a batch a rule and what one transaction makes.

use std::collections::HashMap;

use capstan_domain::site::SiteSettings;
use capstan_domain::workflow::{NewTask, TaskPath};
use capstan_domain::{Failure, Outcome};
use capstan_workflows::StepKind;
use capstan_workflows::plan::{BatchSize, PlannedTask, Planner};
use serde::Serialize;

use super::Discovering;
use crate::workflow::destinations::Destinations;
use crate::workflow::task_step::{Half, TaskStep};

/// Tasks, and paths of them, from which on they are made at once.
const TASKS_TOGETHER: usize = 2_000;
const PATHS_TOGETHER: usize = 8_000;

/// Tasks of a job after which batches that size themselves grow by their first size again: a job of a million paths has thousands of
/// tasks, one of a hundred millions tens of thousands.
const TASKS_OF_A_SIZE: u64 = 1_000;

/// What of its chain a path goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Whole,
    /// Of a chain that begins with a move, the half that takes aside; nothing of any other.
    Aside,
    /// The whole, but of a chain that begins with a move the half of it that puts in place.
    Place,
    /// The whole of a chain that begins with a deletion; nothing of any other.
    Deletion,
    /// The whole of a chain that does not begin with a deletion.
    Other,
}

pub(super) struct Layout {
    blank: Planner,
    /// One a part, each with its open batches.
    planners: HashMap<Part, Planner>,
    /// The first step of each rule.
    first_steps: Vec<Option<StepKind>>,
    destinations: Destinations,
    /// Position of the next task within the job.
    next: u64,
    ready: Vec<NewTask>,
    ready_paths: usize,
}

impl Layout {
    /// `next`: above the positions of all tasks that there are.
    pub(super) fn new(discovering: &Discovering<'_>, next: u64) -> Outcome<Self> {
        let Discovering { workflow, site, queue, .. } = discovering;
        Ok(Self {
            blank: blank(discovering, next)?,
            planners: HashMap::new(),
            first_steps: workflow.rules.iter().map(|rule| rule.chain.first().map(|step| step.kind)).collect(),
            destinations: Destinations::new(&discovering.engine.catalogue, site.number, *queue),
            next,
            ready: Vec::new(),
            ready_paths: 0,
        })
    }

    /// Position of the next task.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) async fn add(&mut self, part: Part, path: &TaskPath) -> Outcome<()> {
        let blank = &self.blank;
        let planned = self.planners.entry(part).or_insert_with(|| blank.clone()).add(path);
        self.take(part, planned).await
    }

    pub(super) fn is_full(&self) -> bool {
        self.ready.len() >= TASKS_TOGETHER || self.ready_paths >= PATHS_TOGETHER
    }

    /// Lays out what is left in open batches, so that nothing is held of what came before.
    pub(super) async fn close(&mut self) -> Outcome<()> {
        let parts: Vec<Part> = self.planners.keys().copied().collect();
        for part in parts {
            let planned = self.planners.get_mut(&part).map(Planner::finish).unwrap_or_default();
            self.take(part, planned).await?;
        }
        Ok(())
    }

    /// Makes the tasks that are laid out, after `close`, and remembers where to go on, in one transaction. False: the job takes up no
    /// tasks now.
    pub(super) async fn make(&mut self, discovering: &Discovering<'_>, cursor: &impl Serialize) -> Outcome<bool> {
        let tasks = std::mem::take(&mut self.ready);
        self.ready_paths = 0;
        // Nothing is open: the next batches may be of another size.
        self.planners.clear();
        self.blank = blank(discovering, self.next)?;
        discovering.remember(tasks, cursor).await
    }

    async fn take(&mut self, part: Part, planned: Vec<PlannedTask>) -> Outcome<()> {
        // Planners count each by itself, and some of their tasks are not made.
        let mut positions: HashMap<u64, u64> = HashMap::with_capacity(planned.len());
        for task in planned {
            let Some(half) = self.share(part, &task) else { continue };
            let queue = self.destinations.of(&task.step).await?.queue;
            positions.insert(task.number, self.next);
            self.ready_paths += task.paths.len();
            self.ready.push(NewTask {
                position: self.next,
                kind: task.step.step.task_type().to_owned(),
                step: TaskStep::Step { step: task.step.step, half }.to_json()?,
                queue,
                paths: task.paths,
                predecessors: task.predecessors.iter().filter_map(|number| positions.get(number).copied()).collect(),
            });
            self.next += 1;
        }
        Ok(())
    }

    /// None: the task is not made.
    fn share(&self, part: Part, task: &PlannedTask) -> Option<Option<Half>> {
        let first = self.first_steps.get(task.rule).copied().flatten();
        let moves = first == Some(StepKind::Move) && task.step_index == 0;
        let deletes = first == Some(StepKind::Delete);
        match part {
            Part::Whole => Some(None),
            Part::Aside => moves.then_some(Some(Half::Aside)),
            Part::Place => Some(moves.then_some(Half::Place)),
            Part::Deletion => deletes.then_some(None),
            Part::Other => (!deletes).then_some(None),
        }
    }
}

fn blank(discovering: &Discovering<'_>, next: u64) -> Outcome<Planner> {
    let Discovering { workflow, values, site, call, .. } = discovering;
    let (filters, size) = (call.filters(&site.settings), batch_size(&site.settings, next));
    Planner::new(workflow, values, &filters, call.mountpoint(), size, 0)
        .map_err(|errors| Failure::invalid(format!("The workflow cannot be run: {errors}")).with_code("invalid"))
}

/// `next`: position of the next task.
fn batch_size(settings: &SiteSettings, next: u64) -> BatchSize {
    let growth = if settings.automatic_batches { 1 + next / TASKS_OF_A_SIZE } else { 1 };
    BatchSize::of_site(settings.file_batch_size.saturating_mul(growth), settings.file_batch_gb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_that_size_themselves_grow_with_the_job() {
        let automatic =
            SiteSettings { file_batch_size: 40, file_batch_gb: 2, automatic_batches: true, ..SiteSettings::default() };
        let fixed = SiteSettings { automatic_batches: false, ..automatic.clone() };
        for (next, paths) in [(1, 40), (999, 40), (1_000, 80), (25_000, 1_040)] {
            assert_eq!(batch_size(&automatic, next), BatchSize::of_site(paths, 2), "{next}");
            assert_eq!(batch_size(&fixed, next), BatchSize::of_site(40, 2), "{next}");
        }
        let unbounded = SiteSettings { file_batch_size: 0, ..automatic };
        assert_eq!(batch_size(&unbounded, 9_000), BatchSize::of_site(0, 2));
    }
}
