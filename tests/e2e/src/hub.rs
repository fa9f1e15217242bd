//! The Hub's API as a client uses it: a space, where its files go, and jobs on them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use capstan_test_servers::S3;
use serde_json::{Value, json};

use crate::{Client, Host};

/// A job may take this long.
const PATIENCE: Duration = Duration::from_secs(1800);
const LOOK: Duration = Duration::from_millis(50);

/// A space with a bucket behind it, on the one site of a host.
pub struct HubSpace {
    pub client: Client,
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

impl HubSpace {
    /// `bucket`: all files of the space go there. Waits until the view is there.
    pub fn make(host: &Host, name: &str, bucket: &Value) -> anyhow::Result<Self> {
        let client = host.client();
        let sites = client.get("/api/sites/")?;
        let site = sites.pointer("/results/0/name").and_then(Value::as_str).context("no site")?.to_owned();
        let mountpoint = host.data().join(format!("view-of-{name}"));
        let made = client.post("/api/buckets/", bucket)?;
        if let Some(folder) = bucket.get("migration_target_folder").filter(|_| bucket["storage_type"] == "FS") {
            // A directory of the host is never granted by naming it.
            let power = json!({ "to": "directory", "root": "root", "path": folder, "write": true });
            let target = format!("bucket:{}", bucket["name"].as_str().unwrap_or_default());
            client.post("/capstan/v1/grants", &json!({ "target": target, "power": power }))?;
        }
        client.post("/api/spaces/", &json!({ "name": name, "mountpoint": mountpoint, "sites": [site] }))?;
        let target =
            json!({ "name": name, "local_file_regex": ".*", "space": { "name": name }, "bucket_instance": made.get("id") });
        client.post("/api/external_targets/", &target)?;
        let space = Self { client, site, name: name.to_owned(), mountpoint };
        space.mounted()?;
        Ok(space)
    }

    /// Waits until the view is there.
    pub fn mounted(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let shown = self.mountpoint.display().to_string();
        while !std::fs::read_to_string("/proc/self/mounts")?.lines().any(|line| line.split(' ').nth(1) == Some(&shown)) {
            ensure!(begun.elapsed() < PATIENCE, "{shown} is not mounted");
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Starts a workflow on everything below these folders; the job's id.
    pub fn start(&self, workflow: &str, folders: &[&str]) -> anyhow::Result<i64> {
        let paths: Vec<PathBuf> = folders.iter().map(|folder| self.mountpoint.join(folder)).collect();
        let run = json!({ "site": self.site, "workflow": workflow, "discovery": "recursive", "paths": paths });
        let job = self.client.post("/api/file/workflow/", &run)?;
        job.get("id").and_then(Value::as_i64).with_context(|| format!("no id in {job}"))
    }

    /// Waits for the end of a job; its state.
    pub fn ended(&self, job: i64) -> anyhow::Result<String> {
        let begun = Instant::now();
        loop {
            let shown = self.client.get(&format!("/api/jobs/{job}/"))?;
            let state = shown.get("state").and_then(Value::as_str).unwrap_or_default();
            if matches!(state, "SUCCESS" | "FAILURE" | "CANCELLED") {
                return Ok(state.to_owned());
            }
            ensure!(begun.elapsed() < PATIENCE, "the job does not end: {shown}");
            std::thread::sleep(LOOK);
        }
    }

    /// A workflow from its start to its good end; what the job tells of it.
    pub fn run(&self, workflow: &str, folders: &[&str]) -> anyhow::Result<Value> {
        let job = self.start(workflow, folders)?;
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
