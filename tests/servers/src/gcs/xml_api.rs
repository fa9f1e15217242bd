//! The XML API: buckets and whole objects. Uploads in parts and in sessions have files of their own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::http::{Answer, Asked, decode, encode};
use super::json_api::inherited;
use super::objects::{described, generation, hashes_hold, is_bucket, is_key, page};
use super::store::{Store, name_of};

/// What carries no MD5: the service has none of an object that came in parts.
pub(super) const IN_PARTS: &str = "capstan-simulator-in-parts";

pub(super) struct Xml<'a> {
    pub(super) store: &'a Store,
}

pub(super) fn refuse(status: u16, code: &str) -> Answer {
    let message = match code {
        "NoSuchKey" => "The specified key does not exist.",
        "NoSuchBucket" => "The specified bucket does not exist.",
        "PreconditionFailed" => "At least one of the pre-conditions you specified did not hold.",
        "BadDigest" => "The hash you specified did not match what we received.",
        _ => "The request cannot be served.",
    };
    Answer::xml_error(status, code, message)
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Xml<'_> {
    pub(super) fn serve(&self, asked: &Asked<'_>) -> anyhow::Result<Answer> {
        let (bucket, key) = asked.place();
        match (asked.method(), bucket.as_str(), key.as_deref()) {
            ("GET", "", None) => self.buckets(),
            ("PUT", bucket, None) => self.create(asked, bucket),
            ("GET", bucket, None) => self.list(asked, bucket),
            ("DELETE", bucket, None) => self.remove(bucket),
            ("PUT", bucket, Some(key)) => match asked.field("x-goog-copy-source") {
                Some(source) => self.copy(asked, source, bucket, key),
                None => self.put(asked, bucket, key),
            },
            ("GET" | "HEAD", bucket, Some(key)) => self.get(asked, bucket, key),
            ("DELETE", bucket, Some(key)) => self.delete(asked, bucket, key),
            _ => Ok(refuse(405, "MethodNotAllowed")),
        }
    }

    fn buckets(&self) -> anyhow::Result<Answer> {
        let lines: String = self
            .store
            .buckets()?
            .iter()
            .map(|bucket| {
                let created = bucket["timeCreated"].as_str().unwrap_or_default();
                format!("<Bucket><Name>{}</Name><CreationDate>{created}</CreationDate></Bucket>", name_of(bucket))
            })
            .collect();
        Ok(Answer::xml(
            200,
            format!(
                "<?xml version='1.0' encoding='UTF-8'?><ListAllMyBucketsResult><Buckets>{lines}</Buckets></ListAllMyBucketsResult>"
            ),
        ))
    }

    fn create(&self, asked: &Asked<'_>, bucket: &str) -> anyhow::Result<Answer> {
        if !is_bucket(bucket) {
            return Ok(refuse(400, "InvalidBucketName"));
        }
        if self.store.has(bucket)? {
            return Ok(refuse(409, "BucketAlreadyOwnedByYou"));
        }
        let body = String::from_utf8_lossy(&asked.request.body);
        let element = |name: &str| {
            body.split_once(&format!("<{name}>"))
                .and_then(|(_, rest)| rest.split_once(&format!("</{name}>")))
                .map(|(text, _)| text)
        };
        let mut document = json!({ "name": bucket });
        for (name, member) in [("LocationConstraint", "location"), ("StorageClass", "storageClass")] {
            if let Some(text) = element(name) {
                document[member] = json!(text);
            }
        }
        self.store.create(&document)?;
        Ok(Answer::empty(200))
    }

    fn remove(&self, bucket: &str) -> anyhow::Result<Answer> {
        Ok(match self.store.list(bucket, "")? {
            None => refuse(404, "NoSuchBucket"),
            Some(items) if !items.is_empty() => refuse(409, "BucketNotEmpty"),
            Some(_) => {
                self.store.remove(bucket)?;
                Answer::empty(204)
            }
        })
    }

    fn list(&self, asked: &Asked<'_>, bucket: &str) -> anyhow::Result<Answer> {
        let prefix = asked.asks("prefix").unwrap_or_default();
        let Some(all) = self.store.list(bucket, prefix)? else { return Ok(refuse(404, "NoSuchBucket")) };
        let limit = asked.asks("max-keys").and_then(|text| text.parse::<usize>().ok()).unwrap_or(1000).min(1000);
        let after =
            asked.asks("continuation-token").and_then(|token| String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok());
        let found = page(all, prefix, asked.asks("delimiter"), after.as_deref(), limit);
        let encoded = asked.asks("encoding-type") == Some("url");
        let text = |key: &str| if encoded { encode(key) } else { escape(key) };
        let mut body = format!(
            "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>\
             <Name>{bucket}</Name><IsTruncated>{}</IsTruncated>",
            found.next.is_some()
        );
        if encoded {
            body.push_str("<EncodingType>url</EncodingType>");
        }
        if let Some(next) = &found.next {
            body.push_str(&format!("<NextContinuationToken>{}</NextContinuationToken>", URL_SAFE_NO_PAD.encode(next)));
        }
        for item in &found.items {
            let member = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            body.push_str(&format!(
                "<Contents><Key>{}</Key><Generation>{}</Generation><MetaGeneration>1</MetaGeneration><LastModified>{}</LastModified>\
                 <ETag>\"{}\"</ETag><Size>{}</Size><StorageClass>{}</StorageClass></Contents>",
                text(name_of(item)),
                member("generation"),
                member("updated"),
                escape(&member("etag")),
                member("size"),
                member("storageClass")
            ));
        }
        for prefix in &found.prefixes {
            body.push_str(&format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", text(prefix)));
        }
        body.push_str("</ListBucketResult>");
        Ok(Answer::xml(200, body))
    }

    fn put(&self, asked: &Asked<'_>, bucket: &str, key: &str) -> anyhow::Result<Answer> {
        if let Err(refusal) = self.may_write(asked, bucket, key)? {
            return Ok(refusal);
        }
        let Some(resource) = described(asked) else { return Ok(refuse(400, "InvalidStorageClass")) };
        let hashes: Vec<(String, String)> = asked.headers_of("x-goog-hash").collect();
        if !hashes_hold(hashes.iter().map(|(_, value)| value.as_str()), &asked.request.body) {
            return Ok(refuse(400, "BadDigest"));
        }
        let made = self.store.put(bucket, key, &resource, asked.request.body.clone())?;
        Ok(told(Answer::empty(200), &made))
    }

    /// What keeps an object from being made: its name, its bucket, a precondition.
    pub(super) fn may_write(&self, asked: &Asked<'_>, bucket: &str, key: &str) -> anyhow::Result<Result<(), Answer>> {
        if !is_key(key) {
            return Ok(Err(refuse(400, "InvalidObjectName")));
        }
        if !self.store.has(bucket)? {
            return Ok(Err(refuse(404, "NoSuchBucket")));
        }
        self.condition(asked.field("x-goog-if-generation-match"), bucket, key)
    }

    pub(super) fn condition(&self, wanted: Option<&str>, bucket: &str, key: &str) -> anyhow::Result<Result<(), Answer>> {
        let Some(wanted) = wanted else { return Ok(Ok(())) };
        let there = generation(self.store.object(bucket, key)?.as_ref());
        Ok(match wanted.parse::<u64>() {
            Ok(wanted) if wanted == there => Ok(()),
            Ok(_) => Err(refuse(412, "PreconditionFailed")),
            Err(_) => Err(refuse(400, "InvalidArgument")),
        })
    }

    fn get(&self, asked: &Asked<'_>, bucket: &str, key: &str) -> anyhow::Result<Answer> {
        let bodiless = asked.method() == "HEAD";
        let refused = |answer: Answer| Ok(Answer { bodiless, ..answer });
        if !self.store.has(bucket)? {
            return refused(refuse(404, "NoSuchBucket"));
        }
        let Some(there) = self.store.object(bucket, key)? else { return refused(refuse(404, "NoSuchKey")) };
        if asked.asks("generation").is_some_and(|wanted| there["generation"] != wanted) {
            return refused(refuse(404, "NoSuchKey"));
        }
        if let Err(refusal) = self.condition(asked.field("x-goog-if-generation-match"), bucket, key)? {
            return refused(refusal);
        }
        let size: u64 = there["size"].as_str().and_then(|size| size.parse().ok()).unwrap_or(0);
        let range = match asked.field("range").map(|range| bounds(range, size)) {
            None => None,
            Some(Some(range)) => Some(range),
            Some(None) => return refused(refuse(416, "InvalidRange")),
        };
        let answer = told(Answer::empty(if range.is_some() { 206 } else { 200 }), &there);
        let (first, length) = range.unwrap_or((0, size));
        let mut answer = answer.with("Content-Length", length.to_string());
        if range.is_some() {
            answer = answer.with("Content-Range", format!("bytes {first}-{}/{size}", first + length - 1));
        }
        if bodiless {
            return Ok(Answer { bodiless, ..answer });
        }
        let data = self.store.read(bucket, key)?;
        let (first, length) = (usize::try_from(first)?, usize::try_from(length)?);
        Ok(answer.body(data.get(first..first + length).unwrap_or_default().to_vec()))
    }

    fn delete(&self, asked: &Asked<'_>, bucket: &str, key: &str) -> anyhow::Result<Answer> {
        if !self.store.has(bucket)? {
            return Ok(refuse(404, "NoSuchBucket"));
        }
        if let Err(refusal) = self.condition(asked.field("x-goog-if-generation-match"), bucket, key)? {
            return Ok(refusal);
        }
        if self.store.object(bucket, key)?.is_none() {
            return Ok(refuse(404, "NoSuchKey"));
        }
        self.store.delete(bucket, key)?;
        Ok(Answer::empty(204))
    }

    fn copy(&self, asked: &Asked<'_>, source: &str, bucket: &str, key: &str) -> anyhow::Result<Answer> {
        if let Err(refusal) = self.may_write(asked, bucket, key)? {
            return Ok(refusal);
        }
        let source = source.trim_start_matches('/');
        let Some((from_bucket, from_key)) = source.split_once('/') else { return Ok(refuse(400, "InvalidArgument")) };
        let (from_bucket, from_key) = (decode(from_bucket), decode(from_key));
        let Some(there) = self.store.object(&from_bucket, &from_key)? else { return Ok(refuse(404, "NoSuchKey")) };
        if asked.field("x-goog-copy-source-generation").is_some_and(|wanted| there["generation"] != wanted) {
            return Ok(refuse(404, "NoSuchKey"));
        }
        let resource = match asked.field("x-goog-metadata-directive") {
            Some("REPLACE") => match described(asked) {
                Some(resource) => resource,
                None => return Ok(refuse(400, "InvalidStorageClass")),
            },
            _ => inherited(&there),
        };
        let data = self.store.read(&from_bucket, &from_key)?;
        let made = self.store.put(bucket, key, &resource, data)?;
        let document = format!(
            "<?xml version='1.0' encoding='UTF-8'?><CopyObjectResult><LastModified>{}</LastModified><ETag>\"{}\"</ETag></CopyObjectResult>",
            made["updated"].as_str().unwrap_or_default(),
            escape(made["etag"].as_str().unwrap_or_default())
        );
        Ok(Answer::xml(200, document).with("x-goog-generation", made["generation"].as_str().unwrap_or_default()))
    }
}

/// What an object's headers say.
pub(super) fn told(answer: Answer, resource: &Value) -> Answer {
    let member = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
    let mut answer = answer
        .with("x-goog-generation", member("generation"))
        .with("x-goog-metageneration", "1")
        .with("x-goog-hash", format!("crc32c={}", member("crc32c")))
        .with("x-goog-storage-class", member("storageClass"))
        .with("x-goog-stored-content-length", member("size"))
        .with("ETag", format!("\"{}\"", member("etag")))
        .with("Content-Type", member("contentType"));
    let metadata = resource["metadata"].as_object().cloned().unwrap_or_default();
    if !metadata.contains_key(IN_PARTS) {
        answer = answer.with("x-goog-hash", format!("md5={}", member("md5Hash")));
    }
    for (name, value) in metadata.iter().filter(|(name, _)| *name != IN_PARTS) {
        answer = answer.with(&format!("x-goog-meta-{name}"), value.as_str().unwrap_or_default());
    }
    if let Ok(moment) = member("updated").parse::<jiff::Timestamp>() {
        answer = answer.with("Last-Modified", super::http_date(moment.as_second()));
    }
    answer
}

/// First byte and length of "bytes=a-b", "bytes=a-"; none where nothing of the object is asked for.
fn bounds(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first: u64 = first.parse().ok().filter(|first| *first < size)?;
    let last = if last.is_empty() { size - 1 } else { last.parse::<u64>().ok()?.min(size - 1) };
    (first <= last).then(|| (first, last - first + 1))
}
