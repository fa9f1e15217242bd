//! From paths to the tasks that a discovery makes. What it holds is a batch a rule and what one transaction makes.

use std::collections::HashMap;

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
        let Discovering { workflow, values, site, queue, call, .. } = discovering;
        let settings = &site.settings;
        let size = BatchSize::of_site(settings.file_batch_size, settings.file_batch_gb);
        let blank = Planner::new(workflow, values, &call.filters(settings), call.mountpoint(), size, 0)
            .map_err(|errors| Failure::invalid(format!("The workflow cannot be run: {errors}")).with_code("invalid"))?;
        Ok(Self {
            blank,
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

    /// Makes the tasks that are laid out, and remembers where to go on, in one transaction. False: the job takes up no tasks now.
    pub(super) async fn make(&mut self, discovering: &Discovering<'_>, cursor: &impl Serialize) -> Outcome<bool> {
        let tasks = std::mem::take(&mut self.ready);
        self.ready_paths = 0;
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
