//! Lists: a `Listing` becomes one statement for the window and, where it is needed, one for the count.
//!
//! Only fields of the noun's map can be named. Numbers compare as numbers, everything else bytewise (so case counts), except that
//! `Like`, `NotLike` and `Contains` take ASCII letters of either case for the same, on both databases. In a pattern only `%` and `_` are special.
//! An absent value differs from every value: it matches the negative operators and no other. Instants are nanoseconds since 1970.

use std::borrow::Cow;
use std::fmt::Write as _;

use capstan_domain::listing::{Filter, Listing, Operator, Page};
use capstan_domain::{Failure, Outcome};
use uuid::Uuid;

use crate::Catalogue;
use crate::answers::{self, Question};
use crate::connection::{Connection, Flavour};
use crate::query::{Row, Value, sql};

/// Items of one window; a listing that wants more is refused.
pub const WINDOW: u32 = 10_000;

/// Values of one `In`; a filter with more is refused.
const VALUES: usize = 10_000;

/// Values of one `Contains`; a filter with more is refused.
const PARTS: usize = 100;

/// Filters and sort fields of one listing; more are refused.
const CLAUSES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Integer,
    Text,
    Flag,
    Id,
}

/// A field that a listing may name, and what it is in SQL.
///
/// Where several rows of another table stand behind it, the column of theirs is in braces, within what ties them to the noun:
/// "t.number IN (SELECT n.number FROM tag_resources r JOIN drives n ON n.id = r.drive WHERE {r.tag})". It matches if one of them
/// does, for a negative operator if none does; nothing is sorted by it. By number, because indexes of lists hold that behind the
/// owner.
pub(crate) struct Field(pub(crate) &'static str, pub(crate) Type, pub(crate) &'static str);

/// What a noun's lists select from.
pub(crate) struct Select {
    pub(crate) columns: &'static str,
    /// Table and joins.
    pub(crate) from: &'static str,
    pub(crate) fields: &'static [Field],
    /// Columns of open records, whose members can be named too: "attributes/nodeum/provider". They compare as text. A column of
    /// another table than the noun's own stands behind its name: "definition:d.attributes".
    pub(crate) open: &'static [&'static str],
    /// Breaks ties, so that windows neither repeat nor leave out; also the order when none is asked for.
    pub(crate) order: &'static str,
}

/// The clauses of a listing.
pub(crate) struct Clauses {
    pub(crate) filter: String,
    pub(crate) order: String,
    pub(crate) values: Vec<Value>,
}

impl Select {
    /// `SELECT … FROM …`, to which a `WHERE` is appended.
    pub(crate) fn text(&self) -> String {
        format!("SELECT {} FROM {}", self.columns, self.from)
    }

    pub(crate) fn clauses(&self, flavour: Flavour, listing: &Listing) -> Outcome<Clauses> {
        if listing.limit > WINDOW {
            return Err(Failure::invalid(format!("at most {WINDOW} items can be asked for at once")).with_code("too-many"));
        }
        if listing.filters.len() + listing.sort.len() > CLAUSES {
            return Err(Failure::invalid("too many filters").with_code("too-many"));
        }
        let mut values = Vec::new();
        let mut filter = String::new();
        for clause in &listing.filters {
            filter.push_str(if filter.is_empty() { " WHERE " } else { " AND " });
            self.condition(flavour, clause, &mut filter, &mut values)?;
        }
        let mut order = String::from(" ORDER BY ");
        for sort in &listing.sort {
            let direction = if sort.descending { "DESC" } else { "ASC" };
            // An absent value comes first, descending last, as SQLite has it.
            let nulls = match (flavour, sort.descending) {
                (Flavour::Sqlite, _) => "",
                (Flavour::Postgres, false) => " NULLS FIRST",
                (Flavour::Postgres, true) => " NULLS LAST",
            };
            let _ = write!(order, "{} {direction}{nulls}, ", self.field(flavour, &sort.field)?.1);
        }
        order.push_str(self.order);
        Ok(Clauses { filter, order, values })
    }

