//! Folders that went with what was in them go from the catalogue too.

use capstan_catalogue::Record;
use capstan_domain::Outcome;
use capstan_domain::entry::Tree;
use capstan_domain::listing::{Listing, Operator, Sort};
use capstan_mover::{Control, names};

use crate::engine::Engine;
use crate::ledger::Side;
use crate::places::Plot;

/// Folders looked at together.
const BATCH: u32 = 1000;

/// Under the plot's path. The tree is asked of each, so that nothing goes by inference (D12); the catalogue keeps a folder that
/// something still stands in.
pub(super) async fn forget_vanished(engine: &Engine, plot: &Plot, side: &Side, control: &Control) -> Outcome<()> {
    let Some(tree) = side.catalogued else { return Ok(()) };
    let under = side.shown(&plot.path);
    // Backwards: what is in a folder comes before it.
    let mut before: Option<String> = None;
    loop {
        control.ready().await?;
        let page = engine.catalogue.entries(&listing(tree, &under, before.as_deref())).await?;
        let Some(last) = page.items.last() else { return Ok(()) };
        before = Some(last.path.clone());
        let (shown, paths): (Vec<String>, Vec<String>) = page
            .items
            .into_iter()
            .filter(|entry| !entry.path.is_empty())
            .filter_map(|entry| Some((names::below(&entry.path, &side.shown_under)?.to_owned(), entry.path)))
            .map(|(path, shown)| (shown, path))
            .unzip();
        let looks = plot.tree.stat_many(&paths).await;
        let gone: Vec<String> =
            shown.into_iter().zip(looks).filter(|(_, look)| matches!(look, Ok(None))).map(|(path, _)| path).collect();
        if !gone.is_empty() {
            engine.catalogue.record(Record { gone: vec![(tree, gone)], ..Record::default() }).await?;
        }
    }
}

fn listing(tree: Tree, under: &str, before: Option<&str>) -> Listing {
    let listing = Listing::first(BATCH).with("kind", Operator::Equal, "folder");
    let mut listing = match tree {
        Tree::Space(space) => listing.with("space", Operator::Equal, space),
        Tree::Pool(pool) => listing.with("pool", Operator::Equal, pool),
    };
    if !under.is_empty() {
        // "0" is what follows "/": all that begins with the folder's path and a slash.
        listing = listing.with("path", Operator::Greater, format!("{under}/")).with("path", Operator::Less, format!("{under}0"));
    }
    if let Some(before) = before {
        listing = listing.with("path", Operator::Less, before);
    }
    listing.sort = vec![Sort { field: "path".to_owned(), descending: true }];
    listing
}
