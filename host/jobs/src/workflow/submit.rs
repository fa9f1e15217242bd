//! From a call to a job: everything in it is checked before anything is recorded, and what is wrong is named member by member.

use capstan_catalogue::Catalogue;
use capstan_domain::failure::Kind;
use capstan_domain::ids::{Number, Reference, SiteId, SpaceId, WorkflowId};
use capstan_domain::listing::{Filter, Listing, Operator};
use capstan_domain::site::Site;
use capstan_domain::site_queue::SiteQueue;
use capstan_domain::space_profile::ManagedSpace;
use capstan_domain::workflow::{InputPath, JobOwner, NewTask, NewWorkflowJob};
use capstan_domain::{Failure, Outcome};
use capstan_workflows::plan::{BatchSize, Planner};
use capstan_workflows::{
    Discovery, DiscoveryKind, DiscoveryOptions, FieldErrors, FieldPath, FieldValues, Setting, StepTemplate, Workflow,
};

use super::call::Call;
use super::destinations::{Destinations, QUEUE, SITE};
use super::refusal::Refusal;
use super::task_step::{DISCOVERY, TaskStep};

/// Folders above a path that are looked at for the mountpoint of its space.
const MOST_FOLDERS_ABOVE: usize = 64;

/// A call of a workflow.
#[derive(Clone, Debug)]
pub struct Submission {
    /// None: the workflow's label.
    pub name: Option<String>,
    pub workflow: Reference<WorkflowId>,
    /// None: the site that is asked.
    pub site: Option<Reference<SiteId>>,
    /// None: the workflow's own, or the default one of the site.
    pub queue: Option<String>,
    /// None: the one whose mountpoint the paths are under.
    pub space: Option<SpaceId>,
    /// Absolute as clients see them, or within the space. None: the whole space, where there is a discovery.
    pub paths: Vec<InputPath>,
    pub discovery: AskedDiscovery,
    /// Values of the workflow's fields, an object; null for none.
    pub fields: serde_json::Value,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub ignore_site_includes: bool,
    pub ignore_site_excludes: bool,
    /// Number of the job that this one belongs to.
    pub parent: Option<Number>,
    pub owner: JobOwner,
    pub client_key: Option<Number>,
    pub schedule: Option<Number>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AskedDiscovery {
    /// The workflow's own.
    #[default]
    AsDefined,
    /// The rules apply to the paths of the call, in the states it gives.
    Nothing,
    Kind(DiscoveryKind),
}

impl Submission {
    /// `own` is the site that is asked.
    pub(super) async fn job(&self, catalogue: &Catalogue, own: Number) -> Result<NewWorkflowJob, Refusal> {
        let (record, site, space) = self.nouns(catalogue, own).await?;
        let workflow =
            Workflow::read(&record.definition).map_err(|errors| Failure::host("the workflow cannot be read", errors))?;
        let mut errors = FieldErrors::default();
        let at = |member: &str| FieldPath::root().then(member);
        if !workflow.enabled {
            errors.add(&at("workflow"), "The workflow is disabled.");
        }
        if workflow.schedule_only && self.schedule.is_none() {
            errors.add(&at("workflow"), "The workflow runs from schedules only.");
        }
        if !space.sites.contains(&site.number) {
            errors.add(&at("site"), format!("The space is not on the site {:?}.", site.name));
        }
        let queue = self.queue(catalogue, &workflow, &site, &mut errors).await?;
        let call = Call {
            fields: serde_json::Value::Null,
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            ignore_site_includes: self.ignore_site_includes,
            ignore_site_excludes: self.ignore_site_excludes,
            mountpoint: space.profile.mountpoint.clone(),
            job: self.parent,
        };
        let discovery = self.discovery(&workflow);
        self.check_paths(&call, discovery, &mut errors);
        let values = FieldValues::read(&workflow.fields, &self.fields).unwrap_or_else(|wrong| {
            append(&mut errors, &wrong);
            FieldValues::default()
        });
        let (Some(queue), true) = (queue, errors.is_empty()) else { return Err(errors.into()) };
        Planner::new(&workflow, &values, &call.filters(&site.settings), call.mountpoint(), BatchSize::of_site(0, 0), 0)?;
        let destinations = Destinations::new(catalogue, site.number, queue.id);
        check_destinations(destinations, &workflow, &values, &space).await?;
        let call = Call { fields: values.to_json(), ..call };
        let step = TaskStep::Discovery(discovery).to_json()?;
        let task = NewTask {
            position: 0,
            kind: DISCOVERY.to_owned(),
            step,
            queue: queue.id,
            paths: Vec::new(),
            predecessors: Vec::new(),
        };
        Ok(NewWorkflowJob {
            name: self.name.clone().unwrap_or_else(|| workflow.label.clone()),
            workflow: record.id,
            definition: record.definition,
            call: serde_json::to_value(&call).map_err(|cause| Failure::host("the call cannot be written", cause))?,
            site: site.id,
            queue: queue.id,
            space: Some(space.space.id),
            owner: self.owner,
            client_key: self.client_key,
            schedule: self.schedule,
            discovery: discovery.map(|discovery| discovery.kind.name().to_owned()),
            inputs: self.paths.clone(),
            tasks: vec![task],
        })
    }

