//! What changed since the last run of the same call: a look at the tree is compared with the one before.
//!
//! Looks are of a series: that of a schedule, or of calls that are alike, so that two destinations of `site_sync` do not take each other's
//! changes away. The look of a run counts from when its job has ended with every path in place; after any other end the next run finds
//! the same differences again, and what is done already counts as done.

use std::time::Duration;

use capstan_catalogue::Catalogue;
use capstan_domain::failure::Kind;
use capstan_domain::ids::JobId;
use capstan_domain::listing::{Filter, Listing, Operator};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{JobState, TaskState, WorkflowJob};
use capstan_domain::{Failure, Outcome};
use capstan_workflows::DiscoveryOptions;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::layout::Layout;
use super::look::{Pair, Pass, learn_hashes, take};
use super::rounds::{Round, Turn, task_path};
use super::survey::survey;
use super::{Discovering, FIRST_POSITION};
use crate::workflow::call::roots;
use crate::workflow::recovery::settle_ended;
use crate::workflow::run::End;
use crate::workflow::task_step::DISCOVERY;

/// Discoveries of a job.
const DISCOVERIES: u32 = 16;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cursor {
    /// Position of the next task.
    next: u64,
    looks: Vec<Pair>,
    /// None: not all looks are whole, or nobody has surveyed them.
    rounds: Option<Vec<Round>>,
    /// Rounds whose tasks are made.
    made: usize,
    /// Differences of the round at hand that are behind it.
    told: u64,
}

pub(super) async fn discover(discovering: &Discovering<'_>, options: DiscoveryOptions) -> Outcome<End> {
    let first = Cursor { next: FIRST_POSITION, looks: Vec::new(), rounds: None, made: 0, told: 0 };
    let mut cursor = discovering.cursor()?.unwrap_or(first);
    let catalogue = &discovering.engine.catalogue;
    let rounds = match cursor.rounds.clone() {
        Some(rounds) => rounds,
        None => {
            if !look(discovering, &mut cursor).await? {
                return Ok(End::Again(Duration::ZERO));
            }
            let pass = Pass::begin(catalogue, &cursor.looks, options.condense_moves, options.skip_old_ctimes);
            let rounds = survey(discovering, pass).await?;
            cursor.rounds = Some(rounds.clone());
            if !discovering.remember(Vec::new(), &cursor).await? {
                return Ok(End::Again(Duration::ZERO));
            }
            rounds
        }
    };
    while let Some(turn) = Turn::of(&rounds, cursor.made) {
        if cursor.told == 0 && cursor.made > 0 && others_run(discovering).await? {
            return Ok(End::Again(discovering.engine.limits.wait));
        }
        if !take_turn(discovering, options, &turn, &mut cursor).await? {
            return Ok(End::Again(Duration::ZERO));
        }
    }
    Ok(End::Done)
}

