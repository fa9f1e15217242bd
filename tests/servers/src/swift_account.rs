//! Who may come into a Swift service, and a plain way to look at what lies there.

use anyhow::{Context, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands as it is in a path.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// Bytes of an answer that are read.
const BODY_LIMIT: u64 = 256 << 20;

/// A user of version 1 of the authentication.
#[derive(Clone, Debug)]
pub struct SwiftAccount {
    /// `http://127.0.0.1:PORT/auth/v1.0`
    pub auth_url: String,
    /// `account:user`
    pub user: String,
    pub password: String,
}

/// An answer of the service, refusals included.
#[derive(Debug)]
pub struct SwiftAnswer {
    pub status: u16,
    headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl SwiftAnswer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

impl SwiftAccount {
    /// Storage URL and token.
    pub fn admission(&self) -> anyhow::Result<(String, String)> {
        let answer = agent().get(&self.auth_url).header("x-auth-user", &self.user).header("x-auth-key", &self.password).call()?;
        let told = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        match (told("x-storage-url"), told("x-auth-token")) {
            (Some(url), Some(token)) => Ok((url, token)),
            _ => bail!("{} is not let in: {}", self.user, answer.status()),
        }
    }

    /// One request below the account; `target` is `container`, `container/object` or nothing, `query` as it is sent.
    pub fn call(
        &self,
        method: &str,
        target: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<SwiftAnswer> {
        let (storage, token) = self.admission()?;
        let slash = if target.is_empty() { "" } else { "/" };
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{storage}{slash}{}{mark}{query}", utf8_percent_encode(target, KEPT));
        let mut request = ureq::http::Request::builder().method(method).uri(url).header("x-auth-token", token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = agent().run(request.body(body)?)?;
        let body = answer.body_mut().with_config().limit(BODY_LIMIT).read_to_vec()?;
        Ok(SwiftAnswer { status: answer.status().as_u16(), headers: answer.headers().clone(), body })
    }

    /// The same; what is no success is an error.
    pub fn make(
        &self,
        method: &str,
        target: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<SwiftAnswer> {
        let answer = self.call(method, target, query, headers, body)?;
        if !(200..300).contains(&answer.status) {
            bail!("{method} {target}: {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        Ok(answer)
    }

    /// Names in a container, up to a page of them; a container that is not there holds none.
    pub fn names(&self, container: &str) -> anyhow::Result<Vec<String>> {
        let answer = self.call("GET", container, "format=json", &[], b"")?;
        if answer.status == 404 {
            return Ok(Vec::new());
        }
        let lines: Vec<serde_json::Value> = serde_json::from_slice(&answer.body).context("a list of names")?;
        Ok(lines.iter().filter_map(|line| line.get("name")?.as_str()).map(str::to_owned).collect())
    }
}
