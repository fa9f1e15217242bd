//! How lists are asked for: filters with operators, an order, and a window.
//!
//! A filter is a parameter named as the field, with an operator before its value: none or `=`, `!=`, `>`, `>=`, `<`, `<=`, `><` (one of
//! a list), `!><`, `~` (a pattern with `%` and `_`), `!~`. All filters of a request hold together. A parameter that is no field of the
//! noun is refused, because a filter that is silently dropped shows, and lets delete, the wrong rows.

use capstan_api_http::{Kind, Operation, pairs};
use http::Uri;

use crate::answer::Answer;
use crate::errors::{Code, Error};
use crate::moment::{Moment, NANOS_OF_A_MILLI};

/// Items of a page, when nothing is said.
pub const DEFAULT_LIMIT: u32 = 50;

/// Items of a page at most; more is refused, so that nobody takes a part for the whole.
pub const MAX_LIMIT: u32 = 10_000;

/// Filters of a request, and values of a list; more is refused.
const MAX_FILTERS: usize = 64;
const MAX_VALUES: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    Text,
    Integer,
    Boolean,
    /// In a criterion its values are nanoseconds since 1970.
    Date,
}

/// A field that a noun can be filtered and sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: FieldKind,
}

pub(crate) const fn text(name: &'static str) -> Field {
    Field { name, kind: FieldKind::Text }
}

pub(crate) const fn integer(name: &'static str) -> Field {
    Field { name, kind: FieldKind::Integer }
}

pub(crate) const fn boolean(name: &'static str) -> Field {
    Field { name, kind: FieldKind::Boolean }
}

pub(crate) const fn date(name: &'static str) -> Field {
    Field { name, kind: FieldKind::Date }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    In,
    NotIn,
    Like,
    NotLike,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    pub field: &'static str,
    pub operator: Operator,
    /// Several only with `In` and `NotIn`.
    pub values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub field: &'static str,
    pub descending: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub criteria: Vec<Criterion>,
    pub order: Vec<Order>,
    pub limit: u32,
    pub offset: u64,
}

/// Operators by their sign; a sign that begins with another stands before it.
const OPERATORS: [(&str, Operator); 10] = [
    ("!><", Operator::NotIn),
    ("><", Operator::In),
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("!=", Operator::NotEqual),
    ("!~", Operator::NotLike),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Like),
    ("=", Operator::Equal),
];

impl Listing {
    /// Reads the query of a request for a list of a noun with these fields.
    pub fn of(uri: &Uri, fields: &'static [Field]) -> Answer<Self> {
        let mut listing = Self { criteria: Vec::new(), order: Vec::new(), limit: DEFAULT_LIMIT, offset: 0 };
        let mut wrong = Vec::new();
        for (name, value) in pairs(uri) {
            let read = match name.as_str() {
                "limit" => listing.read_limit(&value),
                "offset" => value.parse().map(|offset| listing.offset = offset).map_err(|_| refused("offset", &value)),
                "sort_by" | "sort_by[]" => listing.read_order(&value, fields),
                _ => listing.read_filter(&name, &value, fields),
            };
            wrong.extend(read.err());
        }
        if listing.criteria.len() > MAX_FILTERS {
            wrong.push(Error::because("base", Code::TooLong, format!("More than {MAX_FILTERS} filters in one request")));
        }
        Error::all(wrong).map(|()| listing)
    }

    fn read_limit(&mut self, value: &str) -> Answer<()> {
        match value.parse::<u64>() {
            Ok(limit) if limit > u64::from(MAX_LIMIT) => Err(bound("limit", value)),
            Ok(limit) => {
                self.limit = u32::try_from(limit).unwrap_or(MAX_LIMIT);
                Ok(())
            }
            Err(_) => Err(refused("limit", value)),
        }
    }

    /// `a:desc|b`; some clients join with a comma instead.
    fn read_order(&mut self, value: &str, fields: &'static [Field]) -> Answer<()> {
        for part in value.split(['|', ',']).filter(|part| !part.is_empty()) {
            let (name, descending) = match part.rsplit_once(':') {
                Some((name, "asc")) => (name, false),
                Some((name, "desc")) => (name, true),
                Some(_) => return Err(refused("sort_by", part)),
                None => (part, false),
            };
            let field = fields.iter().find(|field| field.name == name).ok_or_else(|| refused("sort_by", part))?;
            if !self.order.iter().any(|order| order.field == field.name) {
                self.order.push(Order { field: field.name, descending });
            }
        }
        Ok(())
    }

