//! The Hub's API as a client uses it: a space, where its files go, and jobs on them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use capstan_test_servers::{Blob, S3, SAMBA_PASSWORD, Samba};
use serde_json::{Value, json};

use crate::{Client, Host};

/// A job may take this long.
const PATIENCE: Duration = Duration::from_secs(1800);
const LOOK: Duration = Duration::from_millis(50);

/// A space with a bucket behind it.
pub struct HubSpace {
    pub client: Client,
    /// Where its workflows run: the first of its sites.
    pub site: String,
    pub name: String,
    /// Where its view is.
    pub mountpoint: PathBuf,
}

/// A bucket of a server, as `POST /api/buckets/` takes it.
pub fn s3_bucket(bucket: &str, s3: &S3) -> anyhow::Result<Value> {
    let (scheme, rest) = s3.endpoint.split_once("://").with_context(|| format!("{} has no scheme", s3.endpoint))?;
    let (host, port) = rest.rsplit_once(':').with_context(|| format!("{rest} has no port"))?;
    Ok(json!({
        "name": bucket, "storage_type": "S3", "scheme": scheme, "endpoint": host, "port": port.parse::<u16>()?, "region": s3.region,
        "access_key_id": s3.access_key, "secret_access_key": s3.secret_key,
    }))
}

/// A folder of the host in place of a bucket.
pub fn folder_bucket(name: &str, folder: &Path) -> Value {
    json!({ "name": name, "storage_type": "FS", "migration_target_folder": folder })
}

/// A container of Azure Blob Storage, in the same way.
pub fn azure_bucket(container: &str, blob: &Blob) -> Value {
    json!({
        "name": container, "storage_type": "Azure", "endpoint": blob.endpoint, "container": container,
        "storage_account": blob.account, "access_key": blob.key,
    })
}

/// A bucket that can be used at once: the host may use a directory that it names.
pub fn make_bucket(client: &Client, bucket: &Value) -> anyhow::Result<i64> {
    let made = id(&client.post("/api/buckets/", bucket)?)?;
    let text = |name| bucket.get(name).and_then(Value::as_str);
    if let (Some("FS"), Some(name), Some(folder)) = (text("storage_type"), text("name"), text("migration_target_folder")) {
        let power = json!({ "to": "directory", "root": "root", "path": folder, "write": true });
        client.post("/capstan/v1/grants", &json!({ "target": format!("bucket:{name}"), "power": power }))?;
    }
    Ok(made)
}

/// A share of SMB: made on the door for NAS, it is a bucket here as it is.
pub fn share_as_bucket(client: &Client, samba: &Samba) -> anyhow::Result<i64> {
    let nas = id(&client.post("/api/v2/nas", &json!({ "name": "nas", "host": "127.0.0.1", "type": "smb_v3" }))?)?;
    let share = json!({
        "name": "share", "path": "share", "options": format!("port={}", samba.port), "username": samba.user,
        "password": SAMBA_PASSWORD,
    });
    client.post(&format!("/api/v2/nas/{nas}/nas_shares"), &share)?;
    let buckets = client.get("/api/buckets/?page_size=0")?;
    let shown = buckets.get("results").and_then(Value::as_array).into_iter().flatten();
    let found = shown.into_iter().find(|bucket| bucket.get("name").and_then(Value::as_str) == Some("share"));
    id(found.with_context(|| format!("the share is not among {buckets}"))?)
}

fn id(made: &Value) -> anyhow::Result<i64> {
    made.get("id").and_then(Value::as_i64).with_context(|| format!("no id in {made}"))
}

/// Waits until something is mounted there.
pub fn mounted(directory: &Path) -> anyhow::Result<()> {
    let begun = Instant::now();
    let shown = directory.display().to_string();
    while !std::fs::read_to_string("/proc/self/mounts")?.lines().any(|line| line.split(' ').nth(1) == Some(&shown)) {
        ensure!(begun.elapsed() < PATIENCE, "{shown} is not mounted");
        std::thread::sleep(LOOK);
    }
    Ok(())
}

impl HubSpace {
    /// On the one site of a host. `bucket`: all files of the space go there. Waits until the view is there.
    pub fn make(host: &Host, name: &str, bucket: &Value) -> anyhow::Result<Self> {
        Self::over(host, name, make_bucket(&host.client(), bucket)?)
    }

    /// The same over a bucket that is there, by its id.
    pub fn over(host: &Host, name: &str, bucket: i64) -> anyhow::Result<Self> {
        let sites = host.client().get("/api/sites/")?;
        let site = sites.pointer("/results/0/name").and_then(Value::as_str).context("no site")?.to_owned();
        Self::on(host, name, bucket, &[&site])
    }

