//! A run of a workflow on files: what starts a job.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use capstan_api_http::{Access, Given, Operation, Routes};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::jobs::Jobs;
use super::workflow::Discovery;
use super::{Body, Object, Who};
use crate::answer::{Answer, Created, JobReference};
use crate::validation::{Check, For, NAME_LIMIT};

/// Paths of a run; whoever has more names their folder.
const PATHS_LIMIT: usize = 100_000;

/// Bytes of a state's name.
const STATE_LIMIT: usize = 64;

/// A file or folder to work on, as an object or as its path alone.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(as = path_input)]
pub struct PathInput {
    /// Absolute.
    pub path: String,
    /// What rules go by when nothing is discovered, such as `created`.
    pub state: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
}

impl<'de> Deserialize<'de> for PathInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Members {
            path: String,
            state: Option<String>,
            size: Option<u64>,
        }

        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected an absolute path, or an object with a path and perhaps a state and a size")]
        enum Form {
            Path(String),
            Members(Members),
        }

        Ok(match Form::deserialize(deserializer)? {
            Form::Path(path) => Self { path, state: None, size: None },
            Form::Members(Members { path, state, size }) => Self { path, state, size },
        })
    }
}

/// Site and workflow are given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[schema(as = workflow_run)]
pub struct WorkflowRun {
    /// Name of the site.
    #[schema(required = true)]
    pub site: Option<String>,
    /// Name of the workflow.
    #[schema(required = true)]
    pub workflow: Option<String>,
    #[serde(default)]
    pub paths: Vec<PathInput>,
    /// Name of a queue of the site; the workflow's own or the default one when it is left out.
    pub queue: Option<String>,
    /// The workflow's own when it is left out; null discovers nothing.
    #[serde(default)]
    #[schema(value_type = Option<Discovery>)]
    pub discovery: Given<Discovery>,
    /// Values of the workflow's fields.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub fields: Object,
    /// Patterns, besides those of the site and the rules.
    #[serde(default)]
    pub include: Vec<String>,
    #[serde(default)]
    pub exclude: Vec<String>,
    #[serde(default)]
    pub ignore_site_includes: bool,
    #[serde(default)]
    pub ignore_site_excludes: bool,
    /// Id of a job that this one belongs to.
    pub job: Option<i64>,
}

impl WorkflowRun {
    fn check(&self) -> Answer<()> {
        let mut check = Check::new(For::Create);
        check.name("site", self.site.as_deref(), NAME_LIMIT);
        check.name("workflow", self.workflow.as_deref(), NAME_LIMIT);
        check.line("queue", self.queue.as_deref(), NAME_LIMIT);
        if self.paths.len() > PATHS_LIMIT {
            check.refuse("paths", format!("Ensure this field has no more than {PATHS_LIMIT} elements."));
        }
        for (index, one) in self.paths.iter().enumerate().take(PATHS_LIMIT) {
            check.path(&format!("paths[{index}].path"), Some(&one.path));
            check.line(&format!("paths[{index}].state"), one.state.as_deref(), STATE_LIMIT);
            if one.size.is_some_and(|size| i64::try_from(size).is_err()) {
                check.refuse(&format!("paths[{index}].size"), "Ensure this value is less than or equal to 9223372036854775807.");
            }
        }
        check.texts("include", &self.include);
        check.texts("exclude", &self.exclude);
        check.finish()
    }
}

type Shared = State<Arc<dyn Jobs>>;

pub(crate) fn routes(jobs: Arc<dyn Jobs>) -> Routes {
    let started = |path, id| {
        Operation::post(path, id, Access::Scope("jobs", "create"))
            .takes::<WorkflowRun>()
            .answers::<JobReference>(201, "The job that was started.")
    };
    Routes::new()
        .on(started("/file/workflow/", "run_workflow").summary("Starts a job that runs a workflow on files."), start)
        .on(started("/jobs/", "create_job").summary("Does the same as a run of a workflow on files."), start)
        .with_state(jobs)
}

async fn start(State(jobs): Shared, Extension(caller): Who, run: Body<WorkflowRun>) -> Answer<Created<JobReference>> {
    run.0.check()?;
    jobs.start(&caller, run.0).await.map(JobReference::to).map(Created)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> Option<WorkflowRun> {
        let run: WorkflowRun = serde_json::from_value(body).ok()?;
        run.check().ok().map(|()| run)
    }

    #[test]
    fn a_path_is_text_or_an_object() {
        let run = read(json!({ "site": "s", "workflow": "w", "paths": ["/a", { "path": "/b", "state": "created", "size": 7 }] }));
        assert_eq!(
            run.unwrap().paths,
            [
                PathInput { path: "/a".into(), state: None, size: None },
                PathInput { path: "/b".into(), state: Some("created".into()), size: Some(7) },
            ]
        );
    }

    #[test]
    fn no_discovery_is_not_the_same_as_none_said() {
        let discovery = |value: Value| read(json!({ "site": "s", "workflow": "w", "discovery": value })).unwrap().discovery;
        assert_eq!(discovery(Value::Null), Given::Null);
        assert_eq!(discovery(json!("snapdiff")), Given::Value(Discovery::Snapdiff));
        assert_eq!(read(json!({ "site": "s", "workflow": "w" })).unwrap().discovery, Given::Absent);
        assert!(read(json!({ "site": "s", "workflow": "w", "discovery": "magic" })).is_none());
    }

    #[test]
    fn a_path_that_leaves_its_place_is_refused() {
        for path in ["a", "/a/../b", "", "/a\0"] {
            assert!(read(json!({ "site": "s", "workflow": "w", "paths": [path] })).is_none(), "{path:?}");
        }
    }
}
