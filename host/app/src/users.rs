//! Users: who there is, in which role and in which groups, and whether they may still come in.
//!
//! Administrators see and change all of them. Others to whom permissions on users were given do so within what they have themselves:
//! they neither make nor take over a user who may more than they do. Whatever changes of a user, every credential that was verified
//! before is verified anew, so a user who is disabled, or whose password changed, is out with the next request. The last administrator
//! who may come in stays one.

use capstan_domain::group::{Group, Standard};
use capstan_domain::identity::{
    Account, AccountRequest, Caller, Enrolment, NewUser, Person, Profile, Role, User, UserRecordChange,
};
use capstan_domain::ids::{GroupId, UserId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::permission::Given;
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::json;

use crate::identity::{Identity, NAME_BYTES_MAX, there};
use crate::passwords::check_strength;
use crate::person::PersonChange;
use crate::user_texts::{check_person, check_user_name};

/// Groups of one user; more are refused.
const GROUPS_MAX: usize = 256;

/// A user with all that can be told of one; groups by their names.
pub struct Member {
    pub name: String,
    pub password: SecretText,
    pub person: Person,
    pub account: Option<AccountInput>,
    pub groups: Vec<String>,
}

/// An account on file servers; the uid is given, never asked for. What is `None` stays as it is.
#[derive(Default)]
pub struct AccountInput {
    /// By its name; it has to have a gid. A new account has to have one.
    pub primary_group: Option<String>,
    pub allow_ssh: Option<bool>,
}

/// What is `None` stays as it is.
#[derive(Default)]
pub struct UserChange {
    pub role: Option<Role>,
    pub disabled: Option<bool>,
    pub password: Option<SecretText>,
    pub person: Option<PersonChange>,
    /// `Some(None)`: none any more.
    pub account: Option<Option<AccountInput>>,
    /// Becomes exactly these, by name.
    pub groups: Option<Vec<String>>,
}

/// A user and the groups they are in.
#[derive(Debug)]
pub struct UserView {
    pub user: User,
    pub groups: Vec<Group>,
}

/// What a push of accounts to file servers did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Accounts there are.
    pub accounts: u64,
    /// File servers that were given them. No plugin serves shares, so there is none to give them to.
    pub servers: u64,
}

impl Identity {
    pub async fn list_users(&self, caller: &Caller, listing: Listing) -> Outcome<Page<User>> {
        self.check_users(caller, "index", "").await?;
        self.catalogue.users(&listing).await
    }

    /// The same, each with their groups.
    pub async fn list_user_views(&self, caller: &Caller, listing: Listing) -> Outcome<Page<UserView>> {
        let page = self.list_users(caller, listing).await?;
        Ok(Page { count: page.count, items: self.user_views(page.items).await? })
    }

    /// By number, name or id.
    pub async fn find_user(&self, caller: &Caller, reference: &str) -> Outcome<User> {
        self.check_users(caller, "show", reference).await?;
        self.user(reference).await
    }

    /// By the exact name, with their groups; everybody may look at themselves.
    pub async fn user_view(&self, caller: &Caller, name: &str) -> Outcome<UserView> {
        if caller.name != name {
            self.check_users(caller, "show", name).await?;
        }
        let user = self.catalogue.user_named(name).await?;
        self.shown(user).await
    }

    pub async fn create_user(&self, caller: &Caller, name: &str, role: Role, password: SecretText) -> Outcome<User> {
        self.check_users(caller, "create", name).await?;
        covered(caller, role, &Given::default())?;
        check_strength(name, &password)?;
        let user = self.make_user(name, role, password).await?;
        self.audit.done(caller, "create", "user", &user.name, json!({ "number": user.number, "role": user.role })).await?;
        Ok(user)
    }

    /// A user who has what groups give, and its role where Administrators is among them.
    pub async fn enrol_user(&self, caller: &Caller, member: Member) -> Outcome<UserView> {
        self.check_users(caller, "create", &member.name).await?;
        check_user_name(&member.name)?;
        check_person(&member.person)?;
        self.check_sites(&member.person.profile, &Profile::default()).await?;
        check_strength(&member.name, &member.password)?;
        let groups = self.named_groups(&member.groups).await?;
        self.check_groups(caller, &groups).await?;
        let account = match member.account {
            Some(account) => Some(self.account(account, None).await?),
            None => None,
        };
        let password = self.hashed(member.password).await?;
        let new = NewUser { name: member.name, role: Role::Member, password };
        let groups = groups.iter().map(|group| group.id).collect();
        let user = self.catalogue.enrol_user(&new, Enrolment { person: member.person, account, groups }).await?;
        self.verified.forget_all();
        let detail = json!({ "number": user.number, "role": user.role, "groups": member.groups });
        self.audit.done(caller, "create", "user", &user.name, detail).await?;
        self.shown(user).await
    }

    /// By number, name or id.
    pub async fn update_user(&self, caller: &Caller, reference: &str, change: UserChange) -> Outcome<User> {
        self.check_users(caller, "update", reference).await?;
        let user = self.user(reference).await?;
        self.change_user(caller, user, change).await
    }

