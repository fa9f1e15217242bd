//! An object as content: ranges of exactly the object that was opened.

use std::sync::Arc;

use capstan_domain::content::{Body, Source};
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ports::{ByteRange, GetOptions};
use capstan_domain::{Failure, Outcome};
use futures::{StreamExt, TryStreamExt};

use super::{Inner, attributes};
use crate::item::Item;
use crate::tree::Opened;

pub(super) async fn open(inner: &Arc<Inner>, item: &Item) -> Outcome<Opened> {
    let key = inner.keys.of_item(item)?;
    let object = inner.asked(|| inner.objects.head(&inner.bucket, &key, GetOptions::default())).await.map_err(while_reading)?;
    let mut now = attributes::item_of(item.path.clone(), &object);
    now.native.clone_from(&item.native);
    let content =
        Arc::new(ObjectContent { inner: Arc::clone(inner), key, size: object.size, etag: object.etag, version: object.version });
    Ok(Opened { item: now, content, file: None })
}

struct ObjectContent {
    inner: Arc<Inner>,
    key: String,
    size: u64,
    etag: Option<String>,
    version: Option<String>,
}

impl Source for ObjectContent {
    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let (inner, key, size) = (Arc::clone(&self.inner), self.key.clone(), self.size);
        // The whole object needs no range, and an empty range cannot be said.
        let range = (offset > 0 || length < size).then_some(ByteRange { offset, length: Some(length) });
        let options = GetOptions { if_match: self.etag.clone(), version: self.version.clone(), extras: Vec::new() };
        let etag = self.etag.clone();
        let body = async move {
            let (object, body) = inner.objects.get(&inner.bucket, &key, range, options).await.map_err(while_reading)?;
            if etag.is_some() && object.etag.is_some() && etag != object.etag {
                return Err(changed());
            }
            Ok(exactly(body, length))
        };
        Box::pin(futures::stream::once(body).try_flatten())
    }
}

/// A body of so many bytes, or a failure as its last item.
fn exactly(body: Body, length: u64) -> Body {
    Box::pin(futures::stream::unfold(Some((body, length)), |state| async move {
        let (mut body, left) = state?;
        match body.next().await {
            Some(Ok(chunk)) => match left.checked_sub(chunk.len() as u64) {
                Some(left) => Some((Ok(chunk), Some((body, left)))),
                None => Some((Err(wrong_length()), None)),
            },
            Some(Err(failure)) => Some((Err(failure), None)),
            None if left > 0 => Some((Err(wrong_length()), None)),
            None => None,
        }
    }))
}

pub(super) fn wrong_length() -> Failure {
    Failure::new(Kind::Corrupt, "The target sent another number of bytes than it had announced")
        .with_code("length-mismatch")
        .with_retry(Retry::AtOnce)
}

fn changed() -> Failure {
    Failure::new(Kind::Conflict, "The object was replaced while it was read")
        .with_code("source-changed")
        .with_retry(Retry::AtOnce)
}

/// What a failed read means for a transfer.
pub(super) fn while_reading(failure: Failure) -> Failure {
    match failure.kind {
        Kind::Conflict => Failure { message: changed().message, retry: Retry::AtOnce, ..failure }.with_code("source-changed"),
        Kind::NotFound => failure.with_code("source-gone"),
        _ => failure,
    }
}
