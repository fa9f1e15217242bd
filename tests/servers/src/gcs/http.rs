//! What a request asks for, taken apart, and what is answered.

use std::collections::BTreeMap;
use std::io::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::relay::Request;

const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A request whose words are decoded.
#[derive(Debug)]
pub(super) struct Asked<'r> {
    pub(super) request: &'r Request,
    /// The path as it was sent.
    pub(super) path: &'r str,
    pub(super) query: BTreeMap<String, String>,
}

impl<'r> Asked<'r> {
    pub(super) fn new(request: &'r Request) -> Self {
        let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        };
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
        Self { request, path, query }
    }

    pub(super) fn method(&self) -> &str {
        self.request.method()
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.request.field(name)
    }

    pub(super) fn asks(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Bucket and key of the XML API.
    pub(super) fn place(&self) -> (String, Option<String>) {
        let path = self.path.trim_start_matches('/');
        let (bucket, key) = path.split_once('/').map_or((path, None), |(bucket, key)| (bucket, Some(key)));
        (decode(bucket), key.filter(|key| !key.is_empty()).map(decode))
    }

    /// The path's words of the JSON API, behind the version.
    pub(super) fn words(&self) -> Vec<String> {
        self.path.trim_start_matches("/storage/v1").trim_start_matches('/').split('/').map(decode).collect()
    }

    /// Name and value of every header that begins so.
    pub(super) fn headers_of(&self, prefix: &str) -> impl Iterator<Item = (String, String)> {
        self.request.head.lines().skip(1).filter_map(move |line| {
            let (name, value) = line.split_once(':')?;
            let name = name.to_ascii_lowercase();
            Some((name.strip_prefix(prefix)?.to_owned(), value.trim().to_owned()))
        })
    }
}

/// An answer, or a refusal.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The body is told by its length only, as HEAD wants it.
    pub(super) bodiless: bool,
}

impl Answer {
    pub(super) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(super) fn xml(status: u16, document: String) -> Self {
        Self::empty(status).with("Content-Type", "application/xml; charset=UTF-8").body(document.into_bytes())
    }

    pub(super) fn json(status: u16, document: &serde_json::Value) -> Self {
        Self::empty(status).with("Content-Type", "application/json; charset=UTF-8").body(document.to_string().into_bytes())
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// A refusal of the XML API.
    pub(super) fn xml_error(status: u16, code: &str, message: &str) -> Self {
        let document =
            format!("<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
        Self::xml(status, document)
    }

    /// A refusal of the JSON API.
    pub(super) fn json_error(status: u16, reason: &str, message: &str) -> Self {
        let error = serde_json::json!({
            "error": { "code": status, "message": message, "errors": [{ "domain": "global", "reason": reason, "message": message }] }
        });
        Self::json(status, &error)
    }

    pub(super) fn write(&self, client: &mut impl Write, date: &str) -> anyhow::Result<()> {
        let mut head = format!("HTTP/1.1 {} Answer\r\nDate: {date}\r\nServer: simulator\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("Connection: close\r\n\r\n");
        client.write_all(head.as_bytes())?;
        if !self.bodiless {
            client.write_all(&self.body)?;
        }
        client.flush()?;
        Ok(())
    }
}
