//! `capstan job …`

use serde_json::Value;

use super::{show, table};
use crate::cli::Job;
use crate::client::Client;

pub(crate) async fn run(client: Client, command: Job) -> anyhow::Result<()> {
    match command {
        Job::List(window) => {
            let query = [("limit", window.limit.to_string()), ("offset", window.offset.to_string())];
            let list = client.get(&["jobs"], &query).await?;
            show(&client, &list, |list| jobs_table(table::items(list, "items")))
        }
        Job::Show { job, outcomes, window } => {
            let shown = client.get(&["jobs", &job], &[]).await?;
            if !outcomes {
                return show(&client, &shown, describe);
            }
            let query = [("limit", window.limit.to_string()), ("offset", window.offset.to_string())];
            let list = client.get(&["jobs", &job, "outcomes"], &query).await?;
            show(&client, &list, |list| {
                table::columns(
                    table::items(list, "items"),
                    &[("STATE", "/state"), ("BYTES", "/bytes"), ("PATH", "/path"), ("WHY", "/failure/message")],
                )
            })
        }
        Job::Pause { job } => request(&client, &job, "pause").await,
        Job::Resume { job } => request(&client, &job, "resume").await,
        Job::Stop { job } => request(&client, &job, "stop").await,
    }
}

async fn request(client: &Client, job: &str, request: &str) -> anyhow::Result<()> {
    let job = client.post(&["jobs", job, request], None).await?;
    show(client, &job, |job| jobs_table([job].into_iter()))
}

fn describe(job: &Value) -> String {
    let mut flat = job.as_object().cloned().unwrap_or_default();
    if let Some(Value::Object(progress)) = flat.remove("progress") {
        flat.extend(progress);
    }
    if let Some(message) = flat.remove("failure").as_ref().and_then(|failure| failure.get("message").cloned()) {
        flat.insert("failure".to_owned(), message);
    }
    table::members(&Value::Object(flat))
}

pub(super) fn jobs_table<'a>(jobs: impl Iterator<Item = &'a Value>) -> String {
    table::columns(
        jobs,
        &[
            ("NUMBER", "/number"),
            ("NAME", "/name"),
            ("WORK", "/work"),
            ("STATE", "/state"),
            ("FILES", "/progress/files_finalized"),
            ("OF", "/progress/files_to_process"),
            ("BYTES", "/progress/bytes_finalized"),
            ("FAILED", "/progress/files_failed"),
            ("CREATED", "/created"),
            ("WHY", "/failure/message"),
        ],
    )
}
