//! Sources and destinations of tasks: what a client names, resolved to a place of the host, and shown again.
//!
//! A folder or file that is named by its path need not be known yet: a task walks its source when it runs and makes its destination.
//! Only the container or primary pool at the head of the path has to exist.

use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, Code, Container, Error, FileWithPath, Pool, Tape};
use capstan_domain::Kind;
use capstan_domain::cartridge::Cartridge;
use capstan_domain::entry::Tree;
use capstan_domain::ids::Number;
use capstan_domain::job::{Definition, End, Endpoint, Place};
use capstan_domain::listing::{Listing, Operator, Sort};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Door;
use super::failures::{error, missing};
use super::pools::pool;
use super::tapes::tape;

/// What a client can name, with the attributes that it used.
pub(super) struct Named<'a> {
    pub(super) file: (&'static str, Option<i64>),
    pub(super) path: (&'static str, Option<&'a str>),
    pub(super) tape_id: Option<i64>,
    pub(super) tape_barcode: Option<&'a str>,
    pub(super) pool_id: Option<i64>,
    pub(super) pool_name: Option<&'a str>,
}

/// An end, as far as it means something that is there.
pub(super) struct Shown<I> {
    pub(super) number: Number,
    pub(super) given: I,
    pub(super) file: Option<FileWithPath>,
    pub(super) container: Option<Container>,
    pub(super) tape: Option<Tape>,
    pub(super) pool: Option<Pool>,
}

impl Door {
    pub(super) async fn task(&self, at: &Reference) -> Answer<Definition> {
        self.app.definitions.find(at.text()).await.map_err(missing("task_id", at.text()))
    }

    pub(super) async fn place(&self, named: &Named<'_>) -> Answer<Place> {
        if named.tape_id.is_some() || named.tape_barcode.is_some() {
            return self.tape_place(named).await;
        }
        if named.pool_id.is_some() || named.pool_name.is_some() {
            return self.pool_place(named).await;
        }
        let by_path = match named.path {
            (attribute, Some(path)) => Some(self.path_place(attribute, path).await?),
            (_, None) => None,
        };
        let (attribute, Some(number)) = named.file else {
            return by_path.ok_or_else(|| Error::attribute(named.file.0, Code::Blank));
        };
        let entry = self.app.entries.find(number).await.map_err(|failure| match failure.kind {
            Kind::NotFound => Error::because(attribute, Code::NotFound, format!("There is no file {number}")),
            _ => error(failure),
        })?;
        let by_number = in_tree(entry.tree, entry.path);
        match by_path {
            Some(other) if other != by_number => Err(Error::because(
                named.path.0,
                Code::Invalid,
                format!("{} and {attribute} name different things", named.path.0),
            )),
            _ => Ok(by_number),
        }
    }

    async fn tape_place(&self, named: &Named<'_>) -> Answer<Place> {
        let by_number = match named.tape_id {
            Some(number) => Some(self.one_tape("tape_id", "number", &number.to_string()).await?),
            None => None,
        };
        let by_barcode = match named.tape_barcode {
            Some(barcode) => Some(self.one_tape("tape_barcode", "barcode", barcode).await?),
            None => None,
        };
        match (by_number, by_barcode) {
            // The same barcode may be in another library too: the number says which is meant.
            (Some(one), Some(other)) if one.barcode != other.barcode => {
                Err(Error::because("tape_barcode", Code::Invalid, "tape_barcode and tape_id name different tapes"))
            }
            (Some(tape), _) | (None, Some(tape)) => Ok(Place::Location { location: tape.location, path: String::new() }),
            (None, None) => Err(Error::attribute("tape_id", Code::Blank)),
        }
    }

    /// The newest of several.
    async fn one_tape(&self, attribute: &str, field: &str, value: &str) -> Answer<Cartridge> {
        let mut listing = Listing::first(1).with(field, Operator::Equal, value);
        listing.sort.push(Sort { field: "number".to_owned(), descending: true });
        let found = self.app.cartridges.list(listing).await.map_err(error)?.items.into_iter().next();
        found.ok_or_else(|| Error::because(attribute, Code::NotFound, format!("There is no tape {value}")))
    }

