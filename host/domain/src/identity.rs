//! Who calls: users, their keys, and what they may.
//!
//! A user has one role, which holds on all doors. What groups and the user themselves are given comes on top of it (`permission`): it
//! adds what the role does not give and takes nothing away. Who has the role of a member has only what is given. To have the role of
//! administrator and to be in the group Administrators is one fact. A key with scopes gives of all that only what its scopes name.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{ApiKeyId, GroupId, Number, UserId};
use crate::listing::{Listing, Operator};
use crate::needed::{Needed, looks, needed};
use crate::permission::Given;
use crate::time::Timestamp;
use crate::{Failure, Kind, Outcome};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub number: Number,
    /// Unique.
    pub name: String,
    pub role: Role,
    /// Proves nothing any more, neither by password nor by key nor by token.
    pub disabled: bool,
    pub person: Person,
    /// None: no account on file servers.
    pub account: Option<Account>,
    /// Grows when the user's tokens stop to count: with the password, the role, and when the user is disabled.
    pub generation: u64,
    pub last_login: Option<Timestamp>,
    pub created: Timestamp,
}

/// Who a user is, for people; nothing is decided by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub profile: Profile,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    pub country: String,
    pub department: String,
    pub home_site: Option<Number>,
    pub default_site: Option<Number>,
    pub line_manager: String,
    pub phone: String,
    pub timezone: String,
}

/// A user's account on file servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Never reused.
    pub uid: u32,
    pub primary_group: GroupId,
    pub primary_group_name: String,
    pub allow_ssh: bool,
}

/// What a caller says of an account; the uid is the catalogue's to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRequest {
    pub primary_group: GroupId,
    pub allow_ssh: bool,
}

/// The first uid and the first gid that is given.
pub const FIRST_ACCOUNT_NUMBER: u32 = 100_000;

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
    /// Nothing but their own keys and password, and what they and their groups are given.
    Member,
}

impl Role {
    pub fn may(self, noun: &str, verb: &str) -> bool {
        let looks = looks(verb);
        match (self, noun) {
            (Self::Administrator, _) | (_, "api_keys" | "own_password") => true,
            (Self::Member, _) | (_, "users" | "groups" | "audit") => false,
            // Anywhere in the directories of the host.
            (Self::Operator, "plugins" | "grants" | "mounts") => looks,
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
    pub user_name: String,
    pub name: String,
    /// The last characters, all that is kept readable.
    pub tail: String,
    /// None: all that its user may, as a client key has it; else only these of it.
    pub scopes: Option<Vec<Scope>>,
    pub created: Timestamp,
    pub last_used: Option<Timestamp>,
}

/// How a caller proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    Password,
    /// A key, with scopes or without.
    Key,
    Token,
}

/// The caller of a use case, proved by a door's authentication.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: UserId,
    pub name: String,
    pub role: Role,
    pub proof: Proof,
    /// Number of the key that they proved themselves with, if it was one.
    pub key: Option<Number>,
    /// None: all that the user may; else only these of it.
    pub scopes: Option<Vec<Scope>>,
    /// What comes on top of the role.
    pub given: Arc<Given>,
}

impl Caller {
    /// Everything the user may.
    pub fn new(user: &User, proof: Proof, given: Given) -> Self {
        Self { user: user.id, name: user.name.clone(), role: user.role, proof, key: None, scopes: None, given: Arc::new(given) }
    }

    /// On all objects of the noun.
    pub fn may(&self, noun: &str, verb: &str) -> bool {
        let everywhere = || match needed(noun, verb) {
            Needed::Permission(permission) => self.given.everywhere.contains(&permission),
            Needed::Nothing => true,
            Needed::Administrator => false,
        };
        self.within_scopes(noun, verb) && (self.role.may(noun, verb) || everywhere())
    }

    /// On this object.
    pub fn may_on(&self, noun: &str, verb: &str, object: Number) -> bool {
        let here = match needed(noun, verb) {
            Needed::Permission(permission) => self.given.on(permission, object),
            Needed::Nothing | Needed::Administrator => false,
        };
        self.may(noun, verb) || (self.within_scopes(noun, verb) && here)
    }

    /// On one object at least; which, has to be asked of each.
    pub fn may_some(&self, noun: &str, verb: &str) -> bool {
        let somewhere = match needed(noun, verb) {
            Needed::Permission(permission) => self.given.on_some(permission),
            Needed::Nothing | Needed::Administrator => false,
        };
        self.may(noun, verb) || (self.within_scopes(noun, verb) && somewhere)
    }

    /// `NotFound` where the caller may not even look at the object, `Denied` where they may not do this with it.
    pub fn check_on(&self, noun: &str, verb: &str, object: Number) -> Outcome<()> {
        if self.may_on(noun, verb, object) {
            return Ok(());
        }
        // Scopes are about calls, and this one was let in: what may be looked at is asked of the user.
        let user = Self { scopes: None, ..self.clone() };
        if user.may_on(noun, "show", object) {
            Err(Failure::new(Kind::Denied, format!("{noun}/{verb} is not allowed on this one")))
        } else {
            Err(Failure::not_found(format!("there is none of the {noun} with this number")).with_code("not-found"))
        }
    }

