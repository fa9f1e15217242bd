//! Pages of a directory, without the files that are still being written. Those that nobody writes any more are removed on the way.

use capstan_sdk::files::{self, Kind, Status, Times};
use capstan_sdk::types::NodePage;
use capstan_sdk::whole_file::{SWEPT, is_abandoned, is_temporary, may_be_abandoned};
use capstan_sdk::{Outcome, log};

use crate::attributes::{full_node, node};
use crate::backend::{Place, ROOT};

pub(crate) async fn page(place: &Place, after: Option<String>, limit: u32) -> Outcome<NodePage> {
    let page = files::read_directory(ROOT.to_owned(), place.path.clone(), after, limit.max(1)).await?;
    let mut nodes = Vec::with_capacity(page.entries.len());
    let mut left = Vec::new();
    for entry in page.entries {
        if is_temporary(&entry.name) {
            if entry.status.kind == Kind::File && may_be_abandoned(entry.status.modified) && left.len() < SWEPT {
                left.push((place.child(&entry.name), entry.status));
            }
            continue;
        }
        nodes.push(match entry.status.kind {
            Kind::Symlink => full_node(&place.child(&entry.name), &entry.status).await?,
            _ => node(&entry.name, &entry.status, None),
        });
    }
    for (part, status) in left {
        match remove(&part, &status).await {
            Ok(true) => log!(info, "a temporary file that a dead writer left was removed", "path" => part.path),
            Ok(false) => {}
            // The list is what was asked for; who may only read leaves it to others.
            Err(failure) => {
                log!(debug, "a temporary file stays that a dead writer left", "why" => failure.fault().message);
                break;
            }
        }
    }
    Ok(NodePage { nodes, next: page.next })
}

/// False: somebody wrote to it not long ago, by the clock of the filesystem, which may be a server's.
async fn remove(part: &Place, status: &Status) -> Outcome<bool> {
    let same = Times { modified: None, mode: Some(status.mode & 0o1777), uid: None, gid: None };
    let touched = files::set_attributes(ROOT.to_owned(), part.path.clone(), same).await?;
    if !is_abandoned(touched.modified, touched.changed) {
        return Ok(false);
    }
    files::remove(ROOT.to_owned(), part.path.clone()).await?;
    Ok(true)
}
