//! What is done to a site in one transaction, told as a task that has ended: clients ask about it as about any other.

use capstan_domain::Outcome;
use capstan_domain::ids::{JobId, Number, TaskId};
use capstan_domain::job::Work;
use capstan_domain::site::Site;
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{JobState, Task, TaskState};
use serde_json::{Value as Json, json};

use crate::Catalogue;
use crate::failure::missing;
use crate::query::{self, sql, word};
use crate::task::by_number;

/// What such jobs have where others have the name of a workflow.
const OF_SITES: &str = "site";

impl Catalogue {
    /// Writes the site's attributes, with a job of the system whose only task, of this kind and with these arguments, did it.
    pub async fn settle_site(&self, site: &Site, kind: &str, step: &Json) -> Outcome<Task> {
        let (site, kind, step) = (site.clone(), kind.to_owned(), step.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let now = Timestamp::now();
                let change = sql("UPDATE sites SET attributes = $2, updated = $3 WHERE id = $1");
                if connection.run(change.bind(site.id).bind(query::json(&site.attributes)).bind(now)).await? == 0 {
                    return Err(missing("site"));
                }
                let (id, name) = (JobId::new(), format!("{kind} {}", site.name));
                let work = Work::Workflow { definition: json!({}), call: json!({}) };
                let job = sql(
                    "INSERT INTO jobs (id, name, kind, work, state, created, started, finished, ready, lane) \
                     VALUES ($1, $2, 'workflow', $3, $4, $5, $5, $5, $6, $7) RETURNING number",
                )
                .bind(id)
                .bind(&name)
                .bind(query::json(&work))
                .bind(word(&JobState::Success.of_any_job()))
                .bind(now)
                .bind(i64::MAX)
                .bind(word(&work.lane()));
                let number: Number = connection.value(job).await?;
                let of_workflow = sql(
                    "INSERT INTO workflow_jobs (number, id, state, workflow_name, site, queue, by_system, noop, words, created, completed) \
                     SELECT $1, $2, $3, $4, q.site, q.number, 1, 1, $5, $6, $6 FROM site_queues q WHERE q.site = $7 AND q.standard = 1",
                );
                let of_workflow = of_workflow.bind(number).bind(id).bind(word(&JobState::Success)).bind(OF_SITES).bind(&name);
                connection.run(of_workflow.bind(now).bind(site.number)).await?;
                let task = sql(
                    "INSERT INTO tasks (id, job, position, kind, step, site, queue, state, claimable, ready, created, started, ended) \
                     SELECT $1, w.number, 0, $2, $3, w.site, w.queue, $4, 0, $5, $5, $5, $5 FROM workflow_jobs w WHERE w.number = $6 \
                     RETURNING number",
                );
                let task = task.bind(TaskId::new()).bind(&kind).bind(query::json(&step)).bind(word(&TaskState::Success)).bind(now);
                let task: Number = connection.value(task.bind(number)).await?;
                by_number(connection, task).await
            })
        })
        .await
    }
}
