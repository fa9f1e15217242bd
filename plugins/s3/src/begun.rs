//! Which upload an attempt has begun. S3 makes a new one whenever it is asked; so that one attempt begins one, the upload of a key
//! is remembered in the target's state until it is completed or aborted: first that it is asked for, then its id.
//!
//! | the process dies, or the answer is lost | what is remembered | the same attempt, made again |
//! |---|---|---|
//! | before the request reaches the target | since when it is asked for | finds none, and begins one |
//! | after that | the same | finds the one upload of this key that was begun then and has no parts, and takes it up |
//! | after the id is remembered | the id | is given it, as long as it stands |
//!
//! Where several could be the one, or the target lists no uploads, another is begun: nobody's upload is touched for a guess.

use capstan_sdk::text::hex;
use capstan_sdk::xml::{self, Element};
use capstan_sdk::{Outcome, crypto, log, state, time};

use crate::client::{Call, Client, named_so};
use crate::parts;

/// How long before and after it was asked for an upload may say that it was begun, seconds: services take requests of clocks that
/// are fifteen minutes off, and the request has a minute.
const APART: i64 = 16 * 60;
const SECOND: i64 = 1_000_000_000;
/// Uploads that are looked through.
const LISTED: &str = "1000";

fn state_key(location: &str, key: &str) -> Outcome<String> {
    let digest = crypto::digest("sha256", format!("{location}\0{key}").as_bytes())?;
    Ok(format!("upload/{}", hex(&digest)))
}

/// The upload that an earlier call of this attempt began, if it still stands.
pub(crate) async fn find(client: &Client, location: &str, key: &str, attempt: &str) -> Option<String> {
    let value = state::get(state_key(location, key).ok()?).await.ok()??;
    let text = String::from_utf8(value.data).ok()?;
    match remembered(&text, attempt)? {
        Remembered::Id(id) => {
            let call = Call::object("GET", location, key).query("uploadId", id).query("max-parts", "1");
            client.exchange(&call, None).await.ok()?;
            Some(id.to_owned())
        }
        Remembered::AskedFor(moment) => {
            let id = unanswered(client, location, key, moment).await?;
            know(location, key, attempt, &id).await;
            Some(id)
        }
    }
}

/// It is about to be asked for.
pub(crate) async fn ask(client: &Client, location: &str, key: &str, attempt: &str) {
    keep(location, key, format!("{attempt}\n\n{}", client.moment())).await;
}

pub(crate) async fn know(location: &str, key: &str, attempt: &str, id: &str) {
    keep(location, key, format!("{attempt}\n{id}")).await;
}

pub(crate) async fn forget(location: &str, key: &str) {
    if let Ok(state_key) = state_key(location, key)
        && let Err(failure) = state::remove(state_key, None).await
    {
        log!(debug, "the upload stays remembered", "why" => failure.fault().message);
    }
}

async fn keep(location: &str, key: &str, value: String) {
    let kept = match state_key(location, key) {
        Ok(state_key) => state::set(state_key, value.into_bytes(), None).await.map(drop),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = kept {
        log!(warn, "the upload cannot be remembered", "why" => failure.fault().message);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Remembered<'a> {
    Id(&'a str),
    /// Seconds since 1970, by the target's clock as far as it is known.
    AskedFor(i64),
}

/// None: it is of another attempt.
fn remembered<'a>(text: &'a str, attempt: &str) -> Option<Remembered<'a>> {
    let known = text.strip_prefix(attempt)?.strip_prefix('\n')?;
    match known.strip_prefix('\n') {
        Some(moment) => moment.parse().ok().map(Remembered::AskedFor),
        None => Some(Remembered::Id(known)),
    }
}

async fn unanswered(client: &Client, location: &str, key: &str, moment: i64) -> Option<String> {
    let call = Call::bucket("GET", location).query("uploads", "").query("prefix", key).query("max-uploads", LISTED);
    let reply = client.exchange(&call, None).await.ok()?;
    let root = named_so(xml::parse(&reply.body).ok()?, "ListMultipartUploadsResult").ok()?;
    let id = the_one(&root, key, moment)?;
    parts::list(client, location, key, id, 0, 1).await.ok()?.is_empty().then(|| id.to_owned())
}

fn the_one<'a>(root: &'a Element, key: &str, moment: i64) -> Option<&'a str> {
    if root.text_of("IsTruncated") == Some("true") {
        return None;
    }
    let then = |upload: &&Element| {
        let begun = upload.text_of("Initiated").and_then(time::iso);
        begun.is_some_and(|begun| begun.div_euclid(SECOND).abs_diff(moment) <= APART.unsigned_abs())
    };
    let mut found = root.children("Upload").filter(|upload| upload.text_of("Key") == Some(key)).filter(then);
    let one = found.next()?;
    if found.next().is_some() { None } else { one.text_of("UploadId") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_an_id_or_since_when_one_is_asked_for() {
        assert_eq!(remembered("a\n2~id", "a"), Some(Remembered::Id("2~id")));
        assert_eq!(remembered("a\n\n1795252337", "a"), Some(Remembered::AskedFor(1_795_252_337)));
        assert_eq!((remembered("a\nid", "b"), remembered("ab\nid", "a"), remembered("a\n\nx", "a")), (None, None, None));
    }

    #[test]
    fn of_the_uploads_under_way_only_one_of_this_key_and_this_time_is_taken() {
        let upload = |key: &str, id: &str, begun: &str| {
            format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{begun}</Initiated></Upload>")
        };
        let one = |uploads: &[String], truncated: bool| {
            let text = format!("<R><IsTruncated>{truncated}</IsTruncated>{}</R>", uploads.concat());
            the_one(&xml::parse(text.as_bytes()).unwrap(), "k", 1_795_252_337).map(str::to_owned)
        };
        let mine = upload("k", "mine", "2026-11-21T09:12:39.123Z");
        let others = [upload("k2", "x", "2026-11-21T09:12:39Z"), upload("k", "old", "2026-11-21T08:12:39Z")];
        assert_eq!(one(&[others[0].clone(), mine.clone(), others[1].clone()], false).as_deref(), Some("mine"));
        assert_eq!(one(&others, false), None);
        assert_eq!(one(std::slice::from_ref(&mine), true), None);
        assert_eq!(one(&[mine, upload("k", "another", "2026-11-21T09:11:00Z")], false), None);
    }
}
