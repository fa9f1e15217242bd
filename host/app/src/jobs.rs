//! Jobs: definitions that are run, work the host does for a caller, and what became of it.

mod tapes;

use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DefinitionId, JobId, TargetId};
use capstan_domain::job::{Definition, End, Job, NewJob, PathOutcome, Place, Request, TransferOptions, Verify, Work};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::target::NewTarget;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_jobs::Jobs as Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::probes::UnsavedTargets;
use crate::targets::Targets;

pub use tapes::TapeOptions;

/// Ends of one definition that a run takes in.
const PLACES_MAX: u32 = 1000;

#[derive(Clone)]
pub struct Jobs {
    catalogue: Catalogue,
    audit: Audit,
    targets: Targets,
    unsaved: Arc<UnsavedTargets>,
    /// How copies are proved whose definition does not say.
    verify: Verify,
    pub(crate) engine: Engine,
}

/// What a definition's `options` may say to a run; members that it does not know are the dialect's own.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct RunOptions {
    /// None: as the settings say.
    verify: Option<Verify>,
    bandwidth: Option<u64>,
    storage_class: Option<String>,
    overwrite: bool,
    rename: bool,
    /// What is done to tapes; of other work nothing.
    tapes: TapeOptions,
}

impl RunOptions {
    fn transfer(self) -> TransferOptions {
        TransferOptions {
            bandwidth: self.bandwidth,
            storage_class: self.storage_class,
            overwrite: self.overwrite,
            rename: self.rename,
        }
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { verify: None, bandwidth: None, storage_class: None, overwrite: true, rename: false, tapes: TapeOptions::default() }
    }
}

