//! How the lists of an owner's drives, snapshots and machines are looked up: through the index of that owner, page and count.
//!
//! PostgreSQL is told to avoid reading through where it can, since the tables of a test are too small for it to mind.

use capstan_domain::ids::{DriveId, TagId, UserId};
use capstan_domain::listing::{Listing, Operator};

use crate::connection::Flavour;
use crate::drive::DRIVES;
use crate::machine::MACHINES;
use crate::plans::{Server, plan};
use crate::query::{Query, sql};
use crate::select::Select;
use crate::snapshot::SNAPSHOTS;
use crate::{Catalogue, Options};

/// A list as a door asks for it, and the index that is to give its page and its count.
struct Case {
    name: &'static str,
    table: &'static str,
    index: &'static str,
    page: Query,
    count: Query,
}

fn case(
    flavour: Flavour,
    (name, table, index): (&'static str, &'static str, &'static str),
    select: &Select,
    listing: &Listing,
) -> Case {
    let clauses = select.clauses(flavour, listing).unwrap();
    let page = format!("{}{}{} LIMIT 20 OFFSET 40", select.text(), clauses.filter, clauses.order);
    let count = format!("SELECT count(*) FROM {}{}", select.from, clauses.filter);
    Case { name, table, index, page: sql(page).bind_all(clauses.values.clone()), count: sql(count).bind_all(clauses.values) }
}

fn cases(flavour: Flavour) -> Vec<Case> {
    let owned = || Listing::first(20).with("owner", Operator::Equal, UserId::new());
    let shown = || owned().with("state", Operator::NotEqual, "deleting");
    let tagged = shown().with("tag", Operator::Equal, TagId::new());
    let named = shown().with("tag_name", Operator::Equal, "red");
    let taken = Listing::first(20).with("drive", Operator::Equal, DriveId::new());
    let drives = |name| (name, "drives", "drives_owner");
    vec![
        case(flavour, drives("an owner's drives"), &DRIVES, &shown()),
        case(flavour, drives("an owner's drives of a tag"), &DRIVES, &tagged),
        case(flavour, drives("an owner's drives of a tag's name"), &DRIVES, &named),
        case(flavour, drives("an owner's drives of a pattern"), &DRIVES, &shown().with("name", Operator::Like, "a%")),
        case(flavour, ("an owner's snapshots", "drive_snapshots", "drive_snapshots_owner"), &SNAPSHOTS, &shown()),
        case(flavour, ("a drive's snapshots", "drive_snapshots", "drive_snapshots_drive"), &SNAPSHOTS, &taken),
        case(flavour, ("an owner's machines", "machines", "machines_owner"), &MACHINES, &owned()),
    ]
}

#[tokio::test]
async fn on_sqlite_an_owners_lists_go_through_their_index() {
    let directory = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(directory.path().join("c.db").to_str().unwrap(), Options::default()).await.unwrap();
    let mut connection = catalogue.read().await.unwrap();
    for case in cases(Flavour::Sqlite) {
        let (name, index) = (case.name, case.index);
        let page = plan(&mut connection, case.page).await;
        let count = plan(&mut connection, case.count).await;
        if name.contains("tag") {
            // From the drives that bear it, by their numbers, through whichever index is nearer.
            for plan in [page, count] {
                assert!(plan.contains("SEARCH t USING ") && !plan.contains("SCAN t"), "{name}:\n{plan}");
            }
            continue;
        }
        assert!(page.contains(&format!("SEARCH t USING INDEX {index} ")), "{name}:\n{page}");
        assert!(!page.contains("TEMP B-TREE FOR ORDER BY"), "{name}:\n{page}");
        let search = if name.contains("pattern") { "INDEX" } else { "COVERING INDEX" };
        assert!(count.contains(&format!("SEARCH t USING {search} {index} ")), "{name}:\n{count}");
    }
}

#[tokio::test]
async fn on_postgresql_an_owners_lists_go_through_their_index() {
    let Some((server, catalogue)) = Server::find("drive_plans").await else { return };
    let mut connection = catalogue.read().await.unwrap();
    connection.run(sql("SET enable_seqscan = off")).await.unwrap();
    for case in cases(Flavour::Postgres) {
        for query in [case.page, case.count] {
            let plan = plan(&mut connection, query).await;
            assert!(plan.contains(case.index), "{}:\n{plan}", case.name);
            assert!(!plan.contains(&format!("Seq Scan on {} t", case.table)), "{}:\n{plan}", case.name);
        }
    }
    drop(connection);
    server.done(catalogue).await;
}
