//! Which upload an attempt has begun. The service makes a new one whenever it is asked; so that one attempt begins one, the upload of a
//! key is remembered in the target's state until it is completed or aborted: first that it is asked for, with the mark its object is to
//! get, then its id.
//!
//! | the process dies, or the answer is lost | what is remembered | the same attempt, made again |
//! |---|---|---|
//! | before the request reaches the service | since when it is asked for | finds none, and begins one |
//! | after that | the same | finds the one upload of its key that was begun then and has no parts, and takes it up |
//! | after the id is remembered | the id | is given it, as long as it stands |
//!
//! Where several could be the one, or the account may not list uploads (`storage.multipartUploads.list`), another is begun, and what was
//! left stays until a lifecycle rule of the bucket (`AbortIncompleteMultipartUpload`) takes it: nobody's upload is touched for a guess.
//! Sessions of whole objects are another thing: they cannot be listed, hold nothing anybody sees, and end by themselves (`session`).

use capstan_sdk::text::{hex, unpercent};
use capstan_sdk::xml::Element;
use capstan_sdk::{Outcome, crypto, log, state, time};

use crate::client::{Call, Client, Place, Sent};
use crate::parts;
use crate::upload_id::UploadId;
use crate::xml::document;

/// How long before and after it was asked for an upload may say that it was begun, seconds: the service takes requests of clocks that
/// are fifteen minutes off, and the request has a minute.
const APART: u64 = 16 * 60;
const SECOND: i64 = 1_000_000_000;
/// Uploads that are looked through: a page.
const LISTED: &str = "1000";

fn state_key((location, key): Place<'_>) -> Outcome<String> {
    let digest = crypto::digest("sha256", format!("{location}\0{key}").as_bytes())?;
    Ok(format!("upload/{}", hex(&digest)))
}

/// The upload that an earlier call of this attempt began, if it still stands.
pub(crate) async fn find(client: &Client, place: Place<'_>, attempt: &str) -> Option<UploadId> {
    let value = state::get(state_key(place).ok()?).await.ok()??;
    let text = String::from_utf8(value.data).ok()?;
    match remembered(&text, attempt)? {
        Remembered::Known(id) => {
            parts::list(client, place, &id, 0, 1).await.ok()?;
            Some(id)
        }
        Remembered::AskedFor(moment, id) => {
            let id = unanswered(client, place, id, moment).await?;
            know(place, attempt, &id).await;
            Some(id)
        }
    }
}

/// It is about to be asked for.
pub(crate) async fn ask(client: &Client, place: Place<'_>, attempt: &str, id: &UploadId) {
    keep(place, format!("{attempt}\n\n{} {id}", client.moment())).await;
}

pub(crate) async fn know(place: Place<'_>, attempt: &str, id: &UploadId) {
    keep(place, format!("{attempt}\n{id}")).await;
}

pub(crate) async fn forget(place: Place<'_>) {
    if let Ok(state_key) = state_key(place)
        && let Err(failure) = state::remove(state_key, None).await
    {
        log!(debug, "the upload stays remembered", "why" => failure.fault().message);
    }
}

async fn keep(place: Place<'_>, value: String) {
    let kept = match state_key(place) {
        Ok(state_key) => state::set(state_key, value.into_bytes(), None).await.map(drop),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = kept {
        log!(warn, "the upload cannot be remembered", "why" => failure.fault().message);
    }
}

#[derive(Debug, PartialEq)]
enum Remembered {
    Known(UploadId),
    /// Seconds since 1970, by the service's clock as far as it is known; and what is known of it without the service's answer.
    AskedFor(i64, UploadId),
}

/// None: it is of another attempt.
fn remembered(text: &str, attempt: &str) -> Option<Remembered> {
    let known = text.strip_prefix(attempt)?.strip_prefix('\n')?;
    let Some(asked) = known.strip_prefix('\n') else { return UploadId::parse(known).ok().map(Remembered::Known) };
    let (moment, id) = asked.split_once(' ')?;
    Some(Remembered::AskedFor(moment.parse().ok()?, UploadId::asked_for(id)?))
}

async fn unanswered(client: &Client, place: Place<'_>, asked: UploadId, moment: i64) -> Option<UploadId> {
    let key = asked.key(place.1);
    let call = Call::bucket("GET", place.0)
        .query("uploads", "")
        .query("encoding-type", "url")
        .query("prefix", &key)
        .query("max-uploads", LISTED);
    let reply = client.exchange(&call, Sent::Nothing).await.ok()?;
    let root = document(&reply.body, "ListMultipartUploadsResult").ok()?;
    let id = UploadId { upload: the_one(&root, &key, moment)?, ..asked };
    let sent = parts::list(client, place, &id, 0, 1).await.ok()?;
    sent.is_empty().then_some(id)
}

fn the_one(root: &Element, key: &str, moment: i64) -> Option<String> {
    if root.text_of("IsTruncated") == Some("true") {
        return None;
    }
    let encoded = root.text_of("EncodingType") == Some("url");
    let of_key = |upload: &&Element| {
        let named = upload.text_of("Key").unwrap_or_default();
        if encoded { unpercent(named) == key } else { named == key }
    };
    let then = |upload: &&Element| {
        let begun = upload.text_of("Initiated").and_then(time::iso);
        begun.is_some_and(|begun| begun.div_euclid(SECOND).abs_diff(moment) <= APART)
    };
    let mut found = root.children("Upload").filter(of_key).filter(then);
    let one = found.next()?;
    if found.next().is_some() { None } else { one.text_of("UploadId").map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use capstan_sdk::xml;

    use super::*;

    #[test]
    fn what_is_remembered_is_an_id_or_since_when_one_is_asked_for() {
        let known = UploadId { staged: false, mark: "0f".repeat(16), upload: "VXB.sb2Fk".to_owned() };
        let asked = UploadId { upload: String::new(), ..known.clone() };
        assert_eq!(remembered(&format!("a\n\n1795252337 {asked}"), "a"), Some(Remembered::AskedFor(1_795_252_337, asked)));
        assert_eq!((remembered(&format!("a\n{known}"), "b"), remembered("a\n\nx", "a")), (None, None));
        assert_eq!(remembered(&format!("a\n{known}"), "a"), Some(Remembered::Known(known)));
    }

    #[test]
    fn of_the_uploads_under_way_only_one_of_this_key_and_this_time_is_taken() {
        let upload = |key: &str, id: &str, begun: &str| {
            format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{begun}</Initiated></Upload>")
        };
        let one = |uploads: &[String], truncated: bool| {
            let lines = uploads.concat();
            let text = format!("<R><EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>{lines}</R>");
            the_one(&xml::parse(text.as_bytes()).unwrap(), "k k", 1_795_252_337)
        };
        let mine = upload("k%20k", "mine", "2026-11-21T09:12:39.123Z");
        let others = [upload("k%20k2", "x", "2026-11-21T09:12:39Z"), upload("k%20k", "old", "2026-11-21T08:12:39Z")];
        assert_eq!(one(&[others[0].clone(), mine.clone(), others[1].clone()], false).as_deref(), Some("mine"));
        assert_eq!(one(&others, false), None);
        assert_eq!(one(std::slice::from_ref(&mine), true), None);
        assert_eq!(one(&[mine, upload("k%20k", "another", "2026-11-21T09:11:00Z")], false), None);
    }
}
