//! A long list of the catalogue, read window by window: dialects let clients ask for more than one query gives.

use capstan_domain::Outcome;
use capstan_domain::listing::{Listing, Page};

/// Rows asked for at a time.
pub(crate) const WINDOW: u32 = 10_000;

/// What `ask` lists of what is asked for, from its offset on, up to `most` items; none: all of it.
pub(crate) async fn read<T, F, Asked>(mut asked: Listing, most: Option<u64>, mut ask: F) -> Outcome<Page<T>>
where
    F: FnMut(Listing) -> Asked,
    Asked: Future<Output = Outcome<Page<T>>>,
{
    let mut left = most.unwrap_or(u64::MAX);
    let mut found = Page { count: 0, items: Vec::new() };
    loop {
        asked.limit = u32::try_from(left).unwrap_or(WINDOW).min(WINDOW);
        let page = ask(asked.clone()).await?;
        let read = page.items.len() as u64;
        found.count = page.count;
        found.items.extend(page.items);
        left = left.saturating_sub(read);
        asked.offset = asked.offset.saturating_add(read);
        if left == 0 || read < u64::from(asked.limit) {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers below `count`, as a catalogue lists them.
    async fn numbers(count: u64, most: Option<u64>, offset: u64) -> (u64, Vec<u64>, usize) {
        let mut asked = 0;
        let page = read(Listing { offset, ..Listing::first(0) }, most, |listing| {
            asked += 1;
            let to = count.min(listing.offset.saturating_add(u64::from(listing.limit)));
            std::future::ready(Ok(Page { count, items: (listing.offset..to).collect() }))
        });
        let page = page.await.unwrap();
        (page.count, page.items, asked)
    }

    #[tokio::test]
    async fn a_window_is_what_was_asked_for_and_no_limit_is_all() {
        assert_eq!(numbers(50, Some(20), 0).await, (50, (0..20).collect(), 1));
        assert_eq!(numbers(50, Some(20), 45).await, (50, (45..50).collect(), 1));
        assert_eq!(numbers(50, None, 7).await, (50, (7..50).collect(), 1));
        assert_eq!(numbers(25_000, None, 1).await, (25_000, (1..25_000).collect(), 3));
        assert_eq!(numbers(25_000, Some(10_001), 0).await, (25_000, (0..10_001).collect(), 2));
        assert_eq!(numbers(0, None, 0).await, (0, Vec::new(), 1));
    }
}