/// Takes the looks of this run. False: it gives way.
async fn look(discovering: &Discovering<'_>, cursor: &mut Cursor) -> Outcome<bool> {
    let catalogue = &discovering.engine.catalogue;
    let mut inputs = discovering.inputs().await?;
    if inputs.is_empty() {
        inputs.push(String::new());
    }
    let series = series(discovering)?;
    if cursor.looks.is_empty() {
        // A job is seen to have ended a moment before its looks count.
        settle_ended(discovering.engine).await?;
    }
    for (index, folder) in roots(inputs).into_iter().enumerate() {
        match cursor.looks.get(index) {
            Some(Pair { whole: true, .. }) => continue,
            // Whoever was at it died on the way.
            Some(begun) => catalogue.leave_tree_snapshot(begun.new).await?,
            None => {}
        }
        cursor.looks.truncate(index);
        let old = catalogue.current_tree_snapshot(&series, discovering.space, &folder).await?;
        let new = catalogue.begin_tree_snapshot(&series, discovering.space, &folder, Timestamp::now()).await?;
        let mut pair = Pair { folder, new: new.number, whole: false, old: old.map(|old| (old.number, old.taken)) };
        cursor.looks.push(pair.clone());
        discovering.remember(Vec::new(), cursor).await?;
        take(discovering, &pair).await?;
        pair.whole = true;
        cursor.looks.truncate(index);
        cursor.looks.push(pair);
        if !discovering.remember(Vec::new(), cursor).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the tasks of a round. False: it gives way.
async fn take_turn(
    discovering: &Discovering<'_>,
    options: DiscoveryOptions,
    turn: &Turn<'_>,
    cursor: &mut Cursor,
) -> Outcome<bool> {
    let catalogue = &discovering.engine.catalogue;
    let mut layout = Layout::new(discovering, cursor.next)?;
    let mut pass = Pass::begin(catalogue, &cursor.looks, options.condense_moves, options.skip_old_ctimes);
    let mut seen = 0;
    while let Some(report) = pass.next().await? {
        discovering.go_on()?;
        for difference in &report {
            seen += 1;
            if let Some(part) = turn.part(difference).filter(|_| seen > cursor.told) {
                layout.add(part, &task_path(difference)).await?;
            }
        }
        if layout.is_full() {
            layout.close().await?;
            (cursor.next, cursor.told) = (layout.next(), seen.max(cursor.told));
            still_current(discovering, &cursor.looks).await?;
            if !layout.make(discovering, cursor).await? {
                return Ok(false);
            }
        }
    }
    layout.close().await?;
    (cursor.next, cursor.told, cursor.made) = (layout.next(), 0, cursor.made + 1);
    still_current(discovering, &cursor.looks).await?;
    layout.make(discovering, cursor).await
}

/// A task of the job other than this one has not ended.
async fn others_run(discovering: &Discovering<'_>) -> Outcome<bool> {
    let open = [TaskState::Pending, TaskState::Started].map(|state| state.name().to_owned()).to_vec();
    let mut listing = Listing::first(0).with("job_number", Operator::Equal, discovering.job.number).with(
        "number",
        Operator::NotEqual,
        discovering.task.number,
    );
    listing.filters.push(Filter { field: "state".to_owned(), operator: Operator::In, values: open });
    Ok(discovering.engine.catalogue.tasks(&listing).await?.count > 0)
}

/// The looks that were compared with are those of the run before: another run that ended meanwhile has put its own in their place.
async fn still_current(discovering: &Discovering<'_>, looks: &[Pair]) -> Outcome<()> {
    let series = series(discovering)?;
    for pair in looks {
        let current = discovering.engine.catalogue.current_tree_snapshot(&series, discovering.space, &pair.folder).await?;
        if current.map(|current| current.number) != pair.old.map(|(old, _)| old) {
            return Err(Failure::new(Kind::Conflict, "another run of the same kind ended meanwhile")
                .with_code("overtaken")
                .with_next_step("run it again: it goes on from where the other one came to"));
        }
    }
    Ok(())
}

/// Whose looks these are: of whatever decides which paths are found and where they go.
fn series(discovering: &Discovering<'_>) -> Outcome<String> {
    let (job, site) = (discovering.job, &discovering.site);
    let alike =
        json!([job.workflow_number, job.workflow, site.number, site.settings.include, site.settings.exclude, discovering.call]);
    let alike = serde_json::to_vec(&alike).map_err(|cause| Failure::host("a series of looks cannot be named", cause))?;
    let hash = blake3::hash(&alike).to_hex();
    Ok(match job.schedule {
        Some(schedule) => format!("schedule {schedule} {hash}"),
        None => format!("call {hash}"),
    })
}

/// The looks of a job that has ended count from now on if all went well, or are given up. May be done again.
pub(in crate::workflow) async fn settle(catalogue: &Catalogue, id: JobId) -> Outcome<()> {
    let job = catalogue.workflow_job(id).await?;
    if !job.state.is_final() {
        return Ok(());
    }
    let discoveries =
        Listing::first(DISCOVERIES).with("job_number", Operator::Equal, job.number).with("kind", Operator::Equal, DISCOVERY);
    for task in catalogue.tasks(&discoveries).await?.items {
        // A discovery of another kind has a cursor of another kind, and one that never began has none.
        let Some(Ok(cursor)) = task.cursor.map(serde_json::from_value::<Cursor>) else { continue };
        for pair in cursor.looks {
            let settled = match job.state {
                JobState::Success if pair.whole => keep(catalogue, &job, &pair).await,
                _ => catalogue.leave_tree_snapshot(pair.new).await,
            };
            match settled {
                // It was settled before.
                Err(failure) if failure.kind == Kind::NotFound => {}
                settled => settled?,
            }
        }
    }
    Ok(())
}

async fn keep(catalogue: &Catalogue, job: &WorkflowJob, pair: &Pair) -> Outcome<()> {
    if let Some(space) = job.space {
        learn_hashes(catalogue, space, pair.new).await?;
    }
    catalogue.keep_tree_snapshot(pair.new).await
}
