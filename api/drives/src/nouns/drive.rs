//! What a drive looks like, and what a request may say of one.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::forms::Form;
use crate::link::{Link, Named, Noun};
use crate::meta::Meta;
use crate::size::Size;
use crate::validation::{Check, REFERENCES_LIMIT};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = media)]
pub enum Media {
    Disk,
    Cdrom,
}

/// Clients wait for `unmounted` or `mounted`, and take any word that they do not expect on the way for a failure: a new clone is never
/// `cloning_src`, and nothing else than these is ever shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = drive_status)]
pub enum DriveStatus {
    Creating,
    /// Being filled from another drive.
    CloningDst,
    /// Being copied; may be copied again meanwhile.
    CloningSrc,
    Resizing,
    Uploading,
    Unmounted,
    /// Listed by a server, running or not.
    Mounted,
    /// The storage behind is in trouble.
    Unavailable,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = drive_runtime)]
pub struct DriveRuntime {
    /// Null while it is not known.
    pub is_snapshotable: Option<bool>,
    /// Bytes.
    pub snapshots_allocated_size: u64,
    pub storage_type: String,
    pub is_downloadable: bool,
    pub is_ephemeral: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = drive)]
pub struct Drive {
    #[schema(value_type = String)]
    pub uuid: Uuid,
    /// `Noun::Drives.uri(uuid)`.
    pub resource_uri: String,
    pub name: String,
    pub media: Media,
    /// Bytes. While the drive is resized it is the old size.
    pub size: u64,
    pub status: DriveStatus,
    pub storage_type: String,
    pub meta: Meta,
    pub allow_multimount: bool,
    pub affinities: Vec<String>,
    pub owner: Option<Link>,
    /// The clones of the last days that it is the source or the outcome of.
    pub jobs: Vec<Link>,
    /// Servers.
    pub mounted_on: Vec<Link>,
    pub snapshots: Vec<Link>,
    pub tags: Vec<Link>,
    /// What the caller may do with somebody else's drive.
    pub permissions: Vec<String>,
    pub grantees: Vec<Grantee>,
    pub licenses: Vec<DriveLicense>,
    pub runtime: DriveRuntime,
}

/// The members of a row in the short list.
pub(crate) const SHORT: [&str; 4] = ["owner", "resource_uri", "status", "uuid"];

#[derive(ToSchema)]
#[schema(as = drive_row)]
#[expect(dead_code, reason = "what it holds is only read by the document")]
pub(crate) struct DriveRow {
    owner: Option<Link>,
    resource_uri: String,
    status: DriveStatus,
    #[schema(value_type = String)]
    uuid: Uuid,
}

/// Somebody else who may do something with an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = grantee)]
pub struct Grantee {
    /// Of `LIST`, `EDIT`, `CLONE` and `ATTACH`.
    pub permissions: Vec<String>,
    pub user: GranteeUser,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = grantee_user)]
pub struct GranteeUser {
    pub email: String,
    pub resource_uri: String,
    #[schema(value_type = String)]
    pub uuid: Uuid,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = drive_license)]
pub struct DriveLicense {
    pub amount: u64,
    pub license: Link,
    pub user: Option<Link>,
}

/// A whole drive as a client wants it. On an update, what was left out is back at its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveDefinition {
    pub name: String,
    pub media: Media,
    /// Not rounded.
    pub size: u64,
    /// None: the default of the host on create, the drive's own later.
    pub storage_type: Option<String>,
    pub meta: Meta,
    pub allow_multimount: bool,
    pub affinities: Vec<String>,
    pub tags: Vec<Uuid>,
}

/// What a clone has other than its source; what was left out is the source's, the name by the caller's clone naming.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloneOptions {
    pub name: Option<String>,
    pub media: Option<Media>,
    /// Not rounded; the source's or more, which the implementer sees to.
    pub size: Option<u64>,
    pub storage_type: Option<String>,
    pub meta: Option<Meta>,
    pub allow_multimount: Option<bool>,
    pub affinities: Option<Vec<String>>,
    pub tags: Option<Vec<Uuid>>,
}

/// Drives and servers whose storage a new drive should keep away from, the most important first; best effort.
pub type Avoid = Vec<Uuid>;

