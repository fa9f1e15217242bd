//! Permissions: what can be given, and what the caller has.

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub::{Answer, Error, MyPermissions, Page, Permission, PermissionOnObject, Permissions, Window};
use capstan_domain::permission::{self, Noun};

use super::Door;
use super::failures::error;

fn shown(permission: permission::Permission) -> Permission {
    // The reference's server keeps who comes in apart from what they come for.
    let app_label = match permission.noun {
        Noun::User | Noun::Group => "auth",
        _ => "filebrowser",
    };
    Permission {
        id: permission.number(),
        app_label: app_label.to_owned(),
        codename: permission.codename(),
        model: permission.noun.word().to_owned(),
        name: permission.to_string(),
    }
}

fn on_object(given: permission::ObjectPermission) -> PermissionOnObject {
    PermissionOnObject { permission: shown(given.permission), object_pk: given.object.to_string() }
}

#[async_trait]
impl Permissions for Door {
    async fn list(&self, _: &Caller, given: Window) -> Answer<Page<Permission>> {
        let all = permission::Permission::all();
        let (offset, limit) = (size(given.offset), size(given.limit));
        let items = all.skip(offset).take(limit).map(shown).collect();
        Ok(Page { count: permission::Permission::all().count() as u64, items })
    }

    async fn show(&self, _: &Caller, permission: i64) -> Answer<Permission> {
        permission::Permission::numbered(permission).map(shown).ok_or_else(|| Error::not_found("permission"))
    }

    async fn mine(&self, caller: &Caller) -> Answer<MyPermissions> {
        let mine = self.app.identity.my_permissions(&self.caller(caller)?).await.map_err(error)?;
        Ok(MyPermissions {
            user: mine.user.into_iter().map(shown).collect(),
            group: mine.group.into_iter().map(shown).collect(),
            user_object: mine.user_objects.into_iter().map(|(_, given)| on_object(given)).collect(),
            group_object: mine.group_objects.into_iter().map(|(_, given)| on_object(given)).collect(),
        })
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
