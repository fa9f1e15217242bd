//! Targets, locations, pools, spaces, scans, definitions: made, found, changed, deleted, and what holds them.

use std::time::Duration;

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::entry::Tree;
use capstan_domain::grant::{NewGrant, Power};
use capstan_domain::ids::{Reference, SpaceId, TargetId};
use capstan_domain::job::{End, JobState, NewDefinition, NewEndpoint, Place};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::pool::{NewPool, PeriodUnit, Pool, PoolContent, PoolRole};
use capstan_domain::ports::LocationInfo;
use capstan_domain::space::{NewSpace, Space};
use capstan_domain::target::{NewTarget, Target};
use capstan_domain::time::Timestamp;
use capstan_domain::unread::Unread;
use serde_json::json;

use crate::database::{Base, on_both};

pub(crate) async fn target(catalogue: &Catalogue, name: &str) -> Target {
    let new = NewTarget {
        name: name.to_owned(),
        plugin: "s3".to_owned(),
        pinned: None,
        configuration: json!({"endpoint": "http://127.0.0.1:1"}),
        attributes: json!({"nodeum": {"provider": "generic_s3"}}),
        secrets: Vec::new(),
        owner: None,
    };
    catalogue.create_target(TargetId::new(), &new, Vec::new(), Vec::new()).await.unwrap()
}

pub(crate) fn info(name: &str) -> LocationInfo {
    LocationInfo { name: name.to_owned(), created: Some(7), extras: Vec::new() }
}

pub(crate) async fn pool(catalogue: &Catalogue, name: &str, role: PoolRole) -> Pool {
    let new = NewPool {
        name: name.to_owned(),
        comment: None,
        content: PoolContent::Cloud,
        role,
        protects_full: false,
        attributes: json!({}),
    };
    catalogue.create_pool(&new, &[]).await.unwrap()
}

pub(crate) async fn space(catalogue: &Catalogue, name: &str) -> Space {
    let new = NewSpace {
        name: name.to_owned(),
        comment: None,
        directory: format!("/spaces/{name}"),
        quota_bytes: Some(1 << 40),
        cache_quota_bytes: None,
        push_pool: None,
        cleaning_pool: None,
        attributes: json!({}),
    };
    catalogue.create_space(&new).await.unwrap()
}

on_both! {
    a_target_keeps_what_it_was_given => keeps,
    a_taken_name_is_told_and_changes_nothing => taken,
    numbers_are_never_used_again => numbers,
    a_number_is_an_id_before_it_is_a_name => references,
    a_sync_makes_keeps_and_marks_locations => syncs,
    a_location_is_in_one_pool_at_a_time => membership,
    what_is_referred_to_cannot_be_deleted => in_use,
    a_primary_pool_and_a_space_have_a_root => roots,
    only_one_scheduler_takes_a_due_scan => scans,
    a_definition_starts_not_activated => definitions,
    a_nul_in_a_text_is_refused => nul,
}

async fn keeps(catalogue: &Catalogue, _: &Base) {
    let new = NewTarget {
        name: "b2 – größer".to_owned(),
        plugin: "s3".to_owned(),
        pinned: Some("0.1.0".to_owned()),
        configuration: json!({"a": [1, null, "x"]}),
        attributes: json!({}),
        secrets: Vec::new(),
        owner: None,
    };
    let power = Power::Connect { host: "h".to_owned(), port: 9 };
    let grant = NewGrant { power: power.clone(), by: "configured".to_owned(), reason: None };
    let sealed = vec![("secret-key".to_owned(), vec![0, 1, 255]), ("access-key".to_owned(), Vec::new())];
    let made = catalogue.create_target(TargetId::new(), &new, sealed, vec![grant]).await.unwrap();
    let found = catalogue.target(made.id).await.unwrap();
    assert_eq!((found.number, found.name.as_str(), found.pinned.as_deref()), (made.number, "b2 – größer", Some("0.1.0")));
    assert_eq!(found.configuration, json!({"a": [1, null, "x"]}));
    assert_eq!(found.secrets, ["access-key", "secret-key"]);
    assert_eq!(catalogue.secrets(made.id).await.unwrap()[1], ("secret-key".to_owned(), vec![0, 1, 255]));
    let grants = catalogue.grants_in_force(made.id).await.unwrap();
    assert_eq!(grants[0].power, power);
    catalogue.revoke_grant(grants[0].id).await.unwrap();
    assert!(catalogue.grants_in_force(made.id).await.unwrap().is_empty());
    assert!(catalogue.grant(grants[0].id).await.unwrap().revoked.is_some());

    let mut changed = found.clone();
    changed.pinned = None;
    changed.configuration = json!({});
    let changed = catalogue
        .update_target(&changed, vec![("new".to_owned(), vec![9])], vec!["access-key".to_owned()], Vec::new())
        .await
        .unwrap();
    assert_eq!((changed.pinned, changed.secrets), (None, vec!["new".to_owned(), "secret-key".to_owned()]));

    catalogue.delete_target(made.id).await.unwrap();
    assert_eq!(catalogue.target(made.id).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.delete_target(made.id).await.unwrap_err().kind, Kind::NotFound);
    assert!(catalogue.secrets(made.id).await.unwrap().is_empty());
}

