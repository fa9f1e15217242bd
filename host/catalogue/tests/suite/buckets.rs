//! Buckets, and the external targets that lead to them.

use capstan_catalogue::{Catalogue, NewReplica, Record};
use capstan_domain::Kind;
use capstan_domain::bucket::BucketProfile;
use capstan_domain::entry::Tree;
use capstan_domain::external_target::{ExternalTarget, NewExternalTarget, TargetRule};
use capstan_domain::file_state::{FileState, NewFileState};
use capstan_domain::ids::{LocationId, Number, SpaceId};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::time::Timestamp;
use serde_json::json;

use crate::database::{Base, on_both};
use crate::entries::file;
use crate::nouns::{info, space, target};
use crate::sites::{default_site, new_site};

on_both! {
    each_location_of_a_target_shows_as_a_bucket => shown,
    a_space_is_routed_by_what_is_enabled_in_its_order_on_its_sites => routes,
    a_bucket_that_is_being_deleted_takes_no_files_and_goes_when_nothing_needs_it => deletion,
    an_external_target_is_changed_and_deleted => changed,
}

fn profile(name: &str) -> BucketProfile {
    BucketProfile {
        name: name.to_owned(),
        storage_type: Some("S3".to_owned()),
        endpoint: Some("http://127.0.0.1:1".to_owned()),
        label: None,
        folder: Some("f".to_owned()),
        is_ready: true,
        attributes: json!({"port": 1}),
    }
}

fn rule(regex: &str) -> TargetRule {
    TargetRule {
        local_file_regex: regex.to_owned(),
        enabled: true,
        delete_on_recall: false,
        backup_only: false,
        backup_site: None,
        sites: Vec::new(),
        position: 0,
        attributes: json!({}),
    }
}

async fn external(catalogue: &Catalogue, name: &str, of: (SpaceId, LocationId), rule: TargetRule) -> ExternalTarget {
    let new = NewExternalTarget { name: name.to_owned(), space: of.0, location: of.1, rule };
    catalogue.create_external_target(&new).await.unwrap()
}

async fn locations(catalogue: &Catalogue) -> Vec<LocationId> {
    let target = target(catalogue, "t").await;
    let found = catalogue.sync_locations(target.id, &[info("one"), info("two")]).await.unwrap();
    found.into_iter().map(|location| location.id).collect()
}

async fn shown(catalogue: &Catalogue, _: &Base) {
    let locations = locations(catalogue).await;
    let bare = catalogue.bucket("one").await.unwrap();
    assert_eq!((bare.location, bare.profile.storage_type.as_deref(), bare.plugin.as_str()), (locations[0], None, "s3"));
    assert!(bare.profile.is_ready && bare.external_targets.is_empty());
    let named = catalogue.set_bucket_profile(locations[0], &profile("archive")).await.unwrap();
    assert_eq!((named.profile, named.container.as_str()), (profile("archive"), "one"));
    assert_eq!(catalogue.bucket("archive").await.unwrap().number, bare.number);
    let unready = BucketProfile { is_ready: false, ..profile("archive") };
    assert_eq!(catalogue.set_bucket_profile(locations[0], &unready).await.unwrap().profile, unready);
    let taken = catalogue.set_bucket_profile(locations[1], &profile("archive")).await.unwrap_err();
    assert_eq!(taken.kind, Kind::AlreadyExists);
    assert_eq!(catalogue.set_bucket_profile(LocationId::new(), &profile("x")).await.unwrap_err().kind, Kind::NotFound);
    let page = catalogue.buckets(&Listing::first(10)).await.unwrap();
    let names: Vec<_> = page.items.iter().map(|bucket| bucket.profile.name.as_str()).collect();
    assert_eq!(names, ["archive", "two"]);
    let of_type = Listing::first(10).with("storage_type", Operator::Equal, "S3");
    assert_eq!(catalogue.buckets(&of_type).await.unwrap().count, 1);
    assert_eq!(catalogue.bucket("none").await.unwrap_err().kind, Kind::NotFound);
}