impl Jobs {
    pub(crate) fn new(
        catalogue: Catalogue,
        audit: Audit,
        targets: Targets,
        unsaved: Arc<UnsavedTargets>,
        verify: Verify,
        engine: Engine,
    ) -> Self {
        Self { catalogue, audit, targets, unsaved, verify, engine }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<Job>> {
        self.catalogue.jobs(&listing).await
    }

    /// By number or id.
    pub async fn find(&self, reference: &str) -> Outcome<Job> {
        match reference.parse::<JobId>() {
            Ok(id) => self.catalogue.job(id).await,
            Err(_) => self.catalogue.job(reference).await,
        }
    }

    pub async fn get(&self, id: JobId) -> Outcome<Job> {
        self.catalogue.job(id).await
    }

    pub async fn outcomes(&self, id: JobId, listing: Listing) -> Outcome<Page<PathOutcome>> {
        self.catalogue.outcomes(id, &listing).await
    }

    /// Starts a definition; one that runs already is not started twice.
    pub async fn run_definition(&self, caller: &Caller, id: DefinitionId) -> Outcome<Job> {
        let definition = self.catalogue.definition(id).await?;
        if let Some(running) = self.running(&definition).await? {
            return Err(Failure::new(Kind::Conflict, format!("{} runs already, as job {}", definition.name, running.number))
                .with_code("running")
                .with_next_step("wait until it has ended, or stop it"));
        }
        let work = self.work(&definition).await?;
        let job = self.engine.submit(&NewJob { definition: Some(id), name: definition.name.clone(), work }).await?;
        self.audit
            .done(caller, "run", "definition", &definition.name, json!({ "number": definition.number, "job": job.number }))
            .await?;
        Ok(job)
    }

    /// Asks the running job of a definition to pause, to resume or to stop.
    pub async fn request(&self, caller: &Caller, id: DefinitionId, request: Request) -> Outcome<Job> {
        let definition = self.catalogue.definition(id).await?;
        let Some(job) = self.running(&definition).await? else {
            return Err(Failure::new(Kind::Conflict, format!("{} does not run", definition.name)).with_code("not-running"));
        };
        self.request_job(caller, job.id, request).await
    }

    pub async fn request_job(&self, caller: &Caller, id: JobId, request: Request) -> Outcome<Job> {
        let job = self.engine.request(id, request).await?;
        self.audit.done(caller, word(request), "job", &job.name, json!({ "number": job.number })).await?;
        Ok(job)
    }

    /// Tests a target that is not saved; the answer is the list of its locations.
    pub async fn probe_unsaved(&self, caller: &Caller, new: NewTarget) -> Outcome<Job> {
        self.unsaved.room()?;
        let (name, plugin) = (new.name.clone(), new.plugin.clone());
        let settings = self.targets.unsaved(caller, new).await?;
        let new = NewJob { definition: None, name: format!("test {name}"), work: Work::Probe { plugin } };
        let job = self.engine.submit_own(&new, |job| self.unsaved.keep(job, settings)).await?;
        self.audit.done(caller, "probe", "target", &name, json!({ "job": job.number })).await?;
        Ok(job)
    }

    /// Asks a target what locations it has, and takes them over.
    pub async fn sync_locations(&self, caller: &Caller, target: TargetId) -> Outcome<Job> {
        let target = self.catalogue.target(target).await?;
        let work = Work::SyncLocations { target: target.id };
        let job = self.engine.submit(&NewJob { definition: None, name: format!("sync {}", target.name), work }).await?;
        self.audit.done(caller, "sync", "target", &target.name, json!({ "job": job.number })).await?;
        Ok(job)
    }

    async fn running(&self, definition: &Definition) -> Outcome<Option<Job>> {
        let Some(id) = definition.job else { return Ok(None) };
        match self.catalogue.job(id).await {
            Ok(job) if !job.state.is_final() => Ok(Some(job)),
            Ok(_) => Ok(None),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn work(&self, definition: &Definition) -> Outcome<Work> {
        let sources = self.places(definition.id, End::Source).await?;
        let destinations = self.places(definition.id, End::Destination).await?;
        let some = |places: &[Place], what: &str| {
            if places.is_empty() {
                return Err(Failure::invalid(format!("{} has no {what}", definition.name)).with_code("blank"));
            }
            Ok(())
        };
        match definition.action.as_str() {
            "copy" | "move" => {
                some(&sources, "source")?;
                some(&destinations, "destination")?;
                let options = options(&definition.options)?;
                Ok(Work::Transfer {
                    sources,
                    destinations,
                    remove_source: definition.action == "move",
                    verify: options.verify.unwrap_or(self.verify),
                    options: options.transfer(),
                })
            }
            "scan" => {
                some(&sources, "source")?;
                Ok(Work::Scan { places: sources })
            }
            "erase" => {
                some(&sources, "source")?;
                if tapes::are_whole_tapes(&self.catalogue, &sources).await? {
                    let asked = options(&definition.options)?.tapes;
                    return tapes::work(&self.catalogue, definition, (sources, Vec::new()), asked).await;
                }
                Ok(Work::Erase { places: sources })
            }
            "format" | "ejection" | "get_index" | "check_consistency" => {
                let asked = options(&definition.options)?.tapes;
                tapes::work(&self.catalogue, definition, (sources, destinations), asked).await
            }
            "duplication" => {
                let options = options(&definition.options)?;
                let barcodes = options.tapes.barcodes.clone();
                let transfer = options.transfer();
                tapes::duplication(&self.catalogue, definition, (sources, destinations), &barcodes, transfer).await
            }
            other => Err(Failure::unsupported(format!("this host does not do '{other}'")).with_code("action")),
        }
    }

    async fn places(&self, definition: DefinitionId, end: End) -> Outcome<Vec<Place>> {
        let end = match end {
            End::Source => "source",
            End::Destination => "destination",
        };
        let listing =
            Listing::first(PLACES_MAX).with("definition", Operator::Equal, definition).with("end", Operator::Equal, end);
        Ok(self.catalogue.endpoints(&listing).await?.items.into_iter().map(|endpoint| endpoint.place).collect())
    }
}

fn options(options: &Value) -> Outcome<RunOptions> {
    if options.is_null() {
        return Ok(RunOptions::default());
    }
    serde_json::from_value(options.clone()).map_err(|error| {
        Failure::invalid("the options of the definition cannot be read").with_code("options").with_detail(error.to_string())
    })
}

fn word(request: Request) -> &'static str {
    match request {
        Request::Pause => "pause",
        Request::Resume => "resume",
        Request::Stop => "stop",
    }
}