    fn read_filter(&mut self, name: &str, value: &str, fields: &'static [Field]) -> Answer<()> {
        let field = fields.iter().find(|field| field.name == name).ok_or_else(|| {
            Error::because(name, Code::Invalid, format!("There is no filter {name} here; the filters are {}", names(fields)))
        })?;
        let (operator, rest) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| value.strip_prefix(sign).map(|rest| (*operator, rest)))
            .unwrap_or((Operator::Equal, value));
        let values: Vec<String> = match operator {
            Operator::In | Operator::NotIn => rest.split('|').map(str::to_owned).collect(),
            _ => vec![rest.to_owned()],
        };
        if values.len() > MAX_VALUES {
            return Err(Error::because(name, Code::TooLong, format!("More than {MAX_VALUES} values in the list for {name}")));
        }
        let criterion = Criterion { field: field.name, operator, values };
        self.criteria.extend(field.read(criterion).ok_or_else(|| refused(name, value))?);
        Ok(())
    }
}

impl Field {
    /// None when a value is not of the field's kind.
    fn read(self, mut criterion: Criterion) -> Option<Vec<Criterion>> {
        let pattern = matches!(criterion.operator, Operator::Like | Operator::NotLike);
        match self.kind {
            FieldKind::Text => {}
            FieldKind::Integer if pattern => {}
            FieldKind::Integer => {
                for value in &mut criterion.values {
                    *value = value.parse::<i64>().ok()?.to_string();
                }
            }
            FieldKind::Boolean => {
                for value in &mut criterion.values {
                    let truth = matches!(value.as_str(), "true" | "1");
                    if !truth && !matches!(value.as_str(), "false" | "0") {
                        return None;
                    }
                    *value = truth.to_string();
                }
            }
            FieldKind::Date => return date_criteria(&criterion),
        }
        Some(vec![criterion])
    }
}

/// Dates are shown in milliseconds and kept in nanoseconds, so a shown instant means all of its millisecond.
fn date_criteria(criterion: &Criterion) -> Option<Vec<Criterion>> {
    let [value] = criterion.values.as_slice() else { return None };
    let Moment(start) = Moment::parse(value)?;
    let end = start.saturating_add(NANOS_OF_A_MILLI);
    let with = |operator, nanos: i64| Criterion { field: criterion.field, operator, values: vec![nanos.to_string()] };
    match criterion.operator {
        Operator::Equal => Some(vec![with(Operator::GreaterOrEqual, start), with(Operator::Less, end)]),
        Operator::Greater => Some(vec![with(Operator::GreaterOrEqual, end)]),
        Operator::GreaterOrEqual => Some(vec![with(Operator::GreaterOrEqual, start)]),
        Operator::Less => Some(vec![with(Operator::Less, start)]),
        Operator::LessOrEqual => Some(vec![with(Operator::Less, end)]),
        _ => None,
    }
}

fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
}

fn refused(attribute: &str, value: &str) -> Error {
    Error::because(attribute, Code::Invalid, format!("{attribute} cannot be {value:?}"))
}

fn bound(attribute: &str, value: &str) -> Error {
    let mut error = Error::because(attribute, Code::LessThanOrEqualTo, format!("{attribute} must be {MAX_LIMIT} or less"));
    if let Some(first) = error.body.details.get_mut(attribute).and_then(|errors| errors.first_mut()) {
        first.count = Some(i64::from(MAX_LIMIT));
        first.value = Some(value.into());
    }
    error
}

/// Documents the parameters of a list.
pub(crate) fn listed(operation: Operation, fields: &'static [Field]) -> Operation {
    filtered(operation, fields).query(
        "sort_by",
        Kind::TextList,
        false,
        "Fields to sort by, joined by | or a comma; :asc (the default) or :desc behind a field says the direction.",
    )
}

/// Documents the parameters of a list whose order is not documented to be chosen.
pub(crate) fn filtered(mut operation: Operation, fields: &'static [Field]) -> Operation {
    operation = windowed(operation);
    for field in fields {
        operation = operation.query(field.name, Kind::Text, false, "Filter; the value may begin with = != > >= < <= >< !>< ~ !~");
    }
    operation
}

