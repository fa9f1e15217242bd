//! Keys of users, in two forms: with scopes, which give these calls only, and client keys, which give all that their user may.
//!
//! The key itself is answered once and kept as a keyed hash. Each form is listed, shown and changed by itself: no change makes one into
//! the other.

use capstan_domain::identity::{ApiKey, Caller, NewApiKey, Scope};
use capstan_domain::ids::Number;
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::json;

use crate::identity::Identity;
use crate::ownership::{check_name, missing};
use crate::sealing::random_text;

/// Characters of a key: 5 bits each.
const KEY_LENGTH: usize = 40;
/// Characters of a key that stay readable.
const TAIL_LENGTH: usize = 4;
/// Scopes of one key; more are refused.
const SCOPES_MAX: usize = 512;
/// Keys of one user; more are refused.
const KEYS_MAX: u64 = 1000;

impl Identity {
    /// The caller's own that have scopes.
    pub async fn list_api_keys(&self, caller: &Caller, listing: Listing) -> Outcome<Page<ApiKey>> {
        let with_scopes = listing.with("whole", Operator::Equal, false);
        self.catalogue.api_keys(&with_scopes.with("user", Operator::Equal, caller.user)).await
    }

    /// One of the caller's own; another's is not there.
    pub async fn api_key(&self, caller: &Caller, number: Number) -> Outcome<ApiKey> {
        let key = self.catalogue.api_key(number).await?;
        if key.user == caller.user && key.scopes.is_some() { Ok(key) } else { Err(missing("api key")) }
    }

    /// The key itself is answered here and never again.
    pub async fn create_api_key(&self, caller: &Caller, name: String, scopes: Vec<Scope>) -> Outcome<(ApiKey, SecretText)> {
        check_scopes(caller, &scopes)?;
        self.make_key(caller, name, Some(scopes)).await
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
            key.scopes = Some(scopes);
        }
        key.name = name.unwrap_or(key.name);
        self.write_key(caller, key).await
    }

    pub async fn delete_api_key(&self, caller: &Caller, number: Number) -> Outcome<()> {
        let key = self.api_key(caller, number).await?;
        self.remove_key(caller, &key).await
    }

    /// The caller's own; administrators see everybody's.
    pub async fn list_client_keys(&self, caller: &Caller, listing: Listing) -> Outcome<Page<ApiKey>> {
        let whole = listing.with("whole", Operator::Equal, true);
        let seen = if caller.is_administrator() { whole } else { whole.with("user", Operator::Equal, caller.user) };
        self.catalogue.api_keys(&seen).await
    }

    pub async fn client_key(&self, caller: &Caller, number: Number) -> Outcome<ApiKey> {
        let key = self.catalogue.api_key(number).await?;
        let seen = key.user == caller.user || caller.is_administrator();
        if seen && key.scopes.is_none() { Ok(key) } else { Err(missing("client key")) }
    }

    /// The key itself is answered here and never again. A key with scopes cannot make one that gives more than itself.
    pub async fn create_client_key(&self, caller: &Caller, name: String) -> Outcome<(ApiKey, SecretText)> {
        if caller.scopes.is_some() {
            return Err(Failure::new(Kind::Denied, "a key with scopes makes no client key"));
        }
        check_name(&name)?;
        self.make_key(caller, name, None).await
    }

    pub async fn rename_client_key(&self, caller: &Caller, number: Number, name: String) -> Outcome<ApiKey> {
        check_name(&name)?;
        let key = self.client_key(caller, number).await?;
        self.write_key(caller, ApiKey { name, ..key }).await
    }

    pub async fn delete_client_key(&self, caller: &Caller, number: Number) -> Outcome<()> {
        let key = self.client_key(caller, number).await?;
        self.remove_key(caller, &key).await
    }

    async fn make_key(&self, caller: &Caller, name: String, scopes: Option<Vec<Scope>>) -> Outcome<(ApiKey, SecretText)> {
        let own = Listing::first(0).with("user", Operator::Equal, caller.user);
        if self.catalogue.api_keys(&own).await?.count >= KEYS_MAX {
            return Err(Failure::new(Kind::NoSpace, format!("a user has at most {KEYS_MAX} api keys"))
                .with_next_step("delete one that is not used"));
        }
        let secret = random_text(KEY_LENGTH)?;
        let hash = self.sealer.keyed_hash("api-key", secret.reveal().as_bytes()).to_vec();
        let tail = secret.reveal().get(KEY_LENGTH - TAIL_LENGTH..).unwrap_or_default().to_owned();
        let key = self.catalogue.create_api_key(&NewApiKey { user: caller.user, name, tail, hash, scopes }).await?;
        self.audit.done(caller, "create", "api_key", &key.name, told(&key)).await?;
        Ok((key, secret))
    }

    async fn write_key(&self, caller: &Caller, key: ApiKey) -> Outcome<ApiKey> {
        self.catalogue.update_api_key(&key).await?;
        self.verified.forget_all();
        self.audit.done(caller, "update", "api_key", &key.name, told(&key)).await?;
        Ok(key)
    }

    async fn remove_key(&self, caller: &Caller, key: &ApiKey) -> Outcome<()> {
        self.catalogue.delete_api_key(key.id).await?;
        self.verified.forget_all();
        self.audit.done(caller, "delete", "api_key", &key.name, told(key)).await
    }
}

/// For the audit log; no scopes: all that its user may.
fn told(key: &ApiKey) -> serde_json::Value {
    json!({ "number": key.number, "scopes": key.scopes.as_ref().map(Vec::len) })
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