    fn field(&self, flavour: Flavour, name: &str) -> Outcome<(Type, Cow<'static, str>)> {
        if let Some(field) = self.fields.iter().find(|field| field.0 == name && several(field.2).is_none()) {
            return Ok((field.1, Cow::Borrowed(field.2)));
        }
        let unknown =
            || Failure::invalid(format!("there is no field \"{name}\" to filter or sort by")).with_code("unknown-field");
        let (record, path) = name.split_once('/').ok_or_else(unknown)?;
        let column = self.open.iter().find_map(|open| match open.split_once(':') {
            Some((name, column)) => (name == record).then(|| column.to_owned()),
            None => (*open == record).then(|| format!("t.{open}")),
        });
        let column = column.ok_or_else(unknown)?;
        // The path becomes part of the statement, so only plain words may stand in it.
        let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !path.split('/').all(plain) {
            return Err(unknown());
        }
        let expression = match flavour {
            Flavour::Sqlite => format!("CAST({column} ->> '$.\"{}\"' AS TEXT)", path.replace('/', "\".\"")),
            Flavour::Postgres => format!("(CAST({column} AS JSONB) #>> '{{{}}}') COLLATE \"C\"", path.replace('/', ",")),
        };
        Ok((Type::Text, Cow::Owned(expression)))
    }

    fn condition(&self, flavour: Flavour, filter: &Filter, out: &mut String, values: &mut Vec<Value>) -> Outcome<()> {
        let field = self.fields.iter().find(|field| field.0 == filter.field);
        let Some((kind, (head, column, tail))) = field.and_then(|field| Some((field.1, several(field.2)?))) else {
            let (kind, expression) = self.field(flavour, &filter.field)?;
            return compare(flavour, (kind, expression.as_ref()), filter, out, values);
        };
        let (none, operator) = match filter.operator {
            Operator::NotEqual => (true, Operator::Equal),
            Operator::NotIn => (true, Operator::In),
            Operator::NotLike => (true, Operator::Like),
            other => (false, other),
        };
        out.push_str(if none { "NOT (" } else { "(" });
        out.push_str(head);
        compare(flavour, (kind, column), &Filter { operator, ..filter.clone() }, out, values)?;
        out.push_str(tail);
        out.push(')');
        Ok(())
    }
}

/// Of a field of several rows: what stands before the column in braces, the column, and what stands after it.
fn several(expression: &str) -> Option<(&str, &str, &str)> {
    let (head, rest) = expression.split_once('{')?;
    let (column, tail) = rest.split_once('}')?;
    Some((head, column, tail))
}

/// One column or expression compared as a filter says.
fn compare(
    flavour: Flavour,
    (kind, expression): (Type, &str),
    filter: &Filter,
    out: &mut String,
    values: &mut Vec<Value>,
) -> Outcome<()> {
    let name = filter.field.as_str();
    let operator = match filter.operator {
        Operator::In | Operator::NotIn => {
            let given: Vec<Value> = filter.values.iter().map(|value| typed(name, kind, value)).collect::<Outcome<_>>()?;
            if given.len() > VALUES {
                return Err(Failure::invalid(format!("at most {VALUES} values for \"{name}\"")).with_code("too-many"));
            }
            let negative = filter.operator == Operator::NotIn;
            if given.is_empty() {
                out.push_str(if negative { "1 = 1" } else { "1 = 0" });
                return Ok(());
            }
            let marks: Vec<String> = (1..=given.len()).map(|at| format!("${}", values.len() + at)).collect();
            let marks = marks.join(", ");
            values.extend(given);
            let _ = if negative {
                write!(out, "({expression} IS NULL OR {expression} NOT IN ({marks}))")
            } else {
                write!(out, "{expression} IN ({marks})")
            };
            return Ok(());
        }
        Operator::Like | Operator::NotLike => {
            let text = match kind {
                Type::Text => expression.to_owned(),
                Type::Integer | Type::Flag => format!("CAST({expression} AS TEXT)"),
                Type::Id => {
                    return Err(Failure::invalid(format!("\"{name}\" cannot be matched by a pattern")).with_code("invalid-value"));
                }
            };
            values.push(Value::Text(Some(one(filter)?.to_owned())));
            let mark = values.len();
            let like = match flavour {
                Flavour::Sqlite => format!("{text} LIKE ${mark}"),
                Flavour::Postgres => {
                    format!("lower({text} COLLATE \"C\") LIKE lower(CAST(${mark} AS TEXT) COLLATE \"C\") ESCAPE ''")
                }
            };
            let _ = if filter.operator == Operator::NotLike {
                write!(out, "({expression} IS NULL OR NOT ({like}))")
            } else {
                write!(out, "{like}")
            };
            return Ok(());
        }
        Operator::Contains => return contains(flavour, (kind, expression), filter, out, values),
        Operator::Equal => "=",
        Operator::NotEqual => "IS DISTINCT FROM",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
    };
    values.push(typed(name, kind, one(filter)?)?);
    let _ = write!(out, "{expression} {operator} ${}", values.len());
    Ok(())
}

