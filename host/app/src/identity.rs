//! Who calls: users with passwords, keys with scopes, and the proof of either.
//!
//! One service for all doors. A wrong name and a wrong password are told apart neither by the answer nor by its time.

use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::identity::{ApiKey, Caller, NewApiKey, Role, Scope};
use capstan_domain::ids::Number;
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::secret::SecretText;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::json;

use crate::audit::Audit;
use crate::budget::PerMinute;
use crate::credentials::Verified;
use crate::passwords::Passwords;
use crate::sealing::{Sealer, random_text};

/// Characters of a key: 5 bits each.
const KEY_LENGTH: usize = 40;
/// Characters of a key that stay readable.
const TAIL_LENGTH: usize = 4;
/// Characters of a password the host makes up.
const PASSWORD_LENGTH: usize = 20;
/// Scopes of one key; more are refused.
const SCOPES_MAX: usize = 512;
/// Keys of one user; more are refused.
const KEYS_MAX: u64 = 1000;
/// Denied logins that are written down, a minute; a flood of them must not fill the catalogue. All are counted in the log.
const DENIALS_A_MINUTE: i64 = 60;
/// Bytes of a user name that is looked at.
pub(crate) const NAME_BYTES_MAX: usize = 255;

#[derive(Clone)]
pub struct Identity {
    pub(crate) catalogue: Catalogue,
    pub(crate) audit: Audit,
    pub(crate) passwords: Passwords,
    sealer: Arc<Sealer>,
    pub(crate) verified: Arc<Verified>,
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
            denials: Arc::new(PerMinute::new(DENIALS_A_MINUTE)),
        })
    }

    /// Makes the administrator if there is no user at all.
    pub async fn first_start(&self, name: Option<String>, password: Option<SecretText>) -> Outcome<FirstStart> {
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

    /// All that the user's role may.
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
                let caller = Caller { user: record.id, name: record.name, role: record.role, scopes: None };
                self.verified.keep(generation, digest, caller.clone());
                Ok(caller)
            }
            _ => Err(self.deny(user).await),
        }
    }

    /// A key gives its scopes, as far as its user's role has them.
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
        let caller = Caller { user: user.id, name: user.name, role: user.role, scopes: Some(key.scopes) };
        self.verified.keep(generation, digest, caller.clone());
        Ok(caller)
    }

    async fn deny(&self, who: &str) -> Failure {
        let who: String = who.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        if self.denials.take() {
            self.audit.denied(None, "login", "user", &who, json!({})).await;
        } else {
            tracing::warn!(who, "login denied");
        }
        Failure::new(Kind::Unauthenticated, "wrong credentials")
    }

    pub async fn list_api_keys(&self, caller: &Caller, listing: Listing) -> Outcome<Page<ApiKey>> {
        self.catalogue.api_keys(&listing.with("user", Operator::Equal, caller.user)).await
    }

    /// One of the caller's own; another's is not there.
    pub async fn api_key(&self, caller: &Caller, number: Number) -> Outcome<ApiKey> {
        let key = self.catalogue.api_key(number).await?;
        if key.user == caller.user { Ok(key) } else { Err(Failure::not_found("there is no such api key").with_code("not-found")) }
    }

    /// The key itself is answered here and never again.
    pub async fn create_api_key(&self, caller: &Caller, name: String, scopes: Vec<Scope>) -> Outcome<(ApiKey, SecretText)> {
        check_scopes(caller, &scopes)?;
        if self.list_api_keys(caller, Listing::first(0)).await?.count >= KEYS_MAX {
            return Err(Failure::new(Kind::NoSpace, format!("a user has at most {KEYS_MAX} api keys"))
                .with_next_step("delete one that is not used"));
        }
        let secret = random_text(KEY_LENGTH)?;
        let hash = self.sealer.keyed_hash("api-key", secret.reveal().as_bytes()).to_vec();
        let tail = secret.reveal().get(KEY_LENGTH - TAIL_LENGTH..).unwrap_or_default().to_owned();
        let key = self.catalogue.create_api_key(&NewApiKey { user: caller.user, name, tail, hash, scopes }).await?;
        self.audit
            .done(caller, "create", "api_key", &key.name, json!({ "number": key.number, "scopes": key.scopes.len() }))
            .await?;
        Ok((key, secret))
    }

    pub async fn update_api_key(
        &self,
        caller: &Caller,
        number: Number,
        name: Option<String>,
        scopes: Option<Vec<Scope>>,
    ) -> Outcome<ApiKey> {
        let mut key = self.api_key(caller, number).await?;
        if let Some(scopes) = scopes {
            check_scopes(caller, &scopes)?;
            key.scopes = scopes;
        }
        key.name = name.unwrap_or(key.name);
        self.catalogue.update_api_key(&key).await?;
        self.verified.forget_all();
        self.audit
            .done(caller, "update", "api_key", &key.name, json!({ "number": key.number, "scopes": key.scopes.len() }))
            .await?;
        Ok(key)
    }

    pub async fn delete_api_key(&self, caller: &Caller, number: Number) -> Outcome<()> {
        let key = self.api_key(caller, number).await?;
        self.catalogue.delete_api_key(key.id).await?;
        self.verified.forget_all();
        self.audit.done(caller, "delete", "api_key", &key.name, json!({ "number": key.number })).await
    }
}

/// Not being there is an answer.
fn there<T>(found: Outcome<T>) -> Outcome<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Nobody gives away what they do not have.
fn check_scopes(caller: &Caller, scopes: &[Scope]) -> Outcome<()> {
    if scopes.len() > SCOPES_MAX {
        return Err(Failure::invalid(format!("a key has at most {SCOPES_MAX} scopes")).with_code("too-long"));
    }
    match scopes.iter().find(|scope| !caller.may(&scope.noun, &scope.verb)) {
        None => Ok(()),
        Some(scope) => Err(Failure::new(
            Kind::Denied,
            format!("the scope {}/{} cannot be given by one who does not have it", scope.noun, scope.verb),
        )),
    }
}
