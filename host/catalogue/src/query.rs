//! One statement with its values, and the rows it gives, alike for both databases.
//!
//! A column is read in the order it was selected, by the type that the record wants; a database that answers otherwise is a fault of
//! the host and becomes a failure, never a panic.

use std::borrow::Cow;

use capstan_domain::ids::{
    ApiKeyId, DefinitionId, DriveId, EntryId, ExternalTargetId, GrantId, GroupId, JobId, LibraryId, LocationId, MachineId,
    NodeId, PoolId, QueueId, ReplicaId, ScanId, ServerId, SiteId, SnapshotId, SpaceId, TagId, TapeDriveId, TargetId, TaskId,
    UserId, WorkflowId,
};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

/// What a placeholder stands for. Nulls keep their type: PostgreSQL asks for it.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

pub(crate) struct Query {
    pub(crate) text: Cow<'static, str>,
    pub(crate) values: Vec<Value>,
}

/// `text` has `$1`, `$2`, … as placeholders, which both databases understand, or only those of `tuples`.
pub(crate) fn sql(text: impl Into<Cow<'static, str>>) -> Query {
    Query { text: text.into(), values: Vec::new() }
}

impl Query {
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(crate) fn bind_all(mut self, values: impl IntoIterator<Item = Value>) -> Self {
        self.values.extend(values);
        self
    }
}

/// A record or an open value as JSON text.
pub(crate) fn json<T: Serialize>(value: &T) -> Value {
    Value::Text(Some(serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())))
}

pub(crate) fn json_option<T: Serialize>(value: Option<&T>) -> Value {
    value.map_or(Value::Text(None), json)
}

/// The word an enum is stored as: the one serde gives it.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

macro_rules! values {
    ($($from:ty => |$value:ident| $to:expr),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $to
            }
        }
    )*};
}

values! {
    i64 => |value| Value::Int(Some(value)),
    Option<i64> => |value| Value::Int(value),
    u64 => |value| Value::Int(Some(i64::try_from(value).unwrap_or(i64::MAX))),
    Option<u64> => |value| Value::Int(value.map(|value| i64::try_from(value).unwrap_or(i64::MAX))),
    u32 => |value| Value::Int(Some(i64::from(value))),
    Option<u32> => |value| Value::Int(value.map(i64::from)),
    bool => |value| Value::Int(Some(i64::from(value))),
    Option<bool> => |value| Value::Int(value.map(i64::from)),
    Timestamp => |value| Value::Int(Some(value.0)),
    Option<Timestamp> => |value| Value::Int(value.map(|value| value.0)),
    &str => |value| Value::Text(Some(value.to_owned())),
    &String => |value| Value::Text(Some(value.clone())),
    String => |value| Value::Text(Some(value)),
    Option<&str> => |value| Value::Text(value.map(str::to_owned)),
    Option<String> => |value| Value::Text(value),
    Vec<u8> => |value| Value::Bytes(Some(value)),
    &[u8] => |value| Value::Bytes(Some(value.to_vec())),
    Option<Vec<u8>> => |value| Value::Bytes(value),
    Uuid => |value| Value::Bytes(Some(value.as_bytes().to_vec())),
}

/// A row that is read column by column.
pub(crate) struct Row {
    pub(crate) columns: Columns,
    pub(crate) next: usize,
}

pub(crate) enum Columns {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A type that a column can be read as.
pub(crate) trait Column: Sized {
    fn read(row: &mut Row) -> Outcome<Self>;
}

impl Row {
    pub(crate) fn take<T: Column>(&mut self) -> Outcome<T> {
        T::read(self)
    }

    pub(crate) fn word<T: DeserializeOwned>(&mut self) -> Outcome<T> {
        let text: String = self.take()?;
        serde_json::from_value(serde_json::Value::String(text)).map_err(unreadable)
    }

