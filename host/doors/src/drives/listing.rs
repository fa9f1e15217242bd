//! Lists of the dialect as windows of the catalogue.

use capstan_api_drives::{Answer, Filter, Listing};
use capstan_domain::Outcome;
use capstan_domain::ids::Uuid;
use capstan_domain::listing::{self, Operator, Page};

use super::failures::error;
use super::jobs::states;
use crate::windows::{self, WINDOW};

/// The window that a client asks for, of what `ask` lists.
pub(super) async fn window<T, F, Asked>(given: &Listing, ask: F) -> Answer<Page<T>>
where
    F: FnMut(listing::Listing) -> Asked,
    Asked: Future<Output = Outcome<Page<T>>>,
{
    let filters: Vec<listing::Filter> = given.filters.iter().map(filter).collect();
    let asked = listing::Listing { filters, sort: Vec::new(), limit: 0, offset: given.offset };
    windows::read(asked, given.limit.map(u64::from), ask).await.map_err(error)
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
