//! Control calls through the XML API, for HMAC keys: "GET service", "PUT bucket", "GET bucket (list objects)" and the copying form of "PUT
//! object" of its reference.

use capstan_sdk::Outcome;
use capstan_sdk::failure::{Failure, invalid, malformed, unclear};
use capstan_sdk::http::{Reply, unquoted};
use capstan_sdk::named;
use capstan_sdk::text::{number, percent, unpercent};
use capstan_sdk::types::{Entry, ListOptions, Location, Page};
use capstan_sdk::xml::{self, Element};

use crate::api::{Answer, Api, Buckets, Copying, MAX_PAGE, NewBucket, Round};
use crate::attributes;
use crate::client::{Call, Client, Sent, removed, services};
use crate::error::Refusal;

pub(crate) struct Xml;

/// The root elements of the service's lists.
pub(crate) const LISTED: &str = "ListBucketResult";
const BUCKETS: &str = "ListAllMyBucketsResult";

/// Of the project that is named; an HMAC key has a project of its own besides.
fn of_project<'a>(client: &Client, call: Call<'a>) -> Call<'a> {
    match client.config.project() {
        Some(project) => call.header("x-goog-project-id", project),
        None => call,
    }
}

impl Api for Xml {
    fn look<'a>(&'a self, client: &'a Client, bucket: Option<&'a str>) -> Answer<'a, Result<Reply, Refusal>> {
        Box::pin(async move {
            let (call, name) = match bucket {
                Some(bucket) => (Call::bucket("GET", bucket).query("max-keys", "1"), LISTED),
                None => (of_project(client, Call::service("GET")), BUCKETS),
            };
            let answer = client.ask(&call, Sent::Nothing).await?;
            if let Ok(reply) = &answer {
                document(&reply.body, name)?;
            }
            Ok(answer)
        })
    }

    fn buckets<'a>(&'a self, client: &'a Client, _after: Option<&'a str>) -> Answer<'a, Buckets> {
        Box::pin(async move {
            // All come in one answer.
            let call = of_project(client, Call::service("GET"));
            let root = document(&client.exchange(&call, Sent::Nothing).await?.body, BUCKETS)?;
            let buckets =
                root.child("Buckets").ok_or_else(|| malformed("the service answered no list of buckets", root.name.clone()))?;
            let location = |bucket: &Element| {
                let name = bucket.text_of("Name").ok_or_else(|| malformed("the service listed a bucket without a name", ""))?;
                let created = bucket.text_of("CreationDate").and_then(capstan_sdk::time::iso);
                Ok(Location { name: name.to_owned(), created, extras: Vec::new() })
            };
            Ok(Buckets { locations: buckets.children("Bucket").map(location).collect::<Outcome<_>>()?, next: None })
        })
    }

    fn create<'a>(&'a self, client: &'a Client, bucket: NewBucket<'a>) -> Answer<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let call = of_project(client, Call::bucket("PUT", bucket.name));
            let element = |name: &str, text: Option<&str>| {
                let text = text.and_then(xml::escape);
                text.map(|text| format!("<{name}>{text}</{name}>")).unwrap_or_default()
            };
            let (location, class) = (element("LocationConstraint", bucket.location), element("StorageClass", bucket.class));
            if location.is_empty() && class.is_empty() {
                return made(client.ask(&call, Sent::Nothing).await);
            }
            let document = format!("<CreateBucketConfiguration>{location}{class}</CreateBucketConfiguration>");
            let call = call.header("content-type", "application/xml");
            made(client.ask(&call, Sent::Bytes(document.as_bytes())).await)
        })
    }

    fn remove<'a>(&'a self, client: &'a Client, bucket: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let reply = client.exchange(&Call::bucket("DELETE", bucket), Sent::Nothing).await?;
            removed(&reply).map_err(unclear)
        })
    }

    fn list<'a>(&'a self, client: &'a Client, bucket: &'a str, options: &'a ListOptions) -> Answer<'a, Page> {
        Box::pin(async move {
            let limit = options.limit.clamp(1, MAX_PAGE).to_string();
            let mut call =
                Call::bucket("GET", bucket).query("list-type", "2").query("encoding-type", "url").query("max-keys", &limit);
            if !options.prefix.is_empty() {
                call = call.query("prefix", &options.prefix);
            }
            call.query.extend(options.delimiter.as_deref().filter(|text| !text.is_empty()).map(|text| ("delimiter", text)));
            call.query.extend(options.after.as_deref().map(|token| ("continuation-token", token)));
            page(&document(&client.exchange(&call, Sent::Nothing).await?.body, LISTED)?)
        })
    }

    fn copy<'a>(
        &'a self,
        client: &'a Client,
        copying: Copying<'a>,
        token: Option<&'a str>,
    ) -> Answer<'a, Result<Round, Refusal>> {
        Box::pin(async move {
            if token.is_some() {
                return Err(invalid("a copy through the XML API has one round"));
            }
            let mut source = String::new();
            percent(copying.from.0, false, &mut source);
            source.push('/');
            percent(copying.from.1, true, &mut source);
            let mut call = Call::object("PUT", copying.to)
                .header("x-goog-copy-source", source)
                .header("x-goog-metadata-directive", "REPLACE");
            call.headers
                .extend(copying.generation.map(|generation| ("x-goog-copy-source-generation".to_owned(), generation.to_owned())));
            copying.condition.add_header(&mut call.headers);
            attributes::put(client, copying.attributes, copying.mark, &mut call.headers);
            match client.ask(&call, Sent::Nothing).await.map_err(unclear)? {
                Ok(reply) => checked(&reply.body, "CopyObjectResult", &call.subject).map(|_| Ok(Round::Done)),
                Err(refusal) => Ok(Err(refusal)),
            }
        })
    }
}

