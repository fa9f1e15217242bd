//! Uploads in parts that have a condition.
//!
//! A multipart upload knows no preconditions, so the parts become an object under a key of its own first, and that is copied to its place under
//! the condition: a copy inside a bucket moves no bytes. Listings do not show what lies there.
//!
//! | the process dies, or the answer is lost | then |
//! |---|---|
//! | after the object was assembled | completing again finds it by its mark and goes on with the copy |
//! | after the copy | completing again is refused by the condition, sees the upload's mark at the place, and is a success |
//! | before the staged object was deleted | completing or aborting again deletes it |

use capstan_sdk::Outcome;
use capstan_sdk::failure::unclear;
use capstan_sdk::http::Headers;
use capstan_sdk::types::{Object, Part, PutOptions};

use crate::api::Copying;
use crate::attributes::UPLOAD;
use crate::client::{Client, Place, object_subject};
use crate::condition::Condition;
use crate::reader::{self, any};
use crate::upload_id::UploadId;
use crate::writer::{delete, refused};
use crate::{copier, parts};

/// What the keys of staged objects begin with.
pub(crate) const ROOM: &str = ".capstan-uploads/";

const CLASS: &str = "x-goog-storage-class";

/// A staged object lives for a moment only: in a cold class it would be paid for at least a month.
pub(crate) fn cheapen(headers: &mut Headers) {
    headers.retain(|(name, _)| name != CLASS);
    headers.push((CLASS.to_owned(), "STANDARD".to_owned()));
}

pub(crate) async fn complete(
    client: &Client,
    place: Place<'_>,
    id: &UploadId,
    parts: &[Part],
    size: u64,
    condition: Condition,
    mut options: PutOptions,
) -> Outcome<Object> {
    let subject = object_subject(place);
    let key = id.key(place.1);
    let staged = (place.0, key.as_str());
    let Some(assembled) = parts::assemble(client, place, id, parts, size).await? else {
        // Neither parts nor a staged object: it may be in its place already.
        return parts::marked(client, place, id).await?.ok_or_else(|| parts::gone(&subject));
    };
    let source = reader::head(client, staged, &any()).await?;
    copier::described(&mut options, &source);
    let mark = Some((UPLOAD, id.mark.as_str()));
    let generation = assembled.version.as_deref();
    let copying = Copying { from: staged, generation, to: place, condition, attributes: &options, mark };
    let made = match copier::rounds(client, copying, size).await? {
        Ok(()) => reader::head(client, place, &any()).await,
        Err(refusal) if refusal.is_precondition() => refused(client, place, mark, &options, &refusal).await,
        Err(refusal) => return Err(unclear(refusal.failure(&subject))),
    };
    // Also where the condition did not hold: nobody will ask for these parts again.
    if let Err(failure) = clear(client, place, id).await {
        capstan_sdk::log!(warn, "a staged object is left behind", "key" => key, "why" => failure.fault().message);
    }
    made
}

/// Deletes the staged object.
pub(crate) async fn clear(client: &Client, place: Place<'_>, id: &UploadId) -> Outcome<()> {
    delete(client, (place.0, &id.key(place.1))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lives_for_a_moment_is_not_paid_for_a_month() {
        let mut headers = vec![(CLASS.to_owned(), "ARCHIVE".to_owned()), ("x-goog-meta-a".to_owned(), "1".to_owned())];
        cheapen(&mut headers);
        assert_eq!(headers, [("x-goog-meta-a".to_owned(), "1".to_owned()), (CLASS.to_owned(), "STANDARD".to_owned())]);
    }
}
