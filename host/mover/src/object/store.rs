//! Objects put whole: small files, folders, links, and large files of targets without parts.

use std::sync::Arc;

use bytes::Bytes;
use capstan_domain::content::Content;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, NamedValues, Object, PutOptions};
use capstan_domain::{Failure, Outcome};

use super::{Inner, attributes};
use crate::held::Held;
use crate::item::{Item, ItemKind};
use crate::measured::Measured;
use crate::transfer::LOCATION_GONE;
use crate::tree::{Arrival, Stored};

pub(super) fn options(arrival: &Arrival, key: &str, link: Option<&str>) -> PutOptions {
    let extras: NamedValues = arrival.storage_class.iter().map(|class| ("storage-class".to_owned(), class.clone())).collect();
    PutOptions {
        if_absent: !arrival.overwrite,
        metadata: attributes::metadata(arrival, key, link),
        extras,
        ..PutOptions::default()
    }
}

pub(super) async fn put_bytes(inner: &Inner, arrival: &Arrival, bytes: Bytes, link: Option<&str>) -> Outcome<Stored> {
    put_content(inner, arrival, Arc::new(Held::new(bytes)), link).await
}

pub(super) async fn put(inner: &Inner, arrival: &Arrival, content: Arc<Measured>) -> Outcome<Stored> {
    put_content(inner, arrival, content, None).await
}

async fn put_content(inner: &Inner, arrival: &Arrival, content: Content, link: Option<&str>) -> Outcome<Stored> {
    let key = inner.keys.of(&arrival.path)?;
    let options = options(arrival, &key, link);
    let _permit = inner.permit().await?;
    let put = |options| inner.objects.put(&inner.bucket, &key, Arc::clone(&content), &arrival.attempt, options);
    let object = unless_there(inner, &key, options, put).await.map_err(while_storing)?;
    Ok(stored(arrival, key, &object, link))
}

/// Stores under the condition that nothing is there. A target that cannot hold it refuses before anything is sent; then a look takes
/// its place, and who comes between the look and the put is overwritten, as at any store without conditions.
pub(super) async fn unless_there<T, F: Future<Output = Outcome<T>> + Send>(
    inner: &Inner,
    key: &str,
    options: PutOptions,
    store: impl Fn(PutOptions) -> F + Send,
) -> Outcome<T> {
    match store(options.clone()).await {
        Err(failure) if options.if_absent && failure.kind == Kind::Unsupported => {}
        answered => return answered,
    }
    match inner.asked(|| inner.objects.head(&inner.bucket, key, GetOptions::default())).await {
        Ok(_) => Err(Failure::new(Kind::AlreadyExists, format!("{key:?} is there already"))),
        Err(failure) if failure.kind == Kind::NotFound => store(PutOptions { if_absent: false, ..options }).await,
        Err(failure) => Err(failure),
    }
}

/// The put's answer knows tag and version; the attributes are those that were sent.
pub(super) fn stored(arrival: &Arrival, key: String, object: &Object, link: Option<&str>) -> Stored {
    let mut item = attributes::item_of(arrival.path.clone(), object);
    if let Some(to) = link {
        item.kind = ItemKind::Link { to: to.to_owned() };
    }
    item.original = Some(arrival.modified);
    Stored { item, key }
}

pub(super) async fn put_link(
    inner: &Inner,
    path: &str,
    to: &str,
    item: &Item,
    attempt: &str,
    overwrite: bool,
) -> Outcome<Stored> {
    let bytes = Bytes::copy_from_slice(to.as_bytes());
    let arrival = arrival(path, item, attempt, bytes.len() as u64, overwrite);
    put_bytes(inner, &arrival, bytes, Some(to)).await
}

/// The marker of an empty folder: an empty object whose key ends in a slash.
pub(super) async fn put_folder(inner: &Inner, path: &str, item: &Item, attempt: &str) -> Outcome<()> {
    if path.is_empty() {
        return Ok(());
    }
    let arrival = arrival(path, item, attempt, 0, true);
    let key = inner.keys.under(path)?;
    let options = options(&arrival, key.trim_end_matches('/'), None);
    inner.objects.put(&inner.bucket, &key, Arc::new(Held::new(Bytes::new())), attempt, options).await.map_err(while_storing)?;
    Ok(())
}

fn arrival(path: &str, item: &Item, attempt: &str, size: u64, overwrite: bool) -> Arrival {
    Arrival {
        path: path.to_owned(),
        size,
        modified: item.stamp(),
        mode: item.mode,
        uid: item.uid,
        gid: item.gid,
        blake3: None,
        attempt: attempt.to_owned(),
        overwrite,
        storage_class: None,
    }
}

/// What a failed store means for a transfer.
pub(super) fn while_storing(failure: Failure) -> Failure {
    match failure.kind {
        // A put names the key itself, so what was not found is the location.
        Kind::NotFound => failure.with_code(LOCATION_GONE),
        // "Only where nothing is" did not hold.
        Kind::Conflict => Failure { kind: Kind::AlreadyExists, ..failure },
        _ => failure,
    }
}