async fn routes(catalogue: &Catalogue, _: &Base) {
    let (here, there) = (default_site(catalogue).await, catalogue.create_site(&new_site("there")).await.unwrap());
    let (space, other) = (space(catalogue, "s").await, space(catalogue, "o").await);
    let locations = locations(catalogue).await;
    let of = (space.id, locations[0]);
    external(catalogue, "all", of, TargetRule { position: 5, ..rule(".*") }).await;
    let movies = external(catalogue, "movies", of, rule("mov$")).await;
    external(catalogue, "off", of, TargetRule { enabled: false, ..rule("x") }).await;
    external(catalogue, "there", of, TargetRule { sites: vec![there.number], ..rule("y") }).await;
    external(catalogue, "other", (other.id, locations[1]), rule("z")).await;
    let names = async |site: Number| {
        let routes = catalogue.routes(space.id, site).await.unwrap();
        routes.into_iter().map(|route| route.name).collect::<Vec<_>>()
    };
    assert_eq!(names(here.number).await, ["movies", "all"]);
    assert_eq!(names(there.number).await, ["movies", "there", "all"]);
    let bucket = catalogue.bucket(locations[0]).await.unwrap();
    assert_eq!(bucket.external_targets.len(), 4);
    let of_bucket = Listing::first(10).with("location_number", Operator::Equal, bucket.number);
    assert_eq!(catalogue.external_targets(&of_bucket).await.unwrap().count, 4);
    catalogue.begin_bucket_deletion(locations[0]).await.unwrap();
    assert!(names(here.number).await.is_empty());
    assert!(!catalogue.external_target(movies.id).await.unwrap().is_ready);
}

async fn deletion(catalogue: &Catalogue, _: &Base) {
    default_site(catalogue).await;
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    let location = locations(catalogue).await[0];
    let target = external(catalogue, "e", (s.id, location), rule(".*")).await;
    let replica = NewReplica {
        path: "a".to_owned(),
        location,
        key: "a".to_owned(),
        size: 1,
        modified: Timestamp(1),
        etag: None,
        version: None,
        blake3: vec![1; 32],
        subtrees: Vec::new(),
        verified: Some(Timestamp(1)),
    };
    let stub = NewFileState { path: "a".to_owned(), state: FileState::Migrated, replica: None, leading: 0, failure: None };
    let record = Record {
        entries: vec![(tree, vec![file(tree, "a", 1)])],
        replicas: vec![(tree, vec![replica])],
        states: vec![(tree, vec![stub])],
        ..Record::default()
    };
    catalogue.record(record).await.unwrap();
    let going = catalogue.begin_bucket_deletion(location).await.unwrap();
    assert!(going.deleting.is_some());
    assert_eq!(catalogue.begin_bucket_deletion(location).await.unwrap().deleting, going.deleting);
    let waiting: Vec<_> = catalogue.buckets_to_delete(10).await.unwrap().into_iter().map(|bucket| bucket.location).collect();
    assert_eq!(waiting, [location]);
    assert_eq!(catalogue.stubs_on_bucket(location).await.unwrap(), 1);
    let refused = catalogue.delete_bucket(location).await.unwrap_err();
    assert_eq!((refused.kind, refused.code.as_deref()), (Kind::Conflict, Some("in-use")));
    catalogue.record(Record { forgotten: vec![(location, vec!["a".to_owned()])], ..Record::default() }).await.unwrap();
    catalogue.delete_bucket(location).await.unwrap();
    assert_eq!(catalogue.external_target(target.id).await.unwrap_err().kind, Kind::NotFound);
    assert!(catalogue.buckets_to_delete(10).await.unwrap().is_empty());
}

async fn changed(catalogue: &Catalogue, _: &Base) {
    let site = default_site(catalogue).await;
    let s = space(catalogue, "s").await;
    let location = locations(catalogue).await[0];
    let mut target = external(catalogue, "e", (s.id, location), rule(".*")).await;
    assert_eq!((target.space_number, target.is_ready, &target.rule), (s.number, true, &rule(".*")));
    let backup = TargetRule { backup_only: true, backup_site: Some(site.number), sites: vec![site.number], ..rule("b") };
    (target.name, target.rule) = ("f".to_owned(), backup);
    let written = catalogue.update_external_target(&target).await.unwrap();
    assert_eq!((written.name, written.rule), (target.name, target.rule));
    let new = NewExternalTarget { name: "x".to_owned(), space: s.id, location: LocationId::new(), rule: rule("x") };
    assert_eq!(catalogue.create_external_target(&new).await.unwrap_err().kind, Kind::NotFound);
    catalogue.delete_external_target(target.id).await.unwrap();
    assert_eq!(catalogue.delete_external_target(target.id).await.unwrap_err().kind, Kind::NotFound);
}
