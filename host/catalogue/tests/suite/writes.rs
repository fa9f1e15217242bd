//! Durability and grouping of writes.

use capstan_catalogue::Catalogue;
use capstan_domain::ids::TargetId;
use capstan_domain::listing::Listing;
use serde_json::json;

use crate::database::{Base, on_both, options};
use crate::nouns::target;

on_both! {
    what_was_answered_is_there_after_opening_again => durable,
    a_write_that_fails_leaves_the_others_of_its_group => grouped,
    a_caller_that_goes_away_does_not_stop_the_writer => dropped,
    opening_twice_brings_the_schema_up_once => twice,
}

async fn durable(catalogue: &Catalogue, base: &Base) {
    let made = target(catalogue, "t").await;
    let other = Catalogue::open(&base.url, options()).await.unwrap();
    assert_eq!(other.target(made.id).await.unwrap().name, "t");
}

async fn grouped(catalogue: &Catalogue, _: &Base) {
    target(catalogue, "taken").await;
    let tasks: Vec<_> = (0..200)
        .map(|at| {
            let catalogue = catalogue.clone();
            tokio::spawn(async move {
                let name = if at % 4 == 0 { "taken".to_owned() } else { format!("t{at}") };
                let new = capstan_domain::target::NewTarget {
                    name,
                    plugin: "s3".to_owned(),
                    pinned: None,
                    configuration: json!({}),
                    attributes: json!({}),
                    secrets: Vec::new(),
                    owner: None,
                };
                catalogue.create_target(TargetId::new(), &new, vec![("s".to_owned(), vec![1])], Vec::new()).await.is_ok()
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += u64::from(task.await.unwrap());
    }
    assert_eq!(made, 150);
    assert_eq!(catalogue.targets(&Listing::first(1)).await.unwrap().count, 151);
}

async fn dropped(catalogue: &Catalogue, _: &Base) {
    for _ in 0..50 {
        let catalogue = catalogue.clone();
        let task = tokio::spawn(async move { catalogue.put_setting("a", &json!(1)).await });
        tokio::task::yield_now().await;
        task.abort();
    }
    catalogue.put_setting("b", &json!(2)).await.unwrap();
    assert_eq!(catalogue.setting("b").await.unwrap(), Some(json!(2)));
}

async fn twice(catalogue: &Catalogue, base: &Base) {
    let (a, b) = tokio::join!(Catalogue::open(&base.url, options()), Catalogue::open(&base.url, options()));
    a.unwrap();
    b.unwrap();
    target(catalogue, "t").await;
}

/// One by one these would be 2,000 syncs; in groups they are a few.
#[test]
fn thousands_of_writes_at_once_are_all_kept() {
    crate::database::on_sqlite(|catalogue, _| {
        Box::pin(async move {
            let tasks: Vec<_> = (0..2_000)
                .map(|at| {
                    let catalogue = catalogue.clone();
                    tokio::spawn(async move { catalogue.put_setting(&format!("s{at}"), &json!(at)).await.unwrap() })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(catalogue.setting("s1999").await.unwrap(), Some(json!(1999)));
        })
    });
}
