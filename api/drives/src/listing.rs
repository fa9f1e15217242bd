//! How lists are asked for: the fields wanted, filters, and a window.
//!
//! Different filters hold together, also the same one given twice; a comma within one value separates alternatives, and `\,` is a
//! comma that does not. A parameter that is no filter of the list is ignored, as the published API does: clients put `limit` on every
//! GET.

use std::collections::BTreeSet;

use capstan_api_http::{Kind, Operation, pairs};
use http::Uri;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::answer::{Answer, ListMeta, Listed, Page};
use crate::errors::{Error, ErrorItem};

/// Items of a page, when nothing is said.
pub const DEFAULT_LIMIT: u32 = 20;

/// Filters of a request, and values of one; more is refused.
const FILTERS_LIMIT: usize = 32;
const VALUES_LIMIT: usize = 1_000;

/// What an item must be to stay in the list. Of the values one has to fit; no values fit nothing (a UUID that is none was left out).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    Uuid(Vec<Uuid>),
    Name(Vec<String>),
    /// Part of the name, in capitals or not.
    NameContains(Vec<String>),
    /// Has the tag.
    Tag(Vec<Uuid>),
    /// Has a tag of this name.
    TagName(Vec<String>),
    /// Of this drive.
    Drive(Vec<Uuid>),
    /// In this state.
    State(Vec<String>),
}

/// A parameter that filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Uuid,
    Name,
    NameContains,
    Tag,
    TagName,
    Drive,
    State,
}

impl By {
    const fn parameter(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Name => "name",
            Self::NameContains => "name__contains",
            Self::Tag => "tag",
            Self::TagName => "tag__name",
            Self::Drive => "drive",
            Self::State => "state",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Uuid => "Its id, or several joined by commas.",
            Self::Name => "Its whole name.",
            Self::NameContains => "A part of its name; capitals make no difference.",
            Self::Tag => "The id of a tag that it has.",
            Self::TagName => "The name of a tag that it has.",
            Self::Drive => "The id of the drive that it is of.",
            Self::State => "The state that it is in.",
        }
    }

    fn filter(self, values: Vec<String>) -> Filter {
        let ids = |values: Vec<String>| values.iter().filter_map(|value| value.trim().parse().ok()).collect();
        match self {
            Self::Uuid => Filter::Uuid(ids(values)),
            Self::Name => Filter::Name(values),
            Self::NameContains => Filter::NameContains(values),
            Self::Tag => Filter::Tag(ids(values)),
            Self::TagName => Filter::TagName(values),
            Self::Drive => Filter::Drive(ids(values)),
            Self::State => Filter::State(values),
        }
    }
}

/// The members that an item is shown with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fields {
    #[default]
    All,
    /// Names that are no members count for nothing.
    Only(BTreeSet<String>),
}

impl Fields {
    pub(crate) fn these(names: &[&str]) -> Self {
        Self::Only(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Whether the member will be shown; one that is dear to find out need not be when it is not.
    pub fn wants(&self, member: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(member),
        }
    }

    fn cut<T: Serialize>(&self, item: &T) -> Value {
        // Nothing of this crate has a form that JSON cannot hold.
        let mut value = serde_json::to_value(item).unwrap_or_default();
        if let (Self::Only(names), Some(members)) = (self, value.as_object_mut()) {
            members.retain(|member, _| names.contains(member));
        }
        value
    }
}

/// The order is the implementer's; it has to be the same for every page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub fields: Fields,
    pub filters: Vec<Filter>,
    /// None: all.
    pub limit: Option<u32>,
    pub offset: u64,
}

impl Listing {
    /// Reads the query of a request for a list that can be filtered by these. `usual` are the members shown when none are named.
    pub(crate) fn of(uri: &Uri, by: &[By], usual: Fields) -> Answer<Self> {
        let mut listing = Self { fields: usual, filters: Vec::new(), limit: Some(DEFAULT_LIMIT), offset: 0 };
        let mut wrong = Vec::new();
        for (name, value) in pairs(uri) {
            match name.as_str() {
                "limit" => match value.parse() {
                    Ok(limit) => listing.limit = Some(limit).filter(|limit| *limit > 0),
                    Err(_) => wrong.push(not_a_count("limit")),
                },
                "offset" => match value.parse() {
                    Ok(offset) if i64::try_from(offset).is_ok() => listing.offset = offset,
                    _ => wrong.push(not_a_count("offset")),
                },
                "fields" => listing.fields = Fields::Only(alternatives(&value).into_iter().collect()),
                _ => {
                    let Some(by) = by.iter().find(|by| by.parameter() == name) else { continue };
                    let values = alternatives(&value);
                    if values.len() > VALUES_LIMIT {
                        wrong.push(ErrorItem::invalid(&name, format!("Has more than {VALUES_LIMIT} values")));
                    }
                    listing.filters.push(by.filter(values));
                }
            }
        }
        if listing.filters.len() > FILTERS_LIMIT {
            wrong.push(ErrorItem::invalid("", format!("More than {FILTERS_LIMIT} filters in one request")));
        }
        if wrong.is_empty() { Ok(listing) } else { Err(Error::all(wrong)) }
    }

