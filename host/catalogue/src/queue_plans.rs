//! How a worker's next job is looked up: through the index of lanes, never by reading through what has ended or waits in the other
//! lane.

use capstan_domain::time::Timestamp;

use crate::connection::Flavour;
use crate::plans::{Server, plan};
use crate::query::{Query, sql};
use crate::queue::claim;
use crate::{Catalogue, Options};

fn statement(flavour: Flavour) -> Query {
    sql(claim(flavour)).bind("worker").bind(Timestamp(2)).bind(Timestamp(1)).bind("brief")
}

#[tokio::test]
async fn on_sqlite_a_claim_goes_through_the_index_of_lanes() {
    let directory = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(directory.path().join("c.db").to_str().unwrap(), Options::default()).await.unwrap();
    let mut connection = catalogue.read().await.unwrap();
    let plan = plan(&mut connection, statement(Flavour::Sqlite)).await;
    assert!(plan.contains("USING INDEX jobs_lane (state=? AND lane=? AND ready<?)"), "{plan}");
    assert!(!plan.contains("SCAN jobs"), "{plan}");
}

/// It is told to avoid reading through where it can, since the table of a test is too small for it to mind.
#[tokio::test]
async fn on_postgresql_a_claim_goes_through_an_index() {
    let Some((server, catalogue)) = Server::find("queue_plans").await else { return };
    let mut connection = catalogue.read().await.unwrap();
    connection.run(sql("SET enable_seqscan = off")).await.unwrap();
    let plan = plan(&mut connection, statement(Flavour::Postgres)).await;
    assert!(!plan.contains("Seq Scan on jobs"), "{plan}");
    drop(connection);
    server.done(catalogue).await;
}
