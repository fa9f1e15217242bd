//! Users as answers show them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::link::Link;
use crate::moment::Moment;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = group_of_user)]
pub struct GroupOfUser {
    pub id: i64,
    pub url: Link,
    pub name: String,
}

/// An account that the sites know too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = nas_user)]
pub struct NasUser {
    /// Chosen by the host.
    pub uid: u32,
    /// Name of a group.
    pub primary_group: String,
    pub allow_ssh: bool,
}

/// What people say of themselves, and the sites they work at by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = profile)]
pub struct Profile {
    pub country: Option<String>,
    pub department: Option<String>,
    pub home_site: Option<i64>,
    pub default_site: Option<i64>,
    pub line_manager: Option<String>,
    pub phone: Option<String>,
    pub timezone: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = user)]
pub struct User {
    pub id: i64,
    pub url: Link,
    pub username: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    /// Only then they come in.
    pub is_active: bool,
    pub date_joined: Moment,
    pub last_login: Option<Moment>,
    pub groups: Vec<GroupOfUser>,
    pub profile: Profile,
    pub nas_user: Option<NasUser>,
}

/// A user as they are written: groups by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = written_user)]
pub(crate) struct WrittenUser {
    username: String,
    email: String,
    first_name: String,
    last_name: String,
    groups: Vec<String>,
    profile: Profile,
    nas_user: Option<NasUser>,
    /// Always null: a password goes in and never comes out.
    password: Option<String>,
}

impl From<User> for WrittenUser {
    fn from(user: User) -> Self {
        Self {
            username: user.username,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            groups: user.groups.into_iter().map(|group| group.name).collect(),
            profile: user.profile,
            nas_user: user.nas_user,
            password: None,
        }
    }
}
