//! Groups: users taken together and what they are given.
//!
//! Whoever makes or changes a group has what it gives, before and after; nobody gives away what they do not have. The groups that are
//! always there keep their names, and Administrators has everything without being given it.

use std::collections::HashMap;
use std::fmt::Display;

use capstan_domain::group::{GivenPermission, Group, GroupChange, Holder, NewGroup, Standard};
use capstan_domain::identity::{Caller, Role, User};
use capstan_domain::ids::{GroupId, Reference, UserId};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::permission::{Given, Noun, ObjectPermission, Permission};
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::json;

use crate::identity::{Identity, there};
use crate::user_texts::{check_description, check_group_name};
use crate::users::{Pushed, covered};

/// Members of one group; more are refused.
const MEMBERS_MAX: usize = 10_000;
/// Permissions on single objects that one group has; more are refused.
const OBJECTS_MAX: usize = 1_000;

/// A group with who is in it and what it gives.
#[derive(Debug)]
pub struct GroupView {
    pub group: Group,
    pub members: Vec<User>,
    pub permissions: Vec<Permission>,
    pub objects: Vec<ObjectPermission>,
}

/// What points at a group: a number, or a text, where digits are a number before they are a name.
pub trait Named: Into<Reference<GroupId>> + Display {}

impl<T: Into<Reference<GroupId>> + Display> Named for T {}

/// What is `None` stays as it is, or is empty in a new group. Members by their names.
#[derive(Default)]
pub struct GroupInput {
    pub name: Option<String>,
    pub description: Option<String>,
    /// Whether it has an account on file servers; the gid is given, never asked for.
    pub account: Option<bool>,
    pub members: Option<Vec<String>>,
    pub permissions: Option<Vec<Permission>>,
    pub objects: Option<Vec<ObjectPermission>>,
}

impl Identity {
    pub async fn list_groups(&self, caller: &Caller, listing: Listing) -> Outcome<Page<GroupView>> {
        self.check_may(caller, ("groups", "index"), ("group", "")).await?;
        let page = self.catalogue.groups(&listing).await?;
        Ok(Page { count: page.count, items: self.group_views(page.items).await? })
    }

    /// By number or name.
    pub async fn group(&self, caller: &Caller, reference: impl Named) -> Outcome<GroupView> {
        self.check_may(caller, ("groups", "show"), ("group", &reference.to_string())).await?;
        let group = self.catalogue.group(reference).await?;
        self.group_view(group).await
    }

    pub async fn create_group(&self, caller: &Caller, input: GroupInput) -> Outcome<GroupView> {
        let name = input.name.clone().unwrap_or_default();
        self.check_may(caller, ("groups", "create"), ("group", &name)).await?;
        let change = self.checked(input).await?;
        check_group_name(&name)?;
        covered(caller, Role::Member, &asked(&change))?;
        let new = NewGroup {
            name,
            description: change.description.unwrap_or_default(),
            account: change.account.unwrap_or_default(),
            members: change.members.unwrap_or_default(),
            permissions: change.permissions.unwrap_or_default(),
            objects: change.objects.unwrap_or_default(),
        };
        let group = self.catalogue.create_group(&new).await?;
        self.verified.forget_all();
        let view = self.group_view(group).await?;
        self.audit.done(caller, "create", "group", &view.group.name, told(&view)).await?;
        Ok(view)
    }

    /// By number or name. `Conflict` "protected" for the name of a group that is always there, and for what Administrators gives;
    /// "last-administrator" if nobody were left in that.
    pub async fn update_group(&self, caller: &Caller, reference: impl Named, input: GroupInput) -> Outcome<GroupView> {
        self.check_may(caller, ("groups", "update"), ("group", &reference.to_string())).await?;
        let group = self.catalogue.group(reference).await?;
        let renamed = input.name.as_ref().is_some_and(|name| *name != group.name);
        if renamed && group.standard.is_some() {
            return Err(protected("the name of a group that is always there stays"));
        }
        if let Some(name) = input.name.as_ref().filter(|_| renamed) {
            check_group_name(name)?;
        }
        let mut change = self.checked(input).await?;
        if group.standard == Some(Standard::Administrators) {
            if change.objects.as_ref().is_some_and(|objects| !objects.is_empty()) {
                return Err(protected("Administrators may everything already"));
            }
            // A client that writes back what it was shown gives everything, which the group has without being given it.
            change.permissions = None;
        }
        self.check_groups(caller, std::slice::from_ref(&group)).await?;
        covered(caller, Role::Member, &asked(&change))?;
        let group = self.catalogue.update_group(group.id, change).await?;
        self.verified.forget_all();
        let view = self.group_view(group).await?;
        self.audit.done(caller, "update", "group", &view.group.name, told(&view)).await?;
        Ok(view)
    }

