//! What a caller may, shown to them, and what single users are given beside their groups.

use capstan_domain::Outcome;
use capstan_domain::group::{GivenPermission, Holder};
use capstan_domain::identity::{Caller, Role};
use capstan_domain::ids::Number;
use capstan_domain::needed::of_role;
use capstan_domain::permission::{Given, ObjectPermission, Permission};
use serde_json::json;

use crate::identity::Identity;
use crate::users::covered;

/// On all objects and on single ones; a number is that of the gift, not of the permission.
#[derive(Debug, Default)]
pub struct MyPermissions {
    /// The user's own: what their role gives, and what they were given.
    pub user: Vec<Permission>,
    pub user_objects: Vec<(Number, ObjectPermission)>,
    /// Of their groups; of Administrators it is all.
    pub group: Vec<Permission>,
    pub group_objects: Vec<(Number, ObjectPermission)>,
}

impl Identity {
    pub async fn my_permissions(&self, caller: &Caller) -> Outcome<MyPermissions> {
        let mut mine = MyPermissions::default();
        let given = self.catalogue.permissions_of_user(caller.user).await?;
        let on_object = |given: &GivenPermission| {
            let object = ObjectPermission { permission: given.permission, object: given.object? };
            Some((given.number, object))
        };
        let (own, of_groups): (Vec<_>, Vec<_>) = given.into_iter().partition(|given| matches!(given.holder, Holder::User(_)));
        mine.user_objects = own.iter().filter_map(on_object).collect();
        mine.group_objects = of_groups.iter().filter_map(on_object).collect();
        mine.user = everywhere(&own);
        mine.group = everywhere(&of_groups);
        match caller.role {
            Role::Administrator => mine.group = Permission::all().collect(),
            role => mine.user.extend(of_role(role)),
        }
        for bucket in [&mut mine.user, &mut mine.group] {
            bucket.sort_unstable();
            bucket.dedup();
        }
        Ok(mine)
    }

    /// What a user is given beside their groups becomes exactly this. By number, name or id.
    pub async fn set_permissions_of_user(&self, caller: &Caller, reference: &str, given: Given) -> Outcome<()> {
        self.check_may(caller, ("users", "update"), ("user", reference)).await?;
        let user = self.user(reference).await?;
        covered(caller, user.role, &self.catalogue.given(user.id).await?)?;
        covered(caller, Role::Member, &given)?;
        let objects: Vec<ObjectPermission> = given.objects.iter().copied().collect();
        self.check_objects(&objects).await?;
        self.catalogue.set_permissions_of_user(user.id, &given).await?;
        self.verified.forget_all();
        let detail = json!({ "number": user.number, "permissions": given.everywhere.len(), "objects": given.objects.len() });
        self.audit.done(caller, "update", "user", &user.name, detail).await
    }
}

fn everywhere(given: &[GivenPermission]) -> Vec<Permission> {
    given.iter().filter(|given| given.object.is_none()).map(|given| given.permission).collect()
}
