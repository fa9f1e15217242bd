//! The main job over the Nodeum API: a connector, its bucket, a pool, containers, tasks that carry a tree there and back.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use capstan_test_servers::S3;
use serde_json::{Value, json};

use crate::client::Client;

/// How often a job is asked about by default.
const POLL: Duration = Duration::from_millis(200);
/// How many failed paths are named.
const NAMED: usize = 10;
/// A request such as a bucket sync or a pause.
const SOON: Duration = Duration::from_secs(60);

/// A user of `/api/v2`.
#[derive(Clone, Debug)]
pub struct Cargo {
    pub client: Client,
    /// How often a job is asked about.
    pub poll: Duration,
}

/// From where to where: paths (`/container/folder`) or names of pools.
#[derive(Clone, Copy, Debug)]
pub enum Route<'a> {
    IntoPool { path: &'a str, pool: &'a str },
    OutOfPool { pool: &'a str, path: &'a str },
    Between { from: &'a str, to: &'a str },
}

/// An end of a task: a folder of a container or of a primary pool of NAS shares, or a whole secondary pool.
#[derive(Clone, Copy, Debug)]
pub enum Stand<'a> {
    Container(&'a str),
    NasPath(&'a str),
    NasPool(&'a str),
    CloudPool(&'a str),
    TapePool(&'a str),
}

impl Stand<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Container(_) => "container",
            Self::NasPath(_) => "primary_nas",
            Self::NasPool(_) => "secondary_nas",
            Self::CloudPool(_) => "secondary_cloud",
            Self::TapePool(_) => "secondary_tape",
        }
    }

    /// `path`: what a path is called at this end.
    fn input(self, path: &str) -> Value {
        match self {
            Self::Container(given) | Self::NasPath(given) => json!({ path: given }),
            Self::NasPool(pool) | Self::CloudPool(pool) | Self::TapePool(pool) => json!({ "pool_name": pool }),
        }
    }
}

/// One look at a run of a task.
#[derive(Clone, Debug)]
pub struct Execution {
    pub status: String,
    pub files: u64,
    pub bytes: u64,
    pub all_files: u64,
    pub all_bytes: u64,
    /// Bytes a second.
    pub bandwidth: u64,
    pub whole: Value,
}

impl Execution {
    pub fn is_final(&self) -> bool {
        !matches!(self.status.as_str(), "in_queue" | "calculating" | "in_progress" | "paused")
    }
}

impl Cargo {
    pub fn new(client: Client) -> Self {
        Self { client, poll: POLL }
    }

    pub fn connector_input(name: &str, s3: &S3) -> Value {
        json!({
            "name": name, "provider": "generic_s3", "url": s3.endpoint, "region": s3.region,
            "access_key": s3.access_key, "secret_key": s3.secret_key,
        })
    }

    /// Takes over the account's buckets and answers the id of the one wanted.
    pub fn sync_bucket(&self, connector: i64, bucket: &str) -> anyhow::Result<i64> {
        let answer = self.job(&format!("/api/v2/cloud_connectors/{connector}/cloud_buckets/-/sync"), &Value::Null)?;
        let buckets = answer.get("cloud_buckets").and_then(Value::as_array).context("no buckets in the answer of the sync")?;
        let found = buckets.iter().find(|one| one.get("name").and_then(Value::as_str) == Some(bucket));
        id(found.with_context(|| format!("the sync did not find {bucket}: {answer}"))?)
    }

    /// A secondary pool over one bucket.
    pub fn pool(&self, name: &str, bucket: i64) -> anyhow::Result<i64> {
        let input = json!({"name": name, "type": "data_exchange", "content": "cloud", "cloud_bucket_ids": [bucket]});
        id(&self.client.post("/api/v2/pools", &input)?)
    }

    /// A NAS on this machine with one share, and a pool of that role over it. All three have the name.
    pub fn nas_pool(&self, name: &str, protocol: &str, role: &str, share: &Value) -> anyhow::Result<()> {
        let nas = id(&self.client.post("/api/v2/nas", &json!({ "name": name, "host": "127.0.0.1", "type": protocol }))?)?;
        let share = id(&self.client.post(&format!("/api/v2/nas/{nas}/nas_shares"), share)?)?;
        let input = json!({ "name": name, "type": role, "content": "nas", "nas_share_ids": [share] });
        self.client.post("/api/v2/pools", &input).map(drop)
    }

    /// A connector, its bucket by sync, and a pool over it.
    pub fn cloud_pool(&self, name: &str, connector: &Value, bucket: &str) -> anyhow::Result<()> {
        let connector = id(&self.client.post("/api/v2/cloud_connectors", connector)?)?;
        let bucket = self.sync_bucket(connector, bucket)?;
        self.pool(name, bucket).map(drop)
    }

    pub fn container(&self, name: &str) -> anyhow::Result<i64> {
        id(&self.client.post("/api/v2/containers", &json!({ "name": name }))?)
    }

    /// Connector, sync, pool: what stands between a bucket and a task.
    pub fn harbour(&self, name: &str, s3: &S3, bucket: &str) -> anyhow::Result<()> {
        self.cloud_pool(name, &Self::connector_input(&format!("{name}-connector"), s3), bucket)
    }

    /// A task with one source and one destination; `action` is copy or move.
    pub fn task(&self, name: &str, action: &str, route: Route<'_>) -> anyhow::Result<i64> {
        let (source_type, destination_type, source, destination) = match route {
            Route::IntoPool { path, pool } => {
                ("container", "secondary_cloud", json!({ "file_path": path }), json!({ "pool_name": pool }))
            }
            Route::OutOfPool { pool, path } => {
                ("secondary_cloud", "container", json!({ "pool_name": pool }), json!({ "folder_path": path }))
            }
            Route::Between { from, to } => ("container", "container", json!({ "file_path": from }), json!({ "folder_path": to })),
        };
        self.make_task(name, action, (source_type, &source), (destination_type, &destination))
    }

    /// A task that copies from one to the other.
    pub fn carry(&self, name: &str, from: Stand<'_>, to: Stand<'_>) -> anyhow::Result<i64> {
        self.transfer(name, "copy", from, to)
    }

    /// `action` is copy or move.
    pub fn transfer(&self, name: &str, action: &str, from: Stand<'_>, to: Stand<'_>) -> anyhow::Result<i64> {
        self.make_task(name, action, (from.kind(), &from.input("file_path")), (to.kind(), &to.input("folder_path")))
    }

    /// A maintenance task; each of `sources` names a tape or a pool, `options` are types and values.
    pub fn maintenance(&self, action: &str, sources: &[Value], options: &[(&str, &str)]) -> anyhow::Result<i64> {
        let task = json!({ "name": action, "workflow_type": "maintenance", "workflow_action": action });
        let task = id(&self.client.post("/api/v2/tasks", &task)?)?;
        for source in sources {
            self.client.post(&format!("/api/v2/tasks/{task}/task_sources"), source)?;
        }
        for (kind, value) in options {
            self.client.post(&format!("/api/v2/tasks/{task}/task_options"), &json!({ "type": kind, "value": value }))?;
        }
        Ok(task)
    }

    /// Each end: its type and what names it.
    fn make_task(&self, name: &str, action: &str, from: (&str, &Value), to: (&str, &Value)) -> anyhow::Result<i64> {
        let task = id(&self.client.post(
            "/api/v2/tasks",
            &json!({
                "name": name, "workflow_type": "data_exchange", "workflow_action": action,
                "source_type": from.0, "destination_type": to.0, "activate": true,
            }),
        )?)?;
        self.client.post(&format!("/api/v2/tasks/{task}/task_sources"), from.1)?;
        self.client.post(&format!("/api/v2/tasks/{task}/task_destinations"), to.1)?;
        Ok(task)
    }

    /// `run`, `pause`, `resume` or `stop`; answers when the request was taken.
    pub fn act(&self, task: i64, action: &str) -> anyhow::Result<()> {
        self.job(&format!("/api/v2/tasks/{task}/action/{action}"), &Value::Null).map(drop)
    }

    /// The newest run of a task.
    pub fn execution(&self, task: i64) -> anyhow::Result<Execution> {
        let list = self.client.get(&format!("/api/v2/tasks/{task}/task_executions?sort_by=log_time:desc&limit=1"))?;
        let newest = list
            .get("task_executions")
            .and_then(|list| list.get(0))
            .with_context(|| format!("task {task} was never run: {list}"))?;
        let number = |name: &str| newest.get(name).and_then(Value::as_u64).unwrap_or_default();
        Ok(Execution {
            status: newest.get("status").and_then(Value::as_str).unwrap_or_default().to_owned(),
            files: number("finalized_files"),
            bytes: number("processed_size"),
            all_files: number("to_process_files"),
            all_bytes: number("to_process_size"),
            bandwidth: number("bandwidth"),
            whole: newest.clone(),
        })
    }

    /// Looks at the newest run until `enough` says so or it has ended.
    pub fn watch(&self, task: i64, patience: Duration, mut enough: impl FnMut(&Execution) -> bool) -> anyhow::Result<Execution> {
        let until = Instant::now() + patience;
        loop {
            let execution = self.execution(task)?;
            if enough(&execution) || execution.is_final() {
                return Ok(execution);
            }
            if Instant::now() > until {
                bail!("task {task} has not come so far within {} s: {}", patience.as_secs(), execution.whole);
            }
            sleep(self.poll);
        }
    }

    /// Runs the task to its end; anything but `done` is an error that says what became of the paths.
    pub fn run(&self, task: i64, patience: Duration) -> anyhow::Result<Execution> {
        self.act(task, "run")?;
        self.finish(task, patience)
    }

    pub fn finish(&self, task: i64, patience: Duration) -> anyhow::Result<Execution> {
        let last = self.watch(task, patience, |_| false)?;
        if last.status != "done" {
            bail!("task {task} ended with {}: {}\n{}", last.status, last.whole, self.failures(&last)?);
        }
        Ok(last)
    }

    /// What became of the paths that did not arrive, as the host's own API tells it.
    pub fn failures(&self, execution: &Execution) -> anyhow::Result<String> {
        let job = execution.whole.get("id").and_then(Value::as_str).unwrap_or_default();
        let whole = self.client.get(&format!("/capstan/v1/jobs/{job}"))?;
        let outcomes = self.client.get(&format!("/capstan/v1/jobs/{job}/outcomes?limit=1000"))?;
        let bad = outcomes
            .get("items")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|outcome| matches!(outcome.get("state").and_then(Value::as_str), Some("failed" | "skipped")));
        let lines: Vec<String> = std::iter::once(&whole).chain(bad.take(NAMED)).map(Value::to_string).collect();
        Ok(lines.join("\n"))
    }

    /// The PUT that begins something and the GET of the same path that tells how it ends.
    fn job(&self, path: &str, input: &Value) -> anyhow::Result<Value> {
        let begun = self.client.put(path, input)?;
        let job =
            begun.get("job_id").and_then(Value::as_str).with_context(|| format!("PUT {path} named no job: {begun}"))?.to_owned();
        let until = Instant::now() + SOON;
        loop {
            let answer = self.client.raw("GET", &format!("{path}?job_id={job}"), None, b"")?;
            let body = answer.json();
            match (answer.status, body.get("status").and_then(Value::as_str)) {
                (200, _) => return Ok(body),
                (202, Some("queued" | "working")) if Instant::now() < until => sleep(self.poll),
                _ => bail!("GET {path}?job_id={job}: {}: {}", answer.status, answer.text),
            }
        }
    }
}

fn id(answer: &Value) -> anyhow::Result<i64> {
    answer.get("id").and_then(Value::as_i64).with_context(|| format!("no id in {answer}"))
}