async fn taken(catalogue: &Catalogue, _: &Base) {
    target(catalogue, "one").await;
    let two = target(catalogue, "two").await;
    let again = NewPool {
        name: "p".to_owned(),
        comment: None,
        content: PoolContent::Nas,
        role: PoolRole::Scratch,
        protects_full: false,
        attributes: json!({}),
    };
    catalogue.create_pool(&again, &[]).await.unwrap();
    let failure = catalogue.create_pool(&again, &[]).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::AlreadyExists, Some("taken")));
    assert!(!failure.message.to_lowercase().contains("constraint"), "{}", failure.message);
    let mut renamed = two.clone();
    renamed.name = "one".to_owned();
    let failure = catalogue.update_target(&renamed, vec![("s".to_owned(), vec![1])], Vec::new(), Vec::new()).await.unwrap_err();
    assert_eq!(failure.kind, Kind::AlreadyExists);
    assert!(catalogue.secrets(two.id).await.unwrap().is_empty());
    // Case counts.
    target(catalogue, "ONE").await;
}

async fn numbers(catalogue: &Catalogue, _: &Base) {
    let first = target(catalogue, "a").await;
    catalogue.delete_target(first.id).await.unwrap();
    let second = target(catalogue, "a").await;
    assert!(second.number > first.number);
}

async fn references(catalogue: &Catalogue, _: &Base) {
    let first = target(catalogue, "x").await;
    let named = target(catalogue, &first.number.to_string()).await;
    let odd = target(catalogue, "4711").await;
    assert_eq!(catalogue.target(Reference::Given(first.number.to_string())).await.unwrap().id, first.id);
    assert_eq!(catalogue.target("4711").await.unwrap().id, odd.id);
    assert_eq!(catalogue.target(named.number).await.unwrap().id, named.id);
    assert_eq!(catalogue.target("%7Btask_id%7D").await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.target("99999999999999999999999").await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.target("nul\0").await.unwrap_err().kind, Kind::NotFound);
}

async fn syncs(catalogue: &Catalogue, _: &Base) {
    let t = target(catalogue, "t").await;
    let first = catalogue.sync_locations(t.id, &[info("a"), info("b")]).await.unwrap();
    assert_eq!(first.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((first[0].created, first[0].target_number), (Timestamp(7), t.number));
    catalogue.set_location_attributes(first[1].id, &json!({"price": 3})).await.unwrap();
    let second = catalogue.sync_locations(t.id, &[info("b"), info("c")]).await.unwrap();
    assert_eq!(second.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!((second[0].id, &second[0].attributes), (first[1].id, &json!({"price": 3})));
    let gone = catalogue.location(first[0].id).await.unwrap();
    assert!(!gone.present);
    let third = catalogue.sync_locations(t.id, &[info("a")]).await.unwrap();
    assert_eq!((third[0].id, third[0].present), (first[0].id, true));
    let absent = Listing::first(10).with("present", Operator::Equal, false);
    assert_eq!(catalogue.locations(&absent).await.unwrap().count, 2);
}

async fn membership(catalogue: &Catalogue, _: &Base) {
    let t = target(catalogue, "t").await;
    let l = catalogue.sync_locations(t.id, &[info("a"), info("b")]).await.unwrap();
    let new = |name: &str| NewPool {
        name: name.to_owned(),
        comment: None,
        content: PoolContent::Cloud,
        role: PoolRole::ActiveArchive,
        protects_full: false,
        attributes: json!({}),
    };
    let p = catalogue.create_pool(&new("p"), &[l[0].id, l[1].id]).await.unwrap();
    assert_eq!(catalogue.members(p.id).await.unwrap().len(), 2);
    let failure = catalogue.create_pool(&new("q"), &[l[0].id]).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some("in-use")));
    assert_eq!(catalogue.pool("q").await.unwrap_err().kind, Kind::NotFound);
    catalogue.update_pool(&p, Some(&[l[1].id])).await.unwrap();
    assert_eq!(catalogue.location(l[0].id).await.unwrap().pool, None);
    assert_eq!(catalogue.location(l[1].id).await.unwrap().pool_number, Some(p.number));
    catalogue.update_pool(&p, None).await.unwrap();
    assert_eq!(catalogue.members(p.id).await.unwrap().len(), 1);
    let unknown = capstan_domain::ids::LocationId::new();
    assert_eq!(catalogue.update_pool(&p, Some(&[unknown])).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.members(p.id).await.unwrap().len(), 1);
    catalogue.delete_pool(p.id).await.unwrap();
    assert_eq!(catalogue.location(l[1].id).await.unwrap().pool, None);
}

pub(crate) async fn definition(catalogue: &Catalogue, name: &str) -> capstan_domain::job::Definition {
    let new = NewDefinition {
        name: name.to_owned(),
        comment: None,
        workflow: "active_archive".to_owned(),
        action: "copy".to_owned(),
        active: true,
        options: json!({}),
        attributes: json!({}),
    };
    catalogue.create_definition(&new).await.unwrap()
}