    /// Its members stay. By number or name.
    pub async fn delete_group(&self, caller: &Caller, reference: impl Named) -> Outcome<()> {
        self.check_may(caller, ("groups", "destroy"), ("group", &reference.to_string())).await?;
        let group = self.catalogue.group(reference).await?;
        if group.standard.is_some() {
            return Err(protected("a group that is always there cannot be deleted"));
        }
        self.check_groups(caller, std::slice::from_ref(&group)).await?;
        self.catalogue.delete_group(group.id).await?;
        self.verified.forget_all();
        self.audit.done(caller, "delete", "group", &group.name, json!({ "number": group.number })).await
    }

    /// Gives the groups' accounts to all file servers there are.
    pub async fn push_groups(&self, caller: &Caller) -> Outcome<Pushed> {
        self.check_may(caller, ("groups", "sync"), ("group", "")).await?;
        let accounts = Listing::first(0).with("gid", Operator::Greater, 0);
        let pushed = Pushed { accounts: self.catalogue.groups(&accounts).await?.count, servers: 0 };
        self.audit.done(caller, "push", "group", "", json!({ "accounts": pushed.accounts, "servers": pushed.servers })).await?;
        Ok(pushed)
    }

    /// Texts, members and objects that are there.
    async fn checked(&self, input: GroupInput) -> Outcome<GroupChange> {
        if let Some(description) = &input.description {
            check_description(description)?;
        }
        let members = match input.members {
            Some(names) => Some(self.named_users(&names).await?),
            None => None,
        };
        self.check_objects(input.objects.as_deref().unwrap_or_default()).await?;
        Ok(GroupChange {
            name: input.name,
            description: input.description,
            account: input.account,
            members,
            permissions: input.permissions,
            objects: input.objects,
        })
    }

    async fn named_users(&self, names: &[String]) -> Outcome<Vec<UserId>> {
        if names.len() > MEMBERS_MAX {
            return Err(Failure::invalid(format!("a group has at most {MEMBERS_MAX} members")).with_code("too-many"));
        }
        let users = self.catalogue.users_named(names).await?;
        Ok(users.into_iter().map(|user| user.id).collect())
    }

    /// Permissions are given on objects that are there, of nouns whose objects a door asks about. `Invalid` "object".
    pub(crate) async fn check_objects(&self, objects: &[ObjectPermission]) -> Outcome<()> {
        if objects.len() > OBJECTS_MAX {
            let message = format!("there are at most {OBJECTS_MAX} permissions on single objects");
            return Err(Failure::invalid(message).with_code("object"));
        }
        for ObjectPermission { permission, object } in objects {
            let noun = permission.noun;
            let found = match noun {
                Noun::Space => there(self.catalogue.space(*object).await)?.is_some(),
                Noun::Target => there(self.catalogue.target(*object).await)?.is_some(),
                Noun::Bucket => there(self.catalogue.location(*object).await)?.is_some(),
                Noun::Job => there(self.catalogue.job(*object).await)?.is_some(),
                // Sites are hosts that come and go; the number of one is never another's.
                Noun::Site => *object > 0,
                _ => {
                    let message = format!("{} cannot be given on one object", permission.codename());
                    return Err(Failure::invalid(message).with_code("object"));
                }
            };
            if !found {
                return Err(Failure::invalid(format!("there is no {} {object}", noun.name())).with_code("object"));
            }
        }
        Ok(())
    }

    async fn group_view(&self, group: Group) -> Outcome<GroupView> {
        let views = self.group_views(vec![group]).await?;
        views.into_iter().next().ok_or_else(|| Failure::not_found("there is no such group").with_code("not-found"))
    }

    async fn group_views(&self, groups: Vec<Group>) -> Outcome<Vec<GroupView>> {
        let ids: Vec<GroupId> = groups.iter().map(|group| group.id).collect();
        let mut members: HashMap<GroupId, Vec<User>> = HashMap::new();
        for (group, user) in self.catalogue.members_of(&ids).await? {
            members.entry(group).or_default().push(user);
        }
        let mut given: HashMap<GroupId, Vec<GivenPermission>> = HashMap::new();
        for permission in self.catalogue.permissions_of_groups(&ids).await? {
            if let Holder::Group(group) = permission.holder {
                given.entry(group).or_default().push(permission);
            }
        }
        let views = groups.into_iter().map(|group| {
            let Given { everywhere, objects } = given.remove(&group.id).unwrap_or_default().into_iter().collect();
            let permissions = match group.standard {
                Some(Standard::Administrators) => Permission::all().collect(),
                _ => everywhere.into_iter().collect(),
            };
            let members = members.remove(&group.id).unwrap_or_default();
            GroupView { group, members, permissions, objects: objects.into_iter().collect() }
        });
        Ok(views.collect())
    }
}

/// What a change would give.
fn asked(change: &GroupChange) -> Given {
    Given {
        everywhere: change.permissions.iter().flatten().copied().collect(),
        objects: change.objects.iter().flatten().copied().collect(),
    }
}

fn protected(why: &str) -> Failure {
    Failure::new(Kind::Conflict, why).with_code("protected")
}

fn told(view: &GroupView) -> serde_json::Value {
    json!({
        "number": view.group.number,
        "members": view.members.len(),
        "permissions": view.permissions.len(),
        "objects": view.objects.len(),
    })
}
