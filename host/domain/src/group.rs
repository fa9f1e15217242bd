//! Groups: users taken together, and what they are given.
//!
//! Two are there from the first start and stay. To be in Administrators and to have the role of administrator is one fact, kept as the
//! role. Users may look at all spaces.

use serde::{Deserialize, Serialize};

use crate::ids::{GroupId, Number, UserId};
use crate::permission::{Action, Given, Noun, ObjectPermission, Permission};
use crate::time::Timestamp;

/// The groups every catalogue has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standard {
    /// May everything.
    Administrators,
    /// Looks at all spaces.
    Users,
}

impl Standard {
    pub const ALL: [Self; 2] = [Self::Administrators, Self::Users];

    pub fn name(self) -> &'static str {
        match self {
            Self::Administrators => "Administrators",
            Self::Users => "Users",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Self::Administrators => "May do everything",
            Self::Users => "May look at all spaces",
        }
    }

    /// What it is made with; administrators need nothing given.
    pub fn permissions(self) -> &'static [Permission] {
        const LOOK: [Permission; 2] = [Permission::new(Action::View, Noun::Space), Permission::new(Action::View, Noun::File)];
        match self {
            Self::Administrators => &[],
            Self::Users => &LOOK,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub id: GroupId,
    pub number: Number,
    /// Unique; capitals count.
    pub name: String,
    pub description: String,
    /// None: one that somebody made.
    pub standard: Option<Standard>,
    /// Of its account on file servers, if it has one; never reused.
    pub gid: Option<u32>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub struct NewGroup {
    pub name: String,
    pub description: String,
    /// Whether it gets a gid.
    pub account: bool,
    pub members: Vec<UserId>,
    pub permissions: Vec<Permission>,
    pub objects: Vec<ObjectPermission>,
}

/// What is `None` stays as it is; a list becomes exactly what is given.
#[derive(Clone, Debug, Default)]
pub struct GroupChange {
    pub name: Option<String>,
    pub description: Option<String>,
    /// True gives it a gid, false takes it away.
    pub account: Option<bool>,
    pub members: Option<Vec<UserId>>,
    pub permissions: Option<Vec<Permission>>,
    pub objects: Option<Vec<ObjectPermission>>,
}

/// Who has a permission of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    Group(GroupId),
    User(UserId),
}

/// A permission as it was given: on all objects, or on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenPermission {
    pub number: Number,
    pub holder: Holder,
    pub permission: Permission,
    pub object: Option<Number>,
}

impl FromIterator<GivenPermission> for Given {
    fn from_iter<I: IntoIterator<Item = GivenPermission>>(permissions: I) -> Self {
        let mut given = Self::default();
        for GivenPermission { permission, object, .. } in permissions {
            match object {
                None => given.everywhere.extend([permission]),
                Some(object) => given.objects.extend([ObjectPermission { permission, object }]),
            }
        }
        given
    }
}