fn contains(
    flavour: Flavour,
    (kind, expression): (Type, &str),
    filter: &Filter,
    out: &mut String,
    values: &mut Vec<Value>,
) -> Outcome<()> {
    let name = &filter.field;
    if kind != Type::Text {
        return Err(Failure::invalid(format!("\"{name}\" is no text that has parts")).with_code("invalid-value"));
    }
    if filter.values.len() > PARTS {
        return Err(Failure::invalid(format!("at most {PARTS} parts for \"{name}\"")).with_code("too-many"));
    }
    if filter.values.is_empty() {
        out.push_str("1 = 0");
        return Ok(());
    }
    let mut any = Vec::with_capacity(filter.values.len());
    for part in &filter.values {
        values.push(Value::from(part));
        let mark = values.len();
        any.push(match flavour {
            Flavour::Sqlite => format!("instr(lower({expression}), lower(${mark})) > 0"),
            Flavour::Postgres => {
                format!("strpos(lower({expression} COLLATE \"C\"), lower(CAST(${mark} AS TEXT) COLLATE \"C\")) > 0")
            }
        });
    }
    let _ = write!(out, "({})", any.join(" OR "));
    Ok(())
}

fn one(filter: &Filter) -> Outcome<&str> {
    match filter.values.as_slice() {
        [value] => Ok(value),
        _ => Err(Failure::invalid(format!("\"{}\" needs one value", filter.field)).with_code("invalid-value")),
    }
}

/// A value as the field's type has it.
fn typed(name: &str, kind: Type, value: &str) -> Outcome<Value> {
    let wrong = |wanted: &str| Failure::invalid(format!("\"{name}\" is compared with {wanted}")).with_code("invalid-value");
    match kind {
        Type::Text => Ok(Value::from(value)),
        Type::Integer => value.trim().parse::<i64>().map(Value::from).map_err(|_| wrong("a whole number")),
        Type::Flag => match value.trim() {
            "true" | "1" => Ok(Value::from(true)),
            "false" | "0" => Ok(Value::from(false)),
            _ => Err(wrong("true or false")),
        },
        Type::Id => Uuid::parse_str(value.trim()).map(Value::from).map_err(|_| wrong("an id")),
    }
}

impl Catalogue {
    /// One window of a noun. The count costs a statement only when the window does not tell it.
    pub(crate) async fn list<T: Clone + Send + Sync + 'static>(
        &self,
        select: &Select,
        listing: &Listing,
        read: fn(&mut Row) -> Outcome<T>,
    ) -> Outcome<Page<T>> {
        let Some(answers) = &self.answers else { return Box::pin(self.list_now(select, listing, read)).await };
        let question = Question::page(select, listing);
        if let Some(page) = answers.get(&question) {
            return Ok(page);
        }
        let moment = answers.moment();
        // On the heap, so that the callers' futures stay short.
        let page = Box::pin(self.list_now(select, listing, read)).await?;
        if page.items.len() <= answers::ITEMS {
            answers.keep(moment, question, &page);
        }
        Ok(page)
    }

    async fn list_now<T>(&self, select: &Select, listing: &Listing, read: fn(&mut Row) -> Outcome<T>) -> Outcome<Page<T>> {
        let mut connection = self.read().await?;
        let clauses = select.clauses(connection.flavour(), listing)?;
        let items = window(&mut connection, select, &clauses, listing, read).await?;
        let count = match seen(listing, items.len()) {
            Some(count) => count,
            None => {
                let text = format!("SELECT count(*) FROM {}{}", select.from, clauses.filter);
                connection.value(sql(text).bind_all(clauses.values)).await?
            }
        };
        Ok(Page { count, items })
    }
}

pub(crate) async fn window<T>(
    connection: &mut Connection,
    select: &Select,
    clauses: &Clauses,
    listing: &Listing,
    read: fn(&mut Row) -> Outcome<T>,
) -> Outcome<Vec<T>> {
    if listing.limit == 0 {
        return Ok(Vec::new());
    }
    let offset = listing.offset.min(u64::try_from(i64::MAX).unwrap_or_default());
    let text = format!("{}{}{} LIMIT {} OFFSET {offset}", select.text(), clauses.filter, clauses.order, listing.limit);
    let rows = connection.all(sql(text).bind_all(clauses.values.iter().cloned())).await?;
    rows.into_iter().map(|mut row| read(&mut row)).collect()
}

/// The count, when a window that is not full tells it.
pub(crate) fn seen(listing: &Listing, items: usize) -> Option<u64> {
    let items = u64::try_from(items).ok()?;
    let short = items < u64::from(listing.limit);
    (short && (items > 0 || listing.offset == 0)).then(|| listing.offset + items)
}
