//! Tokens of users: made for a password, refreshed, verified, and believed at the doors.
//!
//! The key they are signed with is made when it is first needed and kept in the catalogue, sealed, so that all hosts on one catalogue
//! sign and verify with the same. A token names its user's generation; a new password, another role or being disabled ends all that
//! were made before.

use capstan_catalogue::Catalogue;
use capstan_domain::identity::{Caller, Proof, User};
use capstan_domain::ids::Uuid;
use capstan_domain::secret::SecretText;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use serde_json::json;

use crate::identity::{Identity, there};
use crate::sealing::Sealer;
use crate::signing::{Claims, Signer, refused};

pub use crate::signing::TokenKind;

/// Of the setting that keeps the key, and of what it is sealed for.
const KEY: &str = "token-key";

/// What a password is exchanged for.
#[derive(Debug)]
pub struct Tokens {
    pub access: SecretText,
    pub refresh: SecretText,
}

impl Identity {
    pub async fn make_tokens(&self, name: &str, password: &SecretText) -> Outcome<Tokens> {
        let caller = self.verify_basic(name, password).await?;
        let user = self.catalogue.user(caller.user).await?;
        let signer = self.signer().await?;
        let access = signer.sign(&claims(&user, TokenKind::Access))?;
        let refresh = signer.sign(&claims(&user, TokenKind::Refresh))?;
        self.catalogue.touch_user(user.number, Timestamp::now()).await?;
        self.audit.done(&caller, "login", "user", &user.name, json!({ "number": user.number })).await?;
        Ok(Tokens { access, refresh })
    }

    /// Another access token for a refresh token.
    pub async fn refresh_token(&self, refresh: &SecretText) -> Outcome<SecretText> {
        let user = self.owner(refresh, TokenKind::Refresh).await?;
        self.signer().await?.sign(&claims(&user, TokenKind::Access))
    }

    /// `Unauthenticated` unless the token is ours, of this kind, not expired, and its user may come in.
    pub async fn verify_token(&self, token: &SecretText, kind: TokenKind) -> Outcome<()> {
        self.owner(token, kind).await.map(|_| ())
    }

    /// PEM, for those who verify tokens themselves.
    pub async fn token_public_key(&self) -> Outcome<String> {
        Ok(self.signer().await?.public_key())
    }

    /// What stands behind "Bearer": a token, or a key in its place.
    pub async fn verify_bearer(&self, given: &SecretText) -> Outcome<Caller> {
        if !given.reveal().contains('.') {
            return self.verify_key(given).await;
        }
        let claims = self.read(given, TokenKind::Access).await?;
        let digest = self.sealer.keyed_hash("token", format!("{}:{}", claims.user_id, claims.generation).as_bytes());
        if let Some(caller) = self.verified.get(&digest) {
            return Ok(caller);
        }
        Box::pin(async {
            let since = self.verified.generation();
            let user = self.user_of(&claims).await?;
            let caller = self.caller(&user, Proof::Token).await?;
            self.verified.keep(since, digest, caller.clone());
            Ok(caller)
        })
        .await
    }

    async fn owner(&self, token: &SecretText, kind: TokenKind) -> Outcome<User> {
        let claims = self.read(token, kind).await?;
        self.user_of(&claims).await
    }

    async fn read(&self, token: &SecretText, kind: TokenKind) -> Outcome<Claims> {
        let read = self.signer().await?.read(token.reveal(), kind, now());
        match read {
            // Every client meets the end of its token; that is no attempt to come in.
            Err(failure) if failure.code.as_deref() == Some("token-invalid") => {
                self.deny("token").await;
                Err(failure)
            }
            read => read,
        }
    }

    async fn user_of(&self, claims: &Claims) -> Outcome<User> {
        let user = there(self.catalogue.user(claims.user_id).await)?;
        match user {
            Some(user) if !user.disabled && user.generation == claims.generation => Ok(user),
            _ => {
                self.deny("token").await;
                Err(refused())
            }
        }
    }

    async fn signer(&self) -> Outcome<&Signer> {
        self.signer.get_or_try_init(|| signer(&self.catalogue, &self.sealer)).await
    }
}

/// The key of the catalogue, made if there is none; of two hosts that make one at the same time, both take the first.
async fn signer(catalogue: &Catalogue, sealer: &Sealer) -> Outcome<Signer> {
    let kept = match catalogue.setting(KEY).await? {
        Some(kept) => kept,
        None => {
            let sealed = sealer.seal("host", KEY, &Signer::new_key()?)?;
            catalogue.first_setting(KEY, &json!(hex::encode(sealed))).await?
        }
    };
    let damaged = |cause: &str| Failure::host("the key for tokens is damaged", cause);
    let sealed = kept.as_str().and_then(|text| hex::decode(text).ok()).ok_or_else(|| damaged("the setting is no hex text"))?;
    Signer::open(&sealer.open_sealed("host", KEY, &sealed)?)
}

fn claims(user: &User, kind: TokenKind) -> Claims {
    let iat = now();
    Claims {
        token_type: kind,
        user_id: user.number,
        generation: user.generation,
        jti: Uuid::now_v7().to_string(),
        iat,
        exp: iat + kind.lifetime_seconds(),
    }
}

fn now() -> i64 {
    Timestamp::now().millis() / 1000
}
