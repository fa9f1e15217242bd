//! Groups.

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub::{
    Answer, Error, Group, GroupInput, GroupMember, Groups, Moment, NasGroup, ObjectPermission, Page, Reason, Window,
};
use capstan_app::groups::{GroupInput as Input, GroupView};
use capstan_domain::identity::User;
use capstan_domain::listing::Listing;
use capstan_domain::permission::{self, Permission};

use super::Door;
use super::failures::{Fields, error, missing, missing_or, wrong_field};
use super::listing::{page, window};

const NOUN: &str = "group";
const FIELDS: Fields = &[
    ("taken", "name"),
    ("name", "name"),
    ("blank", "name"),
    ("too-long", "name"),
    ("description", "description"),
    ("not-found", "users"),
    ("too-many", "users"),
    ("object", "object_permissions"),
];

fn member(user: User) -> GroupMember {
    GroupMember {
        username: user.name,
        email: user.person.email,
        first_name: user.person.first_name,
        last_name: user.person.last_name,
        date_joined: Moment(user.created.0),
        last_login: user.last_login.map(|login| Moment(login.0)),
    }
}

fn shown(view: GroupView) -> Group {
    let on_object = |given: permission::ObjectPermission| ObjectPermission {
        model: given.permission.noun.word().to_owned(),
        object_pk: given.object.to_string(),
        permission: given.permission.number(),
    };
    Group {
        id: view.group.number,
        name: view.group.name,
        description: view.group.description,
        nas_group: view.group.gid.map(|gid| NasGroup { gid }),
        users: view.members.into_iter().map(member).collect(),
        permissions: view.permissions.into_iter().map(Permission::number).collect(),
        object_permissions: view.objects.into_iter().map(on_object).collect(),
    }
}

fn input(given: GroupInput) -> Answer<Input> {
    let permissions = given.permissions.map(|ids| numbered(&ids)).transpose()?;
    let objects = given.object_permissions.map(|asked| on_objects(&asked)).transpose()?;
    Ok(Input {
        name: given.name,
        description: given.description,
        account: given.nas_group,
        members: given.users,
        permissions,
        objects,
    })
}

fn numbered(ids: &[i64]) -> Answer<Vec<Permission>> {
    let known = |(at, id): (usize, &i64)| Permission::numbered(*id).ok_or_else(|| unknown(&format!("permissions[{at}]"), *id));
    ids.iter().enumerate().map(known).collect()
}

/// A permission is one of the model that stands beside it.
fn on_objects(asked: &[ObjectPermission]) -> Answer<Vec<permission::ObjectPermission>> {
    let read = |(at, asked): (usize, &ObjectPermission)| {
        let field = |name: &str| format!("object_permissions[{at}].{name}");
        let permission = Permission::numbered(asked.permission).ok_or_else(|| unknown(&field("permission"), asked.permission))?;
        let model = permission.noun.word();
        if asked.model != model {
            return Err(Error::field(&field("model"), format!("{} is a permission on a {model}.", asked.permission)));
        }
        let object = asked.object_pk.parse();
        let object = object.map_err(|_| Error::field(&field("object_pk"), "A valid integer is required."))?;
        Ok(permission::ObjectPermission { permission, object })
    };
    asked.iter().enumerate().map(read).collect()
}

fn unknown(field: &str, id: i64) -> Error {
    Error::field(field, format!("Invalid pk \"{id}\" - object does not exist."))
}

#[async_trait]
impl Groups for Door {
    async fn list(&self, caller: &Caller, given: Window) -> Answer<Page<Group>> {
        let caller = self.caller(caller)?;
        let found = window(given, Listing::first(0), |asked| self.app.identity.list_groups(&caller, asked)).await?;
        Ok(page(found, shown))
    }

    async fn create(&self, caller: &Caller, group: GroupInput) -> Answer<Group> {
        let made = self.app.identity.create_group(&self.caller(caller)?, input(group)?).await;
        made.map(shown).map_err(wrong_field(FIELDS))
    }

    async fn show(&self, caller: &Caller, group: i64) -> Answer<Group> {
        self.app.identity.group(&self.caller(caller)?, group).await.map(shown).map_err(missing(NOUN))
    }

    async fn update(&self, caller: &Caller, group: i64, change: GroupInput) -> Answer<Group> {
        let updated = self.app.identity.update_group(&self.caller(caller)?, group, input(change)?).await;
        updated.map(shown).map_err(missing_or(NOUN, FIELDS))
    }

    async fn delete(&self, caller: &Caller, group: i64) -> Answer<()> {
        self.app.identity.delete_group(&self.caller(caller)?, group).await.map_err(missing(NOUN))
    }

    async fn sync(&self, caller: &Caller) -> Answer<String> {
        let pushed = self.app.identity.push_groups(&self.caller(caller)?).await.map_err(error)?;
        Err(nobody_to_tell(pushed.accounts))
    }
}

/// No plugin serves shares, so no site has anything to be told, and there is no task to answer.
pub(super) fn nobody_to_tell(accounts: u64) -> Error {
    Error::new(Reason::Unsupported, format!("There are {accounts} accounts, and no site has file servers to be told of them."))
}

#[cfg(test)]
mod tests {
    use capstan_domain::permission::{Action, Noun};

    use super::*;

    fn asked(model: &str, object_pk: &str, permission: i64) -> ObjectPermission {
        ObjectPermission { model: model.into(), object_pk: object_pk.into(), permission }
    }

    #[test]
    fn a_permission_on_one_thing_names_its_model_and_the_thing() {
        let view = Permission::new(Action::View, Noun::Space);
        let read = on_objects(&[asked("space", "7", view.number())]).unwrap();
        assert_eq!(read, [permission::ObjectPermission { permission: view, object: 7 }]);
        for (wrong, field) in [
            (asked("site", "7", view.number()), "object_permissions[1].model"),
            (asked("space", "seven", view.number()), "object_permissions[1].object_pk"),
            (asked("space", "7", -1), "object_permissions[1].permission"),
        ] {
            let refused = on_objects(&[asked("space", "7", view.number()), wrong]).unwrap_err();
            assert!(format!("{refused:?}").contains(field), "{refused:?}");
        }
    }

    #[test]
    fn a_permission_that_is_not_there_is_told_by_its_place() {
        assert_eq!(numbered(&[]).unwrap(), []);
        assert!(format!("{:?}", numbered(&[21, 0]).unwrap_err()).contains("permissions[1]"));
    }
}
