//! Permissions: what groups and users are given beside their roles, as a verb on a noun of the domain.
//!
//! A permission is given on all objects of its noun, or on one object of it. The table is closed: it is the same in every catalogue,
//! and a number in it is never given to another noun.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Number;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    View = 1,
    Add = 2,
    Change = 3,
    Delete = 4,
}

impl Action {
    pub const ALL: [Self; 4] = [Self::View, Self::Add, Self::Change, Self::Delete];

    pub fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Add => "add",
            Self::Change => "change",
            Self::Delete => "delete",
        }
    }
}

/// Each with its number, its word in a codename and its name for people.
macro_rules! nouns {
    ($($noun:ident = $number:literal, $word:literal, $name:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Noun {
            $($noun = $number,)*
        }

        impl Noun {
            pub const ALL: &[Self] = &[$(Self::$noun),*];

            /// As it stands in a codename.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$noun => $word,)*
                }
            }

            /// For people.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$noun => $name,)*
                }
            }
        }
    };
}

nouns! {
    User = 1, "user", "user";
    Group = 2, "group", "group";
    Site = 4, "site", "site";
    Space = 5, "space", "space";
    File = 6, "file", "file";
    Target = 7, "target", "target";
    Bucket = 8, "bucket", "bucket";
    ExternalTarget = 9, "externaltarget", "external target";
    Pool = 10, "pool", "pool";
    Workflow = 11, "workflow", "workflow";
    Job = 12, "job", "job";
    Definition = 13, "definition", "definition of work";
    Schedule = 14, "schedule", "schedule";
    Policy = 15, "policy", "policy";
    Queue = 16, "queue", "queue";
    Node = 17, "node", "node";
    Share = 18, "share", "share";
    Search = 19, "search", "search";
    Tag = 20, "tag", "tag";
    Alert = 21, "alert", "alert";
    HostAction = 22, "action", "action";
    Configuration = 23, "configuration", "configuration";
    Setting = 24, "setting", "setting";
    Feature = 25, "feature", "feature";
    CertificateLifetime = 26, "certificatelifetime", "certificate lifetime";
    SiteCertificate = 27, "sitecertificate", "site certificate";
    FileStatusType = 28, "filestatustype", "file status type";
    Filesystem = 29, "filesystem", "filesystem";
    StoragePool = 30, "storagepool", "storage pool";
    StorageServer = 31, "storageserver", "storage server";
    Fileset = 32, "fileset", "fileset";
    Datastore = 33, "datastore", "datastore";
    SiteLink = 34, "sitelink", "site link";
    IpAddress = 35, "ipaddress", "IP address";
    Analytics = 36, "analytics", "analytics";
    Drive = 37, "drive", "drive";
    Snapshot = 38, "snapshot", "snapshot";
    Machine = 39, "machine", "machine";
    DriveUser = 40, "driveuser", "drive user";
    Profile = 41, "profile", "profile";
    Mount = 42, "mount", "mount";
    Tape = 43, "tape", "tape";
    TapeDrive = 44, "tapedrive", "tape drive";
    TapeLibrary = 45, "tapelibrary", "tape library";
    Plugin = 46, "plugin", "plugin";
    Grant = 47, "grant", "grant";
    AuditEvent = 48, "auditevent", "audit event";
}

impl Noun {
    /// By its word in a codename.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|noun| noun.word() == word)
    }

    /// Whether permissions can be given on one object of it. Of the others a door cannot ask for one object, so none is promised.
    pub fn has_objects(self) -> bool {
        matches!(self, Self::Site | Self::Space | Self::Target | Self::Bucket | Self::Job)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Permission {
    pub noun: Noun,
    pub action: Action,
}

impl Permission {
    pub const fn new(action: Action, noun: Noun) -> Self {
        Self { noun, action }
    }

    /// All there are, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        Noun::ALL.iter().flat_map(|noun| Action::ALL.map(|action| Self::new(action, *noun)))
    }

    /// The same in every catalogue.
    pub fn number(self) -> Number {
        (self.noun as Number) * 4 + self.action as Number
    }

    pub fn numbered(number: Number) -> Option<Self> {
        Self::all().find(|permission| permission.number() == number)
    }

    /// Such as "view_space".
    pub fn codename(self) -> String {
        format!("{}_{}", self.action.word(), self.noun.word())
    }

    pub fn parse(codename: &str) -> Option<Self> {
        let (action, noun) = codename.split_once('_')?;
        let action = Action::ALL.into_iter().find(|known| known.word() == action)?;
        Some(Self::new(action, Noun::parse(noun)?))
    }
}

impl fmt::Display for Permission {
    /// For people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Can {} {}", self.action.word(), self.noun.name())
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.codename()
    }
}

impl TryFrom<String> for Permission {
    type Error = String;

    fn try_from(codename: String) -> Result<Self, String> {
        Self::parse(&codename).ok_or_else(|| format!("there is no permission {codename}"))
    }
}

/// A permission on one object of its noun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPermission {
    pub permission: Permission,
    pub object: Number,
}

/// What somebody was given, by themselves and by their groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// On all objects of the noun.
    pub everywhere: BTreeSet<Permission>,
    pub objects: BTreeSet<ObjectPermission>,
}

impl Given {
    pub fn on(&self, permission: Permission, object: Number) -> bool {
        self.everywhere.contains(&permission) || self.objects.contains(&ObjectPermission { permission, object })
    }

    /// On one object at least.
    pub fn on_some(&self, permission: Permission) -> bool {
        let first = ObjectPermission { permission, object: Number::MIN };
        self.everywhere.contains(&permission)
            || self.objects.range(first..).next().is_some_and(|found| found.permission == permission)
    }

    /// Whether all of `other` is here.
    pub fn covers(&self, other: &Self) -> bool {
        other.everywhere.is_subset(&self.everywhere) && other.objects.iter().all(|given| self.on(given.permission, given.object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW_SPACE: Permission = Permission::new(Action::View, Noun::Space);

    #[test]
    fn every_permission_has_a_number_and_a_codename_of_its_own() {
        let all: Vec<_> = Permission::all().collect();
        assert_eq!(all.iter().map(|permission| permission.number()).collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(all.iter().map(|permission| permission.codename()).collect::<BTreeSet<_>>().len(), all.len());
        for permission in all {
            assert_eq!(Permission::numbered(permission.number()), Some(permission));
            assert_eq!(Permission::parse(&permission.codename()), Some(permission));
        }
        assert_eq!((VIEW_SPACE.codename().as_str(), VIEW_SPACE.number()), ("view_space", 21));
        assert_eq!(Permission::parse("view_nothing"), None);
    }

    #[test]
    fn a_permission_on_one_object_is_none_on_another() {
        let on_three = Given { objects: [ObjectPermission { permission: VIEW_SPACE, object: 3 }].into(), ..Given::default() };
        assert!(on_three.on(VIEW_SPACE, 3) && !on_three.on(VIEW_SPACE, 4) && on_three.on_some(VIEW_SPACE));
        let change = Permission::new(Action::Change, Noun::Space);
        assert!(!on_three.on(change, 3) && !on_three.on_some(change));
        assert!(!on_three.on_some(Permission::new(Action::View, Noun::User)));
    }

    #[test]
    fn all_objects_cover_one_and_one_does_not_cover_all() {
        let one = Given { objects: [ObjectPermission { permission: VIEW_SPACE, object: 3 }].into(), ..Given::default() };
        let all = Given { everywhere: [VIEW_SPACE].into(), ..Given::default() };
        assert!(all.covers(&one) && !one.covers(&all) && one.covers(&Given::default()));
    }
}
