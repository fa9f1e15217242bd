//! Buckets and objects in the emulator, through its own JSON API.
//!
//! The emulator takes keys for paths, so that "a//b" would become "a/b"; keys that are not plain lie there under a name spelled in
//! hexadecimal digits.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::http::encode;

/// Largest object that is read, bytes.
const BODY_LIMIT: u64 = 1 << 31;
/// From this size on data goes in a request of its own: the emulator reads a document with data in it slowly.
const APART_FROM: usize = 64 << 10;
const BOUNDARY: &str = "capstan-simulator";
/// Whoever waits for the emulator has the simulator's lock.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Store {
    url: String,
    agent: ureq::Agent,
    /// Buckets that were seen: they come and go through here only, and every request asks for one.
    seen: Mutex<HashSet<String>>,
}

/// What is said of a new object: "contentType", "metadata", "storageClass".
pub(super) type Resource = Value;

impl Store {
    pub(super) fn new(url: &str) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
        Self { url: url.to_owned(), agent, seen: Mutex::default() }
    }

    fn call(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> anyhow::Result<(u16, Vec<u8>)> {
        let request =
            ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url)).header("content-type", kind);
        let mut answer = self.agent.run(request.body(body)?)?;
        let status = answer.status().as_u16();
        Ok((status, answer.body_mut().with_config().limit(BODY_LIMIT).read_to_vec()?))
    }

    /// None: there is none of that.
    fn json(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Option<Value>> {
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        match self.call(method, path, "application/json", body)? {
            (404, _) => Ok(None),
            (200, body) => Ok(Some(serde_json::from_slice(&body).unwrap_or(Value::Null))),
            (status, body) => bail!("the emulator: {method} {path}: {status} {}", String::from_utf8_lossy(&body)),
        }
    }

    pub(super) fn buckets(&self) -> anyhow::Result<Vec<Value>> {
        let all = self.json("GET", "/storage/v1/b", None)?.context("the emulator lists no buckets")?;
        Ok(all["items"].as_array().cloned().unwrap_or_default())
    }

    fn seen(&self) -> MutexGuard<'_, HashSet<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, bucket: &str) -> anyhow::Result<bool> {
        if self.seen().contains(bucket) {
            return Ok(true);
        }
        let there = self.json("GET", &format!("/storage/v1/b/{}", encode(bucket)), None)?.is_some();
        if there {
            self.seen().insert(bucket.to_owned());
        }
        Ok(there)
    }

    pub(super) fn create(&self, document: &Value) -> anyhow::Result<Value> {
        self.json("POST", "/storage/v1/b", Some(document))?.context("the emulator made no bucket")?;
        let name = document["name"].as_str().unwrap_or_default();
        // It takes the name only, and would keep what is deleted for a week.
        let mut rest = document.clone();
        rest["softDeletePolicy"] = json!({ "retentionDurationSeconds": "0" });
        self.json("PATCH", &format!("/storage/v1/b/{}", encode(name)), Some(&rest))?.context("the emulator lost a bucket")
    }

    pub(super) fn remove(&self, bucket: &str) -> anyhow::Result<()> {
        self.seen().remove(bucket);
        let (status, body) = self.call("DELETE", &format!("/storage/v1/b/{}", encode(bucket)), "application/json", Vec::new())?;
        anyhow::ensure!(status == 200 || status == 204, "the emulator: {status} {}", String::from_utf8_lossy(&body));
        Ok(())
    }

    pub(super) fn object(&self, bucket: &str, key: &str) -> anyhow::Result<Option<Value>> {
        let found = self.json("GET", &object_path(bucket, key), None)?;
        Ok(found.map(renamed))
    }

    pub(super) fn read(&self, bucket: &str, key: &str) -> anyhow::Result<Vec<u8>> {
        let (status, body) = self.call("GET", &format!("{}?alt=media", object_path(bucket, key)), "text/plain", Vec::new())?;
        anyhow::ensure!(status == 200, "the emulator: {status} for the data of {key:?}");
        Ok(body)
    }

    /// Whole or not at all; answers the object's resource, with the generation the emulator gave it.
    pub(super) fn put(&self, bucket: &str, key: &str, resource: &Resource, data: Vec<u8>) -> anyhow::Result<Value> {
        let mut resource = resource.clone();
        resource["name"] = json!(lies_as(key));
        let path = format!("/upload/storage/v1/b/{}/o", encode(bucket));
        let (status, body) = if data.len() < APART_FROM && !data.is_empty() {
            let mut body = format!(
                "--{BOUNDARY}\r\nContent-Type: application/json\r\n\r\n{resource}\r\n--{BOUNDARY}\r\n\
                 Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            )
            .into_bytes();
            body.extend_from_slice(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &data).as_bytes());
            body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
            self.call("POST", &format!("{path}?uploadType=multipart"), &format!("multipart/related; boundary={BOUNDARY}"), body)?
        } else {
            self.in_session(&path, &resource, data)?
        };
        anyhow::ensure!(status == 200, "the emulator: {status} {}", String::from_utf8_lossy(&body));
        Ok(renamed(serde_json::from_slice(&body)?))
    }

    fn in_session(&self, path: &str, resource: &Value, data: Vec<u8>) -> anyhow::Result<(u16, Vec<u8>)> {
        let begin = ureq::http::Request::builder()
            .method("POST")
            .uri(format!("{}{path}?uploadType=resumable", self.url))
            .header("content-type", "application/json")
            .body(resource.to_string().into_bytes())?;
        let answer = self.agent.run(begin)?;
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).context("no session")?;
        let target = location.strip_prefix(&self.url).context("a session elsewhere")?;
        self.call("PUT", target, "application/octet-stream", data)
    }

    pub(super) fn delete(&self, bucket: &str, key: &str) -> anyhow::Result<()> {
        self.call("DELETE", &object_path(bucket, key), "text/plain", Vec::new()).map(drop)
    }

    /// Every object whose key begins so, ordered by key.
    pub(super) fn list(&self, bucket: &str, prefix: &str) -> anyhow::Result<Option<Vec<Value>>> {
        let mut items = Vec::new();
        // Plain keys lie under their own names, all others under their digits.
        let digits = spelled(prefix);
        let places = match prefix {
            "" => vec![prefix],
            other if other.starts_with('~') => vec![digits.as_str()],
            other => vec![other, digits.as_str()],
        };
        for begins in places {
            let path = format!("/storage/v1/b/{}/o?prefix={}", encode(bucket), encode(begins));
            let Some(mut found) = self.json("GET", &path, None)? else { return Ok(None) };
            if let Some(Value::Array(found)) = found.get_mut("items").map(Value::take) {
                items.extend(found.into_iter().map(renamed));
            }
        }
        items.retain(|item| name_of(item).starts_with(prefix));
        items.sort_by(|one, other| name_of(one).cmp(name_of(other)));
        Ok(Some(items))
    }
}

pub(super) fn name_of(resource: &Value) -> &str {
    resource["name"].as_str().unwrap_or_default()
}

fn object_path(bucket: &str, key: &str) -> String {
    format!("/storage/v1/b/{}/o/{}", encode(bucket), encode(&lies_as(key)))
}

/// The name under which the emulator keeps a key.
fn lies_as(key: &str) -> String {
    let plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            && part.bytes().any(|byte| byte != b'.')
    };
    if key.split('/').all(plain) { key.to_owned() } else { spelled(key) }
}

fn spelled(key: &str) -> String {
    format!("~{}", hex::encode(key))
}

/// The resource under its own key again.
fn renamed(mut resource: Value) -> Value {
    let key = name_of(&resource).strip_prefix('~').and_then(|digits| String::from_utf8(hex::decode(digits).ok()?).ok());
    if let Some(key) = key {
        resource["name"] = json!(key);
    }
    resource
}