    /// The same on these sites; the host's own comes first.
    pub fn on(host: &Host, name: &str, bucket: i64, sites: &[&str]) -> anyhow::Result<Self> {
        let client = host.client();
        let site = (*sites.first().context("no site")?).to_owned();
        let mountpoint = host.data().join(format!("view-of-{name}"));
        client.post("/api/spaces/", &json!({ "name": name, "mountpoint": mountpoint, "sites": sites }))?;
        let target = json!({ "name": name, "local_file_regex": ".*", "space": { "name": name }, "bucket_instance": bucket });
        client.post("/api/external_targets/", &target)?;
        let space = Self { client, site, name: name.to_owned(), mountpoint };
        space.mounted()?;
        Ok(space)
    }

    /// Waits until the view is there.
    pub fn mounted(&self) -> anyhow::Result<()> {
        mounted(&self.mountpoint)
    }

    /// Starts a workflow on everything below these folders; the job's id.
    pub fn start(&self, workflow: &str, folders: &[&str]) -> anyhow::Result<i64> {
        self.ask(workflow, folders, &json!({ "discovery": "recursive" }))
    }

    /// The same with a discovery of its own, and values of its fields.
    pub fn start_with(&self, workflow: &str, folders: &[&str], fields: &Value) -> anyhow::Result<i64> {
        self.ask(workflow, folders, &json!({ "fields": fields }))
    }

    fn ask(&self, workflow: &str, folders: &[&str], more: &Value) -> anyhow::Result<i64> {
        let paths: Vec<PathBuf> = folders.iter().map(|folder| self.mountpoint.join(folder)).collect();
        let mut run = json!({ "site": self.site, "workflow": workflow, "paths": paths });
        if let (Some(run), Some(more)) = (run.as_object_mut(), more.as_object()) {
            run.extend(more.clone());
        }
        id(&self.client.post("/api/file/workflow/", &run)?)
    }

    /// Waits for the end of a job; its state.
    pub fn ended(&self, job: i64) -> anyhow::Result<String> {
        self.ended_within(job, PATIENCE)
    }

    /// The same for a job that must not take longer.
    pub fn ended_within(&self, job: i64, patience: Duration) -> anyhow::Result<String> {
        let begun = Instant::now();
        loop {
            if let Some(state) = self.end_of(job)? {
                return Ok(state);
            }
            if begun.elapsed() > patience {
                let tasks = self.client.get(&format!("/api/tasks/?job={job}&page_size=5"))?;
                anyhow::bail!("the job does not end: {}, {tasks}", self.client.get(&format!("/api/jobs/{job}/"))?);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The state of a job that has ended.
    pub fn end_of(&self, job: i64) -> anyhow::Result<Option<String>> {
        let shown = self.client.get(&format!("/api/jobs/{job}/"))?;
        let state = shown.get("state").and_then(Value::as_str).unwrap_or_default();
        Ok(matches!(state, "SUCCESS" | "FAILURE" | "CANCELLED").then(|| state.to_owned()))
    }

    /// A workflow from its start to its good end; what the job tells of it.
    pub fn run(&self, workflow: &str, folders: &[&str]) -> anyhow::Result<Value> {
        self.well(workflow, self.start(workflow, folders)?)
    }

    /// The same for `start_with`.
    pub fn run_with(&self, workflow: &str, folders: &[&str], fields: &Value) -> anyhow::Result<Value> {
        self.well(workflow, self.start_with(workflow, folders, fields)?)
    }

    /// Waits for the good end of a job; what it tells of it.
    pub fn well(&self, workflow: &str, job: i64) -> anyhow::Result<Value> {
        let state = self.ended(job)?;
        let told = self.client.get(&format!("/api/jobs/{job}/statistics/"))?;
        if state != "SUCCESS" {
            let failed = self.client.get(&format!("/api/jobs/{job}/files/?category=failed&page_size=5"))?;
            anyhow::bail!("{workflow} ended with {state}: {told}, {failed}");
        }
        Ok(told)
    }

    /// NORMAL, PREMIGRATED or MIGRATED.
    pub fn status(&self, path: &str) -> anyhow::Result<String> {
        let at = self.mountpoint.join(path);
        let shown = self.client.get(&format!("/api/file/?site={}&path={}", self.site, at.display()))?;
        shown.get("status").and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no status in {shown}"))
    }
}