/// Members that only answers have are ignored: clients send back all that they read.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = drive_input)]
pub(crate) struct DriveInput {
    #[schema(required = true)]
    name: Option<String>,
    #[schema(required = true)]
    media: Option<Media>,
    #[schema(required = true)]
    size: Option<Size>,
    /// Cannot be changed later.
    storage_type: Option<String>,
    meta: Option<Meta>,
    allow_multimount: Option<bool>,
    affinities: Option<Vec<String>>,
    tags: Option<Vec<Named>>,
    /// Empty: there are no licences here.
    #[schema(value_type = Option<Vec<Object>>)]
    licenses: Option<Vec<serde_json::Value>>,
    /// Ignored; drives are shared by rights of users.
    #[schema(value_type = Option<Vec<Object>>)]
    #[expect(dead_code, reason = "what it holds is only read by the document")]
    grantees: Option<IgnoredAny>,
    /// Ignored.
    #[schema(value_type = Option<Vec<String>>)]
    #[expect(dead_code, reason = "what it holds is only read by the document")]
    permissions: Option<IgnoredAny>,
}

/// The same, with nothing that has to be given.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = clone_input)]
pub(crate) struct CloneInput {
    name: Option<String>,
    media: Option<Media>,
    size: Option<Size>,
    storage_type: Option<String>,
    meta: Option<Meta>,
    allow_multimount: Option<bool>,
    affinities: Option<Vec<String>>,
    tags: Option<Vec<Named>>,
}

/// Characters of a storage type or an affinity.
const WORD_LIMIT: usize = 64;

/// Which storage types there are is the implementer's knowledge.
fn storage_type(check: &mut Check, value: Option<String>) -> Option<String> {
    let word = value.filter(|word| !word.is_empty())?;
    if word.chars().count() > WORD_LIMIT {
        check.refuse("storage_type", format!("Is longer than {WORD_LIMIT} characters"));
    }
    Some(word)
}

fn affinities(check: &mut Check, words: Vec<String>) -> Vec<String> {
    if words.len() > REFERENCES_LIMIT || words.iter().any(|word| word.chars().count() > WORD_LIMIT) {
        check.refuse("affinities", format!("Holds more than {REFERENCES_LIMIT}, or one of more than {WORD_LIMIT} characters"));
    }
    words
}

impl Form for DriveInput {
    type Meaning = DriveDefinition;

    fn meaning(self, check: &mut Check) -> Option<DriveDefinition> {
        let name = check.name(self.name);
        let media = check.required("media", self.media);
        let size = check.required("size", self.size);
        let storage_type = storage_type(check, self.storage_type);
        let meta = check.meta(self.meta);
        let affinities = affinities(check, self.affinities.unwrap_or_default());
        let tags = check.references("tags", self.tags.unwrap_or_default());
        if self.licenses.is_some_and(|licenses| !licenses.is_empty()) {
            check.refuse("licenses", "There are no licences here that a drive could have");
        }
        Some(DriveDefinition {
            name: name?,
            media: media?,
            size: size?.0,
            storage_type,
            meta,
            allow_multimount: self.allow_multimount.unwrap_or_default(),
            affinities,
            tags,
        })
    }
}

impl Form for CloneInput {
    type Meaning = CloneOptions;

    fn meaning(self, check: &mut Check) -> Option<CloneOptions> {
        Some(CloneOptions {
            name: check.optional_name(self.name),
            media: self.media,
            size: self.size.map(|size| size.0),
            storage_type: storage_type(check, self.storage_type),
            meta: self.meta.map(|meta| check.meta(Some(meta))),
            allow_multimount: self.allow_multimount,
            affinities: self.affinities.map(|words| affinities(check, words)),
            tags: self.tags.map(|tags| check.references("tags", tags)),
        })
    }
}

impl Drive {
    /// A drive that nothing is known of but this: no owner, no jobs, mounted nowhere.
    pub fn new(uuid: Uuid, name: String, media: Media, size: u64, status: DriveStatus, storage_type: String) -> Self {
        Self {
            uuid,
            resource_uri: Noun::Drives.uri(uuid),
            name,
            media,
            size,
            status,
            meta: Meta::new(),
            allow_multimount: false,
            affinities: Vec::new(),
            owner: None,
            jobs: Vec::new(),
            mounted_on: Vec::new(),
            snapshots: Vec::new(),
            tags: Vec::new(),
            permissions: Vec::new(),
            grantees: Vec::new(),
            licenses: Vec::new(),
            runtime: DriveRuntime {
                is_snapshotable: None,
                snapshots_allocated_size: 0,
                storage_type: storage_type.clone(),
                is_downloadable: false,
                is_ephemeral: false,
            },
            storage_type,
        }
    }
}