    pub(crate) fn word_option<T: DeserializeOwned>(&mut self) -> Outcome<Option<T>> {
        let text: Option<String> = self.take()?;
        text.map(|text| serde_json::from_value(serde_json::Value::String(text)).map_err(unreadable)).transpose()
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Outcome<T> {
        let text: String = self.take()?;
        serde_json::from_str(&text).map_err(unreadable)
    }

    pub(crate) fn json_option<T: DeserializeOwned>(&mut self) -> Outcome<Option<T>> {
        let text: Option<String> = self.take()?;
        text.map(|text| serde_json::from_str(&text).map_err(unreadable)).transpose()
    }

    /// Records of other rows, which the statement put behind each other with commas; none: there was no such row.
    pub(crate) fn records<T: DeserializeOwned>(&mut self) -> Outcome<Vec<T>> {
        let text: Option<String> = self.take()?;
        text.map_or_else(|| Ok(Vec::new()), |text| serde_json::from_str(&format!("[{text}]")).map_err(unreadable))
    }

    fn get<'r, T>(&'r mut self) -> Outcome<T>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite>
            + sqlx::Type<sqlx::Sqlite>
            + sqlx::Decode<'r, sqlx::Postgres>
            + sqlx::Type<sqlx::Postgres>,
    {
        use sqlx::Row as _;
        let column = self.next;
        self.next += 1;
        match &self.columns {
            Columns::Sqlite(row) => row.try_get(column),
            Columns::Postgres(row) => row.try_get(column),
        }
        .map_err(unreadable)
    }
}

fn unreadable(cause: impl std::fmt::Display) -> Failure {
    Failure::host("a record of the catalogue cannot be read", cause)
        .with_next_step("see the host's log; the catalogue may be of a newer release")
}

macro_rules! columns {
    ($($plain:ty),* $(,)?) => {$(
        impl Column for $plain {
            fn read(row: &mut Row) -> Outcome<Self> {
                row.get()
            }
        }
        impl Column for Option<$plain> {
            fn read(row: &mut Row) -> Outcome<Self> {
                row.get()
            }
        }
    )*};
}

columns! { i64, String, Vec<u8> }

macro_rules! derived {
    ($($to:ty => |$value:ident: $from:ty| $read:expr),* $(,)?) => {$(
        impl Column for $to {
            fn read(row: &mut Row) -> Outcome<Self> {
                let $value: $from = row.take()?;
                $read
            }
        }
        impl Column for Option<$to> {
            fn read(row: &mut Row) -> Outcome<Self> {
                let value: Option<$from> = row.take()?;
                value.map(|$value| $read).transpose()
            }
        }
    )*};
}

derived! {
    u64 => |value: i64| u64::try_from(value).map_err(unreadable),
    u32 => |value: i64| u32::try_from(value).map_err(unreadable),
    bool => |value: i64| Ok(value != 0),
    Timestamp => |value: i64| Ok(Timestamp(value)),
    Uuid => |value: Vec<u8>| Uuid::from_slice(&value).map_err(unreadable),
}

macro_rules! ids {
    ($($id:ident),* $(,)?) => {$(
        impl From<$id> for Value {
            fn from(id: $id) -> Self {
                id.0.into()
            }
        }
        impl From<Option<$id>> for Value {
            fn from(id: Option<$id>) -> Self {
                Value::Bytes(id.map(|id| id.0.as_bytes().to_vec()))
            }
        }
        derived! { $id => |value: Uuid| Ok($id(value)) }
    )*};
}

ids! {
    TargetId, LocationId, PoolId, SpaceId, EntryId, ReplicaId, DefinitionId, JobId, ScanId, UserId, ApiKeyId, GrantId, ServerId, DriveId,
    SnapshotId, MachineId, TagId, LibraryId, TapeDriveId, GroupId, SiteId, NodeId, QueueId, ExternalTargetId, WorkflowId, TaskId,
}

/// `(?, ?), (?, ?), …`: values in their order, for statements of many rows. SQLite looks a placeholder with a name or a number up
/// in a list each time, which takes longer than the insert; PostgreSQL gets its numbers from `numbered`.
pub(crate) fn tuples(rows: usize, columns: usize) -> String {
    let tuple = format!("({})", vec!["?"; columns].join(", "));
    vec![tuple.as_str(); rows].join(", ")
}

/// The same text with `$1`, `$2`, … for each `?`.
pub(crate) fn numbered(text: Cow<'static, str>) -> Cow<'static, str> {
    if !text.contains('?') {
        return text;
    }
    let mut out = String::with_capacity(text.len() * 3);
    for (at, piece) in text.split('?').enumerate() {
        if at > 0 {
            out.push('$');
            out.push_str(&at.to_string());
        }
        out.push_str(piece);
    }
    Cow::Owned(out)
}
