//! No discovery: the call brought the paths, and says in which state they are.

use std::time::Duration;

use capstan_domain::Outcome;
use capstan_domain::entry::EntryKind;
use capstan_domain::workflow::{InputPath, TaskPath};
use serde::{Deserialize, Serialize};

use super::layout::{Layout, Part};
use super::{Discovering, FIRST_POSITION, blocking};
use crate::workflow::run::End;

/// Paths that are looked at together.
const TOGETHER: usize = 512;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cursor {
    /// Position of the next task.
    next: u64,
    /// Paths of the call that are behind it.
    done: usize,
}

pub(super) async fn discover(discovering: &Discovering<'_>) -> Outcome<End> {
    let mut cursor = discovering.cursor()?.unwrap_or(Cursor { next: FIRST_POSITION, done: 0 });
    let inputs = discovering.engine.catalogue.job_inputs(discovering.job.id).await?;
    let mut layout = Layout::new(discovering, cursor.next)?;
    while let Some(rest) = inputs.get(cursor.done..).filter(|rest| !rest.is_empty()) {
        let some: Vec<InputPath> = rest.iter().take(TOGETHER).cloned().collect();
        for path in looked_at(discovering, some).await? {
            layout.add(Part::Whole, &path).await?;
            cursor.done += 1;
        }
        if layout.is_full() {
            layout.close().await?;
            cursor.next = layout.next();
            if !layout.make(discovering, &cursor).await? {
                return Ok(End::Again(Duration::ZERO));
            }
        }
    }
    layout.close().await?;
    cursor.next = layout.next();
    layout.make(discovering, &cursor).await?;
    Ok(End::Done)
}

/// With kind and size. What cannot be looked at is taken for a file: the step tells what became of it.
async fn looked_at(discovering: &Discovering<'_>, inputs: Vec<InputPath>) -> Outcome<Vec<TaskPath>> {
    let (tree, call) = (discovering.tree.clone(), discovering.call.clone());
    let look = move || {
        let look = |input: InputPath| {
            let path = call.within_space(&input.path).map_err(capstan_domain::Failure::invalid)?;
            let listed = tree.listed(&path).ok().flatten();
            Ok(TaskPath {
                kind: listed.as_ref().map_or(EntryKind::File, |listed| listed.kind),
                size: listed.map_or(input.size.unwrap_or(0), |listed| listed.size),
                state: input.state.unwrap_or_default(),
                from: None,
                path,
            })
        };
        inputs.into_iter().map(look).collect()
    };
    blocking(look).await
}
