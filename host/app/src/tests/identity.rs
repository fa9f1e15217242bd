use capstan_domain::Kind;
use capstan_domain::identity::{Caller, Scope};
use capstan_domain::listing::Listing;
use capstan_domain::secret::SecretText;

use super::host::{PASSWORD, bare, first_start};
use crate::identity::FirstStart;

fn scope(noun: &str, verb: &str) -> Scope {
    Scope { noun: noun.into(), verb: verb.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrator_is_made_once() {
    let host = bare().await;
    assert!(matches!(first_start(&host.app).await, FirstStart::No));
    assert!(host.app.identity.verify_basic("admin", &SecretText::new(PASSWORD)).await.unwrap().is_administrator());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_user_are_told_apart_by_nothing_and_are_audited() {
    let host = bare().await;
    let wrong = host.app.identity.verify_basic("admin", &SecretText::new("wrong")).await.unwrap_err();
    let unknown = host.app.identity.verify_basic("nobody", &SecretText::new("wrong")).await.unwrap_err();
    assert_eq!((wrong.kind, &wrong.message), (Kind::Unauthenticated, &unknown.message));
    let events = host.app.audit.list(Listing::first(100)).await.unwrap().items;
    let denied: Vec<_> = events.iter().filter(|event| event.action == "login").map(|event| event.subject.as_str()).collect();
    assert_eq!(denied, ["admin", "nobody"]);
    assert!(!format!("{events:?}").contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_gives_its_scopes_until_it_is_deleted() {
    let host = bare().await;
    let identity = &host.app.identity;
    let (key, secret) = identity.create_api_key(&host.admin, "backup".into(), vec![scope("pools", "index")]).await.unwrap();
    assert!(secret.reveal().ends_with(&key.tail) && key.tail.len() == 4);
    let caller = identity.verify_key(&secret).await.unwrap();
    assert!(caller.may("pools", "index") && !caller.may("pools", "create"));
    identity.update_api_key(&host.admin, key.number, None, Some(vec![scope("pools", "create")])).await.unwrap();
    let caller = identity.verify_key(&secret).await.unwrap();
    assert!(!caller.may("pools", "index") && caller.may("pools", "create"), "a change counts at once");
    identity.delete_api_key(&host.admin, key.number).await.unwrap();
    assert_eq!(identity.verify_key(&secret).await.unwrap_err().kind, Kind::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_away_a_scope_they_do_not_have_nor_sees_anothers_keys() {
    let host = bare().await;
    let identity = &host.app.identity;
    let (key, secret) = identity.create_api_key(&host.admin, "k".into(), vec![scope("users", "api_keys")]).await.unwrap();
    let limited = identity.verify_key(&secret).await.unwrap();
    let more = identity.create_api_key(&limited, "more".into(), vec![scope("pools", "destroy")]).await.unwrap_err();
    assert_eq!(more.kind, Kind::Denied);
    let stranger = Caller { user: capstan_domain::ids::UserId::new(), name: "eve".into(), ..host.admin.clone() };
    assert_eq!(identity.api_key(&stranger, key.number).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(identity.list_api_keys(&stranger, Listing::first(10)).await.unwrap().count, 0);
}
