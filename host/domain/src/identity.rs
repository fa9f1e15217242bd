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
    pub administrator: bool,
    pub created: Timestamp,
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
    pub administrator: bool,
    /// None: full access (Basic); else only these.
    pub scopes: Option<Vec<Scope>>,
}

impl Caller {
    pub fn may(&self, noun: &str, verb: &str) -> bool {
        match &self.scopes {
            None => self.administrator,
            Some(scopes) => scopes.iter().any(|scope| scope.noun == noun && scope.verb == verb),
        }
    }
}

#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: String,
    pub administrator: bool,
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
