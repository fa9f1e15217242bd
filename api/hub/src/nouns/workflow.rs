//! Workflows: what is found, and what is done with it. The rules and the fields are the engine's language; here they are lists of
//! objects, and whoever implements this says what is wrong inside of them, by path.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Given, Operation, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, Body, Object, Who};
use crate::answer::{Answer, Created, Nothing, Page};
use crate::paging::{Listed, Paging, Window, paged};
use crate::validation::{Check, For, NAME_LIMIT, given};

/// Characters of a name or label.
const WORKFLOW_NAME_LIMIT: usize = 100;

/// Fields, rules and icon classes of a workflow.
const PARTS_LIMIT: usize = 100;

/// How a run finds its files; without one, the request names them with their states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = discovery)]
pub enum Discovery {
    /// Everything below the paths of the request.
    Recursive,
    /// What differs from the snapshot of the run before.
    Snapdiff,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = workflow)]
pub struct Workflow {
    pub id: i64,
    pub name: String,
    pub label: String,
    pub icon_classes: Vec<String>,
    pub discovery: Option<Discovery>,
    #[schema(value_type = Option<Object>)]
    pub discovery_options: Option<Object>,
    /// Parameters of a run.
    #[schema(value_type = Vec<Object>)]
    pub fields: Vec<Object>,
    /// Each has type, state, action, and perhaps include and exclude.
    #[schema(value_type = Vec<Object>)]
    pub filter_rules: Vec<Object>,
    pub enabled: bool,
    pub visible: bool,
    pub external_only: bool,
    pub schedule_only: bool,
    pub preferred_queue: Option<String>,
}

/// Members that are left out stay as they are; name and label are given on create. Lists replace the ones there were.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[schema(as = workflow_input)]
pub struct WorkflowInput {
    pub name: Option<String>,
    pub label: Option<String>,
    pub icon_classes: Option<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<Discovery>)]
    pub discovery: Given<Discovery>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub discovery_options: Given<Object>,
    #[schema(value_type = Option<Vec<Object>>)]
    pub fields: Option<Vec<Object>>,
    #[schema(value_type = Option<Vec<Object>>)]
    pub filter_rules: Option<Vec<Object>>,
    pub enabled: Option<bool>,
    pub visible: Option<bool>,
    /// Cannot be changed later, and is not looked at then.
    pub external_only: Option<bool>,
    pub schedule_only: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub preferred_queue: Given<String>,
}

impl WorkflowInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        let allowed = |c: char| !c.is_whitespace();
        check.word("name", self.name.as_deref(), WORKFLOW_NAME_LIMIT, allowed, "no white space");
        check.name("label", self.label.as_deref(), WORKFLOW_NAME_LIMIT);
        check.texts("icon_classes", self.icon_classes.iter().flatten());
        check.line("preferred_queue", given(&self.preferred_queue).map(String::as_str), NAME_LIMIT);
        for (field, length) in [
            ("icon_classes", self.icon_classes.as_ref().map(Vec::len)),
            ("fields", self.fields.as_ref().map(Vec::len)),
            ("filter_rules", self.filter_rules.as_ref().map(Vec::len)),
        ] {
            if length.is_some_and(|length| length > PARTS_LIMIT) {
                check.refuse(field, format!("Ensure this field has no more than {PARTS_LIMIT} elements."));
            }
        }
        check.finish()
    }
}

#[async_trait]
pub trait Workflows: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, window: Window) -> Answer<Page<Workflow>>;
    async fn create(&self, caller: &Caller, input: WorkflowInput) -> Answer<Workflow>;
    async fn show(&self, caller: &Caller, workflow: i64) -> Answer<Workflow>;
    async fn update(&self, caller: &Caller, workflow: i64, input: WorkflowInput) -> Answer<Workflow>;
    async fn delete(&self, caller: &Caller, workflow: i64) -> Answer<()>;
}

type Shared = State<Arc<dyn Workflows>>;

pub(crate) fn routes(workflows: Arc<dyn Workflows>) -> Routes {
    let scope = |verb| Access::Scope("workflows", verb);
    let (all, one) = ("/workflows/", "/workflows/{id}/");
    Routes::new()
        .on(
            paged(Operation::get(all, "list_workflows", scope("index")))
                .summary("Lists workflows.")
                .answers::<Listed<Workflow>>(200, "Workflows."),
            list,
        )
        .on(
            Operation::post(all, "create_workflow", scope("create"))
                .summary("Adds a workflow.")
                .takes::<WorkflowInput>()
                .answers::<Workflow>(201, "The new workflow."),
            create,
        )
        .on(
            Operation::get(one, "show_workflow", scope("show"))
                .summary("Shows a workflow.")
                .answers::<Workflow>(200, "The workflow."),
            show,
        )
        .on(
            Operation::patch(one, "update_workflow", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<WorkflowInput>()
                .answers::<Workflow>(200, "The workflow as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "delete_workflow", scope("destroy"))
                .summary("Deletes a workflow that is not built in; its jobs stay.")
                .answers_nothing(204, "Deleted."),
            delete,
        )
        .with_state(workflows)
}

async fn list(State(workflows): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<Workflow>>> {
    let paging = Paging::of(&uri)?;
    paging.listed(workflows.list(&caller, paging.window()).await?).map(Json)
}

async fn create(State(workflows): Shared, Extension(caller): Who, input: Body<WorkflowInput>) -> Answer<Created<Workflow>> {
    input.0.check(For::Create)?;
    workflows.create(&caller, input.0).await.map(Created)
}

async fn show(State(workflows): Shared, Extension(caller): Who, at: At) -> Answer<Json<Workflow>> {
    workflows.show(&caller, at.0).await.map(Json)
}

async fn update(State(workflows): Shared, Extension(caller): Who, at: At, input: Body<WorkflowInput>) -> Answer<Json<Workflow>> {
    input.0.check(For::Update)?;
    workflows.update(&caller, at.0, input.0).await.map(Json)
}

async fn delete(State(workflows): Shared, Extension(caller): Who, at: At) -> Answer<Nothing> {
    workflows.delete(&caller, at.0).await.map(|()| Nothing)
}
