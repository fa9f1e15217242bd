//! Tokens: a name and a password for an access token of an hour and a refresh token of a day. These routes are open to everybody; what
//! they take proves itself.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use capstan_api_http::{Access, Operation, Routes, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Body;
use crate::answer::Answer;
use crate::errors::Error;
use crate::secrets::Disclosed;
use crate::validation::{Check, For};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = token_pair)]
pub struct TokenPair {
    #[schema(value_type = String)]
    pub access: Disclosed,
    #[schema(value_type = String)]
    pub refresh: Disclosed,
}

/// A new access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken(pub Secret);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = token_type)]
pub enum TokenType {
    Access,
    Refresh,
}

/// What tokens are verified with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = public_key)]
pub struct PublicKey {
    /// PEM of a SubjectPublicKeyInfo (RFC 7468, section 13).
    pub public_key: String,
    /// As in the head of a token (RFC 7518, section 3.1; RFC 8037, section 3.1).
    pub algorithm: String,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = login)]
struct Login {
    #[schema(required = true)]
    username: Option<String>,
    #[schema(value_type = String)]
    password: Option<Secret>,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = token_refresh)]
struct TokenRefresh {
    #[schema(value_type = String)]
    refresh: Option<Secret>,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = token_to_verify)]
struct TokenToVerify {
    #[schema(value_type = String)]
    token: Option<Secret>,
    #[serde(rename = "type")]
    #[schema(value_type = TokenType)]
    kind: Option<TokenType>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = verified_token)]
struct VerifiedToken {
    #[schema(value_type = String)]
    token: Disclosed,
    #[serde(rename = "type")]
    kind: TokenType,
}

/// Nothing here says why a token or a password is refused: `Error::no_account` and `Error::token_refused` are all there is to say.
#[async_trait]
pub trait Tokens: Send + Sync + 'static {
    async fn obtain(&self, username: &str, password: &Secret) -> Answer<TokenPair>;
    async fn refresh(&self, refresh: &Secret) -> Answer<AccessToken>;
    /// It has not expired, and its owner is there and may come in.
    async fn verify(&self, token: &Secret, kind: TokenType) -> Answer<()>;
    async fn public_key(&self) -> Answer<PublicKey>;
}

type Shared = State<Arc<dyn Tokens>>;

pub(crate) fn routes(tokens: Arc<dyn Tokens>) -> Routes {
    Routes::new()
        .on(
            Operation::post("/auth/token/", "obtain_token", Access::Public)
                .summary("Gives tokens for a name and a password.")
                .takes::<Login>()
                .answers::<TokenPair>(200, "An access token for an hour and a refresh token for a day."),
            obtain,
        )
        .on(
            Operation::post("/auth/token/refresh/", "refresh_token", Access::Public)
                .summary("Gives a new access token for a refresh token.")
                .takes::<TokenRefresh>()
                .answers::<TokenPair>(200, "A new access token, and the refresh token as it was given."),
            refresh,
        )
        .on(
            Operation::post("/auth/token/verify/", "verify_token", Access::Public)
                .summary("Tells whether a token is good.")
                .takes::<TokenToVerify>()
                .answers::<VerifiedToken>(200, "It is, and stands here again."),
            verify,
        )
        .on(
            Operation::get("/auth/token/publickey/", "show_public_key", Access::Public)
                .summary("Shows the key that tokens are verified with.")
                .answers::<PublicKey>(200, "The key."),
            public_key,
        )
        .with_state(tokens)
}

async fn obtain(State(tokens): Shared, login: Body<Login>) -> Answer<Json<TokenPair>> {
    let mut check = Check::new(For::Create);
    check.required("username", login.0.username.as_ref());
    check.text("username", login.0.username.as_deref());
    check.secret("password", login.0.password.as_ref());
    check.finish()?;
    let (Some(username), Some(password)) = (login.0.username, login.0.password) else { return Err(Error::no_account()) };
    tokens.obtain(&username, &password).await.map(Json)
}

async fn refresh(State(tokens): Shared, asked: Body<TokenRefresh>) -> Answer<Json<TokenPair>> {
    let mut check = Check::new(For::Create);
    check.secret("refresh", asked.0.refresh.as_ref());
    check.finish()?;
    let Some(refresh) = asked.0.refresh else { return Err(Error::token_refused()) };
    let AccessToken(access) = tokens.refresh(&refresh).await?;
    Ok(Json(TokenPair { access: Disclosed(access), refresh: Disclosed(refresh) }))
}

async fn verify(State(tokens): Shared, asked: Body<TokenToVerify>) -> Answer<Json<VerifiedToken>> {
    let mut check = Check::new(For::Create);
    check.secret("token", asked.0.token.as_ref());
    check.required("type", asked.0.kind.as_ref());
    check.finish()?;
    let (Some(token), Some(kind)) = (asked.0.token, asked.0.kind) else { return Err(Error::token_refused()) };
    tokens.verify(&token, kind).await?;
    Ok(Json(VerifiedToken { token: Disclosed(token), kind }))
}

async fn public_key(State(tokens): Shared) -> Answer<Json<PublicKey>> {
    tokens.public_key().await.map(Json)
}
