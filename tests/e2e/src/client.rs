//! A plain HTTP client with a user's credentials.

use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Largest answer that is read.
const ANSWER_LIMIT: u64 = 64 << 20;
/// Bytes that are shown of an answer that is not what was asked for.
const SAID: usize = 200;
/// No request of these tests may take longer; jobs are asked about, not waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// One user of one host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    authorization: Option<String>,
}

/// What the host said.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Client {
    pub fn new(base: &str, user: &str, password: &str) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
        let authorization = Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        Self { agent, base: base.to_owned(), authorization }
    }

    /// The same host with another `Authorization`, or with none.
    #[must_use]
    pub fn with_authorization(&self, authorization: Option<&str>) -> Self {
        Self { authorization: authorization.map(str::to_owned), ..self.clone() }
    }

    /// The header that it comes with.
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// One request as it is given; any status is an answer.
    pub fn raw(&self, method: &str, path: &str, content_type: Option<&str>, body: &[u8]) -> anyhow::Result<Answer> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let mut answer = if body.is_empty() { self.agent.run(request.body(())?) } else { self.agent.run(request.body(body)?) }
            .with_context(|| format!("{method} {path}"))?;
        let text = answer.body_mut().with_config().limit(ANSWER_LIMIT).lossy_utf8(true).read_to_string()?;
        Ok(Answer { status: answer.status().as_u16(), text })
    }

    pub fn send(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.raw(method, path, Some("application/json"), body.to_string().as_bytes())
    }

    /// So many bytes of a body, from one on; exactly those.
    pub fn range(&self, path: &str, from: u64, length: u64) -> anyhow::Result<Vec<u8>> {
        let mut request = ureq::http::Request::builder().method("GET").uri(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let last = (from + length).saturating_sub(1);
        let request = request.header("range", format!("bytes={from}-{last}")).body(())?;
        let mut answer = self.agent.run(request).with_context(|| format!("GET {path}"))?;
        let bytes = answer.body_mut().with_config().limit(ANSWER_LIMIT).read_to_vec()?;
        if answer.status().as_u16() != 206 || bytes.len() as u64 != length {
            let said = String::from_utf8_lossy(bytes.get(..SAID).unwrap_or(&bytes)).into_owned();
            bail!("GET {path}: {} and {} of {length} bytes: {said}", answer.status(), bytes.len());
        }
        Ok(bytes)
    }

    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        Self::good("GET", path, self.raw("GET", path, None, b"")?)
    }

    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        Self::good("POST", path, self.send("POST", path, body)?)
    }

    pub fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        Self::good("PUT", path, self.send("PUT", path, body)?)
    }

    pub fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        Self::good("PATCH", path, self.send("PATCH", path, body)?)
    }

    pub fn delete(&self, path: &str) -> anyhow::Result<Value> {
        Self::good("DELETE", path, self.raw("DELETE", path, None, b"")?)
    }

    fn good(method: &str, path: &str, answer: Answer) -> anyhow::Result<Value> {
        if !(200..300).contains(&answer.status) {
            bail!("{method} {path}: {}: {}", answer.status, answer.text);
        }
        Ok(answer.json())
    }
}
