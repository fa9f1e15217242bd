//! Opening: which database, how durable, how many connections.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use capstan_domain::{Failure, Outcome};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Pool, Postgres, Sqlite};

use crate::Catalogue;
use crate::answers::Answers;
use crate::connection::Flavour;
use crate::failure::{Doing, translate};
use crate::metrics::Metrics;
use crate::migrate::migrate;
use crate::writer::Writer;

/// What a connection that reads has of the writer's page cache: the kernel holds the same pages once for all of them.
const READERS_SHARE: u32 = 8;

/// Bounds of the catalogue's connections.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections that read at the same time (SQLite), or all connections (PostgreSQL); further callers wait.
    pub connections: u32,
    /// How long a caller waits for a connection, then `Busy`.
    pub acquire: Duration,
    /// How long SQLite waits for a lock that another process holds, then `Busy`.
    pub busy: Duration,
    /// Page cache of the SQLite connection that writes, KiB; each of those that read has an eighth of it.
    pub cache_kib: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 8, acquire: Duration::from_secs(10), busy: Duration::from_secs(5), cache_kib: 32 * 1024 }
    }
}

#[derive(Clone)]
pub(crate) enum Readers {
    Sqlite(Pool<Sqlite>),
    Postgres(Pool<Postgres>),
}

impl Catalogue {
    /// `url`: `sqlite:///path/to/catalogue.db` (or just a path), made if missing; or `postgres://user:password@host:port/database`.
    /// Brings the schema up to date.
    pub async fn open(url: &str, options: Options) -> Outcome<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::open_postgres(url, &options).await
        } else {
            Self::open_sqlite(url, &options).await
        }
    }

    async fn open_sqlite(url: &str, options: &Options) -> Outcome<Self> {
        let settings = if url.starts_with("sqlite:") {
            SqliteConnectOptions::from_str(url).map_err(|cause| wrong_url(&cause))?
        } else {
            SqliteConnectOptions::new().filename(url)
        };
        let settings = settings
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What is answered survives a power cut; group commit pays for it.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(options.busy)
            .pragma("cache_size", format!("-{}", options.cache_kib))
            // Pages; four times the default, so that a scan's batches do not each end in a checkpoint.
            .pragma("wal_autocheckpoint", "4000")
            .pragma("temp_store", "memory");
        let writing = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(options.acquire)
            .connect_with(settings.clone())
            .await
            .map_err(|error| translate(error, Doing::Other))?;
        {
            let mut connection = writing.acquire().await.map_err(|error| translate(error, Doing::Other))?;
            migrate(&mut *connection, Flavour::Sqlite).await?;
        }
        let reading = SqlitePoolOptions::new()
            .max_connections(options.connections)
            .acquire_timeout(options.acquire)
            // A file that is open stays open: asking each time costs as much as the question.
            .test_before_acquire(false)
            .connect_with(
                settings.pragma("query_only", "on").pragma("cache_size", format!("-{}", options.cache_kib / READERS_SHARE)),
            )
            .await
            .map_err(|error| translate(error, Doing::Other))?;
        let metrics = Arc::new(Metrics::default());
        let answers = Arc::<Answers>::default();
        let writer = Writer::sqlite(writing, Arc::clone(&metrics), Arc::clone(&answers));
        Ok(Self {
            readers: Readers::Sqlite(reading),
            writer,
            metrics,
            admitted: Arc::default(),
            seeks: Arc::default(),
            answers: Some(answers),
        })
    }

    async fn open_postgres(url: &str, options: &Options) -> Outcome<Self> {
        let settings = PgConnectOptions::from_str(url).map_err(|cause| wrong_url(&cause))?;
        let pool = PgPoolOptions::new()
            .max_connections(options.connections)
            .acquire_timeout(options.acquire)
            .connect_with(settings)
            .await
            .map_err(|error| translate(error, Doing::Other))?;
        {
            let mut connection = pool.acquire().await.map_err(|error| translate(error, Doing::Other))?;
            migrate(&mut *connection, Flavour::Postgres).await?;
        }
        let metrics = Arc::new(Metrics::default());
        let writer = Writer::Postgres(pool.clone(), Arc::clone(&metrics));
        Ok(Self {
            readers: Readers::Postgres(pool),
            writer,
            metrics,
            admitted: Arc::default(),
            seeks: Arc::default(),
            answers: None,
        })
    }
}

/// The cause may repeat the URL, and with it a password: only its kind is kept.
fn wrong_url(cause: &sqlx::Error) -> Failure {
    let kind = if matches!(cause, sqlx::Error::Configuration(_)) { "configuration" } else { "other" };
    Failure::invalid("the database URL cannot be read")
        .with_detail(kind)
        .with_next_step("use a path, sqlite:///path/to/catalogue.db or postgres://user:password@host:port/database")
}
