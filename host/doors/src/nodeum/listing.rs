//! Filters and orders of the dialect as filters and orders of the catalogue.
//!
//! Each noun has a map from its fields to columns. A field that the host can never have a value for is `Absent`: as for any absent
//! value, the negative operators match it and the others do not.

use capstan_api_nodeum as api;
use capstan_api_nodeum::{Answer, Code, Criterion, Error};
use capstan_domain::listing::{Filter, Listing, Operator, Sort};

/// What stands behind a field.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Is(&'static str),
    /// As `Is`, where some words are called otherwise: the dialect's word, then the catalogue's.
    Words(&'static str, &'static [(&'static str, &'static str)]),
    /// A number inside an open record, which compares as text: good for equality, not for order.
    Kept(&'static str),
    /// Another column, or another value, each criterion translated by hand.
    By(fn(&Criterion) -> Option<Vec<Filter>>),
    /// The same word for every row.
    Always(&'static str),
    /// The host knows no value for it.
    Absent,
}

/// Fields that are not in the map are a fault of the door; they are refused like unknown ones.
pub(super) type Columns = &'static [(&'static str, Column)];

pub(super) fn listing(given: &api::Listing, columns: Columns) -> Answer<Listing> {
    let mut listing = Listing { filters: Vec::new(), sort: Vec::new(), limit: given.limit, offset: given.offset };
    for criterion in &given.criteria {
        listing.filters.extend(filters(criterion, column(criterion.field, columns)?)?);
    }
    for order in &given.order {
        let field = match column(order.field, columns)? {
            Column::Is(field) | Column::Words(field, _) => field,
            Column::Kept(_) | Column::By(_) => return Err(unfit(order.field, "cannot be sorted by")),
            // All rows are alike in it.
            Column::Always(_) | Column::Absent => continue,
        };
        listing.sort.push(Sort { field: field.to_owned(), descending: order.descending });
    }
    Ok(listing)
}

fn column(field: &'static str, columns: Columns) -> Answer<Column> {
    columns.iter().find(|(name, _)| *name == field).map(|(_, column)| *column).ok_or_else(|| unfit(field, "is not known here"))
}

fn filters(criterion: &Criterion, column: Column) -> Answer<Vec<Filter>> {
    let operator = operator(criterion.operator);
    let pattern = matches!(operator, Operator::Like | Operator::NotLike);
    let ordered = matches!(operator, Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual);
    match column {
        Column::Is(field) => Ok(vec![filter(field, operator, criterion.values.clone())]),
        Column::Words(_, _) if pattern => Err(unfit(criterion.field, "cannot be matched by a pattern")),
        Column::Words(field, words) => {
            let translate = |value: &String| {
                words.iter().find(|(theirs, _)| theirs == value).map_or_else(|| value.clone(), |(_, ours)| (*ours).to_owned())
            };
            Ok(vec![filter(field, operator, criterion.values.iter().map(translate).collect())])
        }
        Column::Kept(_) if ordered => Err(unfit(criterion.field, "can only be compared for being equal")),
        Column::Kept(field) => Ok(vec![filter(field, operator, criterion.values.clone())]),
        Column::By(translate) => translate(criterion).ok_or_else(|| unfit(criterion.field, "cannot be compared in this way")),
        Column::Always(_) if pattern || ordered => Err(unfit(criterion.field, "can only be compared for being equal")),
        Column::Always(word) => {
            let named = criterion.values.iter().any(|value| value == word);
            let wanted = matches!(operator, Operator::Equal | Operator::In);
            Ok(if named == wanted { Vec::new() } else { vec![nothing()] })
        }
        Column::Absent if matches!(operator, Operator::NotEqual | Operator::NotIn | Operator::NotLike) => Ok(Vec::new()),
        Column::Absent => Ok(vec![nothing()]),
    }
}

pub(super) fn filter(field: &str, operator: Operator, values: Vec<String>) -> Filter {
    Filter { field: field.to_owned(), operator, values }
}

/// Matches no row of any noun.
pub(super) fn nothing() -> Filter {
    filter("number", Operator::In, Vec::new())
}

pub(super) fn operator(operator: api::Operator) -> Operator {
    match operator {
        api::Operator::Equal => Operator::Equal,
        api::Operator::NotEqual => Operator::NotEqual,
        api::Operator::Greater => Operator::Greater,
        api::Operator::GreaterOrEqual => Operator::GreaterOrEqual,
        api::Operator::Less => Operator::Less,
        api::Operator::LessOrEqual => Operator::LessOrEqual,
        api::Operator::In => Operator::In,
        api::Operator::NotIn => Operator::NotIn,
        api::Operator::Like => Operator::Like,
        api::Operator::NotLike => Operator::NotLike,
    }
}

fn unfit(field: &str, why: &str) -> Error {
    Error::because(field, Code::Invalid, format!("{field} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns = &[
        ("id", Column::Is("number")),
        ("status", Column::Words("status", &[("in_queue", "queued")])),
        ("region", Column::Absent),
        ("guest_right", Column::Always("none")),
        ("folder_id", Column::Kept("given/folder_id")),
    ];

    fn of(field: &'static str, operator: api::Operator, value: &str) -> Answer<Vec<Filter>> {
        let criteria = vec![Criterion { field, operator, values: vec![value.to_owned()] }];
        listing(&api::Listing { criteria, order: Vec::new(), limit: 1, offset: 0 }, COLUMNS).map(|listing| listing.filters)
    }

    #[test]
    fn words_of_the_dialect_become_words_of_the_catalogue() {
        assert_eq!(
            of("status", api::Operator::Equal, "in_queue").unwrap(),
            [filter("status", Operator::Equal, vec!["queued".into()])]
        );
        assert_eq!(of("status", api::Operator::Equal, "done").unwrap(), [filter("status", Operator::Equal, vec!["done".into()])]);
        assert!(of("status", api::Operator::Like, "in%").is_err());
    }

    #[test]
    fn an_absent_value_matches_the_negative_operators_only() {
        assert_eq!(of("region", api::Operator::Equal, "x").unwrap(), [nothing()]);
        assert_eq!(of("region", api::Operator::NotEqual, "x").unwrap(), []);
    }

    #[test]
    fn a_word_that_all_rows_have_matches_all_or_none() {
        assert_eq!(of("guest_right", api::Operator::Equal, "none").unwrap(), []);
        assert_eq!(of("guest_right", api::Operator::Equal, "read").unwrap(), [nothing()]);
        assert_eq!(of("guest_right", api::Operator::NotEqual, "none").unwrap(), [nothing()]);
        assert_eq!(of("guest_right", api::Operator::NotEqual, "read").unwrap(), []);
    }

    #[test]
    fn kept_numbers_are_not_ordered() {
        assert!(of("folder_id", api::Operator::Equal, "7").is_ok());
        assert!(of("folder_id", api::Operator::Greater, "7").is_err());
    }
}