    async fn pool_place(&self, named: &Named<'_>) -> Answer<Place> {
        let by_number = match named.pool_id {
            Some(number) => Some(self.numbered_pool("pool_id", number).await?),
            None => None,
        };
        let Some(name) = named.pool_name else {
            let pool = by_number.ok_or_else(|| Error::attribute("pool_id", Code::Blank))?;
            return Ok(Place::Pool { pool: pool.id, path: String::new() });
        };
        let listing = Listing::first(1).with("name", Operator::Equal, name);
        let found = self.app.pools.list(listing).await.map_err(error)?.items.into_iter().next();
        let pool = found.ok_or_else(|| Error::because("pool_name", Code::NotFound, format!("There is no pool {name}")))?;
        if by_number.is_some_and(|other| other.id != pool.id) {
            return Err(Error::because("pool_name", Code::Invalid, "pool_name and pool_id name different pools"));
        }
        Ok(Place::Pool { pool: pool.id, path: String::new() })
    }

    /// `/container/folder`, or `/primary pool/bucket/folder`.
    async fn path_place(&self, attribute: &str, given: &str) -> Answer<Place> {
        let steps: Vec<&str> = given.split('/').filter(|step| !step.is_empty()).collect();
        let Some((head, rest)) = steps.split_first() else {
            return Err(Error::because(
                attribute,
                Code::Invalid,
                format!("{attribute} has to begin with the name of a container or primary pool"),
            ));
        };
        let named = || Listing::first(1).with("name", Operator::Equal, head);
        let path = rest.join("/");
        let spaces = self.app.spaces.list(named()).await.map_err(error)?;
        if let Some(space) = spaces.items.into_iter().next() {
            return Ok(Place::Space { space: space.id, path });
        }
        let pools = self.app.pools.list(named()).await.map_err(error)?;
        // One of tapes has a tree too once files were found there that nothing else knew.
        match pools.items.into_iter().find(|pool| pool.root.is_some()) {
            Some(pool) => Ok(Place::Pool { pool: pool.id, path }),
            None => Err(Error::because(attribute, Code::NotFound, format!("There is no container or primary pool {head}"))),
        }
    }

    pub(super) async fn end(&self, task: &Reference, end: End, number: Number) -> Answer<(Definition, Endpoint)> {
        let task = self.task(task).await?;
        let attribute = match end {
            End::Source => "task_source_id",
            End::Destination => "task_destination_id",
        };
        let found = self.app.definitions.find_endpoint(task.id, end, number).await;
        Ok((task, found.map_err(missing(attribute, &number.to_string()))?))
    }

    /// Makes an end, or replaces the one with this number.
    pub(super) async fn keep_end<I: Serialize>(
        &self,
        caller: &Caller,
        task: &Definition,
        end: End,
        number: Option<Number>,
        given: &I,
        place: Place,
    ) -> Answer<Endpoint> {
        let caller = self.caller(caller)?;
        let given = serde_json::to_value(given).unwrap_or_default();
        let definitions = &self.app.definitions;
        match number {
            None => definitions.create_endpoint(&caller, task.id, end, given, place).await,
            Some(number) => definitions.update_endpoint(&caller, task.id, end, number, given, place).await,
        }
        .map_err(error)
    }

    pub(super) async fn shown_end<I: DeserializeOwned + Default>(&self, endpoint: &Endpoint) -> Answer<Shown<I>> {
        let mut shown = Shown {
            number: endpoint.number,
            given: serde_json::from_value(endpoint.given.clone()).unwrap_or_default(),
            file: None,
            container: None,
            tape: None,
            pool: None,
        };
        match &endpoint.place {
            Place::Space { space, path } => {
                let space = self.app.spaces.get(*space).await.map_err(error)?;
                shown.file = self.known_file(&space.name, path).await?;
                shown.container = Some(self.container(&space).await?);
            }
            Place::Pool { pool: id, path } => {
                let found = self.app.pools.get(*id).await.map_err(error)?;
                if !path.is_empty() {
                    shown.file = self.known_file(&found.name, path).await?;
                }
                shown.pool = Some(pool(&found));
            }
            Place::Location { location, .. } => match self.app.cartridges.get(*location).await {
                Ok(cartridge) => shown.tape = Some(tape(&cartridge)),
                // Another door's end: a location of another kind.
                Err(failure) if failure.kind == Kind::NotFound => {}
                Err(failure) => return Err(error(failure)),
            },
        }
        Ok(shown)
    }

    /// The entry at a path, if the catalogue has seen it.
    async fn known_file(&self, tree: &str, path: &str) -> Answer<Option<FileWithPath>> {
        match self.app.entries.resolve_path(&format!("/{tree}/{path}")).await {
            Ok(entry) => self.file_with_path(&entry).await.map(Some),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(error(failure)),
        }
    }
}

fn in_tree(tree: Tree, path: String) -> Place {
    match tree {
        Tree::Space(space) => Place::Space { space, path },
        Tree::Pool(pool) => Place::Pool { pool, path },
    }
}
