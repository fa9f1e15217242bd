//! Tape libraries: robots that targets lead to, registered under a name, and looked at from then on.

mod machine;

use std::time::Duration;

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{LibraryId, TargetId};
use capstan_domain::job::{Job, NewJob, Work};
use capstan_domain::library::{FoundLibrary, Library, NewLibrary};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::ports::LibraryInfo;
use capstan_domain::target::NewTarget;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_jobs::Jobs as Engine;
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::pools::check_name;
use crate::targets::Targets;

pub use machine::ScsiDevice;

/// Libraries that are looked through for those that are registered.
const REGISTERED_MAX: u32 = 10_000;
/// Targets read from the catalogue at once.
const PAGE: u32 = 500;
/// When a new library is looked at by itself.
const FIRST_LOOK: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub struct Libraries {
    catalogue: Catalogue,
    audit: Audit,
    targets: Targets,
    engine: Engine,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct LibraryChange {
    pub name: Option<String>,
    pub attributes: Option<Value>,
}

/// What nobody registered yet.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// Of targets that are there.
    pub libraries: Vec<FoundLibrary>,
    /// Robots of this machine that no library here has the serial number of.
    pub robots: Vec<ScsiDevice>,
}

/// What a library is registered as.
#[derive(Clone, Debug)]
pub struct Registration {
    pub name: Option<String>,
    /// None: the only one that the target leads to.
    pub serial: Option<String>,
    pub attributes: Value,
}

impl Libraries {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, targets: Targets, engine: Engine) -> Self {
        Self { catalogue, audit, targets, engine }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<Library>> {
        self.catalogue.libraries(&listing).await
    }

    pub async fn find(&self, reference: &str) -> Outcome<Library> {
        self.catalogue.library(reference).await
    }

    /// Asks all targets for the libraries that they lead to.
    pub async fn look_for(&self, caller: &Caller) -> Outcome<Job> {
        let work = Work::FindLibraries {};
        let job = self.engine.submit(&NewJob { definition: None, name: "find tape libraries".to_owned(), work }).await?;
        self.audit.done(caller, "find", "tape library", "all", json!({ "job": job.number })).await?;
        Ok(job)
    }

    /// What such a look found, less what is registered by now.
    pub async fn found(&self, job: &Job) -> Outcome<Devices> {
        let answer = job.answer.as_ref().and_then(|answer| answer.get("libraries")).cloned().unwrap_or(Value::Array(Vec::new()));
        let mut libraries: Vec<FoundLibrary> =
            serde_json::from_value(answer).map_err(|cause| Failure::host("the answer of the job cannot be read", cause))?;
        let known = self.catalogue.libraries(&Listing::first(REGISTERED_MAX)).await?.items;
        let mut robots = machine::robots().await?;
        let serials = |serial: &str| {
            known.iter().any(|library| library.serial == serial) || libraries.iter().any(|library| library.serial == serial)
        };
        robots.retain(|robot| !robot.serial.as_deref().is_some_and(serials));
        libraries.retain(|found| !known.iter().any(|one| one.target == found.target && one.serial == found.serial));
        Ok(Devices { libraries, robots })
    }

    /// The target that leads to a library of this serial number.
    pub async fn target_with(&self, serial: &str) -> Outcome<TargetId> {
        let mut listing = Listing::first(PAGE);
        loop {
            let page = self.catalogue.targets(&listing).await?;
            for target in &page.items {
                match self.robots_of(target.id).await {
                    Ok(robots) if robots.iter().any(|robot| robot.name == serial) => return Ok(target.id),
                    Ok(_) => {}
                    Err(failure) => tracing::debug!(target = target.name, %failure, "a target tells of no tape library"),
                }
            }
            listing.offset += u64::from(PAGE);
            if listing.offset >= page.count {
                return Err(Failure::not_found(format!("no target leads to a tape library {serial}")).with_code("not-found"));
            }
        }
    }