    async fn nouns(
        &self,
        catalogue: &Catalogue,
        own: Number,
    ) -> Result<(capstan_domain::workflow::WorkflowRecord, Site, ManagedSpace), Refusal> {
        let mut errors = FieldErrors::default();
        let workflow = known(catalogue.workflow(self.workflow.clone()).await, "workflow", &mut errors)?;
        let site = self.site.clone().unwrap_or(Reference::Number(own));
        let site = known(catalogue.site(site).await, "site", &mut errors)?;
        let space = match self.space {
            Some(space) => known(catalogue.managed_space(space).await, "space", &mut errors)?,
            None => match self.paths.first() {
                None => {
                    errors.add(&FieldPath::root().then("paths"), "This field is required.");
                    None
                }
                Some(input) => {
                    let space = space_around(catalogue, &input.path).await?;
                    if space.is_none() {
                        let at = FieldPath::root().then("paths").then(0).then("path");
                        errors.add(&at, format!("{:?} is in no space.", input.path));
                    }
                    space
                }
            },
        };
        match (workflow, site, space) {
            (Some(workflow), Some(site), Some(space)) => Ok((workflow, site, space)),
            _ => Err(errors.into()),
        }
    }

    async fn queue(
        &self,
        catalogue: &Catalogue,
        workflow: &Workflow,
        site: &Site,
        errors: &mut FieldErrors,
    ) -> Outcome<Option<SiteQueue>> {
        if let Some(name) = &self.queue {
            return known(catalogue.queue_of_site(site.number, Some(name)).await, "queue", errors);
        }
        // A workflow may be of another site: then the default queue takes it.
        if let Some(name) = &workflow.preferred_queue {
            match catalogue.queue_of_site(site.number, Some(name)).await {
                Err(failure) if failure.kind == Kind::NotFound => {}
                found => return found.map(Some),
            }
        }
        catalogue.queue_of_site(site.number, None).await.map(Some)
    }

    fn discovery(&self, workflow: &Workflow) -> Option<Discovery> {
        match self.discovery {
            AskedDiscovery::AsDefined => workflow.discovery,
            AskedDiscovery::Nothing => None,
            AskedDiscovery::Kind(kind) => Some(
                workflow
                    .discovery
                    .filter(|defined| defined.kind == kind)
                    .unwrap_or(Discovery { kind, options: DiscoveryOptions::default() }),
            ),
        }
    }

    fn check_paths(&self, call: &Call, discovery: Option<Discovery>, errors: &mut FieldErrors) {
        let paths = FieldPath::root().then("paths");
        if self.paths.is_empty() && discovery.is_none() {
            errors.add(&paths, "This field is required without a discovery.");
        }
        for (index, input) in self.paths.iter().enumerate() {
            let at = paths.then(index).then("path");
            match call.within_space(&input.path) {
                Err(objection) => errors.add(&at, objection),
                Ok(path) if path.is_empty() && discovery.is_none() => {
                    errors.add(&at, "The whole space is taken only with a discovery.");
                }
                Ok(_) => {}
            }
        }
    }
}

/// None, and an error at the member, where there is no such noun.
fn known<T>(found: Outcome<T>, member: &str, errors: &mut FieldErrors) -> Outcome<Option<T>> {
    match found {
        Ok(noun) => Ok(Some(noun)),
        Err(failure) if failure.kind == Kind::NotFound => {
            errors.add(&FieldPath::root().then(member), format!("There is no such {member}."));
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

fn append(errors: &mut FieldErrors, others: &FieldErrors) {
    others.iter().for_each(|error| errors.add(&error.path, error.message.clone()));
}

/// The innermost space whose mountpoint is the path or above it.
async fn space_around(catalogue: &Catalogue, path: &str) -> Outcome<Option<ManagedSpace>> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    let above = ends.filter_map(|end| path.get(..end)).filter(|above| !above.is_empty());
    let values: Vec<String> = above.take(MOST_FOLDERS_ABOVE).map(str::to_owned).collect();
    let mut listing = Listing::first(u32::try_from(MOST_FOLDERS_ABOVE).unwrap_or(u32::MAX));
    listing.filters.push(Filter { field: "mountpoint".to_owned(), operator: Operator::In, values });
    let found = catalogue.managed_spaces(&listing).await?.items;
    Ok(found.into_iter().max_by_key(|space| space.profile.mountpoint.as_ref().map_or(0, String::len)))
}

/// Every place that a step names is there, and the space with it.
async fn check_destinations(
    mut destinations: Destinations,
    workflow: &Workflow,
    values: &FieldValues,
    space: &ManagedSpace,
) -> Result<(), Refusal> {
    let mut errors = FieldErrors::default();
    for (index, rule) in workflow.rules.iter().enumerate() {
        for (step_index, template) in rule.chain.iter().enumerate() {
            let at = FieldPath::root().then("filter_rules").then(index).then("action").then(step_index);
            let step = template.bind(values, &at)?;
            match destinations.of(&step).await {
                Ok(destination) if space.sites.contains(&destination.site) => {}
                Ok(_) => errors.add(&origin(template, SITE, &at), "The space is not on this site."),
                Err(failure) if failure.kind == Kind::NotFound => {
                    let argument = if failure.code.as_deref() == Some(SITE) { SITE } else { QUEUE };
                    errors.add(&origin(template, argument, &at), format!("There is no such {argument}."));
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
}

/// Where the value of an argument was given: by a field of the call, or in the workflow.
fn origin(template: &StepTemplate, argument: &str, at: &FieldPath) -> FieldPath {
    match template.setting(argument) {
        Some(Setting::Field(field)) => FieldPath::root().then("fields").then(field),
        _ => at.then(argument),
    }
}