    /// By the exact name.
    pub async fn update_user_named(&self, caller: &Caller, name: &str, change: UserChange) -> Outcome<UserView> {
        self.check_users(caller, "update", name).await?;
        let user = self.catalogue.user_named(name).await?;
        let user = self.change_user(caller, user, change).await?;
        self.shown(user).await
    }

    /// Lets a user in again, or in no more. By the exact name.
    pub async fn activate_user(&self, caller: &Caller, name: &str, active: bool) -> Outcome<UserView> {
        self.check_users(caller, if active { "activate" } else { "deactivate" }, name).await?;
        let user = self.catalogue.user_named(name).await?;
        let change = UserChange { disabled: Some(!active), ..UserChange::default() };
        let user = self.change_user(caller, user, change).await?;
        self.shown(user).await
    }

    /// With their keys; what they made stays. By number, name or id.
    pub async fn delete_user(&self, caller: &Caller, reference: &str) -> Outcome<()> {
        self.check_users(caller, "destroy", reference).await?;
        let user = self.user(reference).await?;
        self.remove_user(caller, user).await
    }

    /// By the exact name.
    pub async fn delete_user_named(&self, caller: &Caller, name: &str) -> Outcome<()> {
        self.check_users(caller, "destroy", name).await?;
        let user = self.catalogue.user_named(name).await?;
        self.remove_user(caller, user).await
    }

    /// The caller's own, whoever they are. A key is not enough to lock its user out.
    pub async fn change_password(&self, caller: &Caller, old: SecretText, new: SecretText) -> Outcome<()> {
        if caller.proof == capstan_domain::identity::Proof::Key {
            return Err(Failure::new(Kind::Denied, "a password is changed with the password, not with a key"));
        }
        self.verify_basic(&caller.name, &old).await?;
        check_strength(&caller.name, &new)?;
        let hash = self.hashed(new).await?;
        self.catalogue.set_password(caller.user, &hash).await?;
        self.verified.forget_all();
        self.audit.done(caller, "update", "user", &caller.name, json!({ "password": true })).await
    }

