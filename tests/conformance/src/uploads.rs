//! Targets that take objects in parts.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, Objects, PutOptions, Uploads};

use crate::content::{counting, same};
use crate::{Check, fails, told};

pub async fn an_object_in_parts_is_one_object(objects: &dyn Objects, uploads: &dyn Uploads, location: &str) -> Check {
    let key = "parts/grün + one";
    let options = || PutOptions { metadata: vec![("part".to_owned(), "yes".to_owned())], ..PutOptions::default() };
    let begun = uploads.begin(location, key, 30 << 20, "begin", options()).await.map_err(told)?;
    let again = uploads.begin(location, key, 30 << 20, "begin", options()).await.map_err(told)?;
    ensure!(begun.id == again.id, "one attempt begins one upload");
    let size = 2 * begun.part_size + 12_345;
    let content = counting(size);
    let range = |number: u64| {
        let offset = (number - 1) * begun.part_size;
        (offset, begun.part_size.min(size - offset))
    };
    let mut parts = Vec::new();
    // Out of order, and one of them twice.
    for number in [3_u32, 1, 2, 1] {
        let part = uploads.put_part(location, key, &begun.id, number, content.clone(), range(number.into())).await;
        let part = part.map_err(told).with_context(|| format!("part {number}"))?;
        parts.retain(|known: &capstan_domain::ports::Part| known.number != number);
        parts.push(part);
    }
    let listed = uploads.list_parts(location, key, &begun.id, 0, 100).await.map_err(told)?;
    ensure!(listed.iter().map(|part| part.number).eq([1, 2, 3]), "{listed:?}");
    ensure!(listed.iter().all(|part| part.size == range(part.number.into()).1), "{listed:?}");
    let after = uploads.list_parts(location, key, &begun.id, 1, 1).await.map_err(told)?;
    ensure!(after.iter().map(|part| part.number).eq([2]), "{after:?}");
    fails(objects.head(location, key, GetOptions::default()).await, Kind::NotFound, "an unfinished upload is no object")?;
    parts.sort_by_key(|part| part.number);
    let made = uploads.complete(location, key, &begun.id, parts.clone(), "complete", options()).await.map_err(told)?;
    ensure!(made.size == size, "the object says {} bytes", made.size);
    let again =
        uploads.complete(location, key, &begun.id, parts, "complete", options()).await.map_err(told).context("complete again")?;
    ensure!(again.etag == made.etag, "the second completion is another object");
    let (object, body) = objects.get(location, key, None, GetOptions::default()).await.map_err(told)?;
    ensure!(object.metadata == [("part".to_owned(), "yes".to_owned())], "{:?}", object.metadata);
    same(body, 0, size).await
}

pub async fn an_aborted_upload_is_gone(uploads: &dyn Uploads, location: &str) -> Check {
    let key = "parts/aborted";
    let begun = uploads.begin(location, key, 10 << 20, "begin aborted", PutOptions::default()).await.map_err(told)?;
    uploads.put_part(location, key, &begun.id, 1, counting(1 << 20), (0, 1 << 20)).await.map_err(told)?;
    uploads.abort(location, key, &begun.id).await.map_err(told)?;
    uploads.abort(location, key, &begun.id).await.map_err(told).context("abort again")?;
    fails(uploads.list_parts(location, key, &begun.id, 0, 1).await, Kind::NotFound, "parts of an aborted upload")?;
    let next = uploads.begin(location, key, 10 << 20, "begin aborted", PutOptions::default()).await.map_err(told)?;
    ensure!(next.id != begun.id, "an aborted upload is not begun again");
    uploads.abort(location, key, &next.id).await.map_err(told)
}

pub async fn all(objects: &dyn Objects, uploads: &dyn Uploads, location: &str) -> Check {
    an_object_in_parts_is_one_object(objects, uploads, location).await.context("an_object_in_parts_is_one_object")?;
    an_aborted_upload_is_gone(uploads, location).await.context("an_aborted_upload_is_gone")
}
