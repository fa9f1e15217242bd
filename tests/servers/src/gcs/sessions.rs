//! Resumable upload sessions of the XML API; what has arrived stays here until all has.

use std::collections::HashMap;

use serde_json::Value;

use super::http::{Answer, Asked};
use super::objects::{described, hashes_hold};
use super::xml_api::{Xml, refuse, told};

/// What arrives of a piece that is not the last is cut to whole pieces of this, bytes.
const GRAIN: usize = 256 << 10;

/// How the next piece of data is cut short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut {
    /// 308 after so many bytes.
    Incomplete(usize),
    /// 503 after so many bytes.
    Busy(usize),
    /// The connection ends after so many bytes, without an answer.
    Broken(usize),
}

#[derive(Debug)]
struct Session {
    bucket: String,
    key: String,
    resource: Value,
    condition: Option<String>,
    hashes: Vec<String>,
    data: Vec<u8>,
    /// The answer once it is whole, to be told again.
    made: Option<Value>,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_id: HashMap<String, Session>,
    begun: u64,
    pub(super) cuts: Vec<Cut>,
    /// Bytes of data that were sent to sessions.
    pub(super) received: u64,
}

impl Sessions {
    /// None: the request is about something else, or its connection breaks.
    pub(super) fn begin(&mut self, asked: &Asked<'_>, xml: &Xml<'_>, url: &str) -> anyhow::Result<Option<Answer>> {
        let (bucket, Some(key)) = asked.place() else { return Ok(None) };
        if asked.method() != "POST" || asked.field("x-goog-resumable") != Some("start") {
            return Ok(None);
        }
        if !asked.request.body.is_empty() {
            return Ok(Some(refuse(400, "InvalidArgument")));
        }
        if let Err(refusal) = xml.may_write(asked, &bucket, &key)? {
            return Ok(Some(refusal));
        }
        let Some(resource) = described(asked) else { return Ok(Some(refuse(400, "InvalidStorageClass"))) };
        self.begun += 1;
        let id = format!("session-{}", self.begun);
        let session = Session {
            bucket,
            key,
            resource,
            condition: asked.field("x-goog-if-generation-match").map(str::to_owned),
            hashes: asked.headers_of("x-goog-hash").map(|(_, value)| value).collect(),
            data: Vec::new(),
            made: None,
        };
        self.by_id.insert(id.clone(), session);
        Ok(Some(Answer::empty(201).with("Location", format!("{url}{}?upload_id={id}", asked.path))))
    }

    /// A request to a session needs no credentials. None: the connection breaks.
    pub(super) fn go_on(&mut self, asked: &Asked<'_>, id: &str, xml: &Xml<'_>) -> anyhow::Result<Option<Answer>> {
        let body = &asked.request.body;
        self.received += body.len() as u64;
        if asked.method() == "DELETE" {
            self.by_id.remove(id);
            return Ok(Some(Answer::empty(499)));
        }
        let Some(session) = self.by_id.get_mut(id) else { return Ok(Some(refuse(404, "NoSuchUpload"))) };
        let Some((first, total)) = asked.field("content-range").and_then(content_range) else {
            return Ok(Some(refuse(400, "InvalidArgument")));
        };
        if let Some(made) = &session.made {
            return Ok(Some(told(Answer::empty(200), made)));
        }
        if let Some(first) = first {
            if first > session.data.len() {
                return Ok(Some(refuse(503, "ServiceUnavailable")));
            }
            let cut = if self.cuts.is_empty() { None } else { Some(self.cuts.remove(0)) };
            let taken = match cut {
                Some(Cut::Incomplete(bytes) | Cut::Busy(bytes) | Cut::Broken(bytes)) => bytes.min(body.len()) / GRAIN * GRAIN,
                None => body.len(),
            };
            session.data.truncate(first);
            session.data.extend_from_slice(body.get(..taken).unwrap_or_default());
            match cut {
                Some(Cut::Busy(_)) => return Ok(Some(refuse(503, "ServiceUnavailable"))),
                Some(Cut::Broken(_)) => return Ok(None),
                _ => {}
            }
        }
        if session.data.len() < total {
            let answer = Answer::empty(308);
            return Ok(Some(match session.data.len() {
                0 => answer,
                arrived => answer.with("Range", format!("bytes=0-{}", arrived - 1)),
            }));
        }
        if let Err(refusal) = xml.condition(session.condition.as_deref(), &session.bucket, &session.key)? {
            return Ok(Some(refusal));
        }
        let again: Vec<(String, String)> = asked.headers_of("x-goog-hash").collect();
        let hashes = session.hashes.iter().map(String::as_str).chain(again.iter().map(|(_, value)| value.as_str()));
        if !hashes_hold(hashes, &session.data) {
            return Ok(Some(refuse(400, "BadDigest")));
        }
        let made = xml.store.put(&session.bucket, &session.key, &session.resource, std::mem::take(&mut session.data))?;
        let answer = told(Answer::empty(200), &made);
        session.made = Some(made);
        Ok(Some(answer))
    }
}

/// "bytes 5-9/10", "bytes */10": where the data begins, if there is any, and how long the whole is.
fn content_range(text: &str) -> Option<(Option<usize>, usize)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let first = match range {
        "*" => None,
        range => Some(range.split_once('-')?.0.parse().ok()?),
    };
    Some((first, total.parse().ok()?))
}