    /// Gives the users' accounts to all file servers there are.
    pub async fn push_users(&self, caller: &Caller) -> Outcome<Pushed> {
        self.check_users(caller, "sync", "").await?;
        let accounts = Listing::first(0).with("uid", capstan_domain::listing::Operator::Greater, 0);
        let pushed = Pushed { accounts: self.catalogue.users(&accounts).await?.count, servers: 0 };
        self.audit.done(caller, "push", "user", "", json!({ "accounts": pushed.accounts, "servers": pushed.servers })).await?;
        Ok(pushed)
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

    async fn change_user(&self, caller: &Caller, user: User, change: UserChange) -> Outcome<User> {
        self.check_covers(caller, &user).await?;
        if let Some(role) = change.role {
            covered(caller, role, &Given::default())?;
        }
        let person = match change.person {
            Some(change) => {
                let person = change.applied(user.person.clone());
                check_person(&person)?;
                self.check_sites(&person.profile, &user.person.profile).await?;
                Some(person)
            }
            None => None,
        };
        let groups = match &change.groups {
            Some(names) => Some(self.regrouped(caller, &user, names).await?),
            None => None,
        };
        let account = match change.account {
            Some(Some(account)) => Some(Some(self.account(account, user.account.as_ref()).await?)),
            Some(None) => Some(None),
            None => None,
        };
        // Hashed first: a password that is refused changes nothing.
        let password = match change.password {
            Some(password) => {
                check_strength(&user.name, &password)?;
                Some(self.hashed(password).await?)
            }
            None => None,
        };
        let changed = password.is_some();
        let record = UserRecordChange { role: change.role, disabled: change.disabled, password, person, account, groups };
        let user = self.catalogue.update_user(user.id, record).await?;
        self.verified.forget_all();
        let detail = json!({
            "number": user.number, "role": user.role, "disabled": user.disabled, "password": changed, "groups": change.groups,
        });
        self.audit.done(caller, "update", "user", &user.name, detail).await?;
        Ok(user)
    }

    async fn remove_user(&self, caller: &Caller, user: User) -> Outcome<()> {
        self.check_covers(caller, &user).await?;
        self.catalogue.delete_user(user.id).await?;
        self.verified.forget_all();
        self.audit.done(caller, "delete", "user", &user.name, json!({ "number": user.number })).await
    }

    /// The groups a user is to be in. Whoever puts somebody into a group, or takes them out, has what it gives.
    async fn regrouped(&self, caller: &Caller, user: &User, names: &[String]) -> Outcome<Vec<GroupId>> {
        let wanted = self.named_groups(names).await?;
        let old: Vec<Group> = self.catalogue.groups_of(&[user.id]).await?.into_iter().map(|(_, group)| group).collect();
        let other = |group: &&Group, among: &[Group]| !among.iter().any(|known| known.id == group.id);
        let joined = wanted.iter().filter(|group| other(group, &old));
        let left = old.iter().filter(|group| other(group, &wanted));
        let changed: Vec<Group> = joined.chain(left).cloned().collect();
        self.check_groups(caller, &changed).await?;
        Ok(wanted.into_iter().map(|group| group.id).collect())
    }

    async fn named_groups(&self, names: &[String]) -> Outcome<Vec<Group>> {
        if names.len() > GROUPS_MAX {
            return Err(Failure::invalid(format!("a user is in at most {GROUPS_MAX} groups")).with_code("too-many"));
        }
        self.catalogue.groups_named(names).await
    }

    /// `Invalid` "primary-group" for one that is not there, and where a new account has none.
    async fn account(&self, given: AccountInput, old: Option<&Account>) -> Outcome<AccountRequest> {
        let coded = |failure: Failure| match failure.kind {
            Kind::Invalid => failure.with_code("primary-group"),
            _ => failure,
        };
        let primary_group = match &given.primary_group {
            Some(name) => {
                let found = self.catalogue.groups_named(std::slice::from_ref(name)).await.map_err(coded)?;
                found.first().map(|group| group.id)
            }
            None => old.map(|old| old.primary_group),
        };
        let primary_group = primary_group.ok_or_else(|| coded(Failure::invalid("an account has a primary group")))?;
        let allow_ssh = given.allow_ssh.unwrap_or_else(|| old.is_some_and(|old| old.allow_ssh));
        Ok(AccountRequest { primary_group, allow_ssh })
    }

    /// Sites that are newly named are there. `Invalid` "home_site" or "default_site".
    async fn check_sites(&self, new: &Profile, old: &Profile) -> Outcome<()> {
        for (field, site, before) in
            [("home_site", new.home_site, old.home_site), ("default_site", new.default_site, old.default_site)]
        {
            let Some(number) = site.filter(|_| site != before) else { continue };
            if there(self.catalogue.site(number).await)?.is_none() {
                return Err(Failure::invalid(format!("there is no site {number}")).with_code(field));
            }
        }
        Ok(())
    }

    async fn shown(&self, user: User) -> Outcome<UserView> {
        let groups = self.catalogue.groups_of(&[user.id]).await?;
        Ok(UserView { user, groups: groups.into_iter().map(|(_, group)| group).collect() })
    }

    async fn user_views(&self, users: Vec<User>) -> Outcome<Vec<UserView>> {
        let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
        let mut groups = self.catalogue.groups_of(&ids).await?;
        let views = users.into_iter().map(|user| {
            let own = groups.extract_if(.., |(member, _)| *member == user.id).map(|(_, group)| group).collect();
            UserView { user, groups: own }
        });
        Ok(views.collect())
    }

    /// Whoever changes a user has all that the user has.
    async fn check_covers(&self, caller: &Caller, user: &User) -> Outcome<()> {
        let given = if caller.is_administrator() { Given::default() } else { self.catalogue.given(user.id).await? };
        covered(caller, user.role, &given)
    }

    pub(crate) async fn check_groups(&self, caller: &Caller, groups: &[Group]) -> Outcome<()> {
        if caller.is_administrator() {
            return Ok(());
        }
        let administrators = groups.iter().any(|group| group.standard == Some(Standard::Administrators));
        let role = if administrators { Role::Administrator } else { Role::Member };
        let ids: Vec<GroupId> = groups.iter().map(|group| group.id).collect();
        covered(caller, role, &self.catalogue.permissions_of_groups(&ids).await?.into_iter().collect())
    }

    async fn hashed(&self, password: SecretText) -> Outcome<String> {
        if password.reveal().is_empty() {
            return Err(Failure::invalid("a password cannot be empty").with_code("blank"));
        }
        self.passwords.hash(password).await
    }

    pub(crate) async fn user(&self, reference: &str) -> Outcome<User> {
        match reference.parse::<UserId>() {
            Ok(id) => self.catalogue.user(id).await,
            Err(_) => self.catalogue.user(reference).await,
        }
    }

    /// Beside the door's own check.
    async fn check_users(&self, caller: &Caller, verb: &str, subject: &str) -> Outcome<()> {
        self.check_may(caller, ("users", verb), ("user", subject)).await
    }

    /// `subject`: a noun and which one, for the audit log.
    pub(crate) async fn check_may(&self, caller: &Caller, call: (&str, &str), subject: (&str, &str)) -> Outcome<()> {
        if caller.may(call.0, call.1) {
            return Ok(());
        }
        self.audit.denied(Some(caller.name.clone()), call.1, subject.0, subject.1, json!({})).await;
        Err(Failure::new(Kind::Denied, format!("{}/{} is for administrators and those it was given to", call.0, call.1)))
    }
}

pub(crate) fn covered(caller: &Caller, role: Role, given: &Given) -> Outcome<()> {
    if caller.covers(role, given) {
        return Ok(());
    }
    Err(Failure::new(Kind::Denied, "nobody gives or changes more than they have themselves"))
}
