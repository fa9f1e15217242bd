//! Pages of lists, by the rules of the published API: 20 items unless more are asked for, 100 at most, and with a size of 0 everything
//! at once.

use std::borrow::Cow;

use capstan_api_http::{Kind, Operation, pairs};
use http::Uri;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Ref, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::answer::{Answer, Page};
use crate::asked::address_of_page;
use crate::errors::Error;

/// Items of a page when nothing is said, or less than this.
pub const PAGE_SIZE: u64 = 20;

/// Items of a page at most.
pub const PAGE_SIZE_LIMIT: u64 = 100;

/// Items of a list that is asked for as a whole; a longer one is refused, so that nobody takes a part for it.
pub const EVERYTHING_LIMIT: u64 = 100_000;

/// The items of a list that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub offset: u64,
    /// At least 1, and [`EVERYTHING_LIMIT`] at most.
    pub limit: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    page: u64,
    /// None: everything on one page.
    size: Option<u64>,
}

impl Paging {
    /// A size that is no number counts as none; a page that is no number is not there.
    pub(crate) fn of(uri: &Uri) -> Answer<Self> {
        let asked = pairs(uri);
        let last = |wanted: &str| asked.iter().rfind(|(name, _)| name == wanted).map(|(_, value)| value.trim());
        let size = match last("page_size").map(str::parse::<u64>) {
            Some(Ok(0)) => None,
            Some(Ok(size)) => Some(size.clamp(PAGE_SIZE, PAGE_SIZE_LIMIT)),
            _ => Some(PAGE_SIZE),
        };
        let page: u64 = match last("page") {
            None | Some("") => 1,
            Some(text) => text.parse().map_err(|_| Error::invalid_page())?,
        };
        // Catalogues count in 63 bits; nothing lies behind that, and nothing before the first page.
        let beyond = page.checked_mul(PAGE_SIZE_LIMIT).is_none_or(|end| i64::try_from(end).is_err());
        if page == 0 || beyond || (size.is_none() && page > 1) {
            return Err(Error::invalid_page());
        }
        Ok(Self { page, size })
    }

    pub(crate) fn window(self) -> Window {
        match self.size {
            Some(size) => Window { offset: (self.page - 1) * size, limit: size },
            None => Window { offset: 0, limit: EVERYTHING_LIMIT },
        }
    }

    /// The page with its neighbours. The first page is there even when it is empty.
    pub(crate) fn listed<T>(self, found: Page<T>) -> Answer<Listed<T>> {
        let Window { offset, limit } = self.window();
        if self.page > 1 && offset >= found.count {
            return Err(Error::invalid_page());
        }
        if self.size.is_none() && found.count > limit {
            let message = format!("There are {}; without pages, {limit} can be had at most.", found.count);
            return Err(Error::field("page_size", message));
        }
        let next = (found.count > offset + limit).then(|| address_of_page(self.page + 1));
        let previous = (self.page > 1).then(|| address_of_page(self.page - 1));
        Ok(Listed { count: found.count, next, previous, results: found.items })
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Listed<T> {
    /// After filters, on all pages.
    pub(crate) count: u64,
    pub(crate) next: Option<String>,
    pub(crate) previous: Option<String>,
    pub(crate) results: Vec<T>,
}

/// Documents the parameters of pages.
pub(crate) fn paged(operation: Operation) -> Operation {
    operation.query("page", Kind::Integer, false, "Number of the page, from 1.").query(
        "page_size",
        Kind::Integer,
        false,
        "Items of a page: 20 unless it is more, 100 at most; 0 is everything on one page.",
    )
}

/// Text or null.
pub(crate) fn nullable_text() -> Schema {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null])).into()
}

impl<T: ToSchema> PartialSchema for Listed<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(RefOr::<Schema>::Ref(Ref::from_schema_name(T::name())));
        let whole = ObjectBuilder::new().property("count", ObjectBuilder::new().schema_type(Type::Integer)).required("count");
        whole
            .property("next", nullable_text())
            .required("next")
            .property("previous", nullable_text())
            .required("previous")
            .property("results", items)
            .required("results")
            .into()
    }
}

impl<T: ToSchema> ToSchema for Listed<T> {
    fn name() -> Cow<'static, str> {
        format!("{}_page", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(query: &str) -> Option<(u64, u64)> {
        let paging = Paging::of(&format!("/api/jobs/?{query}").parse().unwrap()).ok()?;
        Some((paging.window().offset, paging.window().limit))
    }

    #[test]
    fn a_size_below_20_or_empty_is_20_and_one_above_100_is_100() {
        for size in ["", "page_size=", "page_size=1", "page_size=19", "page_size=20", "page_size=x", "page_size=-5"] {
            assert_eq!(window(size), Some((0, 20)), "{size}");
        }
        assert_eq!(window("page_size=21"), Some((0, 21)));
        assert_eq!(window("page_size=100&page=3"), Some((200, 100)));
        assert_eq!(window("page_size=101&page=3"), Some((200, 100)));
        assert_eq!(window("page_size=99999999999999999999"), Some((0, 20)));
    }

    #[test]
    fn a_size_of_0_is_everything_on_one_page() {
        assert_eq!(window("page_size=0"), Some((0, EVERYTHING_LIMIT)));
        assert_eq!(window("page_size=0&page=1"), Some((0, EVERYTHING_LIMIT)));
        assert_eq!(window("page_size=0&page=2"), None);
        let everything = Paging { page: 1, size: None };
        let listed = everything.listed(Page { count: 150, items: vec![(); 150] }).unwrap();
        assert_eq!((listed.count, listed.next, listed.previous, listed.results.len()), (150, None, None, 150));
        assert!(everything.listed(Page { count: EVERYTHING_LIMIT + 1, items: vec![()] }).is_err());
    }

    #[test]
    fn pages_count_from_one_and_end_where_the_list_ends() {
        assert_eq!(window("page=2"), Some((20, 20)));
        assert_eq!(window("page="), Some((0, 20)));
        for page in ["page=0", "page=-1", "page=x", "page=1.5", "page=9223372036854775807", "page=99999999999999999999"] {
            assert_eq!(window(page), None, "{page}");
        }
        let listed = |page, count| Paging { page, size: Some(20) }.listed(Page { count, items: vec![(); 1] });
        assert!(listed(1, 0).is_ok());
        assert!(listed(2, 20).is_err());
        assert!(listed(2, 21).unwrap().next.is_none());
        assert!(listed(2, 41).unwrap().next.is_some() && listed(2, 41).unwrap().previous.is_some());
    }
}
