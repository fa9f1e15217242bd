//! How the lists that doors ask for are looked up: through which index, never by reading the biggest table through.
//!
//! Plans are asked of the databases themselves. PostgreSQL is told to avoid reading through where it can, since the tables of a test are
//! too small for it to mind.

use capstan_domain::listing::{Filter, Listing, Operator};

use crate::connection::{Connection, Flavour};
use crate::entry::{ALL, FROM, OF_FOLDER, window_of_folder};
use crate::query::{Query, Value, sql};
use crate::select::Select;
use crate::{Catalogue, Options};

/// Statements as lists make them, by name.
fn statements(flavour: Flavour) -> Vec<(&'static str, Query)> {
    let children = |extra: &[(&str, Operator, &str)]| {
        let mut listing = Listing { offset: 5_000_000, ..Listing::first(50) }.with("parent_number", Operator::Equal, 7);
        for (field, operator, value) in extra {
            listing = listing.with(field, *operator, value);
        }
        listing
    };
    let window = |select: &Select, listing: &Listing| {
        let clauses = select.clauses(flavour, listing).unwrap();
        let text = format!("{}{}{} LIMIT 50 OFFSET 50", select.text(), clauses.filter, clauses.order);
        sql(text).bind_all(clauses.values)
    };
    let count = |listing: &Listing| {
        let clauses = ALL.clauses(flavour, listing).unwrap();
        sql(format!("SELECT count(*) FROM {FROM}{}", clauses.filter)).bind_all(clauses.values)
    };
    let filtered = [
        children(&[("name", Operator::Like, "a%")]),
        children(&[("name", Operator::Equal, "a")]),
        children(&[("kind", Operator::In, "file")]),
        children(&[("mode", Operator::Equal, "420")]),
        children(&[("size", Operator::Greater, "10"), ("modified", Operator::Less, "10")]),
        children(&[("uid", Operator::NotEqual, "0"), ("gid", Operator::NotEqual, "0"), ("changed", Operator::Greater, "0")]),
    ];
    let numbers = Filter { field: "number".into(), operator: Operator::In, values: vec!["1".into(), "2".into()] };
    let mut roots = Listing::first(50);
    roots.filters.push(numbers);
    let deep = sql(window_of_folder()).bind(7_i64).bind("m").bind(50_u32).bind(2_000_u64);
    let mark = sql("SELECT name FROM entries WHERE parent = $1 AND name >= $2 ORDER BY name LIMIT 1 OFFSET $3");
    let mut all = vec![
        ("a deep window of a folder", deep),
        ("the next mark of a folder", mark.bind(7_i64).bind("m").bind(2_048_i64)),
        ("the count of a folder", sql("SELECT count(*) FROM entries WHERE parent = $1").bind(7_i64)),
        ("the tops of trees", window(&ALL, &roots)),
        ("one entry", sql(format!("{} WHERE t.number = $1", ALL.text())).bind(7_i64)),
    ];
    for listing in &filtered {
        all.push(("a filtered window of a folder", window(&OF_FOLDER, listing)));
        all.push(("the count of a filtered folder", count(listing)));
    }
    all
}

pub(crate) async fn plan(connection: &mut Connection, query: Query) -> String {
    let prefix = if connection.flavour() == Flavour::Sqlite { "EXPLAIN QUERY PLAN " } else { "EXPLAIN " };
    let explain = Query { text: format!("{prefix}{}", query.text).into(), values: query.values };
    let flavour = connection.flavour();
    let mut lines = Vec::new();
    for mut row in connection.all(explain).await.unwrap() {
        // SQLite: id, parent, unused, detail.
        row.next = if flavour == Flavour::Sqlite { 3 } else { 0 };
        lines.push(row.take::<String>().unwrap());
    }
    lines.join("\n")
}

#[tokio::test]
async fn on_sqlite_every_list_of_files_goes_through_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(directory.path().join("c.db").to_str().unwrap(), Options::default()).await.unwrap();
    let mut connection = catalogue.read().await.unwrap();
    for (name, query) in statements(Flavour::Sqlite) {
        let plan = plan(&mut connection, query).await;
        assert!(!plan.lines().any(|line| line.starts_with("SCAN t") || line.starts_with("SCAN entries")), "{name}:\n{plan}");
        assert!(!plan.contains("TEMP B-TREE FOR ORDER BY") || name == "a deep window of a folder", "{name}:\n{plan}");
        if name.contains("deep") || name.contains("mark") || name == "the count of a folder" {
            assert!(plan.contains("SEARCH entries USING COVERING INDEX"), "{name}:\n{plan}");
        }
    }
}

/// A database of its own on the server of the tests.
pub(crate) struct Server {
    admin: sqlx::PgPool,
    name: String,
}

impl Server {
    /// With an empty catalogue on it. None: there is no server; said on stderr.
    pub(crate) async fn find(name: &str) -> Option<(Self, Catalogue)> {
        let Ok(server) = std::env::var("CAPSTAN_TEST_POSTGRES_URL") else {
            let may_skip = std::env::var_os("CAPSTAN_TEST_REQUIRE_SERVERS").is_none();
            assert!(may_skip, "CAPSTAN_TEST_POSTGRES_URL is not set, and nothing may be skipped");
            eprintln!("skipped on PostgreSQL: CAPSTAN_TEST_POSTGRES_URL is not set");
            return None;
        };
        let name = format!("{name}_{}", std::process::id());
        let admin = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect(&server).await.unwrap();
        for text in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&admin).await.unwrap();
        }
        let (head, _) = server.rsplit_once('/').unwrap();
        let catalogue = Catalogue::open(&format!("{head}/{name}"), Options::default()).await.unwrap();
        Some((Self { admin, name }, catalogue))
    }

    pub(crate) async fn done(self, catalogue: Catalogue) {
        drop(catalogue);
        let text = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&self.admin).await.unwrap();
    }
}

#[tokio::test]
async fn on_postgresql_every_list_of_files_goes_through_an_index() {
    let Some((server, catalogue)) = Server::find("plans").await else { return };
    let mut connection = catalogue.read().await.unwrap();
    connection.run(sql("SET enable_seqscan = off")).await.unwrap();
    for (name, query) in statements(Flavour::Postgres) {
        let plan = plan(&mut connection, query).await;
        assert!(!plan.contains("Seq Scan on entries"), "{name}:\n{plan}");
        if name.contains("deep") || name.contains("mark") {
            assert!(
                plan.contains("Index Only Scan using entries_parent_name_key")
                    || plan.contains("Index Scan using entries_parent_name_key"),
                "{name}:\n{plan}"
            );
        }
    }
    drop(connection);
    server.done(catalogue).await;
}

#[test]
fn statements_bind_what_they_name() {
    for flavour in [Flavour::Sqlite, Flavour::Postgres] {
        for (name, query) in statements(flavour) {
            for at in 1..=query.values.len() {
                assert!(query.text.contains(&format!("${at}")), "{name}: ${at} stands nowhere");
            }
            assert!(query.values.iter().all(|value| !matches!(value, Value::Int(None) | Value::Text(None))), "{name}");
        }
    }
}
