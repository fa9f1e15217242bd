//! Uploads in parts of the XML API: what is sent stays here until it is completed, and then is one object of the emulator.

use std::collections::{BTreeMap, HashMap};

use md5::Md5;
use serde_json::{Value, json};
use sha2::Digest;

use super::http::{Answer, Asked, encode};
use super::objects::{described, hashes_hold, is_key};
use super::store::Store;
use super::xml_api::{IN_PARTS, escape, refuse, told};

const MIN_PART_BYTES: usize = 5 << 20;
const MAX_PARTS: u32 = 10_000;
/// Uploads of one page.
const MAX_LISTED: usize = 1_000;
/// These answers are spelled as S3 spells them.
const XMLNS: &str = "xmlns='http://s3.amazonaws.com/doc/2006-03-01/'";

#[derive(Debug)]
struct Upload {
    bucket: String,
    key: String,
    /// Seconds since 1970, by the service's clock.
    begun: i64,
    resource: Value,
    /// Tag and bytes of each part.
    parts: BTreeMap<u32, (String, Vec<u8>)>,
}

#[derive(Debug, Default)]
pub(super) struct Uploads {
    by_id: HashMap<String, Upload>,
    begun: u64,
}

impl Uploads {
    /// Keys of uploads that were neither completed nor given up.
    pub(super) fn unfinished(&self, bucket: &str) -> Vec<String> {
        self.by_id.values().filter(|upload| upload.bucket == bucket).map(|upload| upload.key.clone()).collect()
    }

    /// None: the request is about something else.
    pub(super) fn serve(&mut self, asked: &Asked<'_>, store: &Store, now: i64) -> anyhow::Result<Option<Answer>> {
        let (bucket, key) = asked.place();
        let is_list = asked.method() == "GET" && key.is_none() && asked.asks("uploads").is_some();
        if is_list {
            return Ok(Some(if store.has(&bucket)? { self.list(asked, &bucket) } else { refuse(404, "NoSuchBucket") }));
        }
        let Some(key) = key else { return Ok(None) };
        if asked.method() == "POST" && asked.asks("uploads").is_some() {
            return self.begin(asked, store, (bucket, key), now).map(Some);
        }
        let Some(id) = asked.asks("uploadId") else { return Ok(None) };
        let Some(upload) = self.by_id.get_mut(id).filter(|upload| (&upload.bucket, &upload.key) == (&bucket, &key)) else {
            return Ok(Some(refuse(404, "NoSuchUpload")));
        };
        // "Preconditions are not supported in the requests."
        if asked.field("x-goog-if-generation-match").is_some() {
            return Ok(Some(refuse(400, "InvalidArgument")));
        }
        let answer = match asked.method() {
            "PUT" => upload.put(asked),
            "GET" => upload.list(asked),
            "POST" => {
                let made = upload.complete(asked, store)?;
                if made.status == 200 {
                    self.by_id.remove(id);
                }
                made
            }
            "DELETE" => {
                self.by_id.remove(id);
                Answer::empty(204)
            }
            _ => refuse(405, "MethodNotAllowed"),
        };
        Ok(Some(answer))
    }

    /// "GET bucket (list multipart uploads)": in the order of their keys, a page at most.
    fn list(&self, asked: &Asked<'_>, bucket: &str) -> Answer {
        let prefix = asked.asks("prefix").unwrap_or_default();
        let limit = asked.asks("max-uploads").and_then(|text| text.parse().ok()).unwrap_or(MAX_LISTED).min(MAX_LISTED);
        let encoded = asked.asks("encoding-type") == Some("url");
        let mut found: Vec<(&str, &str, i64)> = self
            .by_id
            .iter()
            .filter(|(_, upload)| upload.bucket == bucket && upload.key.starts_with(prefix))
            .map(|(id, upload)| (upload.key.as_str(), id.as_str(), upload.begun))
            .collect();
        found.sort_unstable();
        let lines: String = found
            .iter()
            .take(limit)
            .map(|(key, id, begun)| {
                let key = if encoded { encode(key) } else { escape(key) };
                let begun = jiff::Timestamp::from_second(*begun).unwrap_or_default();
                format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{begun}</Initiated></Upload>")
            })
            .collect();
        let encoding = if encoded { "<EncodingType>url</EncodingType>" } else { "" };
        Answer::xml(
            200,
            format!(
                "<?xml version='1.0' encoding='UTF-8'?><ListMultipartUploadsResult {XMLNS}><Bucket>{bucket}</Bucket>{encoding}\
                 <IsTruncated>{}</IsTruncated>{lines}</ListMultipartUploadsResult>",
                found.len() > limit
            ),
        )
    }

