//! Servers and the targets that are theirs.

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::ids::TargetId;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::ports::LocationInfo;
use capstan_domain::server::NewServer;
use capstan_domain::target::NewTarget;
use serde_json::json;

use crate::database::{Base, on_both};

on_both! {
    a_server_has_targets_with_their_locations_and_stays_while_it_has => targets,
    a_location_is_renamed_with_the_configuration_that_names_it => renames,
}

fn server() -> NewServer {
    NewServer {
        name: "nas".into(),
        host: "nas.example".into(),
        protocol: "nfs_v3".into(),
        attributes: json!({"nodeum": {"price": "1"}}),
    }
}

fn share(name: &str) -> NewTarget {
    NewTarget {
        name: format!("nas:{name}"),
        plugin: "nfs".into(),
        pinned: None,
        configuration: json!({"export": format!("/{name}")}),
        attributes: json!({"nodeum": {"path": format!("/{name}")}}),
        secrets: Vec::new(),
        owner: None,
    }
}

fn location(name: &str) -> Vec<LocationInfo> {
    vec![LocationInfo { name: name.into(), created: None, extras: Vec::new() }]
}

async fn targets(catalogue: &Catalogue, _: &Base) {
    let made = catalogue.create_server(&server()).await.unwrap();
    assert_eq!(catalogue.create_server(&server()).await.unwrap_err().kind, Kind::AlreadyExists);
    for name in ["a", "b"] {
        let (id, new) = (TargetId::new(), share(name));
        catalogue.create_target_with(id, &new, Vec::new(), Vec::new(), Some(made.id), location(name)).await.unwrap();
    }
    let alone = catalogue.create_target(TargetId::new(), &share("alone"), Vec::new(), Vec::new()).await.unwrap();
    assert_eq!(alone.server_number, None);
    let of = |field: &str| Listing::first(10).with(field, Operator::Equal, made.number);
    let found = catalogue.targets(&of("server_number")).await.unwrap();
    assert_eq!((found.count, found.items[0].server), (2, Some(made.id)));
    let found = catalogue.locations(&of("server_number").with("target/nodeum/path", Operator::Equal, "/b")).await.unwrap();
    assert_eq!(found.items.iter().map(|one| (one.name.as_str(), one.present)).collect::<Vec<_>>(), [("b", true)]);
    let by_configuration = Listing::first(10).with("configuration/export", Operator::Equal, "/a");
    assert_eq!(catalogue.locations(&by_configuration).await.unwrap().count, 1);

    let mut changed = catalogue.server("nas").await.unwrap();
    changed.host = "other.example".into();
    assert_eq!(catalogue.update_server(&changed).await.unwrap().host, "other.example");
    let dear = Listing::first(10).with("attributes/nodeum/price", Operator::Equal, "1");
    assert_eq!(catalogue.servers(&dear).await.unwrap().count, 1);

    let failure = catalogue.delete_server(made.id).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some("in-use")));
    for target in catalogue.targets(&of("server_number")).await.unwrap().items {
        catalogue.delete_target(target.id).await.unwrap();
    }
    catalogue.delete_server(made.id).await.unwrap();
    assert_eq!(catalogue.server(made.number).await.unwrap_err().kind, Kind::NotFound);
    let nowhere =
        catalogue.create_target_with(TargetId::new(), &share("c"), Vec::new(), Vec::new(), Some(made.id), Vec::new()).await;
    assert_eq!(nowhere.unwrap_err().kind, Kind::Invalid);
}

async fn renames(catalogue: &Catalogue, _: &Base) {
    let (id, new) = (TargetId::new(), share("a"));
    let target = catalogue.create_target_with(id, &new, Vec::new(), Vec::new(), None, location("a")).await.unwrap();
    let before = catalogue.locations(&Listing::first(1)).await.unwrap().items.remove(0);
    let renamed = Some((before.id, "z".to_owned()));
    catalogue.update_target_with(&target, Vec::new(), Vec::new(), Vec::new(), renamed).await.unwrap();
    let after = catalogue.location(before.id).await.unwrap();
    assert_eq!((after.number, after.name.as_str()), (before.number, "z"));
    // A location of another target is not this one's to rename; then nothing is changed.
    let other = catalogue.create_target(TargetId::new(), &share("b"), Vec::new(), Vec::new()).await.unwrap();
    let mut changed = other.clone();
    changed.name = "changed".into();
    let foreign = Some((before.id, "y".to_owned()));
    assert!(catalogue.update_target_with(&changed, Vec::new(), Vec::new(), Vec::new(), foreign).await.is_err());
    assert_eq!(catalogue.target(other.id).await.unwrap().name, other.name);
}
