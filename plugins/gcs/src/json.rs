//! Control calls through the JSON API, version 1: "buckets", "objects: list" and "objects: rewrite" of its reference.

use std::collections::BTreeMap;

use capstan_sdk::failure::{invalid, malformed, unclear};
use capstan_sdk::http::Reply;
use capstan_sdk::text::{header_text, number};
use capstan_sdk::types::{Entry, ListOptions, Location, Page};
use capstan_sdk::{Outcome, named};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::api::{Answer, Api, Buckets, Copying, MAX_PAGE, NewBucket, Round};
use crate::client::{Call, Client, Sent, bucket_subject, object_subject, removed};
use crate::condition::Condition;
use crate::error::Refusal;

/// What is wanted of a listing: a page of a thousand whole resources has a megabyte.
const LISTED: &str = "items(name,size,updated,generation,storageClass),prefixes,nextPageToken";
const ROUND: &str = "done,rewriteToken,totalBytesRewritten";

pub(crate) struct Json;

#[derive(Deserialize)]
struct BucketPage {
    #[serde(default)]
    items: Vec<Bucket>,
    #[serde(rename = "nextPageToken")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bucket {
    name: String,
    time_created: Option<String>,
    location: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MakeBucket<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectPage {
    #[serde(default)]
    items: Vec<Listed>,
    #[serde(default)]
    prefixes: Vec<String>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    size: String,
    updated: String,
    generation: Option<String>,
    storage_class: Option<String>,
}

/// The new object's resource, in whole: with a body, nothing of the source's metadata comes along.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class: Option<&'a str>,
    /// As it stands in headers, so that both APIs answer the same.
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rewritten {
    done: bool,
    rewrite_token: Option<String>,
    total_bytes_rewritten: Option<String>,
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Outcome<T> {
    serde_json::from_slice(body)
        .map_err(|error| malformed("the service answered a document that cannot be read", error.to_string()))
}

fn written(document: &impl Serialize) -> Vec<u8> {
    // Plain structures of text always become JSON.
    serde_json::to_vec(document).unwrap_or_default()
}

fn project(client: &Client) -> Outcome<&str> {
    client.config.project().ok_or_else(|| {
        invalid("the service account's address names no project")
            .next_step("Set \"project\" of the target, or name its \"buckets\".")
    })
}

impl Api for Json {
    fn look<'a>(&'a self, client: &'a Client, bucket: Option<&'a str>) -> Answer<'a, Result<Reply, Refusal>> {
        Box::pin(async move {
            let call = match bucket {
                Some(bucket) => Call::json("GET", &["b", bucket, "o"], bucket_subject(bucket)).query("fields", "nextPageToken"),
                None => Call::json("GET", &["b"], "service".to_owned()).query("project", project(client)?),
            };
            let answer = client.ask(&call.query("maxResults", "1"), Sent::Nothing).await?;
            if let Ok(reply) = &answer {
                read::<serde::de::IgnoredAny>(&reply.body)?;
            }
            Ok(answer)
        })
    }

    fn buckets<'a>(&'a self, client: &'a Client, after: Option<&'a str>) -> Answer<'a, Buckets> {
        Box::pin(async move {
            let mut call = Call::json("GET", &["b"], "service".to_owned())
                .query("project", project(client)?)
                .query("fields", "items(name,timeCreated,location),nextPageToken")
                .query("maxResults", "1000");
            call.query.extend(after.map(|token| ("pageToken", token)));
            let page: BucketPage = read(&client.exchange(&call, Sent::Nothing).await?.body)?;
            let location = |bucket: Bucket| Location {
                name: bucket.name,
                created: bucket.time_created.as_deref().and_then(capstan_sdk::time::iso),
                extras: bucket.location.map(|place| named("location-constraint", place)).into_iter().collect(),
            };
            Ok(Buckets { locations: page.items.into_iter().map(location).collect(), next: page.next })
        })
    }

    fn create<'a>(&'a self, client: &'a Client, bucket: NewBucket<'a>) -> Answer<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let call = Call::json("POST", &["b"], bucket_subject(bucket.name))
                .query("project", project(client)?)
                .header("content-type", "application/json");
            let document = written(&MakeBucket { name: bucket.name, location: bucket.location, storage_class: bucket.class });
            match client.ask(&call, Sent::Bytes(&document)).await.map_err(unclear)? {
                Ok(reply) => read::<Bucket>(&reply.body).map(|_| Ok(())).map_err(unclear),
                Err(refusal) => Ok(Err(refusal)),
            }
        })
    }

    fn remove<'a>(&'a self, client: &'a Client, bucket: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = Call::json("DELETE", &["b", bucket], bucket_subject(bucket));
            removed(&client.exchange(&call, Sent::Nothing).await?).map_err(unclear)
        })
    }

    fn list<'a>(&'a self, client: &'a Client, bucket: &'a str, options: &'a ListOptions) -> Answer<'a, Page> {
        Box::pin(async move {
            let limit = options.limit.clamp(1, MAX_PAGE).to_string();
            let mut call = Call::json("GET", &["b", bucket, "o"], bucket_subject(bucket))
                .query("maxResults", &limit)
                .query("fields", LISTED);
            if !options.prefix.is_empty() {
                call = call.query("prefix", &options.prefix);
            }
            call.query.extend(options.delimiter.as_deref().filter(|text| !text.is_empty()).map(|text| ("delimiter", text)));
            call.query.extend(options.after.as_deref().map(|token| ("pageToken", token)));
            page(read(&client.exchange(&call, Sent::Nothing).await?.body)?)
        })
    }

    fn copy<'a>(
        &'a self,
        client: &'a Client,
        copying: Copying<'a>,
        token: Option<&'a str>,
    ) -> Answer<'a, Result<Round, Refusal>> {
        Box::pin(async move {
            let (from, to) = (copying.from, copying.to);
            let words = ["b", from.0, "o", from.1, "rewriteTo", "b", to.0, "o", to.1];
            let mut call =
                Call::json("POST", &words, object_subject(to)).query("fields", ROUND).header("content-type", "application/json");
            let condition = match copying.condition {
                Condition::Generation(generation) => Some(generation.to_string()),
                Condition::None => None,
            };
            call.query.extend(condition.as_deref().map(|generation| ("ifGenerationMatch", generation)));
            call.query.extend(copying.generation.map(|generation| ("sourceGeneration", generation)));
            call.query.extend(token.map(|token| ("rewriteToken", token)));
            let document = written(&resource(client, &copying));
            match client.ask(&call, Sent::Bytes(&document)).await.map_err(unclear)? {
                Ok(reply) => read(&reply.body).and_then(round).map(Ok).map_err(unclear),
                Err(refusal) => Ok(Err(refusal)),
            }
        })
    }
}

