//! An object as content: ranges of exactly the object that was opened.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use capstan_domain::content::{Body, Source};
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ports::{ByteRange, GetOptions};
use capstan_domain::{Failure, Outcome};
use futures::{StreamExt, TryStreamExt};

use super::{Inner, attributes};
use crate::in_order::{InOrder, Whole};
use crate::item::Item;
use crate::tree::Opened;

pub(super) async fn open(inner: &Arc<Inner>, item: &Item) -> Outcome<Opened> {
    let key = inner.keys.of_item(item)?;
    let object = inner.asked(|| inner.objects.head(&inner.bucket, &key, GetOptions::default())).await.map_err(while_reading)?;
    let mut now = attributes::item_of(item.path.clone(), &object);
    now.native.clone_from(&item.native);
    let (size, etag, version) = (object.size, object.etag, object.version);
    let whole: Whole = {
        let (inner, key, etag, version) = (Arc::clone(inner), key.clone(), etag.clone(), version.clone());
        Arc::new(move || Box::pin(get(Arc::clone(&inner), key.clone(), None, etag.clone(), version.clone())))
    };
    let in_order = InOrder::new(size, whole, wrong_length);
    let content = Arc::new(ObjectContent { inner: Arc::clone(inner), key, size, etag, version, in_order });
    Ok(Opened { item: now, content, file: None })
}

/// Code of the failure of a target that answers a range with the whole object.
const NO_RANGES: &str = "no-ranges";

struct ObjectContent {
    inner: Arc<Inner>,
    key: String,
    size: u64,
    etag: Option<String>,
    version: Option<String>,
    /// For targets without ranges.
    in_order: Arc<InOrder>,
}

impl Source for ObjectContent {
    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        // The whole object needs no range, and an empty range cannot be said.
        let range = (offset > 0 || length < self.size).then_some(ByteRange { offset, length: Some(length) });
        if range.is_some() && self.inner.no_ranges.load(Relaxed) {
            return self.in_order.open(offset, length);
        }
        let (inner, in_order) = (Arc::clone(&self.inner), Arc::clone(&self.in_order));
        let got = get(Arc::clone(&inner), self.key.clone(), range, self.etag.clone(), self.version.clone());
        let body = async move {
            match got.await {
                Ok(body) => Ok(exactly(body, length)),
                Err(failure) if range.is_some() && failure.code.as_deref() == Some(NO_RANGES) => {
                    inner.no_ranges.store(true, Relaxed);
                    Ok(in_order.open(offset, length))
                }
                Err(failure) => Err(failure),
            }
        };
        Box::pin(futures::stream::once(body).try_flatten())
    }
}

/// The object that was opened, or a part of it; another one under its key is a failure.
async fn get(
    inner: Arc<Inner>,
    key: String,
    range: Option<ByteRange>,
    etag: Option<String>,
    version: Option<String>,
) -> Outcome<Body> {
    let options = GetOptions { if_match: etag.clone(), version, extras: Vec::new() };
    let (object, body) = inner.objects.get(&inner.bucket, &key, range, options).await.map_err(while_reading)?;
    if etag.is_some() && object.etag.is_some() && etag != object.etag {
        return Err(changed());
    }
    Ok(body)
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
