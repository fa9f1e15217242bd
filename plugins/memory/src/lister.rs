//! Pages over ordered keys, with prefixes folded at a delimiter.
//!
//! The marker is the last key or prefix of the page before. After a prefix comes what does not start with it.

use std::collections::BTreeMap;
use std::ops::Bound;

use capstan_sdk::Outcome;
use capstan_sdk::types::{Entry, ListOptions, Page};

use crate::backend::Stored;

/// Entries and prefixes of one page at most.
const MAX_PAGE: usize = 10_000;

pub(crate) fn page(objects: &BTreeMap<String, Stored>, options: &ListOptions) -> Outcome<Page> {
    let limit = (options.limit as usize).clamp(1, MAX_PAGE);
    let mut page = Page { entries: Vec::new(), prefixes: Vec::new(), next: None };
    let after = options.after.as_deref();
    let start = match after {
        Some(after) if after >= options.prefix.as_str() => Bound::Excluded(after),
        _ => Bound::Included(options.prefix.as_str()),
    };
    let folded_before = after.filter(|after| options.delimiter.as_deref().is_some_and(|delimiter| after.ends_with(delimiter)));
    let mut last = None;
    for (key, stored) in objects.range::<str, _>((start, Bound::Unbounded)) {
        let Some(rest) = key.strip_prefix(options.prefix.as_str()) else { break };
        if folded_before.is_some_and(|prefix| key.starts_with(prefix)) {
            continue;
        }
        let folded = options.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()).and_then(|delimiter| {
            let end = options.prefix.len() + rest.find(delimiter)? + delimiter.len();
            key.get(..end)
        });
        if folded.is_some() && page.prefixes.last().map(String::as_str) == folded {
            continue;
        }
        if page.entries.len() + page.prefixes.len() == limit {
            page.next = last;
            break;
        }
        match folded {
            Some(prefix) => page.prefixes.push(prefix.to_owned()),
            None => page.entries.push(Entry {
                key: key.clone(),
                size: stored.data.len() as u64,
                modified: stored.modified(),
                etag: Some(stored.etag.clone()),
                extras: Vec::new(),
            }),
        }
        last = Some(folded.unwrap_or(key).to_owned());
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use capstan_sdk::types::PutOptions;

    use super::*;
    use crate::backend::Store;
    use crate::config::Config;

    fn options(prefix: &str, delimiter: Option<&str>, after: Option<String>, limit: u32) -> ListOptions {
        ListOptions { prefix: prefix.to_owned(), delimiter: delimiter.map(str::to_owned), after, limit, extras: Vec::new() }
    }

    fn filled(keys: &[&str]) -> Store {
        let mut store = Store::new(&Config::default());
        for key in keys {
            let put = PutOptions {
                content_type: None,
                if_match: None,
                if_absent: false,
                metadata: Vec::new(),
                checksums: Vec::new(),
                extras: Vec::new(),
            };
            store.insert(("main", key), Rc::new(vec![1]), None, String::new(), put).unwrap();
        }
        store
    }

    fn all(store: &Store, prefix: &str, delimiter: Option<&str>, limit: u32) -> Vec<String> {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = page(store.keys("main").unwrap(), &options(prefix, delimiter, after, limit)).unwrap();
            assert!(page.entries.len() + page.prefixes.len() <= limit as usize);
            seen.extend(page.entries.into_iter().map(|entry| entry.key));
            seen.extend(page.prefixes);
            after = page.next;
            if after.is_none() {
                seen.sort();
                return seen;
            }
        }
    }

    #[test]
    fn pages_of_any_size_show_every_key_once() {
        let store = filled(&["a", "a/b", "a/c", "b", "é", "z/1", "z/2"]);
        for limit in 1..9 {
            assert_eq!(all(&store, "", None, limit), ["a", "a/b", "a/c", "b", "z/1", "z/2", "é"]);
            assert_eq!(all(&store, "", Some("/"), limit), ["a", "a/", "b", "z/", "é"]);
            assert_eq!(all(&store, "a/", Some("/"), limit), ["a/b", "a/c"]);
        }
    }
}