    /// The library is asked who it is; what it holds appears with the inventory that is begun here.
    pub async fn register(&self, caller: &Caller, target: TargetId, new: Registration) -> Outcome<Library> {
        let robots = self.robots_of(target).await?;
        let robot = match (&new.serial, robots.as_slice()) {
            (Some(serial), _) => robots.iter().find(|robot| robot.name == *serial),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let Some(robot) = robot else {
            let names = robots.iter().map(|robot| robot.name.as_str()).collect::<Vec<_>>().join(", ");
            let message = match &new.serial {
                Some(serial) => format!("the target has no library {serial}"),
                None => "the target does not have exactly one library".to_owned(),
            };
            return Err(Failure::invalid(message).with_code("serial").with_next_step(format!("name one of these: {names}")));
        };
        let name = new.name.unwrap_or_else(|| robot.name.clone());
        check_name(&name)?;
        let new = NewLibrary {
            target,
            name,
            serial: robot.name.clone(),
            vendor: robot.vendor.clone(),
            product: robot.product.clone(),
            attributes: new.attributes,
        };
        // Due soon by itself too: dying before the job is made loses no inventory.
        let library = self.catalogue.create_library(&new, Some(Timestamp::now().plus(FIRST_LOOK))).await?;
        self.audit.done(caller, "create", "tape library", &library.name, detail(&library)).await?;
        self.take_inventory(caller, library.id).await?;
        Ok(library)
    }

    /// A target is made for it first, and goes again if nothing can be registered there.
    pub async fn register_with(&self, caller: &Caller, target: NewTarget, new: Registration) -> Outcome<Library> {
        let target = self.targets.create(caller, target).await?;
        match self.register(caller, target.id, new).await {
            Ok(library) => Ok(library),
            Err(failure) => {
                self.targets.delete(caller, target.id).await?;
                Err(failure)
            }
        }
    }

    pub async fn update(&self, caller: &Caller, id: LibraryId, change: LibraryChange) -> Outcome<Library> {
        let mut library = self.catalogue.library(id).await?;
        if let Some(name) = change.name {
            check_name(&name)?;
            library.name = name;
        }
        library.attributes = change.attributes.unwrap_or(library.attributes);
        let library = self.catalogue.update_library(&library).await?;
        self.audit.done(caller, "update", "tape library", &library.name, detail(&library)).await?;
        Ok(library)
    }

    /// With its target, unless that leads to another library too. `Conflict` "in-use" while one of its tapes is in a pool or holds a
    /// copy.
    pub async fn delete(&self, caller: &Caller, id: LibraryId) -> Outcome<()> {
        let library = self.catalogue.library(id).await?;
        if self.catalogue.pooled_cartridges(id).await? > 0 {
            return Err(Failure::new(Kind::Conflict, format!("tapes of {} are in pools", library.name))
                .with_code("in-use")
                .with_next_step("take them out of their pools first"));
        }
        let of_target = Listing::first(1).with("target", Operator::Equal, library.target);
        if self.catalogue.libraries(&of_target).await?.count > 1 {
            self.catalogue.delete_library(id).await?;
        } else {
            self.targets.delete(caller, library.target).await?;
        }
        self.audit.done(caller, "delete", "tape library", &library.name, detail(&library)).await
    }

    /// Looks what it holds now.
    pub async fn take_inventory(&self, caller: &Caller, id: LibraryId) -> Outcome<Job> {
        let library = self.catalogue.library(id).await?;
        let work = Work::TakeInventory { library: id };
        let job = self.engine.submit(&NewJob { definition: None, name: format!("inventory of {}", library.name), work }).await?;
        self.audit.done(caller, "inventory", "tape library", &library.name, json!({ "job": job.number })).await?;
        Ok(job)
    }

    /// Of a target that has none: `Unsupported`.
    async fn robots_of(&self, target: TargetId) -> Outcome<Vec<LibraryInfo>> {
        let connection = self.targets.connect(target).await?;
        let media = connection
            .media()
            .ok_or_else(|| Failure::unsupported("the plugin of the target serves no tape library").with_code("no-media"))?;
        media.list_libraries().await
    }
}

fn detail(library: &Library) -> Value {
    json!({ "number": library.number, "serial": library.serial })
}
