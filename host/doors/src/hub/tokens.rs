//! Tokens.

use async_trait::async_trait;
use capstan_api_http::Secret;
use capstan_api_hub::{AccessToken, Answer, Disclosed, Error, PublicKey, TokenPair, TokenType, Tokens};
use capstan_app::tokens::TokenKind;
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::secret::SecretText;

use super::Door;
use super::failures::error;

/// Of all tokens (RFC 8037, section 3.1).
const ALGORITHM: &str = "EdDSA";

fn taken(secret: &Secret) -> SecretText {
    SecretText::new(secret.reveal())
}

fn given(secret: &SecretText) -> Secret {
    Secret::new(secret.reveal())
}

fn refused(why: impl FnOnce() -> Error) -> impl FnOnce(Failure) -> Error {
    move |failure| if failure.kind == Kind::Unauthenticated { why() } else { error(failure) }
}

#[async_trait]
impl Tokens for Door {
    async fn obtain(&self, username: &str, password: &Secret) -> Answer<TokenPair> {
        let made = self.app.identity.make_tokens(username, &taken(password)).await;
        let tokens = made.map_err(refused(Error::no_account))?;
        Ok(TokenPair { access: Disclosed(given(&tokens.access)), refresh: Disclosed(given(&tokens.refresh)) })
    }

    async fn refresh(&self, refresh: &Secret) -> Answer<AccessToken> {
        let access = self.app.identity.refresh_token(&taken(refresh)).await;
        access.map(|access| AccessToken(given(&access))).map_err(refused(Error::token_refused))
    }

    async fn verify(&self, token: &Secret, kind: TokenType) -> Answer<()> {
        let kind = match kind {
            TokenType::Access => TokenKind::Access,
            TokenType::Refresh => TokenKind::Refresh,
        };
        self.app.identity.verify_token(&taken(token), kind).await.map_err(refused(Error::token_refused))
    }

    async fn public_key(&self) -> Answer<PublicKey> {
        let public_key = self.app.identity.token_public_key().await.map_err(error)?;
        Ok(PublicKey { public_key, algorithm: ALGORITHM.to_owned() })
    }
}
