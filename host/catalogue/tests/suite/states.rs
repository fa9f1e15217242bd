//! What plugins keep: versions, bounds, order.

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::ports::StateStore;

use crate::database::{Base, on_both};
use crate::nouns::target;

on_both! {
    a_version_that_is_not_the_expected_one_is_a_conflict => versions,
    keys_are_bounded_and_ordered_bytewise => keys,
    of_many_that_expect_the_same_version_one_wins => race,
}

async fn versions(catalogue: &Catalogue, _: &Base) {
    let t = target(catalogue, "t").await.id;
    assert!(catalogue.get(t, "k").await.unwrap().is_none());
    let first = catalogue.set(t, "k", vec![1], Some(0), 10).await.unwrap();
    assert_eq!(catalogue.set(t, "k", vec![2], Some(0), 10).await.unwrap_err().kind, Kind::Conflict);
    let second = catalogue.set(t, "k", vec![2], Some(first), 10).await.unwrap();
    assert!(second > first);
    assert_eq!(catalogue.get(t, "k").await.unwrap().unwrap().data, [2]);
    assert_eq!(catalogue.remove(t, "k", Some(first)).await.unwrap_err().kind, Kind::Conflict);
    catalogue.remove(t, "k", Some(second)).await.unwrap();
    catalogue.remove(t, "k", None).await.unwrap();
    assert!(catalogue.set(t, "k", vec![3], None, 10).await.unwrap() > second);
}

async fn keys(catalogue: &Catalogue, _: &Base) {
    let t = target(catalogue, "t").await.id;
    for key in ["p/b", "p/B", "q", "p/é"] {
        catalogue.set(t, key, Vec::new(), None, 4).await.unwrap();
    }
    assert_eq!(catalogue.set(t, "more", Vec::new(), None, 4).await.unwrap_err().kind, Kind::NoSpace);
    catalogue.set(t, "q", vec![1], None, 4).await.unwrap();
    assert_eq!(catalogue.keys(t, "p/", None, 10).await.unwrap(), ["p/B", "p/b", "p/é"]);
    assert_eq!(catalogue.keys(t, "", Some("p/B"), 2).await.unwrap(), ["p/b", "p/é"]);
    let other = target(catalogue, "u").await.id;
    assert!(catalogue.keys(other, "", None, 10).await.unwrap().is_empty());
}

async fn race(catalogue: &Catalogue, _: &Base) {
    let t = target(catalogue, "t").await.id;
    let tasks: Vec<_> = (0..8_u8)
        .map(|at| {
            let catalogue = catalogue.clone();
            tokio::spawn(async move { catalogue.set(t, "k", vec![at], Some(0), 10).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += u32::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
}
