//! Which manifests of a bucket a space is rebuilt from.

use std::collections::BTreeSet;
use std::sync::Arc;

use capstan_domain::failure::Kind;
use capstan_domain::ids::SpaceId;
use capstan_domain::{Failure, Outcome};
use capstan_mover::Tree;

use super::super::batch::Head;
use super::super::shelf;
use crate::opened::OpenSpace;

/// Newest batches of a manifest that are tried for one that can be read.
const LOOKED_AT: usize = 16;
/// Manifests whose names are told where somebody has to choose.
const MOST_NAMED: usize = 10;

/// Its own manifest if it has one, else the only one of a space of its name, else the only one; with all that those go on from.
pub(super) async fn chosen(tree: &Arc<dyn Tree>, space: &OpenSpace, asked: Option<SpaceId>) -> Outcome<Vec<SpaceId>> {
    let all = shelf::spaces(tree).await?;
    if let Some(asked) = asked {
        if !all.contains(&asked) {
            return Err(Failure::not_found(format!("The bucket holds no manifest of the space {asked}")).with_code("no-manifest"));
        }
        return Ok(lineage(asked, newest(tree, asked).await?));
    }
    if all.contains(&space.id)
        && let Some(head) = newest(tree, space.id).await?
    {
        return Ok(lineage(space.id, Some(head)));
    }
    let mut heads = Vec::new();
    for manifest in all {
        heads.extend(newest(tree, manifest).await?);
    }
    // One that another one goes on from is a part of that.
    let continued: BTreeSet<SpaceId> = heads.iter().flat_map(|head| head.after.iter().copied()).collect();
    heads.retain(|head| !continued.contains(&head.space));
    let of_name: Vec<&Head> = heads.iter().filter(|head| head.name == space.manifests.name()).collect();
    let candidates = if of_name.is_empty() { heads.iter().collect() } else { of_name };
    match candidates.as_slice() {
        [] => Err(Failure::not_found("The bucket holds no manifest of a space").with_code("no-manifest")),
        [one] => Ok(lineage(one.space, Some((*one).clone()))),
        several => {
            let name = |head: &&Head| format!("{} ({:?})", head.space, head.name);
            let named: Vec<String> = several.iter().take(MOST_NAMED).map(name).collect();
            let message = format!("The bucket holds {} manifests that could be meant: {}", several.len(), named.join(", "));
            Err(Failure::new(Kind::Conflict, message)
                .with_code("which-manifest")
                .with_next_step("Say the id of the space that it is to be rebuilt from; the last one was made last."))
        }
    }
}

/// Of the newest batch that can be read.
async fn newest(tree: &Arc<dyn Tree>, manifest: SpaceId) -> Outcome<Option<Head>> {
    let standing = shelf::list(tree, manifest).await?;
    for standing in standing.iter().rev().take(LOOKED_AT) {
        match shelf::read(tree, standing).await {
            Ok((head, _)) => return Ok(Some(head)),
            Err(failure) if matches!(failure.kind, Kind::Corrupt | Kind::Unsupported | Kind::NotFound) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(None)
}

fn lineage(manifest: SpaceId, head: Option<Head>) -> Vec<SpaceId> {
    let after = head.into_iter().flat_map(|head| head.after);
    std::iter::once(manifest).chain(after).collect()
}
