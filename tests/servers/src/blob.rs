//! A plain client of the Blob service for what a test does behind the host's back: make a container, hold a lease, look.
//!
//! It shares no code with the plugin under test, and authorizes otherwise: with shared access signatures it makes itself, so that
//! one mistake cannot hide in both. Plain HTTP only.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

/// What stays as it is in a path.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
/// The last version whose signatures cover no encryption scope.
const VERSION: &str = "2019-12-12";
/// Largest body this client reads; tests look at small things.
const BODY_LIMIT: u64 = 64 << 20;

/// An account of the service, with its key.
#[derive(Clone, Debug)]
pub struct Blob {
    /// `http://127.0.0.1:PORT/ACCOUNT`, no slash at the end.
    pub endpoint: String,
    pub account: String,
    /// Base64, as it is handed out.
    pub key: String,
}

impl Blob {
    /// A signature for the whole account. `permissions` as the service spells them ("rwdlac"), `seconds` from now to its end.
    pub fn account_signature(&self, permissions: &str, seconds: i64) -> anyhow::Result<String> {
        let end = moment(seconds)?;
        let text = format!("{}\n{permissions}\nb\nsco\n\n{end}\n\n\n{VERSION}\n", self.account);
        Ok(format!("sv={VERSION}&ss=b&srt=sco&sp={permissions}&se={}&sig={}", encode(&end), self.signed(&text)?))
    }

    /// A signature for one container.
    pub fn container_signature(&self, container: &str, permissions: &str, seconds: i64) -> anyhow::Result<String> {
        let end = moment(seconds)?;
        let resource = format!("/blob/{}/{container}", self.account);
        let text = format!("{permissions}\n\n{end}\n{resource}\n\n\n\n{VERSION}\nc\n\n\n\n\n\n");
        Ok(format!("sv={VERSION}&sr=c&sp={permissions}&se={}&sig={}", encode(&end), self.signed(&text)?))
    }

    pub fn create_container(&self, container: &str) -> anyhow::Result<()> {
        self.call("PUT", container, "restype=container", &[], b"").map(drop)
    }

    pub fn put(&self, container: &str, key: &str, body: &[u8]) -> anyhow::Result<()> {
        self.call("PUT", &format!("{container}/{key}"), "", &[("x-ms-blob-type", "BlockBlob")], body).map(drop)
    }

    pub fn get(&self, container: &str, key: &str) -> anyhow::Result<Vec<u8>> {
        self.call("GET", &format!("{container}/{key}"), "", &[], b"").map(|(_, body)| body)
    }

    /// The headers of a look at it, names in lower case.
    pub fn head(&self, container: &str, key: &str) -> anyhow::Result<BTreeMap<String, String>> {
        self.call("HEAD", &format!("{container}/{key}"), "", &[], b"").map(|(headers, _)| headers)
    }

    pub fn change_tier(&self, container: &str, key: &str, tier: &str) -> anyhow::Result<()> {
        self.call("PUT", &format!("{container}/{key}"), "comp=tier", &[("x-ms-access-tier", tier)], b"").map(drop)
    }

    /// Takes a lease that does not end by itself, on a blob or, without a key, on the container; answers its id.
    pub fn lease(&self, container: &str, key: Option<&str>) -> anyhow::Result<String> {
        let (path, query) = leased(container, key);
        let headers = [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1")];
        let (headers, _) = self.call("PUT", &path, query, &headers, b"")?;
        headers.get("x-ms-lease-id").cloned().context("no id of a lease")
    }

    pub fn release(&self, container: &str, key: Option<&str>, lease: &str) -> anyhow::Result<()> {
        let (path, query) = leased(container, key);
        self.call("PUT", &path, query, &[("x-ms-lease-action", "release"), ("x-ms-lease-id", lease)], b"").map(drop)
    }

    pub fn snapshot(&self, container: &str, key: &str) -> anyhow::Result<()> {
        self.call("PUT", &format!("{container}/{key}"), "comp=snapshot", &[], b"").map(drop)
    }

    fn signed(&self, text: &str) -> anyhow::Result<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(&self.key)?)?;
        mac.update(text.as_bytes());
        Ok(encode(&STANDARD.encode(mac.finalize().into_bytes())).replace('/', "%2F"))
    }

    /// One request; anything but a 2xx is an error with the server's words.
    fn call(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<(BTreeMap<String, String>, Vec<u8>)> {
        let mark = if query.is_empty() { "" } else { "&" };
        let signature = self.account_signature("rwdlacup", 3600)?;
        let url = format!("{}/{}?{query}{mark}{signature}", self.endpoint, encode(path));
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(url).header("x-ms-version", VERSION);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = agent.run(request.body(body)?)?;
        let status = answer.status();
        let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let bytes = answer.body_mut().with_config().limit(BODY_LIMIT).read_to_vec()?;
        if !status.is_success() {
            bail!("{method} {path}: {status}: {}", String::from_utf8_lossy(&bytes));
        }
        Ok((headers, bytes))
    }
}

fn leased(container: &str, key: Option<&str>) -> (String, &'static str) {
    match key {
        Some(key) => (format!("{container}/{key}"), "comp=lease"),
        None => (container.to_owned(), "restype=container&comp=lease"),
    }
}

/// So many seconds from now, or before it, as the service writes time.
fn moment(seconds: i64) -> anyhow::Result<String> {
    let moment = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(seconds))?;
    Ok(moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}
