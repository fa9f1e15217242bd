//! Users, in this dialect.

use async_trait::async_trait;
use capstan_api_admin::users::{NewUser, PasswordChange, Role, User, UserChange, Users};
use capstan_api_admin::{AdminError, Page, Window};
use capstan_api_http::{Caller, Secret};
use capstan_app::users::UserChange as Change;
use capstan_domain::identity;
use capstan_domain::secret::SecretText;

use super::AdminDoor;
use super::words::{error, instant, listing};
use crate::authenticator::caller_of;

#[async_trait]
impl Users for AdminDoor {
    async fn list_users(&self, caller: &Caller, window: Window) -> Result<Page<User>, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let page = self.app.identity.list_users(&caller, listing(window)).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.into_iter().map(wire).collect() })
    }

    async fn show_user(&self, caller: &Caller, user: &str) -> Result<User, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        self.app.identity.find_user(&caller, user).await.map(wire).map_err(error)
    }

    async fn create_user(&self, caller: &Caller, user: NewUser) -> Result<User, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let created = self.app.identity.create_user(&caller, &user.name, role(user.role), secret(&user.password)).await;
        created.map(wire).map_err(error)
    }

    async fn change_user(&self, caller: &Caller, user: &str, change: UserChange) -> Result<User, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let change = Change {
            role: change.role.map(role),
            disabled: change.disabled,
            password: change.password.as_ref().map(secret),
            ..Change::default()
        };
        self.app.identity.update_user(&caller, user, change).await.map(wire).map_err(error)
    }

    async fn remove_user(&self, caller: &Caller, user: &str) -> Result<(), AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        self.app.identity.delete_user(&caller, user).await.map_err(error)
    }

    async fn change_password(&self, caller: &Caller, change: PasswordChange) -> Result<(), AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        self.app.identity.change_password(&caller, secret(&change.old), secret(&change.new)).await.map_err(error)
    }
}

fn wire(user: identity::User) -> User {
    User {
        id: user.id.to_string(),
        number: user.number,
        name: user.name,
        role: match user.role {
            identity::Role::Administrator => Role::Administrator,
            identity::Role::Operator => Role::Operator,
            identity::Role::Reader => Role::Reader,
            identity::Role::Member => Role::Member,
        },
        disabled: user.disabled,
        created: instant(user.created),
    }
}

fn role(role: Role) -> identity::Role {
    match role {
        Role::Administrator => identity::Role::Administrator,
        Role::Operator => identity::Role::Operator,
        Role::Reader => identity::Role::Reader,
        Role::Member => identity::Role::Member,
    }
}

fn secret(given: &Secret) -> SecretText {
    SecretText::new(given.reveal())
}