pub(crate) fn windowed(operation: Operation) -> Operation {
    operation
        .query("limit", Kind::Integer, false, &format!("Items to answer; {DEFAULT_LIMIT} if left out, {MAX_LIMIT} at most."))
        .query("offset", Kind::Integer, false, "Items to leave out at the beginning.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[integer("id"), text("name"), boolean("active"), date("seen")];

    fn of(query: &str) -> Answer<Listing> {
        Listing::of(&format!("/x?{query}").parse().unwrap(), FIELDS)
    }

    fn only(query: &str) -> (Operator, Vec<String>) {
        let mut criteria = of(query).unwrap().criteria;
        assert_eq!(criteria.len(), 1, "{query}");
        let criterion = criteria.remove(0);
        (criterion.operator, criterion.values)
    }

    #[test]
    fn each_operator_is_read_from_the_front_of_the_value() {
        for (query, operator, values) in [
            ("name=a", Operator::Equal, &["a"][..]),
            ("name==a", Operator::Equal, &["a"]),
            ("name=%3Da", Operator::Equal, &["a"]),
            ("name=!=a", Operator::NotEqual, &["a"]),
            ("id=%3E5", Operator::Greater, &["5"]),
            ("id=%3E%3D5", Operator::GreaterOrEqual, &["5"]),
            ("id=%3C5", Operator::Less, &["5"]),
            ("id=%3C%3D5", Operator::LessOrEqual, &["5"]),
            ("id=%3E%3C1|2", Operator::In, &["1", "2"]),
            ("name=!%3E%3Ca|b c", Operator::NotIn, &["a", "b c"]),
            ("name=~off%25", Operator::Like, &["off%"]),
            ("name=!~%25x_", Operator::NotLike, &["%x_"]),
            ("name=a|b", Operator::Equal, &["a|b"]),
            ("name=", Operator::Equal, &[""]),
            ("active=1", Operator::Equal, &["true"]),
        ] {
            let query = query.replace(' ', "+");
            assert_eq!(only(&query), (operator, values.iter().map(ToString::to_string).collect()), "{query}");
        }
    }

    #[test]
    fn a_shown_date_means_its_whole_millisecond() {
        let found = of("seen=1970-01-01T00:00:00.001Z").unwrap().criteria;
        let read: Vec<_> = found.iter().map(|one| (one.operator, one.values[0].as_str())).collect();
        assert_eq!(read, [(Operator::GreaterOrEqual, "1000000"), (Operator::Less, "2000000")]);
        assert_eq!(only("seen=%3C%3D1970-01-01"), (Operator::Less, vec!["1000000".into()]));
    }

    #[test]
    fn order_is_joined_by_bars_or_commas() {
        for query in
            ["sort_by=name:desc|id", "sort_by=name:desc,id:asc", "sort_by=name:desc&sort_by=id", "sort_by=name:desc|id|name"]
        {
            let order = of(query).unwrap().order;
            assert_eq!(order, [Order { field: "name", descending: true }, Order { field: "id", descending: false }], "{query}");
        }
    }

    #[test]
    fn the_window_has_a_default_and_a_stated_maximum() {
        let listing = of("").unwrap();
        assert_eq!((listing.limit, listing.offset), (50, 0));
        let listing = of("limit=10000&offset=7").unwrap();
        assert_eq!((listing.limit, listing.offset), (10_000, 7));
        assert_eq!(of("limit=10001").unwrap_err().body.details["limit"][0].error, Code::LessThanOrEqualTo);
    }

    #[test]
    fn what_cannot_be_a_filter_is_refused_by_name_and_all_at_once() {
        let error = of("id=x&colour=red&limit=-1&offset=a&sort_by=colour&active=maybe&seen=soon").unwrap_err();
        let named: Vec<_> = error.body.details.keys().map(String::as_str).collect();
        assert_eq!(named, ["active", "colour", "id", "limit", "offset", "seen", "sort_by"]);
    }

    #[test]
    fn lists_and_filters_are_bounded() {
        let values = vec!["1"; MAX_VALUES + 1].join("|");
        assert!(of(&format!("id=%3E%3C{values}")).is_err());
        let filters = vec!["id=1"; MAX_FILTERS + 1].join("&");
        assert!(of(&filters).is_err());
    }
}
