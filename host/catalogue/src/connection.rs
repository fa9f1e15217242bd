//! A connection to either database, with the few calls that the nouns are made of.

use capstan_domain::{Failure, Outcome};
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Postgres, Sqlite};

use crate::failure::{Doing, translate};
use crate::query::{Columns, Query, Row, Value, numbered};

pub(crate) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// Which of the few differences between the databases apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    Sqlite,
    Postgres,
}

macro_rules! bound {
    ($database:ty, $query:expr, $text:expr) => {{
        let mut statement = sqlx::query::<$database>(AssertSqlSafe($text.into_owned()));
        for value in $query.values {
            statement = match value {
                Value::Int(value) => statement.bind(value),
                Value::Text(value) => statement.bind(value),
                Value::Bytes(value) => statement.bind(value),
            };
        }
        statement
    }};
}

impl Connection {
    pub(crate) fn flavour(&self) -> Flavour {
        match self {
            Self::Sqlite(_) => Flavour::Sqlite,
            Self::Postgres(_) => Flavour::Postgres,
        }
    }

    pub(crate) async fn all(&mut self, query: Query) -> Outcome<Vec<Row>> {
        let doing = check(&query)?;
        match self {
            Self::Sqlite(connection) => {
                let rows = bound!(Sqlite, query, query.text)
                    .fetch_all(&mut **connection)
                    .await
                    .map_err(|error| translate(error, doing))?;
                Ok(rows.into_iter().map(|row| Row { columns: Columns::Sqlite(row), next: 0 }).collect())
            }
            Self::Postgres(connection) => {
                let rows = bound!(Postgres, query, numbered(query.text))
                    .fetch_all(&mut **connection)
                    .await
                    .map_err(|error| translate(error, doing))?;
                Ok(rows.into_iter().map(|row| Row { columns: Columns::Postgres(row), next: 0 }).collect())
            }
        }
    }

    pub(crate) async fn one(&mut self, query: Query) -> Outcome<Option<Row>> {
        Ok(self.all(query).await?.into_iter().next())
    }

    /// Runs a statement that gives no rows; answers how many it changed.
    pub(crate) async fn run(&mut self, query: Query) -> Outcome<u64> {
        let doing = check(&query)?;
        match self {
            Self::Sqlite(connection) => {
                bound!(Sqlite, query, query.text).execute(&mut **connection).await.map(|done| done.rows_affected())
            }
            Self::Postgres(connection) => {
                bound!(Postgres, query, numbered(query.text)).execute(&mut **connection).await.map(|done| done.rows_affected())
            }
        }
        .map_err(|error| translate(error, doing))
    }

    /// Closes it, so that the pool makes a new one instead of lending this again.
    pub(crate) async fn discard(self) {
        // Closing says goodbye; a connection that is past that is gone all the same.
        let _ = match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
    }

    /// One value that the statement always gives, such as a count.
    pub(crate) async fn value<T: crate::query::Column>(&mut self, query: Query) -> Outcome<T> {
        match self.one(query).await? {
            Some(mut row) => row.take(),
            None => Err(Failure::host("the catalogue gave no answer", "a statement that always answers gave no row")),
        }
    }
}

/// A NUL in a text would be refused by PostgreSQL only; both refuse it here.
fn check(query: &Query) -> Outcome<Doing> {
    for value in &query.values {
        if let Value::Text(Some(text)) = value
            && text.contains('\0')
        {
            return Err(Failure::invalid("a text holds a NUL character").with_code("invalid"));
        }
    }
    Ok(if query.text.trim_start().starts_with("DELETE") { Doing::Delete } else { Doing::Other })
}
