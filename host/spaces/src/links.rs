//! Links of a space in its buckets, so that another site can have them.
//!
//! A link has no content that a hash could prove and no state: its copy is a link below a folder of its own, where the copy of no file
//! ever stands, and the next copy takes its place. A bucket that can hold no links has none of them, which takes nothing from this site.

use std::sync::Arc;

use capstan_domain::ids::LocationId;
use capstan_domain::time::Timestamp;
use capstan_domain::{Kind, Outcome};
use capstan_mover::{Item, ItemKind, Tree, names};

use crate::Inner;

/// In the root of a bucket. Views let nobody take a name like this.
const FOLDER: &str = ".capstan-links";
/// Mode of the folders above a copy.
const FOLDER_MODE: u32 = 0o755;

fn place(path: &str) -> String {
    names::join(FOLDER, path)
}

/// Stores a link, as it says now, in a bucket. Nothing, where that can hold none.
pub(crate) async fn store(inner: &Inner, location: LocationId, path: &str, link: &Item, attempt: &str) -> Outcome<()> {
    let ItemKind::Link { to } = &link.kind else { return Ok(()) };
    let tree = inner.buckets.tree(location).await?;
    let place = place(path);
    if tree.sequential() || tree.stat(&place).await?.is_some_and(|there| there.kind == link.kind) {
        return Ok(());
    }
    match make(&tree, &place, to, link, attempt).await {
        Err(failure) if failure.kind == Kind::Unsupported => {
            tracing::debug!(%failure, path, "a link is not stored");
            Ok(())
        }
        made => made,
    }
}

async fn make(tree: &Arc<dyn Tree>, place: &str, to: &str, link: &Item, attempt: &str) -> Outcome<()> {
    match tree.make_link(place, to, link, attempt, true).await {
        Err(failure) if failure.kind == Kind::NotFound && tree.keeps_folders() => {}
        made => return made.map(|_| ()),
    }
    let above = names::parent_of(place);
    let folder =
        Item { kind: ItemKind::Folder { empty: false }, mode: Some(FOLDER_MODE), ..Item::file(above, 0, Timestamp::now()) };
    tree.make_folder(above, &folder, attempt).await?;
    tree.make_link(place, to, link, attempt, true).await.map(|_| ())
}

/// The copy of a link in the first of these buckets that has one.
pub(crate) async fn find(inner: &Inner, locations: &[LocationId], path: &str) -> Outcome<Option<Item>> {
    for location in locations {
        let found = inner.buckets.tree(*location).await?.stat(&place(path)).await?;
        if let Some(link) = found.filter(|found| matches!(found.kind, ItemKind::Link { .. })) {
            return Ok(Some(link));
        }
    }
    Ok(None)
}
