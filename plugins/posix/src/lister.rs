//! Pages of a directory, without the files that are still being written.

use capstan_sdk::Outcome;
use capstan_sdk::files::{self, Kind};
use capstan_sdk::types::NodePage;
use capstan_sdk::whole_file::is_temporary;

use crate::attributes::{full_node, node};
use crate::backend::{Place, ROOT};

pub(crate) async fn page(place: &Place, after: Option<String>, limit: u32) -> Outcome<NodePage> {
    let page = files::read_directory(ROOT.to_owned(), place.path.clone(), after, limit.max(1)).await?;
    let mut nodes = Vec::with_capacity(page.entries.len());
    for entry in page.entries {
        if is_temporary(&entry.name) {
            continue;
        }
        nodes.push(match entry.status.kind {
            Kind::Symlink => full_node(&place.child(&entry.name), &entry.status).await?,
            _ => node(&entry.name, &entry.status, None),
        });
    }
    Ok(NodePage { nodes, next: page.next })
}
