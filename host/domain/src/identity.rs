//! Who calls: users and their API keys.

use serde::{Deserialize, Serialize};

use crate::ids::{ApiKeyId, Number, UserId};
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub number: Number,
    /// Unique.
    pub name: String,
    pub role: Role,
    /// Proves nothing any more, neither by password nor by key.
    pub disabled: bool,
    pub created: Timestamp,
}

/// What a user may do, on every door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Administrator,
    /// Works with what is set up: all but users, the audit log, plugins, grants and secrets in the clear. What an operator configures
    /// reaches only what an administrator grants.
    Operator,
    /// Looks, and changes nothing but their own keys and password.
    Reader,
}

impl Role {
    pub fn may(self, noun: &str, verb: &str) -> bool {
        let looks = matches!(verb, "index" | "show" | "mount_status");
        match (self, noun) {
            (Self::Administrator, _) | (_, "api_keys" | "own_password") => true,
            (_, "users" | "audit") => false,
            (Self::Operator, "plugins" | "grants") => looks,
            (Self::Operator, _) => verb != "get_secret_key",
            (Self::Reader, _) => looks,
        }
    }
}

/// One call a key may make: a noun and a verb, in the words of the dialect that made the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scope {
    pub noun: String,
    pub verb: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub number: Number,
    pub user: UserId,
    pub name: String,
    /// The last characters, all that is kept readable.
    pub tail: String,
    pub scopes: Vec<Scope>,
    pub created: Timestamp,
    pub last_used: Option<Timestamp>,
}

/// The caller of a use case, proved by a door's authentication.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: UserId,
    pub name: String,
    pub role: Role,
    /// None: all that the role may (Basic); else only these of it.
    pub scopes: Option<Vec<Scope>>,
}

impl Caller {
    pub fn may(&self, noun: &str, verb: &str) -> bool {
        let within = |scopes: &Vec<Scope>| scopes.iter().any(|scope| scope.noun == noun && scope.verb == verb);
        self.role.may(noun, verb) && self.scopes.as_ref().is_none_or(within)
    }

    pub fn is_administrator(&self) -> bool {
        self.role == Role::Administrator
    }
}

#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: String,
    pub role: Role,
    /// A password hash in PHC form.
    pub password: String,
}

#[derive(Clone, Debug)]
pub struct NewApiKey {
    pub user: UserId,
    pub name: String,
    pub tail: String,
    /// What the key is found by; unique.
    pub hash: Vec<u8>,
    pub scopes: Vec<Scope>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role, scopes: Option<&[(&str, &str)]>) -> Caller {
        let scope = |(noun, verb): &(&str, &str)| Scope { noun: (*noun).to_owned(), verb: (*verb).to_owned() };
        let scopes = scopes.map(|scopes| scopes.iter().map(scope).collect());
        Caller { user: UserId::new(), name: "ada".into(), role, scopes }
    }

    #[test]
    fn a_reader_looks_and_an_operator_works() {
        let (reader, operator) = (caller(Role::Reader, None), caller(Role::Operator, None));
        assert!(reader.may("files", "index") && !reader.may("tasks", "create") && !reader.may("audit", "index"));
        assert!(operator.may("tasks", "action") && operator.may("pools", "mount") && operator.may("plugins", "show"));
        assert!(!operator.may("plugins", "create") && !operator.may("users", "index") && !operator.may("grants", "create"));
        assert!(!operator.may("cloud_connectors", "get_secret_key"));
        assert!(reader.may("api_keys", "create"));
    }

    #[test]
    fn a_key_gives_no_more_than_its_user_may() {
        let scopes: &[(&str, &str)] = &[("tasks", "create"), ("tasks", "show")];
        assert!(caller(Role::Administrator, Some(scopes)).may("tasks", "create"));
        assert!(!caller(Role::Administrator, Some(scopes)).may("tasks", "destroy"));
        assert!(!caller(Role::Reader, Some(scopes)).may("tasks", "create"));
        assert!(caller(Role::Reader, Some(scopes)).may("tasks", "show"));
    }
}