    /// The page in the form it is answered in.
    pub(crate) fn show<T: Serialize>(&self, page: &Page<T>) -> Listed<Value> {
        let meta = ListMeta { limit: self.limit.unwrap_or(0), offset: self.offset, total_count: page.total_count };
        Listed { meta, objects: page.items.iter().map(|item| self.fields.cut(item)).collect() }
    }
}

fn not_a_count(point: &str) -> ErrorItem {
    ErrorItem::invalid(point, "Has to be a whole number that is not negative")
}

/// Splits at commas. A backslash before a comma or a backslash takes its meaning away; before anything else it is itself.
fn alternatives(value: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = if letter == '\\' { letters.next_if(|next| matches!(next, ',' | '\\')) } else { None };
        match (escaped, letter) {
            (None, ',') => found.push(String::new()),
            (escaped, letter) => {
                if let Some(last) = found.last_mut() {
                    last.push(escaped.unwrap_or(letter));
                }
            }
        }
    }
    found
}

/// Documents the parameters of a list.
pub(crate) fn listed(operation: Operation, by: &[By]) -> Operation {
    let operation = operation
        .query("limit", Kind::Integer, false, "Items at most: 20 when left out, all when 0.")
        .query("offset", Kind::Integer, false, "Items to leave out from the start.")
        .query("fields", Kind::Text, false, "Members to show, joined by commas.");
    by.iter().fold(operation, |operation, by| operation.query(by.parameter(), Kind::Text, false, by.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY: &[By] = &[By::Uuid, By::Name, By::NameContains, By::Tag];

    fn of(query: &str) -> Answer<Listing> {
        Listing::of(&format!("/x?{query}").parse().unwrap(), BY, Fields::All)
    }

    #[test]
    fn a_page_has_twenty_items_and_no_limit_means_all() {
        assert_eq!(of("").unwrap(), Listing { limit: Some(20), ..Listing::default() });
        assert_eq!(of("limit=0&offset=7").unwrap(), Listing { limit: None, offset: 7, ..Listing::default() });
        assert_eq!(of("limit=5").unwrap().limit, Some(5));
    }

    #[test]
    fn parameters_that_are_no_filters_of_the_list_are_ignored() {
        assert_eq!(of("colour=red&drive=x&limit=0&do=clone&format=json").unwrap(), Listing::default());
    }

    #[test]
    fn a_wrong_window_is_refused_by_name() {
        let error = of("limit=-1&offset=x").unwrap_err();
        let points: Vec<_> = error.items.iter().map(|item| item.error_point.as_deref()).collect();
        assert_eq!(points, [Some("limit"), Some("offset")]);
        for query in ["limit=1.5", "limit=99999999999", "limit=", "offset=9223372036854775808"] {
            assert!(of(query).is_err(), "{query}");
        }
    }

    #[test]
    fn commas_separate_alternatives_unless_they_are_escaped() {
        for (text, values) in [
            ("a", &["a"][..]),
            ("a,b", &["a", "b"]),
            ("a\\,b", &["a,b"]),
            ("a\\,b\\\\,c", &["a,b\\", "c"]),
            ("a\\b", &["a\\b"]),
            ("a\\", &["a\\"]),
            (",", &["", ""]),
        ] {
            assert_eq!(alternatives(text), values, "{text}");
        }
    }

    #[test]
    fn filters_hold_together_and_what_is_no_id_fits_nothing() {
        let id = Uuid::from_u128(7);
        let listing = of(&format!("name=a,b&name=c&name__contains=D&uuid={id},nonsense&tag=nonsense")).unwrap();
        assert_eq!(
            listing.filters,
            [
                Filter::Name(vec!["a".into(), "b".into()]),
                Filter::Name(vec!["c".into()]),
                Filter::NameContains(vec!["D".into()]),
                Filter::Uuid(vec![id]),
                Filter::Tag(Vec::new()),
            ]
        );
    }

    #[test]
    fn lists_of_filters_and_values_are_bounded() {
        assert!(of(&vec!["name=a"; FILTERS_LIMIT + 1].join("&")).is_err());
        assert!(of(&format!("name={}", vec!["a"; VALUES_LIMIT + 1].join(","))).is_err());
    }

    #[test]
    fn only_the_named_members_are_shown() {
        let listing = of("fields=b,z").unwrap();
        assert!(listing.fields.wants("b") && !listing.fields.wants("a"));
        let page = Page { total_count: 1, items: vec![serde_json::json!({ "a": 1, "b": 2 })] };
        assert_eq!(listing.show(&page).objects, [serde_json::json!({ "b": 2 })]);
    }
}
