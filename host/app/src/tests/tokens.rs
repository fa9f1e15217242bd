use capstan_domain::Kind;
use capstan_domain::identity::{Proof, Role, Scope};
use capstan_domain::listing::Listing;
use capstan_domain::secret::SecretText;

use super::host::{Host, PASSWORD, bare};
use crate::identity::Identity;
use crate::tokens::TokenKind;
use crate::users::UserChange;

const OF_ADA: &str = "one more password";

fn secret(text: &str) -> SecretText {
    SecretText::new(text)
}

async fn with_ada(host: &Host) -> &Identity {
    let identity = &host.app.identity;
    identity.create_user(&host.admin, "ada", Role::Reader, secret(OF_ADA)).await.unwrap();
    identity
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_exchanged_for_tokens_that_let_in_and_are_refreshed() {
    let host = bare().await;
    let identity = with_ada(&host).await;
    assert_eq!(identity.make_tokens("ada", &secret("wrong")).await.unwrap_err().kind, Kind::Unauthenticated);
    let tokens = identity.make_tokens("ada", &secret(OF_ADA)).await.unwrap();
    let caller = identity.verify_bearer(&tokens.access).await.unwrap();
    assert_eq!((caller.name.as_str(), caller.role, caller.proof), ("ada", Role::Reader, Proof::Token));
    assert!(identity.verify_bearer(&tokens.refresh).await.is_err(), "a refresh token lets nobody in");
    let access = identity.refresh_token(&tokens.refresh).await.unwrap();
    identity.verify_bearer(&access).await.unwrap();
    assert!(identity.refresh_token(&tokens.access).await.is_err(), "an access token is not refreshed");
    identity.verify_token(&tokens.refresh, TokenKind::Refresh).await.unwrap();
    assert!(identity.verify_token(&tokens.refresh, TokenKind::Access).await.is_err());
    assert!(identity.user_view(&caller, "ada").await.unwrap().user.last_login.is_some());
    assert!(identity.token_public_key().await.unwrap().starts_with("-----BEGIN PUBLIC KEY-----"));
    assert!(!format!("{tokens:?}").contains(tokens.access.reveal()));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_end_with_the_password_the_role_and_the_user() {
    let host = bare().await;
    let identity = with_ada(&host).await;
    let changes = [
        (OF_ADA, UserChange { role: Some(Role::Operator), ..UserChange::default() }),
        (OF_ADA, UserChange { password: Some(secret("two more passwords")), ..UserChange::default() }),
        ("two more passwords", UserChange { disabled: Some(true), ..UserChange::default() }),
    ];
    for (password, change) in changes {
        let tokens = identity.make_tokens("ada", &secret(password)).await.unwrap();
        identity.verify_bearer(&tokens.access).await.unwrap();
        identity.update_user(&host.admin, "ada", change).await.unwrap();
        assert_eq!(identity.verify_bearer(&tokens.access).await.unwrap_err().kind, Kind::Unauthenticated);
        assert!(identity.refresh_token(&tokens.refresh).await.is_err());
    }
    let enabled = UserChange { disabled: Some(false), ..UserChange::default() };
    identity.update_user(&host.admin, "ada", enabled).await.unwrap();
    let tokens = identity.make_tokens("ada", &secret("two more passwords")).await.unwrap();
    identity.delete_user(&host.admin, "ada").await.unwrap();
    assert!(identity.verify_bearer(&tokens.access).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_key_gives_all_that_its_user_may_and_is_shown_once() {
    let host = bare().await;
    let identity = with_ada(&host).await;
    let ada = identity.verify_basic("ada", &secret(OF_ADA)).await.unwrap();
    let (key, secret_key) = identity.create_client_key(&ada, "ci".into()).await.unwrap();
    let caller = identity.verify_key(&secret_key).await.unwrap();
    assert!(caller.may("containers", "index") && !caller.may("containers", "create"));
    identity.verify_bearer(&secret_key).await.unwrap();
    assert_eq!(identity.change_password(&caller, secret(OF_ADA), secret("x")).await.unwrap_err().kind, Kind::Denied);

    // The two forms of keys are kept apart, and so are the keys of others, but not from administrators.
    assert_eq!(identity.list_api_keys(&ada, Listing::first(10)).await.unwrap().count, 0);
    assert_eq!(identity.api_key(&ada, key.number).await.unwrap_err().kind, Kind::NotFound);
    let scope = Scope { noun: "containers".into(), verb: "index".into() };
    let (scoped, scoped_secret) = identity.create_api_key(&ada, "s".into(), vec![scope]).await.unwrap();
    assert_eq!(identity.client_key(&ada, scoped.number).await.unwrap_err().kind, Kind::NotFound);
    let limited = identity.verify_key(&scoped_secret).await.unwrap();
    assert_eq!(identity.create_client_key(&limited, "more".into()).await.unwrap_err().kind, Kind::Denied);
    let (of_admin, _) = identity.create_client_key(&host.admin, "a".into()).await.unwrap();
    assert_eq!(identity.client_key(&ada, of_admin.number).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(identity.list_client_keys(&host.admin, Listing::first(10)).await.unwrap().count, 2);

    assert_eq!(identity.rename_client_key(&ada, key.number, "cd".into()).await.unwrap().name, "cd");
    identity.delete_client_key(&ada, key.number).await.unwrap();
    assert_eq!(identity.verify_key(&secret_key).await.unwrap_err().kind, Kind::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_tokens_outlives_the_host_that_made_it() {
    let host = bare().await;
    let tokens = host.app.identity.make_tokens("admin", &secret(PASSWORD)).await.unwrap();
    let fresh = Identity::new(
        host.app.catalogue.clone(),
        host.app.audit.clone(),
        std::sync::Arc::new(crate::sealing::Sealer::open(&host.data.path().join("data")).unwrap()),
    );
    fresh.await.unwrap().verify_bearer(&tokens.access).await.unwrap();
}
