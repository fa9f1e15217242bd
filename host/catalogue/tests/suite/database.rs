//! An empty catalogue for one test, on either database.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use capstan_catalogue::{Catalogue, Options};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// What must live as long as the catalogue, and the URL to open it again.
pub(crate) struct Base {
    pub(crate) url: String,
    _directory: Option<tempfile::TempDir>,
}

pub(crate) fn options() -> Options {
    Options { connections: 4, acquire: Duration::from_secs(30), ..Options::default() }
}

pub(crate) async fn sqlite() -> (Catalogue, Base) {
    let directory = tempfile::tempdir().unwrap();
    let url = directory.path().join("catalogue.db").to_str().unwrap().to_owned();
    let catalogue = Catalogue::open(&url, options()).await.unwrap();
    (catalogue, Base { url, _directory: Some(directory) })
}

/// None: there is no server; said on stderr.
pub(crate) async fn postgres() -> Option<(Catalogue, Base)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Ok(server) = std::env::var("CAPSTAN_TEST_POSTGRES_URL") else {
        let may_skip = std::env::var_os("CAPSTAN_TEST_REQUIRE_SERVERS").is_none();
        assert!(may_skip, "CAPSTAN_TEST_POSTGRES_URL is not set, and nothing may be skipped");
        eprintln!("skipped on PostgreSQL: CAPSTAN_TEST_POSTGRES_URL is not set");
        return None;
    };
    let name = format!("catalogue_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&server).await.unwrap();
    for text in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    let (head, _) = server.rsplit_once('/').unwrap();
    let url = format!("{head}/{name}");
    let catalogue = Catalogue::open(&url, options()).await.unwrap();
    Some((catalogue, Base { url, _directory: None }))
}

impl Base {
    /// Drops what a server would keep.
    pub(crate) async fn done(self, catalogue: Catalogue) {
        drop(catalogue);
        if self.url.starts_with("postgres")
            && let Some((_, name)) = self.url.rsplit_once('/')
            && let Ok(server) = std::env::var("CAPSTAN_TEST_POSTGRES_URL")
            && let Ok(mut connection) = PgConnection::connect(&server).await
        {
            let text = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
        }
    }
}

/// What a test does with an empty catalogue.
pub(crate) type Rule = for<'a> fn(&'a Catalogue, &'a Base) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// One runtime for all tests' types: a rule is a boxed future, so that 120 tests do not compile 120 runtimes.
pub(crate) fn block_on(future: Pin<Box<dyn Future<Output = ()> + '_>>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future);
}

pub(crate) fn on_sqlite(rule: Rule) {
    block_on(Box::pin(async move {
        let (catalogue, base) = sqlite().await;
        rule(&catalogue, &base).await;
        base.done(catalogue).await;
    }));
}

pub(crate) fn on_postgres(rule: Rule) {
    block_on(Box::pin(async move {
        if let Some((catalogue, base)) = postgres().await {
            rule(&catalogue, &base).await;
            base.done(catalogue).await;
        }
    }));
}

/// `on_both! { rule_in_words => function }` makes `rule_in_words::sqlite` and `rule_in_words::postgres` of
/// `async fn function(catalogue: &Catalogue, base: &Base)`.
macro_rules! on_both {
    ($($rule:ident => $function:path),* $(,)?) => {$(
        mod $rule {
            use super::*;

            #[test]
            fn sqlite() {
                $crate::database::on_sqlite(|catalogue, base| Box::pin($function(catalogue, base)));
            }

            #[test]
            fn postgres() {
                $crate::database::on_postgres(|catalogue, base| Box::pin($function(catalogue, base)));
            }
        }
    )*};
}

pub(crate) use on_both;