    /// Of a list of the noun what the caller may look at: all, or the objects that were given.
    #[must_use]
    pub fn narrowed(&self, noun: &str, verb: &str, listing: Listing) -> Listing {
        if self.may(noun, verb) { listing } else { listing.with("viewer", Operator::Equal, self.user) }
    }

    pub fn is_administrator(&self) -> bool {
        self.role == Role::Administrator
    }

    /// Whether the caller has all that somebody of this role with this given has: nobody gives away what they do not have, nor takes
    /// over who has more.
    pub fn covers(&self, role: Role, given: &Given) -> bool {
        let of_role = role == Role::Member || role == self.role;
        self.is_administrator() || (self.scopes.is_none() && of_role && self.given.covers(given))
    }

    fn within_scopes(&self, noun: &str, verb: &str) -> bool {
        let within = |scopes: &Vec<Scope>| scopes.iter().any(|scope| scope.noun == noun && scope.verb == verb);
        self.scopes.as_ref().is_none_or(within)
    }
}

#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: String,
    pub role: Role,
    /// A password hash in PHC form.
    pub password: String,
}

/// What may be told of a new user beside.
#[derive(Clone, Debug, Default)]
pub struct Enrolment {
    pub person: Person,
    pub account: Option<AccountRequest>,
    pub groups: Vec<GroupId>,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct UserRecordChange {
    pub role: Option<Role>,
    pub disabled: Option<bool>,
    /// A password hash in PHC form.
    pub password: Option<String>,
    pub person: Option<Person>,
    /// `Some(None)`: no account any more. A uid that was given once stays the user's.
    pub account: Option<Option<AccountRequest>>,
    /// Becomes exactly these. Administrators among them gives the role of administrator, its absence takes that away.
    pub groups: Option<Vec<GroupId>>,
}

#[derive(Clone, Debug)]
pub struct NewApiKey {
    pub user: UserId,
    pub name: String,
    pub tail: String,
    /// What the key is found by; unique.
    pub hash: Vec<u8>,
    pub scopes: Option<Vec<Scope>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::{Action, Noun, ObjectPermission, Permission};

    fn caller(role: Role, scopes: Option<&[(&str, &str)]>) -> Caller {
        let scope = |(noun, verb): &(&str, &str)| Scope { noun: (*noun).to_owned(), verb: (*verb).to_owned() };
        let scopes = scopes.map(|scopes| scopes.iter().map(scope).collect());
        Caller { user: UserId::new(), name: "ada".into(), role, proof: Proof::Key, key: None, scopes, given: Arc::default() }
    }

    #[test]
    fn a_reader_looks_and_an_operator_works() {
        let (reader, operator) = (caller(Role::Reader, None), caller(Role::Operator, None));
        assert!(
            reader.may("files", "index")
                && reader.may("files", "tapes")
                && !reader.may("tasks", "create")
                && !reader.may("audit", "index")
        );
        assert!(operator.may("tasks", "action") && operator.may("pools", "mount") && operator.may("plugins", "show"));
        assert!(operator.may("mounts", "index") && !operator.may("mounts", "create") && !operator.may("mounts", "destroy"));
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

    #[test]
    fn what_is_given_adds_to_the_role_and_takes_nothing_away() {
        let given = Given { everywhere: [Permission::new(Action::Add, Noun::Space)].into(), ..Given::default() };
        let member = Caller { given: Arc::new(given.clone()), ..caller(Role::Member, None) };
        assert!(member.may("containers", "create") && member.may("spaces", "create") && member.may("own_password", "update"));
        assert!(!member.may("containers", "index") && !member.may("cloud_connectors", "get_secret_key"));
        let reader = Caller { given: Arc::new(given), ..caller(Role::Reader, None) };
        assert!(reader.may("containers", "create") && reader.may("containers", "index"));
    }

    #[test]
    fn a_permission_on_one_object_opens_that_one_and_no_list_of_all() {
        let view = |object| ObjectPermission { permission: Permission::new(Action::View, Noun::Space), object };
        let given = Given { objects: [view(3)].into(), ..Given::default() };
        let member = Caller { given: Arc::new(given), ..caller(Role::Member, None) };
        assert!(!member.may("spaces", "index") && member.may_some("spaces", "index"));
        assert!(member.may_on("spaces", "show", 3) && !member.may_on("spaces", "show", 4));
        assert_eq!(member.check_on("spaces", "update", 3).unwrap_err().kind, Kind::Denied);
        assert_eq!(member.check_on("spaces", "update", 4).unwrap_err().kind, Kind::NotFound);
        assert_eq!(member.narrowed("spaces", "index", Listing::first(1)).filters.len(), 1);
        let scoped = Caller { scopes: Some(Vec::new()), ..member };
        assert!(!scoped.may_on("spaces", "show", 3) && !scoped.may_some("spaces", "show"));
    }

    #[test]
    fn nobody_covers_one_who_has_more() {
        let (admin, member) = (caller(Role::Administrator, None), caller(Role::Member, None));
        let given = Given { everywhere: [Permission::new(Action::Add, Noun::Space)].into(), ..Given::default() };
        assert!(admin.covers(Role::Administrator, &given) && member.covers(Role::Member, &Given::default()));
        assert!(!member.covers(Role::Reader, &Given::default()) && !member.covers(Role::Member, &given));
    }
}
