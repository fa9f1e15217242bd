//! What a list is asked for: filters, order and a window. The catalogue turns it into SQL; nothing loads a table to page it.

/// The operators every dialect's filters come down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    /// One of `values`.
    In,
    NotIn,
    /// SQL pattern: `%` any run, `_` one character.
    Like,
    NotLike,
    /// One of `values` is a part of it, ASCII letters in capitals or not. Nothing in them is special.
    Contains,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filter {
    /// A field of the noun, as the catalogue names it.
    pub field: String,
    pub operator: Operator,
    /// One value, or several for `In` and `NotIn`.
    pub values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sort {
    pub field: String,
    pub descending: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listing {
    pub filters: Vec<Filter>,
    pub sort: Vec<Sort>,
    pub limit: u32,
    pub offset: u64,
}

impl Listing {
    /// Everything, up to `limit`.
    pub fn first(limit: u32) -> Self {
        Self { filters: Vec::new(), sort: Vec::new(), limit, offset: 0 }
    }

    #[must_use]
    pub fn with(mut self, field: &str, operator: Operator, value: impl ToString) -> Self {
        self.filters.push(Filter { field: field.to_owned(), operator, values: vec![value.to_string()] });
        self
    }
}

/// One window of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// All matches, before limit and offset.
    pub count: u64,
    pub items: Vec<T>,
}
