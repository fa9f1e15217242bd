//! What lies on the shelf.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use capstan_sdk::failure::{conflict, invalid, not_found};
use capstan_sdk::types::{ByteRange, Entry, ListOptions, Object, Outcome as KeyOutcome, Page};
use capstan_sdk::{NamedValue, Outcome};

pub(crate) const MAX_KEY_BYTES: usize = 1024;
/// Entries and prefixes of one page at most.
const MAX_PAGE: usize = 1_000;

#[derive(Clone)]
struct Stored {
    data: Rc<Vec<u8>>,
    modified: i64,
    serial: u64,
    metadata: Vec<NamedValue>,
}

thread_local! {
    static SHELF: RefCell<(u64, BTreeMap<String, Stored>)> = const { RefCell::new((0, BTreeMap::new())) };
}

impl Stored {
    fn object(&self, key: &str) -> Object {
        Object {
            key: key.to_owned(),
            size: self.data.len() as u64,
            modified: Some(self.modified),
            etag: Some(self.serial.to_string()),
            version: None,
            checksums: Vec::new(),
            metadata: self.metadata.clone(),
            extras: Vec::new(),
        }
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX))
}

pub(crate) fn check_key(key: &str) -> Outcome<()> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        Err(invalid(format!("a key has 1 to {MAX_KEY_BYTES} bytes")))
    } else {
        Ok(())
    }
}

pub(crate) fn usage() -> (u64, u64) {
    SHELF.with_borrow(|(_, shelf)| (shelf.values().map(|stored| stored.data.len() as u64).sum(), shelf.len() as u64))
}

pub(crate) fn put(key: &str, data: Vec<u8>, metadata: Vec<NamedValue>) -> Object {
    SHELF.with_borrow_mut(|(serial, shelf)| {
        *serial += 1;
        let stored = Stored { data: Rc::new(data), modified: now(), serial: *serial, metadata };
        let object = stored.object(key);
        shelf.insert(key.to_owned(), stored);
        object
    })
}

pub(crate) fn get(key: &str, if_match: Option<&str>) -> Outcome<(Object, Rc<Vec<u8>>)> {
    let stored = SHELF
        .with_borrow(|(_, shelf)| shelf.get(key).cloned())
        .ok_or_else(|| not_found(format!("there is no object {key:?}")))?;
    let object = stored.object(key);
    match if_match {
        Some(etag) if object.etag.as_deref() != Some(etag) => Err(conflict("the object is not the expected one")),
        _ => Ok((object, stored.data)),
    }
}

pub(crate) fn delete(keys: Vec<String>) -> Vec<KeyOutcome> {
    SHELF.with_borrow_mut(|(_, shelf)| keys.iter().for_each(|key| drop(shelf.remove(key))));
    keys.into_iter().map(|key| KeyOutcome { key, failed: None }).collect()
}

/// A range that begins at the end or beyond is wrong; one that reaches over it is cut.
pub(crate) fn bounds(size: usize, range: Option<ByteRange>) -> Outcome<(usize, usize)> {
    let Some(ByteRange { offset, length }) = range else { return Ok((0, size)) };
    let from = usize::try_from(offset).ok().filter(|from| *from < size || *from == 0);
    let from = from.ok_or_else(|| invalid(format!("the range begins at {offset}, the object has {size} bytes")))?;
    let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
    Ok((from, from.saturating_add(length).min(size)))
}

/// The marker is the last key or prefix of the page before.
pub(crate) fn page(options: &ListOptions) -> Page {
    let limit = (options.limit as usize).clamp(1, MAX_PAGE);
    let delimiter = options.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    // What a key shows as: itself, or the prefix it is rolled up into.
    let shown = |key: &str| {
        let rest = key.strip_prefix(options.prefix.as_str())?;
        let folded = delimiter.and_then(|delimiter| Some(options.prefix.len() + rest.find(delimiter)? + delimiter.len()));
        Some(folded.map_or((key.to_owned(), false), |end| (key.get(..end).unwrap_or_default().to_owned(), true)))
    };
    SHELF.with_borrow(|(_, shelf)| {
        let mut page = Page { entries: Vec::new(), prefixes: Vec::new(), next: None };
        let (mut seen, mut last) = (BTreeSet::new(), None);
        for (key, stored) in shelf.range(options.prefix.clone()..) {
            let Some((name, folded)) = shown(key) else { break };
            if options.after.as_ref().is_some_and(|after| name <= *after) || seen.contains(&name) {
                continue;
            }
            if seen.len() == limit {
                page.next = last;
                break;
            }
            seen.insert(name.clone());
            last = Some(name.clone());
            if folded {
                page.prefixes.push(name);
            } else {
                let etag = Some(stored.serial.to_string());
                page.entries.push(Entry {
                    key: name,
                    size: stored.data.len() as u64,
                    modified: stored.modified,
                    etag,
                    extras: Vec::new(),
                });
            }
        }
        page
    })
}
