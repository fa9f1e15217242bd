//! Users, API keys, audit, settings, plugin versions.

use capstan_catalogue::Catalogue;
use capstan_domain::audit::{NewAuditEvent, Verdict};
use capstan_domain::identity::{NewApiKey, NewUser, Scope};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::plugin::{Facet, PluginVersion, VersionState};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind};
use serde_json::json;

use crate::database::{Base, on_both};

on_both! {
    a_key_is_found_by_its_hash_and_goes_with_its_user => keys,
    audit_events_are_listed_in_their_order => audit,
    a_setting_is_what_was_put_last => settings,
    one_version_of_a_plugin_is_active => plugins,
}

async fn keys(catalogue: &Catalogue, _: &Base) {
    let new = NewUser {
        name: "admin".to_owned(),
        role: capstan_domain::identity::Role::Administrator,
        password: "$argon2id$…".to_owned(),
    };
    let new_admin = new.clone();
    let user = catalogue.create_user(&new).await.unwrap();
    assert_eq!(catalogue.create_user(&new).await.unwrap_err().kind, Kind::AlreadyExists);
    let (found, hash) = catalogue.user_with_password("admin").await.unwrap();
    assert_eq!((found.id, hash.as_str()), (user.id, "$argon2id$…"));
    catalogue.set_password(user.id, "other").await.unwrap();
    assert_eq!(catalogue.user_with_password("admin").await.unwrap().1, "other");
    assert_eq!(catalogue.user_with_password("ADMIN").await.unwrap_err().kind, Kind::NotFound);

    let scopes = vec![Scope { noun: "pools".to_owned(), verb: "index".to_owned() }];
    let new =
        NewApiKey { user: user.id, name: "ci".to_owned(), tail: "beef".to_owned(), hash: vec![1; 32], scopes: Some(scopes) };
    let mut key = catalogue.create_api_key(&new).await.unwrap();
    assert_eq!(catalogue.create_api_key(&new).await.unwrap_err().kind, Kind::AlreadyExists);
    let (by_hash, holder) = catalogue.api_key_by_hash(&[1; 32]).await.unwrap();
    let count = |scopes: Option<Vec<Scope>>| scopes.map(|scopes| scopes.len());
    assert_eq!((by_hash.id, holder.id, count(by_hash.scopes)), (key.id, user.id, Some(1)));
    assert_eq!(catalogue.api_key_by_hash(&[2; 32]).await.unwrap_err().kind, Kind::NotFound);
    catalogue.touch_api_key(key.id, Timestamp(5)).await.unwrap();
    key.scopes = Some(Vec::new());
    catalogue.update_api_key(&key).await.unwrap();
    let again = catalogue.api_key(key.id).await.unwrap();
    assert_eq!((again.last_used, count(again.scopes)), (Some(Timestamp(5)), Some(0)));
    let whole = NewApiKey { hash: vec![3; 32], scopes: None, ..new };
    assert!(catalogue.create_api_key(&whole).await.unwrap().scopes.is_none());
    let wholes = Listing::first(10).with("whole", Operator::Equal, true).with("user_name", Operator::Equal, "admin");
    assert_eq!(catalogue.api_keys(&wholes).await.unwrap().count, 1);
    let of_user = Listing::first(10).with("user", Operator::Equal, user.id);
    assert_eq!(catalogue.api_keys(&of_user).await.unwrap().count, 2);
    let last = catalogue.delete_user(user.id).await.unwrap_err();
    assert_eq!((last.kind, last.code.as_deref()), (Kind::Conflict, Some("last-administrator")));
    catalogue.create_user(&NewUser { name: "other".to_owned(), ..new_admin }).await.unwrap();
    catalogue.delete_user(user.id).await.unwrap();
    assert_eq!(catalogue.api_key(key.id).await.unwrap_err().kind, Kind::NotFound);
}

async fn audit(catalogue: &Catalogue, _: &Base) {
    for (action, verdict) in [("create", Verdict::Done), ("reveal", Verdict::Denied)] {
        let event = NewAuditEvent {
            actor: Some("admin".to_owned()),
            action: action.to_owned(),
            noun: "target".to_owned(),
            subject: "t".to_owned(),
            verdict,
            detail: json!({"why": "x"}),
        };
        catalogue.append_audit(&event).await.unwrap();
    }
    let all = catalogue.audit(&Listing::first(10)).await.unwrap();
    assert_eq!(all.items.iter().map(|event| event.action.as_str()).collect::<Vec<_>>(), ["create", "reveal"]);
    let denied = catalogue.audit(&Listing::first(10).with("verdict", Operator::Equal, "denied")).await.unwrap();
    assert_eq!((denied.count, &denied.items[0].detail), (1, &json!({"why": "x"})));
}

async fn settings(catalogue: &Catalogue, _: &Base) {
    assert_eq!(catalogue.setting("a").await.unwrap(), None);
    catalogue.put_setting("a", &json!({"x": 1})).await.unwrap();
    catalogue.put_setting("a", &json!([2])).await.unwrap();
    assert_eq!(catalogue.setting("a").await.unwrap(), Some(json!([2])));
    assert_eq!(catalogue.first_setting("a", &json!(3)).await.unwrap(), json!([2]));
    catalogue.delete_setting("a").await.unwrap();
    assert_eq!(catalogue.first_setting("b", &json!(3)).await.unwrap(), json!(3));
    assert_eq!(catalogue.setting("a").await.unwrap(), None);
}

async fn plugins(catalogue: &Catalogue, _: &Base) {
    let version = |version: &str, state: VersionState, installed: i64| PluginVersion {
        plugin: "s3".to_owned(),
        version: version.to_owned(),
        digest: format!("d{version}"),
        size: 1,
        track: "0.1".to_owned(),
        facets: vec![Facet::Objects],
        imports: vec!["capstan:host/http@0.1.0".to_owned()],
        description: None,
        state,
        installed: Timestamp(installed),
        installed_by: None,
        activated: None,
    };
    catalogue.put_plugin_version(&version("1", VersionState::Idle, 1)).await.unwrap();
    catalogue.put_plugin_version(&version("2", VersionState::Idle, 2)).await.unwrap();
    let refused = VersionState::Refused { failure: Failure::invalid("no") };
    catalogue.put_plugin_version(&version("3", refused.clone(), 3)).await.unwrap();
    catalogue.activate_plugin_version("s3", "d1", Timestamp(9)).await.unwrap();
    catalogue.activate_plugin_version("s3", "d2", Timestamp(10)).await.unwrap();
    let states: Vec<_> = catalogue.plugin_versions(Some("s3")).await.unwrap().into_iter().map(|v| v.state).collect();
    assert_eq!(states, [refused, VersionState::Active, VersionState::Idle]);
    assert_eq!(catalogue.activate_plugin_version("s3", "d9", Timestamp(11)).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.plugin_version("d2").await.unwrap().state, VersionState::Active);
    catalogue.delete_plugin_version("d3").await.unwrap();
    assert_eq!(catalogue.plugin_versions(None).await.unwrap().len(), 2);
}
