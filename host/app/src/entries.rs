//! Entries: the files, folders and links that the catalogue knows.

use capstan_catalogue::Catalogue;
use capstan_domain::entry::{Entry, Tree};
use capstan_domain::ids::{EntryId, Number};
use capstan_domain::listing::{Filter, Listing, Operator, Page};
use capstan_domain::{Failure, Kind, Outcome};

pub use capstan_catalogue::StoredIn;

/// Spaces, and pools, whose tops are asked for by number; with more, the slower way by path is taken.
const ROOTS_NAMED: u32 = 4_000;

#[derive(Clone)]
pub struct Entries {
    catalogue: Catalogue,
}

/// Which entries a list is about.
#[derive(Clone, Copy, Debug)]
pub enum EntryScope {
    /// The tops of all trees.
    Roots,
    /// What stands at the top of one tree.
    Tree(Tree),
    /// What stands in one folder.
    Children(EntryId),
}

impl Entries {
    pub(crate) fn new(catalogue: Catalogue) -> Self {
        Self { catalogue }
    }

    pub async fn find(&self, number: Number) -> Outcome<Entry> {
        self.catalogue.entry(number).await
    }

    /// Where each copy of these entries lies.
    pub async fn holders(&self, entries: &[Number]) -> Outcome<Vec<StoredIn>> {
        self.catalogue.holders(entries).await
    }

    /// The name of the space or of the pool whose tree it is.
    pub async fn tree_name(&self, tree: Tree) -> Outcome<String> {
        match tree {
            Tree::Space(space) => Ok(self.catalogue.space(space).await?.name),
            Tree::Pool(pool) => Ok(self.catalogue.pool(pool).await?.name),
        }
    }

    /// "/space/folder/file" or "/pool/…": the first name is a space, else a pool with a tree.
    pub async fn resolve_path(&self, absolute: &str) -> Outcome<Entry> {
        let missing = || Failure::not_found(format!("nothing is known at {absolute}")).with_code("not-found");
        let path = absolute.trim_matches('/');
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let named = |listing: Listing| listing.with("name", Operator::Equal, name);
        let space = self.catalogue.spaces(&named(Listing::first(1))).await?.items.into_iter().next();
        let tree = match space {
            Some(space) => Tree::Space(space.id),
            None => {
                let pools = self.catalogue.pools(&named(Listing::first(1))).await?;
                Tree::Pool(pools.items.first().filter(|pool| pool.root.is_some()).ok_or_else(missing)?.id)
            }
        };
        // Level by level: each name is one look into an index, however large the tree is.
        self.catalogue.entry_at(tree, rest).await.map_err(|failure| match failure.kind {
            Kind::NotFound => missing(),
            _ => failure,
        })
    }

    /// Numbers of the tops of all trees, by which they are found through an index; none when there are too many to name.
    async fn roots(&self) -> Outcome<Option<Vec<Number>>> {
        let spaces = self.catalogue.spaces(&Listing::first(ROOTS_NAMED)).await?;
        let planted = Listing::first(ROOTS_NAMED).with("root_number", Operator::Greater, 0);
        let pools = self.catalogue.pools(&planted).await?;
        if spaces.count.max(pools.count) > u64::from(ROOTS_NAMED) {
            return Ok(None);
        }
        let pools = pools.items.iter().filter_map(|pool| pool.root_number);
        Ok(Some(spaces.items.iter().map(|space| space.root_number).chain(pools).collect()))
    }

    pub async fn list(&self, scope: EntryScope, listing: Listing) -> Outcome<Page<Entry>> {
        let listing = match scope {
            EntryScope::Roots => match self.roots().await? {
                Some(numbers) => {
                    let values = numbers.iter().map(ToString::to_string).collect();
                    let mut listing = listing;
                    listing.filters.push(Filter { field: "number".to_owned(), operator: Operator::In, values });
                    listing
                }
                None => listing.with("path", Operator::Equal, ""),
            },
            EntryScope::Tree(tree) => {
                let root = self.catalogue.entry_at(tree, "").await?;
                listing.with("parent_number", Operator::Equal, root.number)
            }
            EntryScope::Children(folder) => {
                let folder = self.catalogue.entry(folder).await?;
                listing.with("parent_number", Operator::Equal, folder.number)
            }
        };
        self.catalogue.entries(&listing).await
    }
}