    fn begin(&mut self, asked: &Asked<'_>, store: &Store, (bucket, key): (String, String), now: i64) -> anyhow::Result<Answer> {
        if asked.field("x-goog-if-generation-match").is_some() || !asked.request.body.is_empty() {
            return Ok(refuse(400, "InvalidArgument"));
        }
        if !is_key(&key) {
            return Ok(refuse(400, "InvalidObjectName"));
        }
        if !store.has(&bucket)? {
            return Ok(refuse(404, "NoSuchBucket"));
        }
        let Some(mut resource) = described(asked) else { return Ok(refuse(400, "InvalidStorageClass")) };
        resource["metadata"][IN_PARTS] = json!("yes");
        self.begun += 1;
        let id = format!("VXBsb2Fk.{}-", self.begun);
        let document = format!(
            "<?xml version='1.0' encoding='UTF-8'?><InitiateMultipartUploadResult {XMLNS}><Bucket>{bucket}</Bucket>\
             <UploadId>{id}</UploadId>\
             </InitiateMultipartUploadResult>"
        );
        self.by_id.insert(id, Upload { bucket, key, begun: now, resource, parts: BTreeMap::new() });
        Ok(Answer::xml(200, document))
    }
}

impl Upload {
    fn put(&mut self, asked: &Asked<'_>) -> Answer {
        let number = asked.asks("partNumber").and_then(|text| text.parse::<u32>().ok());
        let Some(number) = number.filter(|number| (1..=MAX_PARTS).contains(number)) else {
            return refuse(400, "InvalidArgument");
        };
        let body = &asked.request.body;
        let hashes: Vec<(String, String)> = asked.headers_of("x-goog-hash").collect();
        if !hashes_hold(hashes.iter().map(|(_, value)| value.as_str()), body) {
            return refuse(400, "BadDigest");
        }
        let etag = hex::encode(Md5::digest(body));
        self.parts.insert(number, (etag.clone(), body.clone()));
        Answer::empty(200)
            .with("ETag", format!("\"{etag}\""))
            .with("x-goog-hash", format!("crc32c={}", super::objects::crc32c(body)))
    }

    fn list(&self, asked: &Asked<'_>) -> Answer {
        let number = |name: &str, usual: usize| asked.asks(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
        let (after, limit) = (number("part-number-marker", 0), number("max-parts", 1000).min(1000));
        let lines: String = self
            .parts
            .iter()
            .filter(|(part, _)| **part as usize > after)
            .take(limit)
            .map(|(part, (etag, data))| {
                format!("<Part><PartNumber>{part}</PartNumber><ETag>\"{etag}\"</ETag><Size>{}</Size></Part>", data.len())
            })
            .collect();
        Answer::xml(200, format!("<?xml version='1.0' encoding='UTF-8'?><ListPartsResult {XMLNS}>{lines}</ListPartsResult>"))
    }

    fn complete(&mut self, asked: &Asked<'_>, store: &Store) -> anyhow::Result<Answer> {
        let body = String::from_utf8_lossy(&asked.request.body);
        let element = |line: &str, name: &str| {
            let (_, rest) = line.split_once(&format!("<{name}>"))?;
            rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim_matches('"').to_owned())
        };
        let named: Option<Vec<(u32, String)>> = body
            .split("<Part>")
            .skip(1)
            .map(|line| Some((element(line, "PartNumber")?.parse().ok()?, element(line, "ETag")?)))
            .collect();
        let Some(named) = named.filter(|named| !named.is_empty()) else { return Ok(refuse(400, "MalformedXML")) };
        if !named.is_sorted_by(|one, other| one.0 < other.0) {
            return Ok(refuse(400, "InvalidPartOrder"));
        }
        let mut data = Vec::new();
        for (index, (number, etag)) in named.iter().enumerate() {
            let Some((_, bytes)) = self.parts.get(number).filter(|(known, _)| known == etag) else {
                return Ok(refuse(400, "InvalidPart"));
            };
            if bytes.len() < MIN_PART_BYTES && index + 1 < named.len() {
                return Ok(refuse(400, "EntityTooSmall"));
            }
            data.extend_from_slice(bytes);
        }
        let made = store.put(&self.bucket, &self.key, &self.resource, data)?;
        let document = format!(
            "<?xml version='1.0' encoding='UTF-8'?><CompleteMultipartUploadResult {XMLNS}><ETag>\"in-parts\"</ETag>\
             </CompleteMultipartUploadResult>"
        );
        let headers = told(Answer::empty(200), &made).headers;
        let wanted = headers.into_iter().filter(|(name, _)| name == "x-goog-generation" || name == "x-goog-hash");
        let mut answer = Answer::xml(200, document);
        answer.headers.extend(wanted);
        Ok(answer)
    }
}
