//! A file of a share as content: the file that was opened, or a failure.

use std::sync::Arc;

use capstan_domain::content::{Body, Source};
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ports::ByteRange;
use capstan_domain::{Failure, Outcome};
use futures::{StreamExt, TryStreamExt};

use super::{Inner, item_of};
use crate::item::Item;
use crate::tree::Opened;

pub(super) async fn open(inner: &Arc<Inner>, item: &Item) -> Outcome<Opened> {
    let native = inner.native_of(item)?;
    let node = inner.files.stat(&inner.share, &native).await.map_err(while_reading)?;
    let now = item_of(item.path.clone(), item.native.clone(), &node);
    let content = Arc::new(FileContent { inner: Arc::clone(inner), native, item: now.clone() });
    Ok(Opened { item: now, content, file: None })
}

struct FileContent {
    inner: Arc<Inner>,
    native: String,
    item: Item,
}

impl Source for FileContent {
    fn size(&self) -> u64 {
        self.item.size
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let (inner, native, item) = (Arc::clone(&self.inner), self.native.clone(), self.item.clone());
        let range = (offset > 0 || length < item.size).then_some(ByteRange { offset, length: Some(length) });
        let body = async move {
            let (node, body) = inner.files.read(&inner.share, &native, range).await.map_err(while_reading)?;
            if !item_of(item.path.clone(), None, &node).same_content(&item) {
                return Err(changed());
            }
            Ok(checked(inner, native, item, body, length))
        };
        Box::pin(futures::stream::once(body).try_flatten())
    }
}

/// The body, and at its end a look whether the file is still the one that was opened.
fn checked(inner: Arc<Inner>, native: String, item: Item, body: Body, length: u64) -> Body {
    Box::pin(futures::stream::unfold(Some((body, length)), move |state| {
        let (inner, native, item) = (Arc::clone(&inner), native.clone(), item.clone());
        async move {
            let (mut body, left) = state?;
            match body.next().await {
                Some(Ok(chunk)) => match left.checked_sub(chunk.len() as u64) {
                    Some(left) => Some((Ok(chunk), Some((body, left)))),
                    None => Some((Err(changed()), None)),
                },
                Some(Err(failure)) => Some((Err(failure), None)),
                None if left > 0 => Some((Err(changed()), None)),
                None => match inner.files.stat(&inner.share, &native).await {
                    Ok(node) if item_of(item.path.clone(), None, &node).same_content(&item) => None,
                    Ok(_) => Some((Err(changed()), None)),
                    Err(failure) => Some((Err(while_reading(failure)), None)),
                },
            }
        }
    }))
}

pub(super) fn changed() -> Failure {
    Failure::new(Kind::Conflict, "The file changed while it was read").with_code("source-changed").with_retry(Retry::AtOnce)
}

pub(super) fn while_reading(failure: Failure) -> Failure {
    match failure.kind {
        Kind::Conflict => failure.with_code("source-changed").with_retry(Retry::AtOnce),
        Kind::NotFound => failure.with_code("source-gone"),
        _ => failure,
    }
}
