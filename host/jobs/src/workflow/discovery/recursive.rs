//! All that is at the given paths and below them, the whole space if there are none.
//!
//! A given path that is not there is an error unless the workflow skips it; all others are worked on either way.

use std::time::Duration;

use capstan_domain::failure::Kind;
use capstan_domain::tree_snapshot::Node;
use capstan_domain::workflow::TaskPath;
use capstan_domain::{Failure, Outcome};
use capstan_workflows::DiscoveryOptions;
use serde::{Deserialize, Serialize};

use super::layout::{Layout, Part};
use super::{Discovering, FIRST_POSITION, blocking};
use crate::workflow::call::roots;
use crate::workflow::run::End;
use crate::workflow::walk::{Walk, node};

/// Paths that a failure names.
const NAMED: usize = 10;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cursor {
    /// Position of the next task.
    next: u64,
    /// Given paths that are behind it.
    done: usize,
    /// Of the one that it is in: the last path that was found.
    after: Option<String>,
    /// Given paths that are not there.
    missing: Vec<String>,
}

pub(super) async fn discover(discovering: &Discovering<'_>, options: DiscoveryOptions) -> Outcome<End> {
    let first = Cursor { next: FIRST_POSITION, done: 0, after: None, missing: Vec::new() };
    let mut cursor = discovering.cursor()?.unwrap_or(first);
    let mut inputs = discovering.inputs().await?;
    if inputs.is_empty() {
        inputs.push(String::new());
    }
    let mut layout = Layout::new(discovering, cursor.next)?;
    for root in roots(inputs).into_iter().skip(cursor.done) {
        if !walk(discovering, &mut layout, &mut cursor, root, options).await? {
            return Ok(End::Again(Duration::ZERO));
        }
        cursor.done += 1;
        cursor.after = None;
    }
    layout.close().await?;
    cursor.next = layout.next();
    layout.make(discovering, &cursor).await?;
    if cursor.missing.is_empty() { Ok(End::Done) } else { Err(not_there(&cursor.missing)) }
}

/// False: it gives way.
async fn walk(
    discovering: &Discovering<'_>,
    layout: &mut Layout,
    cursor: &mut Cursor,
    root: String,
    options: DiscoveryOptions,
) -> Outcome<bool> {
    if !root.is_empty() {
        let (tree, path) = (discovering.tree.clone(), root.clone());
        let listed = match blocking(move || tree.listed(&path)).await {
            Ok(listed) => listed,
            Err(failure) if failure.kind == Kind::NotFound => {
                if !options.skip_missing {
                    cursor.missing.push(root);
                }
                return Ok(true);
            }
            Err(failure) => return Err(failure),
        };
        // Neither file, folder nor link: nothing that a step could take.
        let Some(listed) = listed else { return Ok(true) };
        let is_folder = listed.kind == capstan_domain::entry::EntryKind::Folder;
        if cursor.after.is_none() {
            add(layout, cursor, vec![node(root.clone(), listed)]).await?;
        }
        if !is_folder {
            return Ok(true);
        }
    }
    let mut walk = Walk::begin(discovering.tree.clone(), root, cursor.after.clone());
    while let Some(nodes) = walk.next().await? {
        add(layout, cursor, nodes).await?;
        if layout.is_full() {
            layout.close().await?;
            cursor.next = layout.next();
            if !layout.make(discovering, cursor).await? {
                return Ok(false);
            }
        }
        if discovering.gives_way() {
            // What is laid out and not made is found again.
            return Ok(false);
        }
    }
    Ok(true)
}

async fn add(layout: &mut Layout, cursor: &mut Cursor, nodes: Vec<Node>) -> Outcome<()> {
    for Node { path, kind, size, .. } in nodes {
        let found = TaskPath { path, kind, size, state: String::new(), from: None };
        layout.add(Part::Whole, &found).await?;
        cursor.after = Some(found.path);
    }
    Ok(())
}

fn not_there(missing: &[String]) -> Failure {
    let named: Vec<&str> = missing.iter().take(NAMED).map(String::as_str).collect();
    let more = missing.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    Failure::not_found(format!("not in the space: {}{rest}", named.join(", "))).with_code("input-missing")
}
