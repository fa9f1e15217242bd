//! What proves that the account may be used: its key, a shared access signature, or tokens of an application.

use capstan_sdk::endpoint::Endpoint as Url;
use capstan_sdk::failure::{Failure, unauthenticated};
use capstan_sdk::http::Headers;
use capstan_sdk::text::base64;
use capstan_sdk::{NamedValue, Outcome, secrets};

use crate::config::{ACCOUNT_KEY, Config, SAS};
use crate::sas::Sas;
use crate::sign::{self, Request};
use crate::token::Tokens;

/// The account's key is handed out as base64; what it decodes to signs.
const ALGORITHM: &str = "sha256-base64";

#[derive(Debug)]
pub(crate) enum Credentials {
    /// The key itself stays in the host.
    Key,
    Sas(Sas),
    Tokens(Tokens),
}

/// What one request was authorized with.
#[derive(Default)]
pub(crate) struct Proof {
    /// Goes behind the query.
    pub(crate) query: Option<String>,
    pub(crate) token: Option<String>,
}

impl Credentials {
    /// `extras`: those of requests to a token endpoint.
    pub(crate) fn load(config: &Config, extras: Vec<NamedValue>) -> Outcome<Self> {
        if let Some(url) = config.token_url() {
            // A target may be older than what validates it now.
            Url::of_secrets(&url).map_err(|failure| failure.next_step("Correct \"token-endpoint\" of the target."))?;
            return Ok(Self::Tokens(Tokens::new(config, url, extras)));
        }
        match secrets::reveal(SAS) {
            Ok(secret) if !secret.is_empty() => {
                let text = String::from_utf8(secret).map_err(|_| unauthenticated("the shared access signature is no text"))?;
                Sas::parse(&text).map(Self::Sas)
            }
            Ok(_) | Err(Failure::NotFound(_)) => Ok(Self::Key),
            Err(failure) => Err(failure),
        }
    }

    pub(crate) async fn authorize(&self, request: &Request<'_>, headers: &mut Headers) -> Outcome<Proof> {
        match self {
            Self::Key => {
                let text = sign::to_sign(request);
                let signature = base64(&secrets::hmac(ACCOUNT_KEY, ALGORITHM, b"", &[text.into_bytes()])?);
                headers.push(("authorization".to_owned(), format!("SharedKey {}:{signature}", request.account)));
                Ok(Proof::default())
            }
            Self::Sas(sas) => Ok(Proof { query: Some(sas.query().to_owned()), ..Proof::default() }),
            Self::Tokens(tokens) => {
                let token = tokens.token().await?;
                headers.push(("authorization".to_owned(), format!("Bearer {token}")));
                Ok(Proof { token: Some(token), ..Proof::default() })
            }
        }
    }

    /// Before many requests are made at once: a login that fails is one failure then, and none of the requests'.
    pub(crate) async fn ready(&self) -> Outcome<()> {
        match self {
            Self::Tokens(tokens) => tokens.token().await.map(drop),
            Self::Key | Self::Sas(_) => Ok(()),
        }
    }

    /// What an administrator can do about credentials that are not accepted, or do not suffice.
    pub(crate) fn advice(&self) -> String {
        match self {
            Self::Key => "Correct \"account-key\" (or \"account\") of the target.".to_owned(),
            Self::Sas(sas) => format!(
                "Set another \"sas\" of the target; the present one permits {:?} until {}.",
                sas.permits().unwrap_or("what its policy says"),
                sas.expires().unwrap_or("its policy ends")
            ),
            Self::Tokens(_) => {
                "Give the application the role \"Storage Blob Data Contributor\" on the account, or correct \"client-id\"."
                    .to_owned()
            }
        }
    }
}
