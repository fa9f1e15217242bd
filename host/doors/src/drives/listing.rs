//! Lists of the dialect as windows of the catalogue.

use capstan_api_drives::{Answer, Filter, Listing};
use capstan_domain::Outcome;
use capstan_domain::ids::Uuid;
use capstan_domain::listing::{self, Operator, Page};

use super::failures::error;
use super::jobs::states;

/// Rows asked for at a time: a list without a bound is read window by window.
const WINDOW: u32 = 10_000;

/// The window that a client asks for, of what `ask` lists.
pub(super) async fn window<T, F, Asked>(given: &Listing, mut ask: F) -> Answer<Page<T>>
where
    F: FnMut(listing::Listing) -> Asked,
    Asked: Future<Output = Outcome<Page<T>>>,
{
    let filters: Vec<listing::Filter> = given.filters.iter().map(filter).collect();
    let mut left = given.limit.map_or(u64::MAX, u64::from);
    let mut asked = listing::Listing { filters, sort: Vec::new(), limit: 0, offset: given.offset };
    let mut found = Page { count: 0, items: Vec::new() };
    loop {
        asked.limit = u32::try_from(left).unwrap_or(WINDOW).min(WINDOW);
        let page = ask(asked.clone()).await.map_err(error)?;
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

/// The listing that finds what has one of these ids, and gives all of it. There are fewer than a window holds.
pub(super) fn these(ids: &[Uuid]) -> listing::Listing {
    let mut listing = listing::Listing::first(u32::try_from(ids.len()).unwrap_or(WINDOW).min(WINDOW));
    listing.filters.push(listing::Filter { field: "id".to_owned(), operator: Operator::In, values: texts(ids) });
    listing
}

fn filter(given: &Filter) -> listing::Filter {
    let (field, operator, values) = match given {
        Filter::Uuid(any) => ("id", Operator::In, texts(any)),
        Filter::Name(any) => ("name", Operator::In, plain(any)),
        Filter::NameContains(any) => ("name", Operator::Contains, plain(any)),
        Filter::Tag(any) => ("tag", Operator::In, texts(any)),
        Filter::TagName(any) => ("tag_name", Operator::In, plain(any)),
        Filter::Drive(any) => ("drive", Operator::In, texts(any)),
        Filter::State(any) => {
            ("state", Operator::In, any.iter().flat_map(|word| states(word)).map(|it| (*it).to_owned()).collect())
        }
    };
    listing::Filter { field: field.to_owned(), operator, values }
}

fn texts(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}

/// No name holds a NUL, and no database takes one.
fn plain(texts: &[String]) -> Vec<String> {
    texts.iter().filter(|text| !text.contains('\0')).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers below `count`, as a catalogue lists them.
    async fn numbers(count: u64, limit: Option<u32>, offset: u64) -> (u64, Vec<u64>, usize) {
        let mut asked = 0;
        let given = Listing { limit, offset, ..Listing::default() };
        let page = window(&given, |listing| {
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

    #[test]
    fn filters_name_what_the_catalogue_has() {
        let id = Uuid::from_u128(7);
        let of = |given: Filter| {
            let listing::Filter { field, operator, values } = filter(&given);
            (field, operator, values)
        };
        assert_eq!(of(Filter::Tag(vec![id])), ("tag".into(), Operator::In, vec![id.to_string()]));
        assert_eq!(of(Filter::Uuid(vec![])), ("id".into(), Operator::In, vec![]));
        assert_eq!(
            of(Filter::NameContains(vec!["a%".into(), "\0".into()])),
            ("name".into(), Operator::Contains, vec!["a%".into()])
        );
        assert_eq!(of(Filter::State(vec!["success".into(), "x".into()])).2, ["done", "done_with_warnings"]);
    }
}
