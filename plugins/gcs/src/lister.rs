//! Pages of keys. What this plugin keeps for itself in a bucket is not shown.

use capstan_sdk::Outcome;
use capstan_sdk::types::{ListOptions, Page};

use crate::api;
use crate::client::Client;
use crate::staging::ROOM;

pub(crate) async fn list(client: &Client, location: &str, options: &ListOptions) -> Outcome<Page> {
    let mut page = api::of(client).list(client, location, options).await?;
    hide(&mut page);
    Ok(page)
}

fn hide(page: &mut Page) {
    page.entries.retain(|entry| !entry.key.starts_with(ROOM));
    page.prefixes.retain(|prefix| !prefix.starts_with(ROOM));
}

#[cfg(test)]
mod tests {
    use capstan_sdk::types::Entry;

    use super::*;

    #[test]
    fn what_is_on_its_way_is_not_shown() {
        let entry = |key: &str| Entry { key: key.to_owned(), size: 0, modified: 0, etag: None, extras: Vec::new() };
        let mut page = Page {
            entries: vec![entry(&format!("{ROOM}ab")), entry("a")],
            prefixes: vec![ROOM.to_owned(), "b/".to_owned()],
            next: Some("t".to_owned()),
        };
        hide(&mut page);
        assert_eq!((page.entries.len(), page.prefixes, page.next.as_deref()), (1, vec!["b/".to_owned()], Some("t")));
    }
}
