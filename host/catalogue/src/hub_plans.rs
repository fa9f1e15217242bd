//! How a worker's next task, the lists of jobs and the nodes of a look are found: through an index, never by reading through a table that
//! grows with what was done.

use capstan_domain::listing::{Filter, Listing, Operator};
use capstan_domain::time::Timestamp;

use crate::connection::{Connection, Flavour};
use crate::plans::{Server, plan};
use crate::query::{Query, sql};
use crate::task_claim::claim;
use crate::workflow_job::{WORKFLOW_JOBS, clauses};
use crate::{Catalogue, Options};

fn jobs(flavour: Flavour, field: &str, operator: Operator, values: &[&str], prefix: Option<&str>) -> Query {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    let filters = match field {
        "" => Vec::new(),
        field => vec![Filter { field: field.to_owned(), operator, values }],
    };
    let listing = Listing { filters, ..Listing::first(20) };
    let clauses = clauses(flavour, &listing, prefix).unwrap();
    sql(format!("{}{}{} LIMIT 20 OFFSET 0", WORKFLOW_JOBS.text(), clauses.filter, clauses.order)).bind_all(clauses.values)
}

/// By name, with the index that SQLite must take.
fn statements(flavour: Flavour) -> Vec<(&'static str, Query, &'static str)> {
    let jobs = |field, operator, values: &[&str]| jobs(flavour, field, operator, values, None);
    let task = sql(claim(flavour)).bind("worker").bind(Timestamp(2)).bind(Timestamp(1)).bind(1_i64);
    let node = "SELECT t.head, t.tail FROM tree_snapshot_nodes t WHERE t.snapshot = $1 AND t.head >= $2 \
                AND (t.head > $2 OR t.tail > $3) ORDER BY t.head, t.tail LIMIT 100";
    let stubs = "SELECT count(*) FROM entry_states e WHERE e.tree = $1 AND e.state IN ('migrated', 'recalling')";
    vec![
        ("a claim", task, "tasks_claimable"),
        ("lapsed leases", sql("SELECT id FROM tasks WHERE lease < $1 ORDER BY lease LIMIT 10").bind(1_i64), "tasks_leased"),
        ("tasks of a job", sql("SELECT number FROM tasks WHERE job = $1 AND state = 'PENDING'").bind(1_i64), "tasks_state"),
        ("jobs by owner", jobs("owner", Operator::In, &["-1", "-2"]), "workflow_jobs_owner"),
        ("jobs by state", jobs("state", Operator::In, &["PENDING", "STARTED"]), "workflow_jobs_state"),
        ("jobs by workflow", jobs("workflow", Operator::Equal, &["recall"]), "workflow_jobs_name"),
        ("jobs by client key", jobs("client_key", Operator::In, &["1"]), "workflow_jobs_client_key"),
        ("jobs by schedule", jobs("schedule", Operator::In, &["1"]), "workflow_jobs_schedule"),
        ("jobs by site", jobs("site_number", Operator::Equal, &["1"]), "workflow_jobs_site"),
        ("jobs by queue", jobs("queue_number", Operator::Equal, &["1"]), "workflow_jobs_queue"),
        ("jobs by input path", self::jobs(flavour, "", Operator::Equal, &[], Some("/mnt/s")), "job_inputs_head"),
        ("a page of a look", sql(node).bind(1_i64).bind(&b"a"[..]).bind(&b""[..]), "tree_snapshot_nodes_path"),
        ("stubs of a tree", sql(stubs).bind(1_i64), "entry_states_tree"),
    ]
}

async fn sound(connection: &mut Connection, name: &str, query: Query) -> String {
    let plan = plan(connection, query).await;
    for table in ["tasks", "task_paths", "job_paths", "job_inputs", "entry_states", "entries", "tree_snapshot_nodes"] {
        assert!(!plan.contains(&format!("Seq Scan on {table}")), "{name}:\n{plan}");
    }
    plan
}

#[tokio::test]
async fn on_sqlite_the_index_of_each_question_serves() {
    let directory = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(directory.path().join("c.db").to_str().unwrap(), Options::default()).await.unwrap();
    let mut connection = catalogue.read().await.unwrap();
    for (name, query, index) in statements(Flavour::Sqlite) {
        let plan = sound(&mut connection, name, query).await;
        assert!(plan.contains(&format!("INDEX {index} ")), "{name}:\n{plan}");
        assert!(name != "a claim" || !plan.contains("TEMP B-TREE"), "{name}:\n{plan}");
    }
}

/// It is told to avoid reading through where it can, since the tables of a test are too small for it to mind.
#[tokio::test]
async fn on_postgresql_no_growing_table_is_read_through() {
    let Some((server, catalogue)) = Server::find("hub_plans").await else { return };
    let mut connection = catalogue.read().await.unwrap();
    connection.run(sql("SET enable_seqscan = off")).await.unwrap();
    for (name, query, _) in statements(Flavour::Postgres) {
        let plan = sound(&mut connection, name, query).await;
        assert!(name != "a claim" || plan.contains("tasks_claimable"), "{name}:\n{plan}");
    }
    drop(connection);
    server.done(catalogue).await;
}
