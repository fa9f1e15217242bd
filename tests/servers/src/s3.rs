//! A plain S3 client for what a test does behind the host's back: make a bucket, look at an object, spoil one.
//!
//! It shares no code with the plugin under test, so that one mistake cannot hide in both. Path style, Signature Version 4 over
//! the whole body.

use std::fmt::Write;

use anyhow::{Context, bail};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// What stays as it is in a canonical URI.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Largest body this client reads; tests look at small things.
const BODY_LIMIT: u64 = 64 << 20;

/// Where an S3 server listens and who may come in.
#[derive(Clone, Debug)]
pub struct S3 {
    /// `http://127.0.0.1:PORT`, no slash at the end.
    pub endpoint: String,
    pub access_key: String,
    pub secret_key: String,
    pub region: String,
}

impl S3 {
    /// `ENDPOINT,ACCESS,SECRET[,REGION]`, as the environment carries it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(',');
        Some(Self {
            endpoint: fields.next()?.to_owned(),
            access_key: fields.next()?.to_owned(),
            secret_key: fields.next()?.to_owned(),
            region: fields.next().unwrap_or("us-east-1").to_owned(),
        })
    }

    pub fn to_text(&self) -> String {
        format!("{},{},{},{}", self.endpoint, self.access_key, self.secret_key, self.region)
    }

    pub fn create_bucket(&self, bucket: &str) -> anyhow::Result<()> {
        self.call("PUT", &format!("/{bucket}"), &[], b"").map(drop)
    }

    /// Deletes the bucket with everything in it.
    pub fn delete_bucket(&self, bucket: &str) -> anyhow::Result<()> {
        for key in self.list(bucket)? {
            self.delete(bucket, &key)?;
        }
        self.call("DELETE", &format!("/{bucket}"), &[], b"").map(drop)
    }

    /// Keys with an upload in parts that was neither completed nor given up; at most a page of them.
    pub fn unfinished(&self, bucket: &str) -> anyhow::Result<Vec<String>> {
        let page = String::from_utf8(self.call("GET", &format!("/{bucket}"), &[("uploads", String::new())], b"")?)?;
        Ok(elements(&page, "Key"))
    }

    pub fn put(&self, bucket: &str, key: &str, body: &[u8]) -> anyhow::Result<()> {
        self.call("PUT", &path(bucket, key), &[], body).map(drop)
    }

    pub fn get(&self, bucket: &str, key: &str) -> anyhow::Result<Vec<u8>> {
        self.call("GET", &path(bucket, key), &[], b"")
    }

    pub fn delete(&self, bucket: &str, key: &str) -> anyhow::Result<()> {
        self.call("DELETE", &path(bucket, key), &[], b"").map(drop)
    }

    /// All keys of the bucket, in the server's order.
    pub fn list(&self, bucket: &str) -> anyhow::Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut query = vec![("encoding-type", "url".to_owned()), ("list-type", "2".to_owned())];
            if let Some(token) = token.take() {
                query.insert(0, ("continuation-token", token));
            }
            let page = String::from_utf8(self.call("GET", &format!("/{bucket}"), &query, b"")?)?;
            for key in elements(&page, "Key") {
                keys.push(percent_encoding::percent_decode_str(&key.replace('+', " ")).decode_utf8()?.into_owned());
            }
            match elements(&page, "NextContinuationToken").into_iter().next() {
                Some(next) => token = Some(next),
                None => return Ok(keys),
            }
        }
    }

    /// Temporary credentials, as a user's role gives them for a while: this account's, and the token that goes with them.
    pub fn temporary(&self) -> anyhow::Result<(Self, String)> {
        let role = encode(&format!("arn:aws:iam:::role/{}", crate::ceph::ROLE));
        let form = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={role}&RoleSessionName=test&DurationSeconds=900");
        let form_type = Some("application/x-www-form-urlencoded");
        let answer = String::from_utf8(self.send("POST", "/", &[], form.as_bytes(), form_type)?)?;
        let element = |name| elements(&answer, name).into_iter().next().with_context(|| format!("no {name} in {answer}"));
        let s3 = Self { access_key: element("AccessKeyId")?, secret_key: element("SecretAccessKey")?, ..self.clone() };
        Ok((s3, element("SessionToken")?))
    }

    fn call(&self, method: &str, path: &str, query: &[(&str, String)], body: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.send(method, path, query, body, None)
    }

    /// One signed request; anything but a 2xx is an error with the server's words.
    fn send(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, String)],
        body: &[u8],
        content_type: Option<&str>,
    ) -> anyhow::Result<Vec<u8>> {
        let host = self.endpoint.trim_start_matches("http://");
        let query = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&");
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = time.get(..8).context("the clock")?;
        let hash = hex::encode(Sha256::digest(body));
        let request = format!(
            "{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{hash}\nx-amz-date:{time}\n\nhost;x-amz-content-sha256;x-amz-date\n{hash}"
        );
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(request.as_bytes())));
        let mut key = format!("AWS4{}", self.secret_key).into_bytes();
        for step in [day, &self.region, "s3", "aws4_request", &to_sign] {
            key = hmac(&key, step.as_bytes())?;
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={}",
            self.access_key,
            hex::encode(key)
        );
        let mut url = format!("{}{path}", self.endpoint);
        if !query.is_empty() {
            let _ = write!(url, "?{query}");
        }
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let request = request
            .header("authorization", authorization)
            .header("x-amz-content-sha256", hash)
            .header("x-amz-date", time)
            .body(body)?;
        let mut answer = agent.run(request)?;
        let status = answer.status();
        let bytes = answer.body_mut().with_config().limit(BODY_LIMIT).read_to_vec()?;
        if !status.is_success() {
            bail!("{method} {path}: {status}: {}", String::from_utf8_lossy(&bytes));
        }
        Ok(bytes)
    }
}

fn path(bucket: &str, key: &str) -> String {
    format!("/{bucket}/{}", key.split('/').map(encode).collect::<Vec<_>>().join("/"))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

pub(crate) fn hmac(key: &[u8], message: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().to_vec())
}

/// The text of every `<name>…</name>`; good enough for two flat elements of one document.
fn elements(document: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    document.split(&open).skip(1).filter_map(|rest| rest.split_once(&close)).map(|(text, _)| unescape(text)).collect()
}

fn unescape(text: &str) -> String {
    let entities = [("&apos;", "'"), ("&#39;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}
