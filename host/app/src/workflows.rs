//! Workflows: what is found, and what is done with it. Those that come with the host are made anew at each start and stay as they are.

use capstan_catalogue::Catalogue;
use capstan_domain::failure::Kind;
use capstan_domain::identity::Caller;
use capstan_domain::ids::Number;
use capstan_domain::listing::{Listing, Page};
use capstan_domain::workflow::WorkflowRecord;
use capstan_domain::{Failure, Outcome};
use capstan_workflows::{Workflow, built_in};
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::refused::Refused;

#[derive(Clone)]
pub struct Workflows {
    catalogue: Catalogue,
    audit: Audit,
}

impl Workflows {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit) -> Self {
        Self { catalogue, audit }
    }

    pub(crate) async fn seed(&self) -> Outcome<()> {
        let workflows = built_in().map_err(|errors| Failure::host("a workflow that comes with the host is wrong", errors))?;
        let definitions: Vec<Value> = workflows.iter().map(Workflow::to_json).collect();
        self.catalogue.seed_workflows(&definitions).await
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<WorkflowRecord>> {
        self.catalogue.workflows(&listing).await
    }

    pub async fn get(&self, number: Number) -> Outcome<WorkflowRecord> {
        self.catalogue.workflow(number).await
    }

    /// `given`: an object of the members of a workflow.
    ///
    /// # Errors
    /// All that is wrong with it, by member.
    pub async fn create(&self, caller: &Caller, given: &Value) -> Result<WorkflowRecord, Refused> {
        let workflow = Workflow::read(given)?;
        let record = self.catalogue.create_workflow(&workflow.to_json()).await.map_err(name_taken)?;
        self.audit.done(caller, "create", "workflow", &record.name, json!({ "number": record.number })).await?;
        Ok(record)
    }

    /// Members that `change` leaves out stay; lists are replaced whole.
    ///
    /// # Errors
    /// All that would be wrong with it then, by member; `Denied` "protected" for one that came with the host.
    pub async fn update(&self, caller: &Caller, number: Number, change: &Value) -> Result<WorkflowRecord, Refused> {
        let old = self.catalogue.workflow(number).await?;
        let workflow = Workflow::read(&old.definition)?.updated(change)?;
        let record = self.catalogue.update_workflow(old.id, &workflow.to_json()).await.map_err(name_taken)?;
        self.audit.done(caller, "update", "workflow", &record.name, json!({ "number": record.number })).await?;
        Ok(record)
    }

    pub async fn delete(&self, caller: &Caller, number: Number) -> Outcome<()> {
        let record = self.catalogue.workflow(number).await?;
        self.catalogue.delete_workflow(record.id).await?;
        self.audit.done(caller, "delete", "workflow", &record.name, json!({ "number": number })).await
    }
}

fn name_taken(failure: Failure) -> Refused {
    match failure.kind {
        Kind::AlreadyExists => Refused::member("name", "A workflow with this name exists already."),
        _ => Refused::Whole(failure),
    }
}