async fn in_use(catalogue: &Catalogue, _: &Base) {
    let p = pool(catalogue, "p", PoolRole::ActiveArchive).await;
    let d = definition(catalogue, "d").await;
    let endpoint = NewEndpoint {
        definition: d.id,
        end: End::Destination,
        given: json!({"pool_name": "p"}),
        place: Place::Pool { pool: p.id, path: "in/here".to_owned() },
    };
    let made = catalogue.create_endpoint(&endpoint).await.unwrap();
    assert_eq!((made.definition_number, &made.place), (d.number, &endpoint.place));
    let failure = catalogue.delete_pool(p.id).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some("in-use")));
    let nowhere = NewEndpoint { place: Place::Space { space: SpaceId::new(), path: String::new() }, ..endpoint.clone() };
    assert_eq!(catalogue.create_endpoint(&nowhere).await.unwrap_err().kind, Kind::Invalid);
    let of = Listing::first(10).with("definition_number", Operator::Equal, d.number).with("end", Operator::Equal, "destination");
    assert_eq!(catalogue.endpoints(&of).await.unwrap().count, 1);
    catalogue.delete_definition(d.id).await.unwrap();
    catalogue.delete_pool(p.id).await.unwrap();
    assert_eq!(catalogue.endpoints(&Listing::first(10)).await.unwrap().count, 0);
}

async fn roots(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let root = catalogue.entry(s.root).await.unwrap();
    assert_eq!((root.number, root.path.as_str(), root.tree, root.tree_number), (s.root_number, "", Tree::Space(s.id), s.number));
    assert_eq!((root.parent, root.parent_number), (None, None));
    let secondary = pool(catalogue, "p", PoolRole::ActiveArchive).await;
    assert_eq!(secondary.root, None);
    let mut primary = secondary.clone();
    primary.role = PoolRole::Primary;
    let primary = catalogue.update_pool(&primary, None).await.unwrap();
    assert_eq!(catalogue.entry_at(Tree::Pool(primary.id), "").await.unwrap().id, primary.root.unwrap());
    catalogue.delete_pool(primary.id).await.unwrap();
    assert_eq!(catalogue.entry(primary.root.unwrap()).await.unwrap_err().kind, Kind::NotFound);
}

async fn scans(catalogue: &Catalogue, _: &Base) {
    let p = pool(catalogue, "p", PoolRole::Primary).await;
    let due = Timestamp(1_000);
    let scan = catalogue.put_scan(p.id, true, 2, PeriodUnit::Hours, Some(due)).await.unwrap();
    assert_eq!((scan.pool_number, scan.operand, scan.unit), (p.number, 2, PeriodUnit::Hours));
    assert!(catalogue.due_scans(Timestamp(999), 10).await.unwrap().is_empty());
    let found = catalogue.due_scans(Timestamp(1_000), 10).await.unwrap();
    let next = Some(due.plus(Duration::from_secs(7200)));
    assert!(catalogue.advance_scan(&found[0], next, Timestamp(1_001)).await.unwrap());
    assert!(!catalogue.advance_scan(&found[0], next, Timestamp(1_001)).await.unwrap());
    catalogue.finish_scan(p.id, Timestamp(2_000)).await.unwrap();
    let after = catalogue.scan_of(p.id).await.unwrap();
    assert_eq!((after.due, after.last_started, after.last_finished), (next, Some(Timestamp(1_001)), Some(Timestamp(2_000))));
    assert_eq!((after.last_complete, after.unread.is_empty()), (None, true));
    let mut unread = Unread::default();
    unread.add("share/a \"b\"");
    catalogue.mark_scan(p.id, Some(Timestamp(3_000)), &unread).await.unwrap();
    let marked = catalogue.scan_of(p.id).await.unwrap();
    assert_eq!((marked.last_complete, marked.unread), (Some(Timestamp(3_000)), unread));
    let off = catalogue.put_scan(p.id, false, 1, PeriodUnit::Days, None).await.unwrap();
    assert_eq!((off.id, off.enabled), (scan.id, false));
    catalogue.delete_scan(p.id).await.unwrap();
    assert_eq!(catalogue.scan_of(p.id).await.unwrap_err().kind, Kind::NotFound);
}

async fn definitions(catalogue: &Catalogue, _: &Base) {
    let old = definition(catalogue, "same").await;
    let new = definition(catalogue, "same").await;
    assert_eq!((old.status, old.job), (JobState::NotActivated, None));
    assert_eq!(catalogue.definition("same").await.unwrap().id, new.id);
    let mut changed = old.clone();
    changed.comment = Some("c".to_owned());
    assert_eq!(catalogue.update_definition(&changed).await.unwrap().comment.as_deref(), Some("c"));
}

async fn nul(catalogue: &Catalogue, _: &Base) {
    let new = NewPool {
        name: "a\0b".to_owned(),
        comment: None,
        content: PoolContent::Nas,
        role: PoolRole::Scratch,
        protects_full: false,
        attributes: json!({}),
    };
    assert_eq!(catalogue.create_pool(&new, &[]).await.unwrap_err().kind, Kind::Invalid);
}