fn resource<'a>(client: &'a Client, copying: &Copying<'a>) -> Resource<'a> {
    let options = copying.attributes;
    let own = options.metadata.iter().map(|value| (value.name.to_ascii_lowercase(), header_text(&value.value)));
    let mark = copying.mark.map(|(name, value)| (name.to_owned(), header_text(value)));
    Resource {
        content_type: options.content_type.as_deref(),
        storage_class: client.storage_class(options),
        metadata: own.chain(mark).collect(),
    }
}

fn round(answer: Rewritten) -> Outcome<Round> {
    match (answer.done, answer.rewrite_token) {
        (true, _) => Ok(Round::Done),
        (false, Some(token)) => {
            Ok(Round::More { token, copied: answer.total_bytes_rewritten.and_then(|text| text.parse().ok()).unwrap_or(0) })
        }
        (false, None) => Err(malformed("the service began a copy and does not say how to go on", "")),
    }
}

fn page(page: ObjectPage) -> Outcome<Page> {
    let entry = |line: Listed| {
        let modified = capstan_sdk::time::iso(&line.updated)
            .ok_or_else(|| malformed("the service listed an object without a time", line.updated.clone()))?;
        // A class that is the usual one is not worth its bytes in a page of a thousand.
        let class = line.storage_class.filter(|class| class != "STANDARD");
        Ok(Entry {
            key: line.name,
            size: number(&line.size, "size")?,
            modified,
            etag: line.generation,
            extras: class.map(|class| named("storage-class", class)).into_iter().collect(),
        })
    };
    Ok(Page {
        entries: page.items.into_iter().map(entry).collect::<Outcome<_>>()?,
        prefixes: page.prefixes,
        next: page.next_page_token.filter(|token| !token.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_its_marker() {
        let body = br#"{"items": [{"name": "a\n\u00fc", "size": "5", "updated": "2026-11-21T09:12:17.500Z", "generation": "17",
            "storageClass": "ARCHIVE"}], "prefixes": ["a/"], "nextPageToken": "CgFh"}"#;
        let page = page(read(body).unwrap()).unwrap();
        let entry = &page.entries[0];
        assert_eq!((entry.key.as_str(), entry.size, entry.etag.as_deref()), ("a\nü", 5, Some("17")));
        assert_eq!(entry.modified, 1_795_252_337_500_000_000);
        assert_eq!(entry.extras, [named("storage-class", "ARCHIVE")]);
        assert_eq!((page.prefixes, page.next), (vec!["a/".to_owned()], Some("CgFh".to_owned())));
    }

    #[test]
    fn an_empty_bucket_has_a_page_without_items() {
        let page = page(read(b"{\"kind\": \"storage#objects\"}").unwrap()).unwrap();
        assert!(page.entries.is_empty() && page.prefixes.is_empty() && page.next.is_none());
    }

    #[test]
    fn a_copy_goes_on_with_its_token_or_is_a_malformed_answer() {
        let round = |body: &str| round(read(body.as_bytes()).unwrap());
        assert_eq!(round(r#"{"done": true}"#).unwrap(), Round::Done);
        let more = round(r#"{"done": false, "rewriteToken": "t", "totalBytesRewritten": "1048576"}"#).unwrap();
        assert_eq!(more, Round::More { token: "t".to_owned(), copied: 1 << 20 });
        assert!(round(r#"{"done": false}"#).is_err());
    }

    #[test]
    fn nonsense_is_a_malformed_answer() {
        assert!(read::<ObjectPage>(b"<html>").is_err_and(|failure| failure.fault().code.as_deref() == Some("malformed-answer")));
    }
}
