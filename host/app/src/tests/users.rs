use capstan_domain::Kind;
use capstan_domain::identity::{Role, Scope};
use capstan_domain::listing::Listing;
use capstan_domain::secret::SecretText;

use super::host::{PASSWORD, bare};
use crate::users::UserChange;

fn secret(text: &str) -> SecretText {
    SecretText::new(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_user_is_out_at_once_with_password_and_keys_and_comes_back_when_enabled() {
    let host = bare().await;
    let identity = &host.app.identity;
    identity.create_user(&host.admin, "ada", Role::Operator, secret("one more password")).await.unwrap();
    let ada = identity.verify_basic("ada", &secret("one more password")).await.unwrap();
    let scope = Scope { noun: "tasks".into(), verb: "index".into() };
    let (_, key) = identity.create_api_key(&ada, "k".into(), vec![scope]).await.unwrap();
    identity.verify_key(&key).await.unwrap();

    let disable = |disabled| UserChange { disabled: Some(disabled), ..UserChange::default() };
    identity.update_user(&host.admin, "ada", disable(true)).await.unwrap();
    // Both stood verified in the cache a moment ago.
    assert_eq!(identity.verify_basic("ada", &secret("one more password")).await.unwrap_err().kind, Kind::Unauthenticated);
    assert_eq!(identity.verify_key(&key).await.unwrap_err().kind, Kind::Unauthenticated);
    identity.update_user(&host.admin, "ada", disable(false)).await.unwrap();
    identity.verify_basic("ada", &secret("one more password")).await.unwrap();
    identity.verify_key(&key).await.unwrap();

    identity.delete_user(&host.admin, "ada").await.unwrap();
    assert_eq!(identity.verify_key(&key).await.unwrap_err().kind, Kind::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_the_old_one_at_once() {
    let host = bare().await;
    let identity = &host.app.identity;
    identity.create_user(&host.admin, "ada", Role::Reader, secret("one more password")).await.unwrap();
    let ada = identity.verify_basic("ada", &secret("one more password")).await.unwrap();
    assert_eq!(
        identity.change_password(&ada, secret("wrong"), secret("two more passwords")).await.unwrap_err().kind,
        Kind::Unauthenticated
    );
    identity.change_password(&ada, secret("one more password"), secret("two more passwords")).await.unwrap();
    assert_eq!(identity.verify_basic("ada", &secret("one more password")).await.unwrap_err().kind, Kind::Unauthenticated);
    identity.verify_basic("ada", &secret("two more passwords")).await.unwrap();
    let reset = UserChange { password: Some(secret("three more passwords")), ..UserChange::default() };
    identity.update_user(&host.admin, "ada", reset).await.unwrap();
    assert_eq!(identity.verify_basic("ada", &secret("two more passwords")).await.unwrap_err().kind, Kind::Unauthenticated);
    identity.verify_basic("ada", &secret("three more passwords")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays_whichever_way_it_is_tried() {
    let host = bare().await;
    let identity = &host.app.identity;
    let tries = [
        UserChange { disabled: Some(true), ..UserChange::default() },
        UserChange { role: Some(Role::Operator), ..UserChange::default() },
    ];
    for change in tries {
        let refused = identity.update_user(&host.admin, "admin", change).await.unwrap_err();
        assert_eq!((refused.kind, refused.code.as_deref()), (Kind::Conflict, Some("last-administrator")));
    }
    assert_eq!(identity.delete_user(&host.admin, "admin").await.unwrap_err().kind, Kind::Conflict);
    identity.verify_basic("admin", &secret(PASSWORD)).await.unwrap();
    // A disabled administrator is no other one.
    identity.create_user(&host.admin, "eve", Role::Administrator, secret("any old password")).await.unwrap();
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    identity.update_user(&host.admin, "eve", disabled).await.unwrap();
    assert_eq!(identity.delete_user(&host.admin, "admin").await.unwrap_err().kind, Kind::Conflict);
    let enabled = UserChange { disabled: Some(false), ..UserChange::default() };
    identity.update_user(&host.admin, "eve", enabled).await.unwrap();
    identity.delete_user(&host.admin, "admin").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_administrator_neither_sees_nor_changes_users_and_gives_no_key_more_than_they_may() {
    let host = bare().await;
    let identity = &host.app.identity;
    identity.create_user(&host.admin, "ada", Role::Operator, secret("one more password")).await.unwrap();
    let ada = identity.verify_basic("ada", &secret("one more password")).await.unwrap();
    assert_eq!(identity.list_users(&ada, Listing::first(1)).await.unwrap_err().kind, Kind::Denied);
    let promote = UserChange { role: Some(Role::Administrator), ..UserChange::default() };
    assert_eq!(identity.update_user(&ada, "ada", promote).await.unwrap_err().kind, Kind::Denied);
    let plugins = Scope { noun: "plugins".into(), verb: "create".into() };
    let weak = UserChange { password: Some(secret("12345678")), ..UserChange::default() };
    let refused = identity.update_user(&host.admin, "ada", weak).await.unwrap_err();
    assert_eq!((refused.kind, refused.code.as_deref()), (Kind::Invalid, Some("password")));
    assert_eq!(identity.create_api_key(&ada, "k".into(), vec![plugins]).await.unwrap_err().kind, Kind::Denied);
    // A key that was given while its user had the right is worth no more than the user is now.
    let tasks = Scope { noun: "tasks".into(), verb: "create".into() };
    let (_, key) = identity.create_api_key(&ada, "k".into(), vec![tasks]).await.unwrap();
    assert!(identity.verify_key(&key).await.unwrap().may("tasks", "create"));
    let lower = UserChange { role: Some(Role::Reader), ..UserChange::default() };
    identity.update_user(&host.admin, "ada", lower).await.unwrap();
    assert!(!identity.verify_key(&key).await.unwrap().may("tasks", "create"));
}
