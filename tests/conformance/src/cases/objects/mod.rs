//! `capstan:target/objects`.

pub mod conditions;
pub mod copy;
pub mod delete;
pub mod get;
pub mod large;
pub mod list;
pub mod locations;
pub mod metadata;
pub mod paging;
pub mod put;
pub mod ranges;

use anyhow::{Context, ensure};
use capstan_domain::ports::{GetOptions, ListOptions, Object, PutOptions};

use crate::case::Case;
use crate::content::{counting, same};
use crate::stand::Stand;
use crate::store::MOST_PAGES;
use crate::{Check, told};

pub fn all() -> Vec<Case> {
    [
        put::all(),
        get::all(),
        ranges::all(),
        conditions::all(),
        metadata::all(),
        list::all(),
        paging::all(),
        delete::all(),
        copy::all(),
        locations::all(),
        super::names::objects(),
        large::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Puts counting content under the key of this name.
pub(crate) async fn put(stand: &Stand<'_>, name: &str, size: u64) -> anyhow::Result<Object> {
    let key = stand.key(name);
    let attempt = format!("put {name} {size}");
    let object = stand.objects()?.put(stand.location, &key, counting(size), &attempt, PutOptions::default()).await;
    let object = object.map_err(told).with_context(|| format!("put {name:?}"))?;
    ensure!(object.size == size, "a put of {size} bytes says {}", object.size);
    Ok(object)
}

/// The object of this name is there and has the counting content of this size.
pub(crate) async fn holds(stand: &Stand<'_>, name: &str, size: u64) -> Check {
    let key = stand.key(name);
    let got = stand.objects()?.get(stand.location, &key, None, GetOptions::default()).await;
    let (object, body) = got.map_err(told).with_context(|| format!("get {name:?}"))?;
    ensure!(object.size == size, "{name:?} says {} bytes instead of {size}", object.size);
    same(body, 0, size).await.with_context(|| format!("{name:?}"))
}

/// All entries and prefixes below the stand's own prefix and `options.prefix`, which both are cut off.
pub(crate) async fn list(stand: &Stand<'_>, options: ListOptions) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let port = stand.objects()?;
    let options = ListOptions { prefix: stand.key(&options.prefix), ..options };
    let (mut keys, mut prefixes, mut after) = (Vec::new(), Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = port.list(stand.location, ListOptions { after: after.take(), ..options.clone() }).await.map_err(told)?;
        ensure!(page.entries.len() + page.prefixes.len() <= options.limit as usize, "a page holds more than was asked for");
        for key in page.entries.iter().map(|entry| &entry.key).chain(&page.prefixes) {
            ensure!(key.starts_with(&options.prefix), "{key:?} is listed, it does not begin with {:?}", options.prefix);
        }
        let cut = |key: String| key.strip_prefix(&stand.prefix).map(str::to_owned).unwrap_or(key);
        keys.extend(page.entries.into_iter().map(|entry| cut(entry.key)));
        prefixes.extend(page.prefixes.into_iter().map(cut));
        after = page.next;
        if after.is_none() {
            return Ok((keys, prefixes));
        }
    }
    anyhow::bail!("the listing does not end")
}

pub(crate) fn flat(prefix: &str, limit: u32) -> ListOptions {
    ListOptions { prefix: prefix.to_owned(), limit, ..ListOptions::default() }
}