/// The answer to a new bucket has no body.
fn made(answer: Outcome<Result<Reply, Refusal>>) -> Outcome<Result<(), Refusal>> {
    match answer.map_err(unclear)? {
        Ok(reply) => services(reply).map(|_| Ok(())).map_err(unclear),
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// An answer that is this document, and not that of somebody in the way.
pub(crate) fn document(body: &[u8], name: &str) -> Outcome<Element> {
    let root = xml::parse(body)?;
    if root.name == name { Ok(root) } else { Err(malformed(format!("the service answered no {name}"), root.name)) }
}

/// The answer of a copy or a completion may be a success that holds an error: the service begins to answer before it is done.
pub(crate) fn checked(body: &[u8], name: &str, subject: &str) -> Outcome<Element> {
    match document(body, "Error") {
        Ok(_) => Err(late(Refusal::new(200, &[], body).failure(subject))),
        Err(_) => document(body, name).map_err(unclear),
    }
}

/// Nothing is known of what an error inside a success left behind.
fn late(failure: Failure) -> Failure {
    if failure.may_retry() { failure.maybe_done() } else { failure }
}

fn page(root: &Element) -> Outcome<Page> {
    let encoded = root.text_of("EncodingType") == Some("url");
    let decode = |text: &str| if encoded { unpercent(text) } else { text.to_owned() };
    let entries = root.children("Contents").map(|line| entry(line, &decode)).collect::<Outcome<Vec<_>>>()?;
    let prefixes: Vec<String> = root.children("CommonPrefixes").filter_map(|line| line.text_of("Prefix")).map(decode).collect();
    let next = match (root.text_of("IsTruncated") == Some("true"), root.text_of("NextContinuationToken")) {
        (false, _) => None,
        (true, Some(token)) => Some(token.to_owned()),
        (true, None) => return Err(malformed("the service answered a page that is not the last and names no next one", "")),
    };
    Ok(Page { entries, prefixes, next })
}

fn entry(line: &Element, decode: &impl Fn(&str) -> String) -> Outcome<Entry> {
    let missing = |what: &str| malformed(format!("the service listed an object without a {what}"), "");
    let class = line.text_of("StorageClass").filter(|class| *class != "STANDARD");
    Ok(Entry {
        key: decode(line.text_of("Key").ok_or_else(|| missing("key"))?),
        size: number(line.text_of("Size").ok_or_else(|| missing("size"))?, "size")?,
        modified: line.text_of("LastModified").and_then(capstan_sdk::time::iso).ok_or_else(|| missing("time"))?,
        etag: line.text_of("Generation").map(unquoted),
        extras: class.map(|class| named("storage-class", class)).into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_its_encoded_keys_and_generations() {
        let document = br#"<?xml version='1.0' encoding='UTF-8'?>
        <ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'><Name>b</Name><EncodingType>url</EncodingType>
          <IsTruncated>true</IsTruncated><NextContinuationToken>Cg/x==</NextContinuationToken>
          <Contents><Key>a%20b/%01</Key><Generation>17</Generation><MetaGeneration>1</MetaGeneration>
            <LastModified>2026-11-21T09:12:17.000Z</LastModified><ETag>"e1"</ETag><Size>5</Size><StorageClass>NEARLINE</StorageClass></Contents>
          <CommonPrefixes><Prefix>a%2Fb/</Prefix></CommonPrefixes></ListBucketResult>"#;
        let page = page(&xml::parse(document).unwrap()).unwrap();
        let entry = &page.entries[0];
        assert_eq!((entry.key.as_str(), entry.size, entry.etag.as_deref()), ("a b/\u{1}", 5, Some("17")));
        assert_eq!(entry.extras, [named("storage-class", "NEARLINE")]);
        assert_eq!((page.prefixes, page.next), (vec!["a/b/".to_owned()], Some("Cg/x==".to_owned())));
    }

    #[test]
    fn a_page_that_is_not_the_last_names_the_next() {
        assert!(page(&xml::parse(b"<R><IsTruncated>true</IsTruncated></R>").unwrap()).is_err());
        assert_eq!(page(&xml::parse(b"<R><IsTruncated>false</IsTruncated></R>").unwrap()).unwrap().next, None);
    }

    #[test]
    fn a_success_that_holds_an_error_is_a_failure() {
        let read = |body: &str| checked(body.as_bytes(), "CopyObjectResult", "object");
        let failure = read("<Error><Code>InternalError</Code></Error>").unwrap_err();
        assert!(failure.may_retry() && failure.fault().maybe_done);
        assert!(read("<CopyObjectResult><ETag>\"a\"</ETag></CopyObjectResult>").is_ok());
        for page in ["", "<html><body>Please log in</body></html>"] {
            let failure = read(page).unwrap_err();
            assert!(failure.fault().code.as_deref() == Some("malformed-answer") && failure.fault().maybe_done, "{page}");
        }
    }
}
