//! Users: who there is, in which role, and whether they may still come in.
//!
//! Whatever changes of a user, every credential that was verified before is verified anew, so a user who is disabled, or whose password
//! changed, is out with the next request. The last administrator who may come in stays one.

use capstan_domain::identity::{Caller, NewUser, Role, User};
use capstan_domain::ids::UserId;
use capstan_domain::listing::{Listing, Page};
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::json;

use crate::identity::{Identity, NAME_BYTES_MAX};

/// What is `None` stays as it is.
#[derive(Default)]
pub struct UserChange {
    pub role: Option<Role>,
    pub disabled: Option<bool>,
    pub password: Option<SecretText>,
}

impl Identity {
    pub async fn list_users(&self, caller: &Caller, listing: Listing) -> Outcome<Page<User>> {
        self.only_administrators(caller, "list", "").await?;
        self.catalogue.users(&listing).await
    }

    /// By number, name or id.
    pub async fn find_user(&self, caller: &Caller, reference: &str) -> Outcome<User> {
        self.only_administrators(caller, "show", reference).await?;
        self.user(reference).await
    }

    pub async fn create_user(&self, caller: &Caller, name: &str, role: Role, password: SecretText) -> Outcome<User> {
        self.only_administrators(caller, "create", name).await?;
        let user = self.make_user(name, role, password).await?;
        self.audit.done(caller, "create", "user", &user.name, json!({ "number": user.number, "role": user.role })).await?;
        Ok(user)
    }

    pub async fn update_user(&self, caller: &Caller, reference: &str, change: UserChange) -> Outcome<User> {
        self.only_administrators(caller, "update", reference).await?;
        let mut user = self.user(reference).await?;
        user.role = change.role.unwrap_or(user.role);
        user.disabled = change.disabled.unwrap_or(user.disabled);
        // Hashed first: a password that is refused changes nothing.
        let hash = match change.password {
            Some(password) => Some(self.hashed(password).await?),
            None => None,
        };
        // Dying between the two leaves the role changed and the old password; the caller has no answer and asks again.
        self.catalogue.update_user(&user).await?;
        let changed = hash.is_some();
        if let Some(hash) = hash {
            self.catalogue.set_password(user.id, &hash).await?;
        }
        self.verified.forget_all();
        let detail = json!({ "number": user.number, "role": user.role, "disabled": user.disabled, "password": changed });
        self.audit.done(caller, "update", "user", &user.name, detail).await?;
        Ok(user)
    }

    /// With their keys; what they made stays.
    pub async fn delete_user(&self, caller: &Caller, reference: &str) -> Outcome<()> {
        self.only_administrators(caller, "delete", reference).await?;
        let user = self.user(reference).await?;
        self.catalogue.delete_user(user.id).await?;
        self.verified.forget_all();
        self.audit.done(caller, "delete", "user", &user.name, json!({ "number": user.number })).await
    }

    /// The caller's own, whoever they are. A key is not enough to lock its user out.
    pub async fn change_password(&self, caller: &Caller, old: SecretText, new: SecretText) -> Outcome<()> {
        if caller.scopes.is_some() {
            return Err(Failure::new(Kind::Denied, "a password is changed with the password, not with a key"));
        }
        self.verify_basic(&caller.name, &old).await?;
        let hash = self.hashed(new).await?;
        self.catalogue.set_password(caller.user, &hash).await?;
        self.verified.forget_all();
        self.audit.done(caller, "update", "user", &caller.name, json!({ "password": true })).await
    }

    pub(crate) async fn make_user(&self, name: &str, role: Role, password: SecretText) -> Outcome<User> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(':') || name.chars().any(char::is_control) {
            return Err(
                Failure::invalid("a user name has 1 to 255 bytes, no colon and no control characters").with_code("invalid")
            );
        }
        let hash = self.hashed(password).await?;
        let user = self.catalogue.create_user(&NewUser { name: name.to_owned(), role, password: hash }).await?;
        self.verified.forget_all();
        Ok(user)
    }

    async fn hashed(&self, password: SecretText) -> Outcome<String> {
        if password.reveal().is_empty() {
            return Err(Failure::invalid("a password cannot be empty").with_code("blank"));
        }
        self.passwords.hash(password).await
    }

    async fn user(&self, reference: &str) -> Outcome<User> {
        match reference.parse::<UserId>() {
            Ok(id) => self.catalogue.user(id).await,
            Err(_) => self.catalogue.user(reference).await,
        }
    }

    /// Beside the door's own check: who may make users may make themselves anything.
    async fn only_administrators(&self, caller: &Caller, action: &str, subject: &str) -> Outcome<()> {
        if caller.is_administrator() {
            return Ok(());
        }
        self.audit.denied(Some(caller.name.clone()), action, "user", subject, json!({})).await;
        Err(Failure::new(Kind::Denied, "only administrators see and change users"))
    }
}
