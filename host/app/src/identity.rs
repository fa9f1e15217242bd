//! Who calls: the proof of passwords and keys, and what a proved caller may. Tokens, keys, users and groups have their own files.
//!
//! One service for all doors. A wrong name and a wrong password are told apart neither by the answer nor by its time.

use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::identity::{Caller, Proof, Role, User};
use capstan_domain::listing::Listing;
use capstan_domain::permission::Given;
use capstan_domain::secret::SecretText;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::audit::Audit;
use crate::budget::PerMinute;
use crate::credentials::Verified;
use crate::passwords::Passwords;
use crate::sealing::{Sealer, random_text};
use crate::signing::Signer;

/// Characters of a password the host makes up.
const PASSWORD_LENGTH: usize = 20;
/// Denied logins that are written down, a minute; a flood of them must not fill the catalogue. All are counted in the log.
const DENIALS_A_MINUTE: i64 = 60;
/// Bytes of a user name that is looked at.
pub(crate) const NAME_BYTES_MAX: usize = 255;

#[derive(Clone)]
pub struct Identity {
    pub(crate) catalogue: Catalogue,
    pub(crate) audit: Audit,
    pub(crate) passwords: Passwords,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) verified: Arc<Verified>,
    /// Made or opened when it is first needed.
    pub(crate) signer: Arc<OnceCell<Signer>>,
    denials: Arc<PerMinute>,
}

/// What happened at the first start.
pub enum FirstStart {
    /// There were users already.
    No,
    Made {
        name: String,
        /// Only if the host made it up; print it once.
        password: Option<SecretText>,
    },
}

impl Identity {
    pub(crate) async fn new(catalogue: Catalogue, audit: Audit, sealer: Arc<Sealer>) -> Outcome<Self> {
        let passwords = Passwords::new().await?;
        Ok(Self {
            catalogue,
            audit,
            passwords,
            sealer,
            verified: Arc::default(),
            signer: Arc::default(),
            denials: Arc::new(PerMinute::new(DENIALS_A_MINUTE)),
        })
    }

    /// Makes the groups that are always there, and the administrator if there is no user at all.
    pub async fn first_start(&self, name: Option<String>, password: Option<SecretText>) -> Outcome<FirstStart> {
        self.catalogue.make_standard_groups().await?;
        if self.catalogue.users(&Listing::first(1)).await?.count > 0 {
            return Ok(FirstStart::No);
        }
        let name = name.unwrap_or_else(|| "admin".to_owned());
        let (password, made_up) = match password {
            Some(password) => (password, None),
            None => {
                let password = random_text(PASSWORD_LENGTH)?;
                (password.clone(), Some(password))
            }
        };
        self.make_user(&name, Role::Administrator, password).await?;
        self.audit.host("create", "user", &name, capstan_domain::audit::Verdict::Done, json!({ "administrator": true })).await;
        Ok(FirstStart::Made { name, password: made_up })
    }

    /// All that the user may.
    pub async fn verify_basic(&self, user: &str, password: &SecretText) -> Outcome<Caller> {
        let digest = self.sealer.keyed_hash("basic", format!("{}:{user}:{}", user.len(), password.reveal()).as_bytes());
        if let Some(caller) = self.verified.get(&digest) {
            return Ok(caller);
        }
        // Seldom and long, so it stands on the heap and keeps the callers' futures short.
        Box::pin(self.prove_basic(user, password, digest)).await
    }

    async fn prove_basic(&self, user: &str, password: &SecretText, digest: [u8; 32]) -> Outcome<Caller> {
        let generation = self.verified.generation();
        let known = if user.len() <= NAME_BYTES_MAX { there(self.catalogue.user_with_password(user).await)? } else { None };
        let (user_record, hash) = known.unzip();
        let matches = self.passwords.verify(password.clone(), hash).await?;
        match user_record {
            Some(record) if matches && !record.disabled => {
                let caller = self.caller(&record, Proof::Password).await?;
                self.verified.keep(generation, digest, caller.clone());
                Ok(caller)
            }
            _ => Err(self.deny(user).await),
        }
    }

    /// A key gives its scopes, as far as its user has them, or without scopes all that its user may.
    pub async fn verify_key(&self, key: &SecretText) -> Outcome<Caller> {
        let digest = self.sealer.keyed_hash("api-key", key.reveal().as_bytes());
        if let Some(caller) = self.verified.get(&digest) {
            return Ok(caller);
        }
        Box::pin(self.prove_key(digest)).await
    }

    async fn prove_key(&self, digest: [u8; 32]) -> Outcome<Caller> {
        let generation = self.verified.generation();
        let Some((key, user)) = there(self.catalogue.api_key_by_hash(&digest).await)? else {
            return Err(self.deny("api key").await);
        };
        if user.disabled {
            return Err(self.deny(&user.name).await);
        }
        // At most once in the life of a cached entry, so that a busy key does not write on every call.
        self.catalogue.touch_api_key(key.id, Timestamp::now()).await?;
        let caller = Caller { key: Some(key.number), scopes: key.scopes, ..self.caller(&user, Proof::Key).await? };
        self.verified.keep(generation, digest, caller.clone());
        Ok(caller)
    }

    /// With what the user is given; an administrator needs nothing given.
    pub(crate) async fn caller(&self, user: &User, proof: Proof) -> Outcome<Caller> {
        let given = match user.role {
            Role::Administrator => Given::default(),
            _ => self.catalogue.given(user.id).await?,
        };
        Ok(Caller::new(user, proof, given))
    }

    pub(crate) async fn deny(&self, who: &str) -> Failure {
        let who: String = who.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        if self.denials.take() {
            self.audit.denied(None, "login", "user", &who, json!({})).await;
        } else {
            tracing::warn!(who, "login denied");
        }
        Failure::new(Kind::Unauthenticated, "wrong credentials")
    }
}

/// Not being there is an answer.
pub(crate) fn there<T>(found: Outcome<T>) -> Outcome<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
